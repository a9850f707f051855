#include "train/dense.h"

#include "kernels/kernels.h"
#include "kernels/product.h"
#include "train/rows.h"

enum { GRAIN = 8, COLUMN_BLOCK = 64 };

static void forward_part(const struct trn_dense_pass *pass, struct m2c_range rows,
                         struct m2c_range columns)
{
    const struct trn_dense *dense = pass->dense;
    size_t count = rows.end - rows.begin;
    size_t width = columns.end - columns.begin;
    float *y = pass->y + rows.begin * pass->ldy + columns.begin;
    const struct m2c_product product = {
        .rows = count,
        .columns = width,
        .depth = dense->in,
        .a = pass->x + rows.begin * pass->ldx,
        .lda = pass->ldx,
        .b = dense->weight.value + columns.begin * (dense->transposed ? 1 : dense->in),
        .ldb = dense->transposed ? dense->out : dense->in,
        .b_transposed = !dense->transposed,
        .c = y,
        .ldc = pass->ldy,
        .alpha = 1.0F,
        .beta = pass->store == TRN_ADD ? 1.0F : 0.0F,
    };
    m2c_product_run(&product);
    if (dense->bias.value && !pass->bare)
        m2c_kernels_get()->bias(y, pass->ldy, dense->bias.value + columns.begin, count, width);
}

static void forward_rows(void *argument, struct m2c_range items, int member)
{
    const struct trn_dense_pass *pass = argument;
    (void)member;
    forward_part(pass, items, (struct m2c_range){.begin = 0, .end = pass->dense->out});
}

static void forward_columns(void *argument, struct m2c_range items, int member)
{
    const struct trn_dense_pass *pass = argument;
    (void)member;
    forward_part(pass, (struct m2c_range){.begin = 0, .end = pass->rows}, items);
}

void trn_dense_forward(struct m2c_team *team, const struct trn_dense_pass *pass)
{
    struct trn_dense_pass copy = *pass;
    if (pass->rows == 0)
        return;
    if (pass->rows >= pass->dense->out)
        trn_for_rows(team, pass->rows, GRAIN, forward_rows, &copy);
    else
        trn_for_rows(team, pass->dense->out, GRAIN, forward_columns, &copy);
}

void trn_dense_to_input(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                        const float *dy, size_t lddy, float *dx, size_t lddx, enum trn_store store)
{
    const struct m2c_product product = {
        .rows = rows,
        .columns = dense->in,
        .depth = dense->out,
        .a = dy,
        .lda = lddy,
        .b = dense->weight.value,
        .ldb = dense->transposed ? dense->out : dense->in,
        .b_transposed = dense->transposed,
        .c = dx,
        .ldc = lddx,
        .alpha = 1.0F,
        .beta = store == TRN_ADD ? 1.0F : 0.0F,
    };
    m2c_product_run_team(&product, team);
}

void trn_dense_to_weights(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, size_t ldx, const float *dy, size_t lddy)
{
    if (dense->weight.grad && rows > 0) {
        bool flipped = dense->transposed;
        const struct m2c_product product = {
            .rows = flipped ? dense->in : dense->out,
            .columns = flipped ? dense->out : dense->in,
            .depth = rows,
            .a = flipped ? x : dy,
            .lda = flipped ? ldx : lddy,
            .a_transposed = true,
            .b = flipped ? dy : x,
            .ldb = flipped ? lddy : ldx,
            .c = dense->weight.grad,
            .ldc = flipped ? dense->out : dense->in,
            .alpha = 1.0F,
            .beta = 1.0F,
        };
        m2c_product_run_team(&product, team);
    }
    trn_add_column_sums(team, dense->bias.grad, rows, dense->out, dy, lddy);
}

bool trn_dense_trained(const struct trn_dense *dense)
{
    return dense->weight.grad || dense->bias.grad;
}

struct column_sums {
    float *grad;
    size_t rows;
    const float *dy;
    size_t lddy;
};

/* Sums are kept in double: thousands of rows of both signs nearly cancel. */
static void sum_columns(void *argument, struct m2c_range items, int member)
{
    const struct column_sums *sums = argument;
    (void)member;
    for (size_t first = items.begin; first < items.end; first += COLUMN_BLOCK) {
        double total[COLUMN_BLOCK] = {0};
        size_t count = items.end - first < COLUMN_BLOCK ? items.end - first : COLUMN_BLOCK;
        for (size_t row = 0; row < sums->rows; row++) {
            const float *dy = sums->dy + row * sums->lddy + first;
            for (size_t c = 0; c < count; c++)
                total[c] += (double)dy[c];
        }
        for (size_t c = 0; c < count; c++)
            sums->grad[first + c] += (float)total[c];
    }
}

void trn_add_column_sums(struct m2c_team *team, float *grad, size_t rows, size_t width,
                         const float *dy, size_t lddy)
{
    struct column_sums sums = {.grad = grad, .rows = rows, .dy = dy, .lddy = lddy};
    if (grad && rows > 0)
        trn_for_rows(team, width, COLUMN_BLOCK, sum_columns, &sums);
}
