/* The portable C kernels, which say what the others compute. A word is one number: f32 and bf16
 * forms hold it as a float, INT8 as an int32. */
#include <math.h>
#include <string.h>

#include "kernels/packed_kernel.h"
#include "kernels/reference.h"

enum { COLUMNS = 16, GROUP_ROWS = 4 };

/* One row of a group. */
struct row {
    const void *x;
    enum m2c_packed_element element;
    size_t in;
    unsigned char *to;
};

static float element_of(const struct row *row, size_t i)
{
    float value;
    if (row->element == M2C_PACKED_ELEMENT_BF16)
        m2c_widen_bf16_c(&value, (const uint16_t *)row->x + i, 1);
    else
        value = ((const float *)row->x)[i];
    return value;
}

static void set_word(const struct row *row, size_t i, const void *word)
{
    size_t chunk_bytes = (size_t)GROUP_ROWS * M2C_PACKED_CHUNK_BYTES;
    memcpy(row->to + i / M2C_PACKED_CHUNK_WORDS * chunk_bytes + i % M2C_PACKED_CHUNK_WORDS * 4,
           word, 4);
}

static void convert_f32_row(const struct row *row, float *unused)
{
    (void)unused;
    for (size_t i = 0; i < row->in; i++) {
        float value = element_of(row, i);
        set_word(row, i, &value);
    }
}

static void convert_bf16_row(const struct row *row, float *unused)
{
    (void)unused;
    for (size_t i = 0; i < row->in; i++) {
        float value = element_of(row, i);
        uint16_t rounded;
        m2c_narrow_bf16_c(&rounded, &value, 1);
        m2c_widen_bf16_c(&value, &rounded, 1);
        set_word(row, i, &value);
    }
}

/* The product with 127 / max |x| is rounded once, as a fused multiply-add would. */
static void convert_int8_row(const struct row *row, float *scale)
{
    const float most = (float)M2C_PACKED_INT8_MOST;
    float greatest = 0.0F;
    bool is_finite = true;
    for (size_t i = 0; i < row->in; i++) {
        float value = element_of(row, i);
        greatest = fmaxf(greatest, fabsf(value));
        is_finite = is_finite && isfinite(value);
    }
    bool is_zero = greatest < M2C_PACKED_INT8_LEAST || !is_finite;
    float inverse = is_zero ? 0.0F : most / greatest;
    for (size_t i = 0; i < row->in; i++) {
        double scaled = (double)element_of(row, i) * (double)inverse;
        int32_t value = is_zero ? 0 : (int32_t)lrint(scaled);
        set_word(row, i, &value);
    }
    *scale = !is_finite ? NAN : is_zero ? 0.0F : greatest / most;
}

static void convert_rows(const struct m2c_packed_rows *rows,
                         void (*convert)(const struct row *row, float *scale))
{
    const float zero = 0.0F;
    for (size_t r = 0; r < rows->rows; r++) {
        const struct row row = {.x = (const unsigned char *)rows->x + r * rows->ldx_bytes,
                                .element = rows->element,
                                .in = rows->in,
                                .to = rows->to + r * M2C_PACKED_CHUNK_BYTES};
        convert(&row, rows->scale + r);
        for (size_t i = rows->in; i % M2C_PACKED_CHUNK_WORDS != 0; i++)
            set_word(&row, i, &zero);
    }
}

static void convert_f32(const struct m2c_packed_rows *rows)
{
    convert_rows(rows, convert_f32_row);
}

static void convert_bf16(const struct m2c_packed_rows *rows)
{
    convert_rows(rows, convert_bf16_row);
}

static void convert_int8(const struct m2c_packed_rows *rows)
{
    convert_rows(rows, convert_int8_row);
}

/* The row's word at depth i, where `x` is the row's first chunk. */
static const unsigned char *x_word(const unsigned char *x, size_t i)
{
    size_t chunk_bytes = (size_t)GROUP_ROWS * M2C_PACKED_CHUNK_BYTES;
    return x + i / M2C_PACKED_CHUNK_WORDS * chunk_bytes + i % M2C_PACKED_CHUNK_WORDS * 4;
}

static void widen_row(float *to, const unsigned char *y, const struct m2c_packed_product *p)
{
    if (p->element == M2C_PACKED_ELEMENT_BF16)
        m2c_widen_bf16_c(to, (const uint16_t *)(const void *)y, p->columns);
    else
        memcpy(to, y, p->columns * sizeof *to);
}

static void store_row(unsigned char *y, const float *from, const struct m2c_packed_product *p)
{
    if (p->element == M2C_PACKED_ELEMENT_BF16)
        m2c_narrow_bf16_c((uint16_t *)(void *)y, from, p->columns);
    else
        memcpy(y, from, p->columns * sizeof *from);
}

/* Floats in p->tile to y. */
static void finish(const struct m2c_packed_product *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        unsigned char *y = p->y + row * p->ldy_bytes;
        float z[COLUMNS];
        float residual[COLUMNS];
        memcpy(z, p->tile + row * COLUMNS, sizeof z);
        switch (p->epilogue) {
        case M2C_EPILOGUE_STORE:
            m2c_bias_c(z, COLUMNS, p->bias, 1, p->columns);
            break;
        case M2C_EPILOGUE_ADD:
            m2c_bias_c(z, COLUMNS, p->bias, 1, p->columns);
            widen_row(residual, y, p);
            m2c_add_c(z, COLUMNS, residual, COLUMNS, 1, p->columns);
            break;
        case M2C_EPILOGUE_QUICK_GELU:
            m2c_bias_quick_gelu_c(z, COLUMNS, p->bias, 1, p->columns);
            break;
        case M2C_EPILOGUE_GELU:
            m2c_bias_gelu_c(z, COLUMNS, p->bias, 1, p->columns);
            break;
        }
        store_row(y, z, p);
    }
}

static void multiply_f32(const struct m2c_packed_product *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        const unsigned char *x = p->x + row * M2C_PACKED_CHUNK_BYTES;
        const float *weight = (const float *)(const void *)p->panel;
        float *sum = p->tile + row * COLUMNS;
        memcpy(sum, p->start, COLUMNS * sizeof *sum);
        for (size_t i = 0; i < p->chunks * M2C_PACKED_CHUNK_WORDS; i++) {
            float value;
            memcpy(&value, x_word(x, i), sizeof value);
            for (size_t c = 0; c < COLUMNS; c++)
                sum[c] += value * weight[i * COLUMNS + c];
        }
    }
    finish(p);
}

static void multiply_bf16(const struct m2c_packed_product *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        const unsigned char *x = p->x + row * M2C_PACKED_CHUNK_BYTES;
        const uint16_t *weight = (const uint16_t *)(const void *)p->panel;
        float *sum = p->tile + row * COLUMNS;
        memcpy(sum, p->start, COLUMNS * sizeof *sum);
        for (size_t i = 0; i < p->chunks * M2C_PACKED_CHUNK_WORDS; i++) {
            float value;
            float wide[COLUMNS];
            memcpy(&value, x_word(x, i), sizeof value);
            m2c_widen_bf16_c(wide, weight + i * COLUMNS, COLUMNS);
            for (size_t c = 0; c < COLUMNS; c++)
                sum[c] += value * wide[c];
        }
    }
    finish(p);
}

static void multiply_int8(const struct m2c_packed_product *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        const unsigned char *x = p->x + row * M2C_PACKED_CHUNK_BYTES;
        const int8_t *weight = (const int8_t *)p->panel;
        int32_t sum[COLUMNS];
        memcpy(sum, p->start, sizeof sum);
        for (size_t i = 0; i < p->chunks * M2C_PACKED_CHUNK_WORDS; i++) {
            int32_t value;
            memcpy(&value, x_word(x, i), sizeof value);
            for (size_t c = 0; c < COLUMNS; c++)
                sum[c] += value * weight[i * COLUMNS + c];
        }
        for (size_t c = 0; c < COLUMNS; c++)
            p->tile[row * COLUMNS + c] =
                (float)sum[c] * (c < p->columns ? p->scale[c] : 0.0F) * p->row_scale[row];
    }
    finish(p);
}

const struct m2c_packed_kernel m2c_packed_f32_c = {
    .name = "f32 c",
    .form = M2C_PACKED_F32,
    .columns = COLUMNS,
    .group_rows = GROUP_ROWS,
    .word_values = 1,
    .weight_bytes = 4,
    .convert = convert_f32,
    .multiply = multiply_f32,
};

const struct m2c_packed_kernel m2c_packed_bf16_c = {
    .name = "bf16 c",
    .form = M2C_PACKED_BF16,
    .columns = COLUMNS,
    .group_rows = GROUP_ROWS,
    .word_values = 1,
    .weight_bytes = 2,
    .convert = convert_bf16,
    .multiply = multiply_bf16,
};

const struct m2c_packed_kernel m2c_packed_int8_c = {
    .name = "int8 c",
    .form = M2C_PACKED_INT8,
    .columns = COLUMNS,
    .group_rows = GROUP_ROWS,
    .word_values = 1,
    .weight_bytes = 1,
    .convert = convert_int8,
    .multiply = multiply_int8,
};
