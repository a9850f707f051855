#include "check_packed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* x [rows, in] and y [rows, out] at distance + gap; x and residual are floats of the very values
 * that the product is given. */
struct arrays {
    float *weight, *bias, *x, *residual;
    uint16_t *x_bf16;
    double *want, *allowed;
};

static uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40U);
    return (uint16_t)((bits + 0x7FFFU + (bits >> 16 & 1U)) >> 16);
}

static float float_of(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void round_all(float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        x[i] = float_of(bf16_of(x[i]));
}

static void make_arrays(const struct check_packed *p, struct arrays *a)
{
    size_t ldx = p->in + p->gap;
    a->weight = check_floats(p->out * p->in);
    a->bias = check_floats(p->out);
    a->x = check_floats((p->rows - 1) * ldx + p->in);
    a->residual = check_floats(p->rows * p->out);
    a->x_bf16 = check_halves((p->rows - 1) * ldx + p->in);
    a->want = check_doubles(p->rows * p->out);
    a->allowed = check_doubles(p->rows * p->out);
    check_fill(a->weight, p->out, p->in, p->in, CHECK_NORMAL);
    for (size_t i = 0; i < p->out * p->in; i++)
        a->weight[i] /= sqrtf((float)p->in);
    check_fill(a->bias, 1, p->out, p->out, CHECK_NORMAL);
    check_fill(a->x, p->rows, p->in, ldx, p->values);
    check_fill(a->residual, p->rows, p->out, p->out, CHECK_NORMAL);
    if (p->x_is_bf16)
        for (size_t row = 0; row < p->rows; row++)
            round_all(a->x + row * ldx, p->in);
    for (size_t i = 0; i < (p->rows - 1) * ldx + p->in; i++)
        a->x_bf16[i] = bf16_of(a->x[i]);
    if (p->y_is_bf16)
        round_all(a->residual, p->rows * p->out);
}

/* A row as the form sees it: to[i] * scale. Returns the scale. */
static double quantize(enum m2c_packed_form form, double *to, const float *from, size_t count)
{
    float greatest = 0;
    bool is_finite = true;
    for (size_t i = 0; i < count; i++) {
        to[i] = (double)(form == M2C_PACKED_F32 ? from[i] : float_of(bf16_of(from[i])));
        greatest = fmaxf(greatest, fabsf(from[i]));
        is_finite = is_finite && isfinite(from[i]);
    }
    if (form != M2C_PACKED_INT8)
        return 1;
    if (!is_finite || greatest < 1e-30F)
        memset(to, 0, count * sizeof *to);
    else
        for (size_t i = 0; i < count; i++)
            to[i] = rint((double)from[i] * (double)(127.0F / greatest));
    return !is_finite ? (double)NAN : (double)greatest / 127;
}

static double activated(enum m2c_epilogue epilogue, double z)
{
    switch (epilogue) {
    case M2C_EPILOGUE_QUICK_GELU:
        return z / (1 + exp(-1.702 * z));
    case M2C_EPILOGUE_GELU:
        return z * 0.5 * erfc(-z * M_SQRT1_2);
    case M2C_EPILOGUE_STORE:
    case M2C_EPILOGUE_ADD:
        break;
    }
    return z;
}

/* The product of the form's own values in double, and what each result may be off by: a float sum
 * of n terms rounds to within 4 sqrt(n) 2^-24 of the sum of magnitudes but for bad luck of 1 in
 * 10,000 sums of wholly aligned signs (Higham and Mary 2019), an int8 sum is exact and is rounded
 * three times; activations rise by less than 1.2 and are right to 6e-6; bfloat16 keeps 8 bits. */
static void multiply_exactly(const struct check_packed *p, const struct arrays *a)
{
    const double unit = ldexp(1, -24);
    double *w = check_doubles(p->in);
    double *x = check_doubles(p->in * p->rows);
    double *scale = check_doubles(p->rows);
    for (size_t row = 0; row < p->rows; row++)
        scale[row] = quantize(p->form, x + row * p->in, a->x + row * (p->in + p->gap), p->in);
    for (size_t n = 0; n < p->out; n++) {
        double w_scale = quantize(p->form, w, a->weight + n * p->in, p->in);
        for (size_t row = 0; row < p->rows; row++) {
            double sum = 0;
            double magnitude = 0;
            for (size_t i = 0; i < p->in; i++) {
                sum += x[row * p->in + i] * w[i];
                magnitude += fabs(x[row * p->in + i] * w[i]);
            }
            double terms = p->form == M2C_PACKED_INT8 ? 1 : 4 * sqrt((double)p->in);
            double z = sum * scale[row] * w_scale + (p->has_bias ? (double)a->bias[n] : 0);
            double off = unit * (terms * magnitude * fabs(scale[row] * w_scale) + 4 * fabs(z) + 4);
            double y = activated(p->epilogue, z);
            off = 1.2 * off + (p->epilogue >= M2C_EPILOGUE_QUICK_GELU ? 6e-6 * fabs(y) : 0);
            if (p->epilogue == M2C_EPILOGUE_ADD)
                y += (double)a->residual[row * p->out + n];
            off += unit * fabs(y);
            a->want[row * p->out + n] = y;
            a->allowed[row * p->out + n] = off + (p->y_is_bf16 ? ldexp(fabs(y), -8) : 0);
        }
    }
}

static bool is_close(double got, double want, double allowed)
{
    if (!isfinite(want))
        return !isfinite(got); /* an activation of -infinity may be either */
    return fabs(got - want) <= allowed;
}

static void compare(const struct check_packed *p, const char *kernel, const struct arrays *a,
                    const float *y, size_t ldy)
{
    for (size_t row = 0; row < p->rows; row++) {
        for (size_t n = 0; n < p->out; n++) {
            double want = a->want[row * p->out + n];
            double allowed = a->allowed[row * p->out + n];
            if (!is_close((double)y[row * ldy + n], want, allowed))
                fail_msg("%s, %zu x %zu -> %zu, epilogue %d, %s values, bf16 %d %d: row %zu, "
                         "column %zu is %.9g, not %.9g (within %.1e)",
                         kernel, p->rows, p->in, p->out, (int)p->epilogue,
                         check_values_name(p->values), p->x_is_bf16, p->y_is_bf16, row, n,
                         (double)y[row * ldy + n], want, allowed);
        }
    }
}

struct m2c_packed_weights *check_pack(const struct m2c_packed_kernel *kernel, size_t in, size_t out,
                                      const float *weight)
{
    struct m2c_packed_weights *packed;
    struct m2c_error err;
    assert_int_equal(m2c_packed_new_for(kernel, in, out, &packed, &err), M2C_OK);
    size_t panels = m2c_packed_panels(packed);
    m2c_packed_fill(packed, weight, panels / 2, panels);
    m2c_packed_fill(packed, weight, 0, panels / 2);
    return packed;
}

enum { GAP_BF16 = 0x7FAD };

/* y as the call left it, widened; what lies between rows must be untouched. */
static const float *widened(const struct check_packed *p, const void *y, size_t ldy)
{
    if (!p->y_is_bf16) {
        const float gap = check_gap();
        for (size_t row = 0; row + 1 < p->rows; row++)
            for (size_t i = p->out; i < ldy; i++)
                assert_memory_equal((const float *)y + row * ldy + i, &gap, sizeof gap);
        return y;
    }
    size_t count = (p->rows - 1) * ldy + p->out;
    float *wide = check_floats(count);
    for (size_t i = 0; i < count; i++)
        wide[i] = float_of(((const uint16_t *)y)[i]);
    for (size_t row = 0; row + 1 < p->rows; row++)
        for (size_t i = p->out; i < ldy; i++)
            assert_int_equal(((const uint16_t *)y)[row * ldy + i], GAP_BF16);
    return wide;
}

/* The output array before the call: the residual between gaps. */
static void *new_output(const struct check_packed *p, const struct arrays *a, size_t ldy)
{
    size_t count = (p->rows - 1) * ldy + p->out;
    float *y = check_floats(p->y_is_bf16 ? 1 : count);
    uint16_t *y_bf16 = check_halves(p->y_is_bf16 ? count : 1);
    if (p->y_is_bf16)
        for (size_t i = 0; i < count; i++)
            y_bf16[i] = GAP_BF16;
    for (size_t row = 0; row < p->rows; row++) {
        for (size_t n = 0; n < p->out; n++) {
            float residual = a->residual[row * p->out + n];
            if (p->y_is_bf16)
                y_bf16[row * ldy + n] = bf16_of(residual);
            else
                y[row * ldy + n] = residual;
        }
    }
    return p->y_is_bf16 ? (void *)y_bf16 : y;
}

static const float *run(const struct check_packed *p, const struct arrays *a,
                        const struct m2c_packed_kernel *kernel)
{
    size_t ldy = p->out + p->gap;
    struct m2c_packed_weights *packed = check_pack(kernel, p->in, p->out, a->weight);
    void *y = new_output(p, a, ldy);
    struct m2c_packed_call call = {
        .rows = p->rows,
        .x = p->x_is_bf16 ? (const void *)a->x_bf16 : a->x,
        .ldx = p->in + p->gap,
        .x_element = p->x_is_bf16 ? M2C_PACKED_ELEMENT_BF16 : M2C_PACKED_ELEMENT_F32,
        .y = y,
        .ldy = ldy,
        .y_element = p->y_is_bf16 ? M2C_PACKED_ELEMENT_BF16 : M2C_PACKED_ELEMENT_F32,
        .bias = p->has_bias ? a->bias : NULL,
        .epilogue = p->epilogue,
    };
    m2c_packed_apply(packed, &call, check_bytes(m2c_packed_scratch_bytes(packed)));
    m2c_packed_free(&packed);
    return widened(p, y, ldy);
}

/* y becomes what is wanted. Twins may be off by as much again, and by what a QuickGELU of few bits
 * is in the forms that keep few bits anyway. */
static void adopt(const struct check_packed *p, const struct arrays *a, const float *y)
{
    bool is_near = p->form != M2C_PACKED_F32 && p->epilogue == M2C_EPILOGUE_QUICK_GELU;
    for (size_t k = 0; k < p->rows * p->out; k++) {
        a->want[k] = (double)y[k / p->out * (p->out + p->gap) + k % p->out];
        a->allowed[k] = 2 * a->allowed[k] + (is_near ? 2e-4 * fabs(a->want[k]) : 0);
    }
}

void check_packed_product(const struct check_packed *p)
{
    struct arrays a;
    const struct m2c_packed_kernel *kernel;
    make_arrays(p, &a);
    multiply_exactly(p, &a);
    for (size_t i = 0; (kernel = m2c_packed_kernel_of(p->form, i)) != NULL; i++) {
        const float *y = run(p, &a, kernel);
        compare(p, kernel->name, &a, y, p->out + p->gap);
        if (i == 0)
            adopt(p, &a, y);
    }
    (void)check_release(NULL);
}
