#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layer_fixture.h"

enum { CHANNELS = 10, WIDTH = 6 };

struct adapter_case {
    struct layer_fixture fixture;
    struct trn_adapter adapter;
    struct m2c_frame_grid grid;
    size_t rows;
    struct trn_adapter_state state;
    struct trn_adapter_scratch scratch;
    float *x, *y, *weights, *dx;
};

static void carve(struct trn_carver *carver, void *context)
{
    struct adapter_case *test = context;
    trn_adapter_carve_state(carver, &test->adapter, test->rows, &test->state);
    trn_adapter_carve_scratch(carver, &test->adapter, test->rows, &test->scratch);
}

static double loss(void *context)
{
    struct adapter_case *test = context;
    trn_adapter_forward(test->fixture.team, &test->adapter, &test->grid, test->rows, test->x,
                        test->y, &test->state, &test->scratch);
    return weighted_sum(test->y, test->weights, test->rows * CHANNELS);
}

static void open_case(struct adapter_case *test, size_t rows)
{
    test->rows = rows;
    test->x = random_floats(rows * CHANNELS, 41);
    test->y = random_floats(rows * CHANNELS, 42);
    test->weights = random_floats(rows * CHANNELS, 43);
    test->dx = random_floats(rows * CHANNELS, 43);
    fixture_carve(&test->fixture, carve, test);
}

static void close_case(struct adapter_case *test)
{
    free(test->x);
    free(test->y);
    free(test->weights);
    free(test->dx);
    fixture_close(&test->fixture);
}

static void backward(struct adapter_case *test, bool to_input)
{
    (void)loss(test);
    trn_adapter_backward(test->fixture.team, &test->adapter, &test->grid, test->rows, test->x,
                         &test->state, test->dx, to_input, &test->scratch);
}

static void check_case(struct adapter_case *test)
{
    backward(test, true);
    fixture_check(&test->fixture, loss, test, 2e-3);
    check_differences("x", loss, test, test->x, test->dx, test->rows * CHANNELS, 2e-3);
}

static void open_ted(struct adapter_case *test, size_t frames, size_t grid, bool difference)
{
    *test =
        (struct adapter_case){.grid = {.frames = frames, .tokens = 1 + grid * grid, .grid = grid}};
    fixture_open(&test->fixture, 3, 51);
    test->adapter.kind = TRN_ADAPTER_TED;
    test->adapter.ted = fixture_ted(&test->fixture, CHANNELS, WIDTH, difference);
    open_case(test, 2 * frames * test->grid.tokens);
}

static void the_ted_adapter_agrees_with_differences(void **state)
{
    static const size_t frames[] = {1, 2, 5}, grids[] = {1, 2, 3};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct adapter_case test;
        open_ted(&test, frames[i], grids[i], true);
        check_case(&test);
        close_case(&test);
    }
}

static void the_enhancement_alone_agrees_with_differences(void **state)
{
    struct adapter_case test;
    (void)state;
    open_ted(&test, 4, 2, false);
    check_case(&test);
    close_case(&test);
}

static void class_tokens_alone_leave_the_difference_without_a_gradient(void **state)
{
    struct adapter_case test;
    (void)state;
    open_ted(&test, 4, 0, true);
    check_case(&test);
    for (size_t i = 0; i < 9 * WIDTH; i++)
        assert_true(test.adapter.ted.space_weight.grad[i] == 0.0F);
    close_case(&test);
}

static void the_text_adapter_agrees_with_differences(void **state)
{
    struct adapter_case test = {0};
    (void)state;
    fixture_open(&test.fixture, 2, 61);
    test.adapter = fixture_text_adapter(&test.fixture, CHANNELS, WIDTH);
    open_case(&test, 9);
    check_case(&test);
    close_case(&test);
}

static void the_input_is_left_alone_where_nobody_asks(void **state)
{
    struct adapter_case test;
    (void)state;
    open_ted(&test, 3, 2, true);
    backward(&test, false);
    assert_memory_equal(test.dx, test.weights, test.rows * CHANNELS * sizeof *test.dx);
    fixture_check(&test.fixture, loss, &test, 2e-3);
    close_case(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ted_adapter_agrees_with_differences),
        cmocka_unit_test(the_enhancement_alone_agrees_with_differences),
        cmocka_unit_test(class_tokens_alone_leave_the_difference_without_a_gradient),
        cmocka_unit_test(the_text_adapter_agrees_with_differences),
        cmocka_unit_test(the_input_is_left_alone_where_nobody_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
