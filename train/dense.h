/* Dense layers y = x W^T + b with their three products: forward, to the input, to the weights.
 *
 * Work is shared out over the team by rows, or by columns where rows are few. Nothing can fail.
 */
#ifndef TRN_DENSE_H
#define TRN_DENSE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/team.h"
#include "train/view.h"

struct trn_dense {
    size_t in, out;
    struct trn_view weight; /* [out, in], or [in, out] when transposed */
    struct trn_view bias;   /* [out]; value NULL: none */
    bool transposed;
};

enum trn_store { TRN_STORE, TRN_ADD }; /* what a product does with what its target holds */

/* y = (y +) x W^T (+ b, unless `bare`). x: [rows, in], y: [rows, out], `ld*` floats between rows.
 */
struct trn_dense_pass {
    const struct trn_dense *dense;
    size_t rows;
    const float *x;
    size_t ldx;
    float *y;
    size_t ldy;
    enum trn_store store;
    bool bare;
};
void trn_dense_forward(struct m2c_team *team, const struct trn_dense_pass *pass);

/* dx = (dx +) dy W. */
void trn_dense_to_input(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                        const float *dy, size_t lddy, float *dx, size_t lddx, enum trn_store store);

/* Adds dy^T x to the weight's gradient and the column sums of dy to the bias'; what is frozen costs
 * nothing. */
void trn_dense_to_weights(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, size_t ldx, const float *dy, size_t lddy);

/* Whether any parameter is trained. */
bool trn_dense_trained(const struct trn_dense *dense);

/* grad[c] += sum over rows of dy[row][c]; grad NULL does nothing. dy: [rows, width]. */
void trn_add_column_sums(struct m2c_team *team, float *grad, size_t rows, size_t width,
                         const float *dy, size_t lddy);

#endif
