#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/product.h"

/* Small values of both signs that depend on the place alone. */
static void fill(float *values, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(((unsigned)i + seed) * 2654435761U >> 16 & 1023U) / 512.0F - 1.0F;
}

static float *new_floats(size_t count, unsigned seed)
{
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    fill(values, count, seed);
    return values;
}

struct sizes {
    size_t rows, columns, depth, gap; /* gap: floats between the end of a row and the next */
};

static double expected_at(const struct m2c_product *product, double before, size_t i, size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < product->depth; k++) {
        float a = product->a_transposed ? product->a[k * product->lda + i]
                                        : product->a[i * product->lda + k];
        float b = product->b_transposed ? product->b[j * product->ldb + k]
                                        : product->b[k * product->ldb + j];
        sum += (double)a * (double)b;
    }
    double kept = product->beta == 0.0F ? 0.0 : (double)product->beta * before;
    return (double)product->alpha * sum + kept;
}

static void check_product(const struct sizes *sizes, int form, float beta, struct m2c_team *team)
{
    bool a_transposed = form & 1, b_transposed = form & 2;
    size_t lda = (a_transposed ? sizes->rows : sizes->depth) + sizes->gap;
    size_t ldb = (b_transposed ? sizes->depth : sizes->columns) + sizes->gap;
    size_t ldc = sizes->columns + sizes->gap;
    float *a = new_floats((a_transposed ? sizes->depth : sizes->rows) * lda, 1);
    float *b = new_floats((b_transposed ? sizes->columns : sizes->depth) * ldb, 7);
    float *c = new_floats(sizes->rows * ldc, 3);
    float *before = new_floats(sizes->rows * ldc, 3);
    const struct m2c_product product = {.rows = sizes->rows,
                                        .columns = sizes->columns,
                                        .depth = sizes->depth,
                                        .a = a,
                                        .lda = lda,
                                        .a_transposed = a_transposed,
                                        .b = b,
                                        .ldb = ldb,
                                        .b_transposed = b_transposed,
                                        .c = c,
                                        .ldc = ldc,
                                        .alpha = 0.5F,
                                        .beta = beta};
    if (beta == 0.0F)
        c[0] = NAN; /* what must not be read */
    if (team)
        m2c_product_run_team(&product, team);
    else
        m2c_product_run(&product);
    for (size_t i = 0; i < sizes->rows; i++) {
        for (size_t j = 0; j < ldc; j++) {
            float found = c[i * ldc + j];
            double wanted = (double)before[i * ldc + j];
            if (j < sizes->columns)
                wanted = expected_at(&product, wanted, i, j);
            assert_true(fabs((double)found - wanted) <= 1e-4);
        }
    }
    free(a);
    free(b);
    free(c);
    free(before);
}

static void every_form_agrees_with_the_sum(void **state)
{
    static const struct sizes sizes[] = {
        {1, 1, 1, 0}, {3, 5, 7, 2}, {70, 9, 33, 1}, {9, 130, 33, 0}, {64, 64, 64, 0}, {5, 4, 0, 1},
    };
    struct m2c_error err;
    (void)state;
    for (int size = 0; size <= 3; size++) {
        struct m2c_team *team = NULL;
        if (size > 0)
            assert_int_equal(m2c_team_new(size, &team, &err), M2C_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            for (int form = 0; form < 4; form++) {
                check_product(&sizes[i], form, 0.0F, team);
                check_product(&sizes[i], form, 1.0F, team);
            }
        }
        m2c_team_free(&team);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_form_agrees_with_the_sum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
