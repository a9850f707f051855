#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check_packed.h"
#include "runtime/clock.h"

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
                const struct check_packed product = {
                    .form = form,
                    .rows = row_counts[r],
                    .in = widths[i],
                    .out = widths[o],
                    .gap = turn % 3 ? 0 : 5,
                    .epilogue = (enum m2c_epilogue)(turn % CHECK_EPILOGUES),
                    .has_bias = turn % 7 != 0,
                    .values = CHECK_NORMAL,
                };
                check_packed_product(&product);
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

/* Each combination of elements, which packed_call names apart for x and y. */
static void elements_may_be_bf16(void **state)
{
    (void)state;
    check_seed(4);
    for (size_t turn = 0; turn < (size_t)CHECK_PACKED_FORMS * CHECK_EPILOGUES * WIDTHS * 3;
         turn++) {
        size_t elements = turn % 3 + 1;
        size_t width = turn / 3 % WIDTHS;
        const struct check_packed product = {
            .form = (enum m2c_packed_form)(turn / 3 / WIDTHS / CHECK_EPILOGUES),
            .rows = 13,
            .in = widths[width],
            .out = widths[WIDTHS - 1 - width],
            .gap = 3,
            .epilogue = (enum m2c_epilogue)(turn / 3 / WIDTHS % CHECK_EPILOGUES),
            .has_bias = true,
            .x_is_bf16 = elements & 1,
            .y_is_bf16 = elements >> 1,
            .values = CHECK_NORMAL,
        };
        check_packed_product(&product);
    }
}

/* Huge, tiny and lopsided values; NaNs and infinities, which must spoil no other row. */
static void any_value_is_taken(void **state)
{
    (void)state;
    check_seed(5);
    for (size_t form = 0; form < CHECK_PACKED_FORMS; form++) {
        for (size_t e = 0; e < CHECK_EPILOGUES; e++) {
            for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++) {
                const struct check_packed product = {
                    .form = (enum m2c_packed_form)form,
                    .rows = 21,
                    .in = 19,
                    .out = 50,
                    .epilogue = (enum m2c_epilogue)e,
                    .has_bias = true,
                    .values = (enum check_values)values,
                };
                check_packed_product(&product);
            }
        }
    }
}

/* The second product of an MLP: the deepest that a model has, several blocks of rows. */
static void deep_products_agree(void **state)
{
    (void)state;
    check_seed(6);
    for (size_t form = 0; form < CHECK_PACKED_FORMS; form++) {
        const struct check_packed product = {
            .form = (enum m2c_packed_form)form,
            .rows = 197,
            .in = 4096,
            .out = 96,
            .epilogue = M2C_EPILOGUE_ADD,
            .has_bias = true,
            .values = CHECK_OUTLIER,
        };
        check_packed_product(&product);
    }
}

struct bench_case {
    size_t rows, in, out;
    enum m2c_epilogue epilogue;
};

/* The best of several runs. */
static double bench_ms(const struct bench_case *c, const struct m2c_packed_weights *packed,
                       const float *x, float *y, const float *bias)
{
    void *scratch = malloc(m2c_packed_scratch_bytes(packed));
    assert_non_null(scratch);
    double best = INFINITY;
    for (int i = 0; i < 12; i++) {
        double begin = m2c_clock_ms();
        m2c_packed_multiply(packed, c->rows, x, c->in, y, c->out, bias, c->epilogue, scratch);
        best = fmin(best, m2c_clock_ms() - begin);
    }
    free(scratch);
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
    struct m2c_packed_weights *packed = check_pack(kernel, c->in, c->out, weight);
    double pack_ms = m2c_clock_ms() - begin;
    double ms = bench_ms(c, packed, x, y, bias);
    printf("%-16s %4zu x %4zu -> %4zu, epilogue %d: %8.3f ms, %6.1f Gop/s (packed in %.1f ms)\n",
           kernel->name, c->rows, c->in, c->out, (int)c->epilogue, ms,
           2e-6 * (double)(c->rows * c->in * c->out) / ms, pack_ms);
    m2c_packed_free(&packed);
    (void)check_release(NULL);
}

/* Every kernel at the first shape, the best one at the others. */
static void bench_all(void)
{
    static const struct bench_case cases[] = {
        {788, 768, 3072, M2C_EPILOGUE_QUICK_GELU}, {788, 768, 3072, M2C_EPILOGUE_STORE},
        {788, 3072, 768, M2C_EPILOGUE_ADD},        {788, 768, 2304, M2C_EPILOGUE_STORE},
        {788, 768, 768, M2C_EPILOGUE_ADD},         {788, 384, 768, M2C_EPILOGUE_ADD},
        {64, 768, 3072, M2C_EPILOGUE_STORE},       {8, 768, 3072, M2C_EPILOGUE_STORE},
        {1, 768, 3072, M2C_EPILOGUE_STORE}};
    for (size_t form = 0; form < CHECK_PACKED_FORMS; form++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            const struct m2c_packed_kernel *kernel;
            for (size_t k = 0;
                 (kernel = m2c_packed_kernel_of((enum m2c_packed_form)form, k)) != NULL; k++)
                if (i == 0 || !m2c_packed_kernel_of((enum m2c_packed_form)form, k + 1))
                    bench(&cases[i], kernel);
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(f32_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(bf16_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(int8_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(elements_may_be_bf16, check_release),
        cmocka_unit_test_teardown(any_value_is_taken, check_release),
        cmocka_unit_test_teardown(deep_products_agree, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    bench_all();
    return 0;
}
