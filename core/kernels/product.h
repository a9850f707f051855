/* The plain f32 matrix product, for what a sealed layer cannot do: products with weights that
 * change, with either side transposed, as training needs them. */
#ifndef M2C_KERNELS_PRODUCT_H
#define M2C_KERNELS_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/team.h"

/* C <- alpha op(A) op(B) + beta C. Row-major; `ld*` floats between stored rows. With beta 0 what C
 * holds is not read. */
struct m2c_product {
    size_t rows, columns, depth; /* C: [rows, columns]; each below 2^31 */
    const float *a;              /* [rows, depth], or [depth, rows] when transposed */
    size_t lda;
    bool a_transposed;
    const float *b; /* [depth, columns], or [columns, depth] when transposed */
    size_t ldb;
    bool b_transposed;
    float *c; /* overlaps neither a nor b */
    size_t ldc;
    float alpha, beta;
};

/* On the calling thread alone; any thread, also a team's member. Cannot fail; allocates nothing of
 * ours. */
void m2c_product_run(const struct m2c_product *product);

/* The same with C split over the team, which must not be running. The same product on a team of the
 * same size gives the same bits. */
void m2c_product_run_team(const struct m2c_product *product, struct m2c_team *team);

#endif
