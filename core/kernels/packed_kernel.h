/* What lies behind packed_linear.h: the layout of panels and row groups, and the table of functions
 * that a kernel (packed_reference.c, x86/packed_*.c) offers.
 *
 * The depth k of a product is cut into words of `word_values` numbers and chunks of 16 words, the
 * last one padded with zeros.
 *
 *   weights   [panel][chunk][16 words][columns][word_values], numbers of weight_bytes
 *   x         [group of rows][chunk][group_rows][16 words], words of 4 bytes: a group is read from
 *             front to back while a panel is
 *   tile      [group_rows][columns], sums of 4 bytes
 */
#ifndef M2C_KERNELS_PACKED_KERNEL_H
#define M2C_KERNELS_PACKED_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/packed_linear.h"
#include "runtime/cpu.h"

enum {
    M2C_PACKED_CHUNK_WORDS = 16,
    M2C_PACKED_CHUNK_BYTES = 64, /* of one row of x */
    M2C_PACKED_COLUMNS_MAX = 48,
    M2C_PACKED_GROUP_ROWS_MAX = 8,
    M2C_PACKED_CHUNK_VALUES_MAX = 64,
    M2C_PACKED_INT8_IN_MAX = 131072,
    M2C_PACKED_INT8_MOST = 127,
};

/* A row of x below this counts as zero: 127 / greatest must not overflow. */
#define M2C_PACKED_INT8_LEAST 1e-30F

/* Up to group_rows rows of x on their way into a group. */
struct m2c_packed_rows {
    const void *x;
    size_t rows, in, ldx_bytes;
    enum m2c_packed_element element;
    unsigned char *to;
    float *scale; /* [rows], set in INT8 */
};

/* y = epilogue((start + x W^T) * row_scale * scale + bias): a group of rows against a panel. */
struct m2c_packed_product {
    const unsigned char *x, *panel;
    size_t chunks, rows, columns;
    const float *start;     /* [panel columns], bits that sums start from */
    const float *row_scale; /* [rows], INT8 */
    const float *scale;     /* [columns], INT8 */
    const float *bias;      /* [columns] */
    float *tile;            /* room for [group_rows][panel columns] sums, aligned to 64 */
    unsigned char *y;
    size_t ldy_bytes;
    enum m2c_packed_element element;
    enum m2c_epilogue epilogue;
};

struct m2c_packed_kernel {
    const char *name;
    enum m2c_packed_form form;
    size_t columns, group_rows, word_values, weight_bytes;
    /* What x's numbers are raised by so that they are unsigned; taken off by `start`. */
    int32_t x_offset;
    void (*convert)(const struct m2c_packed_rows *rows);
    void (*multiply)(const struct m2c_packed_product *product);
};

struct m2c_packed_weights {
    const struct m2c_packed_kernel *kernel;
    size_t in, out, chunks, panels, block_rows;
    size_t panel_bytes;
    size_t bytes;         /* of `storage` */
    unsigned char *panel; /* [panels] of panel_bytes */
    float *scale;         /* [panels * columns] */
    float *start;         /* [panels * columns], int32 bits in INT8, else zeros */
    void *storage;
};

/* The index-th kernel of a form that this processor and the cap allow, the reference first, the
 * best last; NULL beyond. Static storage; any thread. */
const struct m2c_packed_kernel *m2c_packed_kernel_of(enum m2c_packed_form form, size_t index);

/* m2c_packed_new for a given kernel. */
M2C_MUST_USE enum m2c_status m2c_packed_new_for(const struct m2c_packed_kernel *kernel, size_t in,
                                                size_t out, struct m2c_packed_weights **packed,
                                                struct m2c_error *err);

extern const struct m2c_packed_kernel m2c_packed_f32_c, m2c_packed_bf16_c, m2c_packed_int8_c;
#if defined(__x86_64__)
extern const struct m2c_packed_kernel m2c_packed_f32_avx2, m2c_packed_bf16_avx2,
    m2c_packed_int8_avx2;
extern const struct m2c_packed_kernel m2c_packed_f32_avx512, m2c_packed_bf16_avx512,
    m2c_packed_int8_avx512;
extern const struct m2c_packed_kernel m2c_packed_bf16_avx512_bf16, m2c_packed_int8_avx512_vnni;
#endif

#endif
