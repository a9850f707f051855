#include "kernels/packed_linear.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels/packed_kernel.h"
#include "runtime/checked.h"

enum {
    LINE_BYTES = 64,
    BLOCK_ROWS_MAX = 96,
    BLOCK_BYTES = 384 * 1024, /* of converted x: the rest of a second-level cache is for panels */
};

static const float no_bias[M2C_PACKED_COLUMNS_MAX];

static size_t round_up(size_t count, size_t to)
{
    return (count + to - 1) / to * to;
}

enum m2c_status m2c_packed_new(enum m2c_packed_form form, size_t in, size_t out,
                               struct m2c_packed_weights **packed, struct m2c_error *err)
{
    const struct m2c_packed_kernel *best = m2c_packed_kernel_of(form, 0);
    for (size_t i = 1; m2c_packed_kernel_of(form, i); i++)
        best = m2c_packed_kernel_of(form, i);
    return m2c_packed_new_for(best, in, out, packed, err);
}

/* Rows whose converted form takes about BLOCK_BYTES, a multiple of the group. */
static size_t block_rows_of(const struct m2c_packed_kernel *kernel, size_t chunks)
{
    size_t rows = BLOCK_BYTES / (chunks * M2C_PACKED_CHUNK_BYTES);
    if (rows > BLOCK_ROWS_MAX)
        rows = BLOCK_ROWS_MAX;
    rows -= rows % kernel->group_rows;
    return rows > 0 ? rows : kernel->group_rows;
}

/* The shape of the packed form, and its bytes; false where they are out of range. */
static bool lay_out(const struct m2c_packed_kernel *kernel, size_t in, size_t out,
                    struct m2c_packed_weights *packed)
{
    size_t chunk_values = M2C_PACKED_CHUNK_WORDS * kernel->word_values;
    if (in == 0 || out == 0 || in > INT_MAX || out > INT_MAX ||
        (kernel->form == M2C_PACKED_INT8 && in > M2C_PACKED_INT8_IN_MAX))
        return false;
    *packed = (struct m2c_packed_weights){
        .kernel = kernel,
        .in = in,
        .out = out,
        .chunks = (in + chunk_values - 1) / chunk_values,
        .panels = (out + kernel->columns - 1) / kernel->columns,
    };
    packed->block_rows = block_rows_of(kernel, packed->chunks);
    packed->panel_bytes = packed->chunks * chunk_values * kernel->columns * kernel->weight_bytes;
    size_t panel_bytes;
    size_t column_bytes = packed->panels * kernel->columns * 2 * sizeof(float);
    return m2c_checked_multiply(packed->panels, packed->panel_bytes, &panel_bytes) &&
           m2c_checked_add(panel_bytes, round_up(column_bytes, LINE_BYTES), &packed->bytes);
}

/* Asks for huge pages where whole ones fit in: a panel crosses up to a hundred small ones, and the
 * processor's own fetching ahead stops at each. Without them all is only slower. */
static void ask_for_huge_pages(unsigned char *storage, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t front = (page - (uintptr_t)storage % page) % page;
    if (bytes > front)
        (void)madvise(storage + front, (bytes - front) / page * page, MADV_HUGEPAGE);
#else
    (void)storage;
    (void)bytes;
#endif
}

enum m2c_status m2c_packed_new_for(const struct m2c_packed_kernel *kernel, size_t in, size_t out,
                                   struct m2c_packed_weights **packed_out, struct m2c_error *err)
{
    struct m2c_packed_weights shape;
    *packed_out = NULL;
    if (!lay_out(kernel, in, out, &shape))
        return m2c_fail(err, M2C_BAD_MODEL, "a linear layer of %zu x %zu is out of range", out, in);
    struct m2c_packed_weights *packed = malloc(sizeof *packed);
    if (!packed)
        return m2c_fail_memory(err, "a linear layer", sizeof *packed);
    *packed = shape;
    packed->storage = aligned_alloc(LINE_BYTES, packed->bytes);
    if (!packed->storage) {
        m2c_packed_free(&packed);
        return m2c_fail_memory(err, "the weights of a linear layer", shape.bytes);
    }
    ask_for_huge_pages(packed->storage, packed->bytes);
    packed->panel = packed->storage;
    packed->scale = (float *)(void *)(packed->panel + packed->panels * packed->panel_bytes);
    packed->start = packed->scale + packed->panels * kernel->columns;
    *packed_out = packed;
    return M2C_OK;
}

void m2c_packed_free(struct m2c_packed_weights **packed_pointer)
{
    struct m2c_packed_weights *packed = *packed_pointer;
    *packed_pointer = NULL;
    if (!packed)
        return;
    free(packed->storage);
    free(packed);
}

enum m2c_packed_form m2c_packed_form_of(const struct m2c_packed_weights *packed)
{
    return packed->kernel->form;
}

size_t m2c_packed_in(const struct m2c_packed_weights *packed)
{
    return packed->in;
}

size_t m2c_packed_out(const struct m2c_packed_weights *packed)
{
    return packed->out;
}

size_t m2c_packed_panels(const struct m2c_packed_weights *packed)
{
    return packed->panels;
}

size_t m2c_packed_block_rows(const struct m2c_packed_weights *packed)
{
    return packed->block_rows;
}

size_t m2c_packed_bytes(const struct m2c_packed_weights *packed)
{
    return packed->bytes;
}

size_t m2c_packed_bytes_of(enum m2c_packed_form form, size_t in, size_t out)
{
    struct m2c_packed_weights shape;
    const struct m2c_packed_kernel *best = m2c_packed_kernel_of(form, 0);
    for (size_t i = 1; m2c_packed_kernel_of(form, i); i++)
        best = m2c_packed_kernel_of(form, i);
    return lay_out(best, in, out, &shape) ? shape.bytes : 0;
}

/* Scratch: [groups of x][tile][row scales], from the first multiple of 64 on. */
static size_t block_bytes(const struct m2c_packed_weights *packed)
{
    return packed->block_rows * packed->chunks * M2C_PACKED_CHUNK_BYTES;
}

enum { TILE_BYTES = M2C_PACKED_GROUP_ROWS_MAX * M2C_PACKED_COLUMNS_MAX * sizeof(float) };

size_t m2c_packed_scratch_bytes(const struct m2c_packed_weights *packed)
{
    return LINE_BYTES - 1 + block_bytes(packed) + TILE_BYTES + packed->block_rows * sizeof(float);
}

/* A block of rows in progress. */
struct block {
    const struct m2c_packed_weights *packed;
    const struct m2c_packed_call *call;
    size_t first, rows;
    unsigned char *x;
    float *tile, *row_scale;
};

static size_t element_bytes(enum m2c_packed_element element)
{
    return element == M2C_PACKED_ELEMENT_BF16 ? 2 : 4;
}

static size_t group_bytes(const struct m2c_packed_weights *packed)
{
    return packed->kernel->group_rows * packed->chunks * M2C_PACKED_CHUNK_BYTES;
}

static void convert_block(const struct block *block)
{
    const struct m2c_packed_call *call = block->call;
    const struct m2c_packed_kernel *kernel = block->packed->kernel;
    size_t ldx_bytes = call->ldx * element_bytes(call->x_element);
    const unsigned char *x = (const unsigned char *)call->x + block->first * ldx_bytes;
    struct m2c_packed_rows rows = {
        .in = block->packed->in,
        .ldx_bytes = ldx_bytes,
        .element = call->x_element,
    };
    for (size_t i = 0; i < block->rows; i += kernel->group_rows) {
        size_t left = block->rows - i;
        rows.rows = left < kernel->group_rows ? left : kernel->group_rows;
        rows.x = x + i * ldx_bytes;
        rows.to = block->x + i / kernel->group_rows * group_bytes(block->packed);
        rows.scale = block->row_scale + i;
        kernel->convert(&rows);
    }
}

/* The lines of y that a tile will go to are fetched while the tile is computed. */
static void fetch_output(const struct m2c_packed_product *product)
{
    size_t bytes = product->columns * element_bytes(product->element);
    for (size_t row = 0; row < product->rows; row++) {
        const unsigned char *y = product->y + row * product->ldy_bytes;
        const unsigned char *line = y - (uintptr_t)y % LINE_BYTES;
        for (; line < y + bytes; line += LINE_BYTES)
            __builtin_prefetch(line, 1);
    }
}

/* All groups of the block against one panel. */
static void multiply_panel(const struct block *block, size_t panel)
{
    const struct m2c_packed_weights *packed = block->packed;
    const struct m2c_packed_kernel *kernel = packed->kernel;
    const struct m2c_packed_call *call = block->call;
    size_t column = panel * kernel->columns;
    size_t left = packed->out - column;
    struct m2c_packed_product product = {
        .panel = packed->panel + panel * packed->panel_bytes,
        .chunks = packed->chunks,
        .columns = left < kernel->columns ? left : kernel->columns,
        .start = packed->start + column,
        .scale = packed->scale + column,
        .bias = call->bias ? call->bias + column : no_bias,
        .tile = block->tile,
        .ldy_bytes = call->ldy * element_bytes(call->y_element),
        .element = call->y_element,
        .epilogue = call->epilogue,
    };
    unsigned char *y = (unsigned char *)call->y + block->first * product.ldy_bytes +
                       column * element_bytes(call->y_element);
    for (size_t row = 0; row < block->rows; row += kernel->group_rows) {
        left = block->rows - row;
        product.rows = left < kernel->group_rows ? left : kernel->group_rows;
        product.x = block->x + row / kernel->group_rows * group_bytes(packed);
        product.row_scale = block->row_scale + row;
        product.y = y + row * product.ldy_bytes;
        fetch_output(&product);
        kernel->multiply(&product);
    }
}

/* Blocks of even sizes: a last one of a few rows would read all weights for them. */
static size_t rows_a_block(const struct m2c_packed_weights *packed, size_t rows)
{
    size_t blocks = (rows + packed->block_rows - 1) / packed->block_rows;
    return round_up((rows + blocks - 1) / blocks, packed->kernel->group_rows);
}

void m2c_packed_apply(const struct m2c_packed_weights *packed, const struct m2c_packed_call *call,
                      void *scratch)
{
    uintptr_t address = (uintptr_t)scratch;
    unsigned char *aligned =
        (unsigned char *)scratch + (LINE_BYTES - address % LINE_BYTES) % LINE_BYTES;
    size_t end = call->panel_count ? call->first_panel + call->panel_count : packed->panels;
    struct block block = {.packed = packed, .call = call, .x = aligned};
    block.tile = (float *)(void *)(aligned + block_bytes(packed));
    block.row_scale = block.tile + TILE_BYTES / sizeof(float);
    if (call->rows == 0)
        return;
    size_t step = rows_a_block(packed, call->rows);
    for (size_t row = 0; row < call->rows; row += step) {
        size_t left = call->rows - row;
        block.first = row;
        block.rows = left < step ? left : step;
        convert_block(&block);
        for (size_t panel = call->first_panel; panel < end; panel++)
            multiply_panel(&block, panel);
    }
}

void m2c_packed_multiply(const struct m2c_packed_weights *packed, size_t rows, const float *x,
                         size_t ldx, float *y, size_t ldy, const float *bias,
                         enum m2c_epilogue epilogue, void *scratch)
{
    const struct m2c_packed_call call = {
        .rows = rows,
        .x = x,
        .ldx = ldx,
        .x_element = M2C_PACKED_ELEMENT_F32,
        .y = y,
        .ldy = ldy,
        .y_element = M2C_PACKED_ELEMENT_F32,
        .bias = bias,
        .epilogue = epilogue,
    };
    m2c_packed_apply(packed, &call, scratch);
}
