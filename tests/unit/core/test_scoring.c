/* Scores by hand: softmax a view then mean, cosines, background, selection. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "scoring.h"

/* cmocka compares floats; the expected values are computed in double precision. */
static void assert_near(double value, double expected, double tolerance)
{
    assert_true(fabs(value - expected) <= tolerance);
}

static void classes_are_a_softmax_a_view_then_the_mean(void **state)
{
    const float logits[2 * 3] = {0.0F, 1.0F, 2.0F, 1000.0F, 0.0F, 0.0F};
    struct m2c_prediction predictions[3];
    (void)state;
    m2c_score_classes(logits, 2, 3, predictions);
    double sum = exp(0.0) + exp(1.0) + exp(2.0);
    assert_near((double)predictions[0].score, (exp(0.0) / sum + 1.0) / 2.0, 1e-6);
    assert_near((double)predictions[1].score, exp(1.0) / sum / 2.0, 1e-6);
    assert_near((double)predictions[2].score, exp(2.0) / sum / 2.0, 1e-6);
    assert_int_equal(predictions[2].index, 2);
}

static void labels_are_scored_by_hundred_cosines(void **state)
{
    const float video[2] = {3.0F, 4.0F}; /* any length: only its direction counts */
    const float east[2] = {1.0F, 0.0F};
    const float close[2] = {0.6F, 0.8F};
    const float north[2] = {0.0F, 1.0F};
    const float *labels[2] = {close, north};
    const float *background[1] = {east};
    struct m2c_prediction predictions[2];
    float scratch[3];
    (void)state;
    float other = m2c_score_labels(video, 1, 2, labels, 2, background, 1, predictions, scratch);
    double sum = exp(100.0 - 100.0) + exp(80.0 - 100.0) + exp(60.0 - 100.0);
    assert_near((double)predictions[0].similarity, 1.0, 1e-6);
    assert_near((double)predictions[1].similarity, 0.8, 1e-6);
    assert_near((double)predictions[0].score, 1.0 / sum, 1e-6);
    assert_near((double)predictions[1].score, exp(-20.0) / sum, 1e-12);
    assert_near((double)other, exp(-40.0) / sum, 1e-20);
}

static void views_are_averaged_after_the_softmax(void **state)
{
    const float video[4] = {1.0F, 0.0F, 0.0F, 2.0F};
    const float east[2] = {1.0F, 0.0F};
    const float north[2] = {0.0F, 1.0F};
    const float *labels[2] = {east, north};
    struct m2c_prediction predictions[2];
    float scratch[2];
    (void)state;
    (void)m2c_score_labels(video, 2, 2, labels, 2, NULL, 0, predictions, scratch);
    assert_near((double)predictions[0].score, 0.5, 1e-6);
    assert_near((double)predictions[0].similarity, 0.5, 1e-6);
}

static void a_label_is_the_mean_of_unit_vectors_made_unit(void **state)
{
    const float rows[4] = {10.0F, 0.0F, 0.0F, 0.1F};
    float mean[2];
    (void)state;
    m2c_mean_unit_vector(rows, 2, 2, mean);
    assert_near((double)mean[0], sqrt(0.5), 1e-6);
    assert_near((double)mean[1], sqrt(0.5), 1e-6);
}

static void a_zero_vector_stays_zero(void **state)
{
    float zero[2] = {0.0F, 0.0F};
    (void)state;
    m2c_unit_vector(zero, 2);
    assert_near((double)zero[0], 0.0, 0.0);
}

static void selection_sorts_drops_and_cuts(void **state)
{
    const struct m2c_prediction all[4] = {{.index = 0, .score = 0.1F, .similarity = 0.9F},
                                          {.index = 1, .score = 0.4F, .similarity = 0.1F},
                                          {.index = 2, .score = 0.4F, .similarity = 0.8F},
                                          {.index = 3, .score = 0.05F, .similarity = 0.7F}};
    struct m2c_prediction some[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        some[i] = all[i];
    struct m2c_selection selection = {.has_min_score = true, .min_score = 0.1F};
    assert_int_equal(m2c_select_predictions(some, 4, &selection), 3);
    assert_int_equal(some[0].index, 1); /* ties by index */
    assert_int_equal(some[1].index, 2);
    assert_int_equal(some[2].index, 0);
    for (int i = 0; i < 4; i++)
        some[i] = all[i];
    selection =
        (struct m2c_selection){.top_k = 1, .has_min_similarity = true, .min_similarity = 0.5F};
    assert_int_equal(m2c_select_predictions(some, 4, &selection), 1);
    assert_int_equal(some[0].index, 2);
    selection = (struct m2c_selection){.has_min_score = true, .min_score = 0.9F};
    assert_int_equal(m2c_select_predictions(some, 3, &selection), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_a_softmax_a_view_then_the_mean),
        cmocka_unit_test(labels_are_scored_by_hundred_cosines),
        cmocka_unit_test(views_are_averaged_after_the_softmax),
        cmocka_unit_test(a_label_is_the_mean_of_unit_vectors_made_unit),
        cmocka_unit_test(a_zero_vector_stays_zero),
        cmocka_unit_test(selection_sorts_drops_and_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
