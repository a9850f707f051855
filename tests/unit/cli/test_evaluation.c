#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/evaluation.h"

static struct m2c_error err;

/* Three classes: of four clips of class 0 three are right (one of them nothing else), class 1 has
 * two clips taken for 2 and 0, class 2 has none. */
static void count_some(struct cli_evaluation *evaluation)
{
    assert_int_equal(cli_evaluation_init(evaluation, 3, &err), M2C_OK);
    for (int i = 0; i < 3; i++)
        cli_evaluation_add(evaluation, 0, 0, 0);
    cli_evaluation_add(evaluation, 0, 2, 5);
    cli_evaluation_add(evaluation, 1, 2, 1);
    cli_evaluation_add(evaluation, 1, 0, 4);
}

static void figures_are_those_counted_by_hand(void **state)
{
    struct cli_evaluation evaluation;
    (void)state;
    count_some(&evaluation);
    struct cli_figures figures = cli_evaluation_figures(&evaluation);
    assert_int_equal(figures.clips, 6);
    assert_int_equal(figures.classes_seen, 2);
    assert_true(fabs(figures.top1 - 3.0 / 6.0) < 1e-12);
    assert_true(fabs(figures.top5 - 5.0 / 6.0) < 1e-12);
    assert_true(fabs(figures.mean_class - (0.75 + 0.0) / 2.0) < 1e-12);
    cli_evaluation_destroy(&evaluation);
}

static void a_class_has_its_own_figures(void **state)
{
    struct cli_evaluation evaluation;
    (void)state;
    count_some(&evaluation);
    struct cli_class_figures first = cli_evaluation_class(&evaluation, 0);
    assert_int_equal(first.clips, 4);
    assert_int_equal(first.right, 3);
    assert_int_equal(first.top5, 3);
    assert_int_equal(first.predicted, 4);
    assert_int_equal(first.mistaken_for, 2);
    assert_int_equal(first.mistakes, 1);
    assert_true(fabs(first.recall - 0.75) < 1e-12 && fabs(first.precision - 0.75) < 1e-12);
    struct cli_class_figures absent = cli_evaluation_class(&evaluation, 2);
    assert_int_equal(absent.clips, 0);
    assert_int_equal(absent.predicted, 2);
    assert_true(absent.recall == 0.0 && absent.precision == 0.0);
    cli_evaluation_destroy(&evaluation);
}

static void the_matrix_has_a_row_a_truth(void **state)
{
    static const size_t expected[] = {3, 0, 1, 1, 0, 1, 0, 0, 0};
    struct cli_evaluation evaluation;
    (void)state;
    count_some(&evaluation);
    assert_memory_equal(evaluation.confusion, expected, sizeof expected);
    cli_evaluation_destroy(&evaluation);
}

static void nothing_counted_is_zero(void **state)
{
    struct cli_evaluation evaluation;
    (void)state;
    assert_int_equal(cli_evaluation_init(&evaluation, 2, &err), M2C_OK);
    struct cli_figures figures = cli_evaluation_figures(&evaluation);
    assert_true(figures.top1 == 0.0 && figures.top5 == 0.0 && figures.mean_class == 0.0);
    cli_evaluation_destroy(&evaluation);
}

static void too_many_classes_are_refused(void **state)
{
    struct cli_evaluation evaluation;
    (void)state;
    assert_int_equal(cli_evaluation_init(&evaluation, CLI_EVALUATION_MAX_CLASSES + 1, &err),
                     M2C_INVALID_REQUEST);
    cli_evaluation_destroy(&evaluation);
    assert_int_equal(cli_evaluation_init(&evaluation, 0, &err), M2C_INVALID_REQUEST);
    cli_evaluation_destroy(&evaluation);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_counted_by_hand),
        cmocka_unit_test(a_class_has_its_own_figures),
        cmocka_unit_test(the_matrix_has_a_row_a_truth),
        cmocka_unit_test(nothing_counted_is_zero),
        cmocka_unit_test(too_many_classes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
