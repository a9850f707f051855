#include "kernels/product.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>

enum {
    GRAIN = 8,             /* rows or columns: no member gets a sliver */
    ALONE_TERMS = 1 << 15, /* below so many multiplications waking the team costs more */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The team splits the product: a library that splits again would only oversubscribe. */
static void set_single_threaded(void)
{
    openblas_set_num_threads(1);
}

void m2c_product_run(const struct m2c_product *product)
{
    assert(product->rows <= INT_MAX && product->columns <= INT_MAX && product->depth <= INT_MAX);
    if (product->rows == 0 || product->columns == 0)
        return;
    (void)pthread_once(&once, set_single_threaded);
    cblas_sgemm(CblasRowMajor, product->a_transposed ? CblasTrans : CblasNoTrans,
                product->b_transposed ? CblasTrans : CblasNoTrans, (int)product->rows,
                (int)product->columns, (int)product->depth, product->alpha, product->a,
                (int)product->lda, product->b, (int)product->ldb, product->beta, product->c,
                (int)product->ldc);
}

static void run_share(void *argument, int member, int size)
{
    const struct m2c_product *whole = argument;
    struct m2c_product part = *whole;
    if (whole->rows >= whole->columns) {
        struct m2c_range rows = m2c_team_share(whole->rows, GRAIN, member, size);
        part.rows = rows.end - rows.begin;
        part.a += rows.begin * (whole->a_transposed ? 1 : whole->lda);
        part.c += rows.begin * whole->ldc;
    } else {
        struct m2c_range columns = m2c_team_share(whole->columns, GRAIN, member, size);
        part.columns = columns.end - columns.begin;
        part.b += columns.begin * (whole->b_transposed ? whole->ldb : 1);
        part.c += columns.begin;
    }
    m2c_product_run(&part);
}

void m2c_product_run_team(const struct m2c_product *product, struct m2c_team *team)
{
    struct m2c_product copy = *product;
    bool small = product->rows * product->columns < ALONE_TERMS &&
                 product->rows * product->columns * product->depth < ALONE_TERMS;
    if (small)
        m2c_product_run(&copy);
    else
        m2c_team_run(team, run_share, &copy);
}
