#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "kernels/packed_kernel.h"
#include "runtime/clock.h"

enum { FORMS = M2C_PACKED_INT8 + 1, EPILOGUES = M2C_EPILOGUE_GELU + 1 };

/* One product under test. */
struct product {
    enum m2c_packed_form form;
    size_t rows, in, out, gap;
    enum m2c_epilogue epilogue;
    bool has_bias, x_is_bf16, y_is_bf16;
    enum check_values values;
};

/* Its arrays: x [rows, in] and y [rows, out] at distance + gap; x, residual as floats of the very
 * values that the product is given. */
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

static void make_arrays(const struct product *p, struct arrays *a)
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
static void multiply_exactly(const struct product *p, const struct arrays *a)
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
    if (isnan(got) || isnan(want))
        return isnan(got) && isnan(want);
    if (isinf(got) || isinf(want))
        return got == want;
    return fabs(got - want) <= allowed;
}

static void compare(const struct product *p, const char *kernel, const struct arrays *a,
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

static struct m2c_packed_weights *pack(const struct m2c_packed_kernel *kernel, size_t in,
                                       size_t out, const float *weight)
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
static const float *widened(const struct product *p, const void *y, size_t ldy)
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
static void *new_output(const struct product *p, const struct arrays *a, size_t ldy)
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

static const float *run(const struct product *p, const struct arrays *a,
                        const struct m2c_packed_kernel *kernel)
{
    size_t ldy = p->out + p->gap;
    struct m2c_packed_weights *packed = pack(kernel, p->in, p->out, a->weight);
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

/* The reference against double, every other kernel against the reference. */
static void check_product(const struct product *p)
{
    struct arrays a;
    const struct m2c_packed_kernel *kernel;
    make_arrays(p, &a);
    multiply_exactly(p, &a);
    for (size_t i = 0; (kernel = m2c_packed_kernel_of(p->form, i)) != NULL; i++) {
        const float *y = run(p, &a, kernel);
        compare(p, kernel->name, &a, y, p->out + p->gap);
        for (size_t k = 0; i == 0 && k < p->rows * p->out; k++) {
            size_t at = k / p->out * (p->out + p->gap) + k % p->out;
            a.want[k] = (double)y[at];
            a.allowed[k] *= 2;
        }
    }
    (void)check_release(NULL);
}

static const size_t widths[] = {1, 15, 16, 17, 47, 48, 49, 95, 771};
static const size_t row_counts[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                    14, 15, 16, 17, 18, 19, 20, 63, 64, 65, 96, 97, 197};

enum { WIDTHS = sizeof widths / sizeof widths[0] };
enum { ROW_COUNTS = sizeof row_counts / sizeof row_counts[0] };

static void check_every_size(enum m2c_packed_form form)
{
    size_t turn = 0;
    for (size_t r = 0; r < ROW_COUNTS; r++) {
        for (size_t i = 0; i < WIDTHS; i++) {
            for (size_t o = 0; o < WIDTHS; o++, turn++) {
                const struct product p = {
                    .form = form,
                    .rows = row_counts[r],
                    .in = widths[i],
                    .out = widths[o],
                    .gap = turn % 3 ? 0 : 5,
                    .epilogue = (enum m2c_epilogue)(turn % EPILOGUES),
                    .has_bias = turn % 7 != 0,
                    .values = CHECK_NORMAL,
                };
                check_product(&p);
            }
        }
    }
}

static void f32_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    check_every_size(M2C_PACKED_F32);
}

static void bf16_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(2);
    check_every_size(M2C_PACKED_BF16);
}

static void int8_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(3);
    check_every_size(M2C_PACKED_INT8);
}

static void elements_may_be_bf16(void **state)
{
    (void)state;
    check_seed(4);
    for (size_t form = 0; form < FORMS; form++)
        for (size_t e = 0; e < EPILOGUES; e++)
            for (size_t i = 0; i < WIDTHS; i++)
                for (size_t elements = 1; elements < 4; elements++) {
                    const struct product p = {
                        .form = (enum m2c_packed_form)form,
                        .rows = 13,
                        .in = widths[i],
                        .out = widths[WIDTHS - 1 - i],
                        .gap = 3,
                        .epilogue = (enum m2c_epilogue)e,
                        .has_bias = true,
                        .x_is_bf16 = elements & 1,
                        .y_is_bf16 = elements >> 1,
                        .values = CHECK_NORMAL,
                    };
                    check_product(&p);
                }
}

struct bench_case {
    enum m2c_packed_form form;
    size_t rows, in, out;
    enum m2c_epilogue epilogue;
};

static double bench_ms(const struct bench_case *c, struct m2c_packed_weights *packed,
                       const float *x, float *y, const float *bias, void *scratch)
{
    double best = INFINITY;
    for (int run_index = 0; run_index < 12; run_index++) {
        double begin = m2c_clock_ms();
        m2c_packed_multiply(packed, c->rows, x, c->in, y, c->out, bias, c->epilogue, scratch);
        best = fmin(best, m2c_clock_ms() - begin);
    }
    return best;
}

static void bench(const struct bench_case *c, const struct m2c_packed_kernel *kernel)
{
    float *weight = check_floats(c->out * c->in);
    float *x = check_floats(c->rows * c->in);
    float *y = check_floats(c->rows * c->out);
    float *bias = check_floats(c->out);
    check_fill(weight, 1, c->out * c->in, 0, CHECK_NORMAL);
    check_fill(x, 1, c->rows * c->in, 0, CHECK_NORMAL);
    check_fill(bias, 1, c->out, 0, CHECK_NORMAL);
    memset(y, 0, c->rows * c->out * sizeof *y);
    double begin = m2c_clock_ms();
    struct m2c_packed_weights *packed = pack(kernel, c->in, c->out, weight);
    double pack_ms = m2c_clock_ms() - begin;
    void *scratch = malloc(m2c_packed_scratch_bytes(packed));
    assert_non_null(scratch);
    double ms = bench_ms(c, packed, x, y, bias, scratch);
    printf("%-18s M %4zu K %4zu N %4zu epilogue %d: %8.3f ms %6.1f G/s  (packed in %.1f ms)\n",
           kernel->name, c->rows, c->in, c->out, (int)c->epilogue, ms,
           2e-6 * (double)(c->rows * c->in * c->out) / ms, pack_ms);
    free(scratch);
    m2c_packed_free(&packed);
    (void)check_release(NULL);
}

/* Every kernel at the shape of an MLP, the best one at the other shapes. */
static int bench_all(void)
{
    static const struct bench_case cases[] = {
        {0, 788, 768, 3072, M2C_EPILOGUE_QUICK_GELU}, {0, 788, 768, 3072, M2C_EPILOGUE_STORE},
        {0, 788, 3072, 768, M2C_EPILOGUE_ADD},        {0, 788, 768, 768, M2C_EPILOGUE_STORE},
        {0, 788, 768, 1536, M2C_EPILOGUE_STORE},      {0, 788, 384, 768, M2C_EPILOGUE_ADD},
        {0, 64, 768, 3072, M2C_EPILOGUE_STORE},       {0, 8, 768, 3072, M2C_EPILOGUE_STORE},
        {0, 1, 768, 3072, M2C_EPILOGUE_STORE}};
    for (size_t form = 0; form < FORMS; form++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct bench_case c = cases[i];
            const struct m2c_packed_kernel *kernel;
            c.form = (enum m2c_packed_form)form;
            for (size_t k = 0; (kernel = m2c_packed_kernel_of(c.form, k)) != NULL; k++)
                if (i == 0 || m2c_packed_kernel_of(c.form, k + 1) == NULL)
                    bench(&c, kernel);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(f32_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(bf16_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(int8_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(elements_may_be_bf16, check_release),
    };
    if (check_wants_bench(argc, argv))
        return bench_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
