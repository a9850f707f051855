#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "differences.h"
#include "train/losses.h"

enum { CLIPS = 5, WIDTH = 7 };

struct loss_case {
    float *values;
    const int32_t *labels;
    size_t rows, width;
};

static double cross_entropy(void *context)
{
    struct loss_case *test = context;
    float *copy = malloc(test->rows * test->width * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, test->values, test->rows * test->width * sizeof *copy);
    double loss = trn_cross_entropy(copy, test->labels, test->rows, test->width, 1.0);
    free(copy);
    return loss;
}

static void cross_entropy_leaves_out_what_has_no_target(void **state)
{
    static const int32_t labels[CLIPS] = {3, -100, 0, 6, -100};
    struct loss_case test = {random_floats(CLIPS * WIDTH, 1), labels, CLIPS, WIDTH};
    float *grad = random_floats(CLIPS * WIDTH, 1);
    (void)state;
    double expected = 0;
    for (size_t row = 0; row < CLIPS; row++) {
        double sum = 0;
        for (size_t c = 0; c < WIDTH; c++)
            sum += exp((double)grad[row * WIDTH + c]);
        if (labels[row] >= 0)
            expected += (log(sum) - (double)grad[row * WIDTH + (size_t)labels[row]]) / 3;
    }
    assert_true(fabs(cross_entropy(&test) - expected) < 1e-9);
    assert_true(fabs(trn_cross_entropy(grad, labels, CLIPS, WIDTH, 1.0) - expected) < 1e-9);
    check_differences("logits", cross_entropy, &test, test.values, grad, CLIPS * WIDTH, 1e-4);
    free(test.values);
    free(grad);
}

static void cross_entropy_survives_large_logits_and_no_targets(void **state)
{
    static const int32_t none[2] = {-100, -100}, some[2] = {0, 1};
    float large[4] = {3000.0F, -3000.0F, 3000.0F, -3000.0F}, zeros[4] = {1, 2, 3, 4};
    (void)state;
    assert_true(trn_cross_entropy(zeros, none, 2, 2, 1.0) == 0.0);
    assert_true(zeros[3] == 0.0F);
    assert_true(fabs(trn_cross_entropy(large, some, 2, 2, 1.0) - 3000.0) < 1e-6);
    assert_true(large[3] == -0.5F);
}

static double contrastive(void *context)
{
    struct loss_case *test = context;
    float slope[CLIPS * CLIPS];
    return trn_contrastive(test->values, test->labels, CLIPS, 1.0, slope);
}

static void contrastive_agrees_with_differences(void **state)
{
    static const int32_t labels[CLIPS] = {4, 2, 4, 1, 2};
    struct loss_case test = {random_floats(CLIPS * CLIPS, 2), labels, CLIPS, CLIPS};
    float grad[CLIPS * CLIPS];
    (void)state;
    (void)trn_contrastive(test.values, labels, CLIPS, 0.5, grad);
    for (size_t i = 0; i < CLIPS * CLIPS; i++)
        grad[i] *= 2;
    check_differences("li", contrastive, &test, test.values, grad, CLIPS * CLIPS, 1e-4);
    free(test.values);
}

static void contrastive_is_least_where_similarity_is_the_labels(void **state)
{
    static const int32_t labels[CLIPS] = {4, 2, 4, 1, 2};
    float li[CLIPS * CLIPS], slope[CLIPS * CLIPS];
    (void)state;
    for (size_t i = 0; i < CLIPS; i++)
        for (size_t j = 0; j < CLIPS; j++)
            li[i * CLIPS + j] = labels[i] == labels[j] ? 10.0F : 0.0F;
    assert_true(fabs(trn_contrastive(li, labels, CLIPS, 1.0, slope)) < 1e-6);
    for (size_t i = 0; i < CLIPS * CLIPS; i++)
        assert_true(fabsf(slope[i]) < 1e-6F);
}

struct unit_case {
    float *x, *unit, *norms, *weights;
};

static double unit_sum(void *context)
{
    struct unit_case *test = context;
    trn_unit_rows(test->x, CLIPS, WIDTH, test->unit, test->norms);
    return weighted_sum(test->unit, test->weights, CLIPS * WIDTH);
}

static void unit_rows_agree_with_differences(void **state)
{
    struct unit_case test = {random_floats(CLIPS * WIDTH, 3), random_floats(CLIPS * WIDTH, 4),
                             random_floats(CLIPS, 5), random_floats(CLIPS * WIDTH, 6)};
    float grad[CLIPS * WIDTH] = {0};
    (void)state;
    (void)unit_sum(&test);
    trn_unit_rows_backward(test.unit, test.norms, test.weights, CLIPS, WIDTH, grad);
    check_differences("x", unit_sum, &test, test.x, grad, CLIPS * WIDTH, 1e-3);
    free(test.x);
    free(test.unit);
    free(test.norms);
    free(test.weights);
}

static void a_row_of_zeros_stays_zero(void **state)
{
    float x[WIDTH] = {0}, unit[WIDTH], norm, slope[WIDTH] = {1, 1, 1, 1, 1, 1, 1}, dx[WIDTH] = {0};
    (void)state;
    trn_unit_rows(x, 1, WIDTH, unit, &norm);
    trn_unit_rows_backward(unit, &norm, slope, 1, WIDTH, dx);
    for (size_t i = 0; i < WIDTH; i++)
        assert_true(unit[i] == 0.0F && dx[i] == 0.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_leaves_out_what_has_no_target),
        cmocka_unit_test(cross_entropy_survives_large_logits_and_no_targets),
        cmocka_unit_test(contrastive_agrees_with_differences),
        cmocka_unit_test(contrastive_is_least_where_similarity_is_the_labels),
        cmocka_unit_test(unit_rows_agree_with_differences),
        cmocka_unit_test(a_row_of_zeros_stays_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
