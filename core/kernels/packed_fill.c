#include <string.h>

#include "kernels/kernels.h"
#include "kernels/packed_kernel.h"

/* One block of the depth at a time, so that what columns scatter into stays in the first cache. */
enum { BLOCK_VALUES = M2C_PACKED_CHUNK_VALUES_MAX };

/* A panel being filled. */
struct panel {
    const struct m2c_packed_weights *packed;
    const float *weight; /* of the panel's first column */
    size_t columns;      /* that exist */
    unsigned char *to;
    float *scale;
    float inverse[M2C_PACKED_COLUMNS_MAX];
    int32_t sum[M2C_PACKED_COLUMNS_MAX];
};

/* The scale of a column, and what its weights are multiplied by. */
static void find_scale(struct panel *panel, size_t column)
{
    const float *weight = panel->weight + column * panel->packed->in;
    const float most = (float)M2C_PACKED_INT8_MOST;
    uint32_t greatest_bits = 0;
    float greatest;
    for (size_t i = 0; i < panel->packed->in; i++) {
        uint32_t bits;
        memcpy(&bits, weight + i, sizeof bits);
        bits &= 0x7FFFFFFFU;
        greatest_bits = bits > greatest_bits ? bits : greatest_bits;
    }
    memcpy(&greatest, &greatest_bits, sizeof greatest);
    bool is_zero = greatest < M2C_PACKED_INT8_LEAST;
    panel->scale[column] = is_zero ? 0.0F : greatest / most;
    panel->inverse[column] = is_zero ? 0.0F : most / greatest;
}

/* The nearest steps, ties to even: added to 1.5 * 2^52, whose unit is 1, the exact product is
 * rounded into the lowest bits. Returns their sum. */
static int32_t quantize(int8_t *to, const float *from, float inverse, size_t count)
{
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        double rounded = (double)from[i] * (double)inverse + 0x1.8p52;
        uint64_t bits;
        memcpy(&bits, &rounded, sizeof bits);
        to[i] = (int8_t)(bits & 0xFFU);
        sum += to[i];
    }
    return sum;
}

/* `count` weights of a column from depth k on, in the form's number type. */
static void narrow(struct panel *panel, size_t column, size_t k, size_t count, void *to)
{
    const float *from = panel->weight + column * panel->packed->in + k;
    switch (panel->packed->kernel->form) {
    case M2C_PACKED_F32:
        memcpy(to, from, count * sizeof *from);
        break;
    case M2C_PACKED_BF16:
        m2c_kernels_get()->narrow_bf16(to, from, count);
        break;
    case M2C_PACKED_INT8:
        panel->sum[column] += quantize(to, from, panel->inverse[column], count);
        break;
    }
}

/* Words of a column to their places, `pitch` bytes apart. */
static void scatter(unsigned char *to, size_t pitch, const unsigned char *from, size_t words,
                    size_t word_bytes)
{
    for (size_t i = 0; i < words; i++) {
        switch (word_bytes) {
        case 4:
            memcpy(to + i * pitch, from + 4 * i, 4);
            break;
        case 2:
            memcpy(to + i * pitch, from + 2 * i, 2);
            break;
        default:
            to[i * pitch] = from[i];
            break;
        }
    }
}

static void fill_panel(struct panel *panel)
{
    const struct m2c_packed_kernel *kernel = panel->packed->kernel;
    size_t in = panel->packed->in;
    size_t word_bytes = kernel->word_values * kernel->weight_bytes;
    size_t pitch = kernel->columns * word_bytes;
    memset(panel->to, 0, panel->packed->panel_bytes);
    for (size_t k = 0; k < in; k += BLOCK_VALUES) {
        size_t count = in - k < BLOCK_VALUES ? in - k : BLOCK_VALUES;
        size_t words = (count + kernel->word_values - 1) / kernel->word_values;
        unsigned char *to = panel->to + k / kernel->word_values * pitch;
        for (size_t column = 0; column < panel->columns; column++) {
            unsigned char column_words[BLOCK_VALUES * sizeof(float)]
                __attribute__((aligned(4))) = {0};
            narrow(panel, column, k, count, column_words);
            scatter(to + column * word_bytes, pitch, column_words, words, word_bytes);
        }
    }
}

void m2c_packed_fill(struct m2c_packed_weights *packed, const float *weight, size_t first,
                     size_t last)
{
    size_t width = packed->kernel->columns;
    for (size_t i = first; i < last; i++) {
        size_t column = i * width;
        size_t left = packed->out - column;
        struct panel panel = {
            .packed = packed,
            .weight = weight + column * packed->in,
            .columns = left < width ? left : width,
            .to = packed->panel + i * packed->panel_bytes,
            .scale = packed->scale + column,
        };
        memset(panel.scale, 0, width * sizeof *panel.scale);
        for (size_t c = 0; packed->kernel->form == M2C_PACKED_INT8 && c < panel.columns; c++)
            find_scale(&panel, c);
        fill_panel(&panel);
        for (size_t c = 0; c < width; c++) {
            int32_t start = -packed->kernel->x_offset * panel.sum[c];
            memcpy(packed->start + column + c, &start, sizeof start);
        }
    }
}
