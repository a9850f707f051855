#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layer_fixture.h"

enum { WIDTH = 8, HEADS = 2, MLP = 12 };

struct block_case {
    struct layer_fixture fixture;
    struct trn_block block;
    struct trn_layout layout;
    struct trn_block_run run;
    float *x, *y, *weights, *dy, *dx;
};

static void carve(struct trn_carver *carver, void *context)
{
    struct block_case *test = context;
    test->run = (struct trn_block_run){.block = &test->block, .layout = &test->layout};
    trn_block_carve_state(carver, &test->run);
    trn_block_carve_scratch(carver, &test->run, m2c_team_size(test->fixture.team));
}

static double loss(void *context)
{
    struct block_case *test = context;
    trn_block_forward(test->fixture.team, &test->run, test->x, test->y);
    return weighted_sum(test->y, test->weights, test->layout.kept * WIDTH);
}

static void open_case(struct block_case *test, const struct trn_layout *layout,
                      enum m2c_activation activation)
{
    struct layer_fixture *fixture = &test->fixture;
    *test = (struct block_case){.layout = *layout};
    fixture_open(fixture, 2, 71);
    test->block = (struct trn_block){
        .ln_1 = fixture_norm(fixture, "ln_1", WIDTH),
        .ln_2 = fixture_norm(fixture, "ln_2", WIDTH),
        .query = fixture_dense(fixture, "query", WIDTH, WIDTH, true),
        .key = fixture_dense(fixture, "key", WIDTH, WIDTH, true),
        .value = fixture_dense(fixture, "value", WIDTH, WIDTH, true),
        .out = fixture_dense(fixture, "out", WIDTH, WIDTH, true),
        .fc = fixture_dense(fixture, "fc", WIDTH, MLP, true),
        .proj = fixture_dense(fixture, "proj", MLP, WIDTH, true),
        .activation = activation,
        .heads = HEADS,
    };
    test->x = random_floats(layout->rows * WIDTH, 81);
    test->y = random_floats(layout->kept * WIDTH, 82);
    test->weights = random_floats(layout->kept * WIDTH, 83);
    test->dy = random_floats(layout->kept * WIDTH, 83);
    test->dx = random_floats(layout->rows * WIDTH, 84);
}

static void close_case(struct block_case *test)
{
    free(test->x);
    free(test->y);
    free(test->weights);
    free(test->dy);
    free(test->dx);
    fixture_close(&test->fixture);
}

static void check_case(struct block_case *test)
{
    fixture_carve(&test->fixture, carve, test);
    (void)loss(test);
    trn_block_backward(test->fixture.team, &test->run, test->dy, test->dx, true);
    fixture_check(&test->fixture, loss, test, 3e-3);
    check_differences("x", loss, test, test->x, test->dx, test->layout.rows * WIDTH, 3e-3);
}

static const size_t frame_starts[] = {0, 5, 10, 15, 20};
static const size_t class_rows[] = {0, 5, 10, 15}, class_starts[] = {0, 1, 2, 3, 4};
static const struct trn_layout frame_layout = {
    .sequences = 4,
    .rows = 20,
    .starts = frame_starts,
    .kept = 20,
    .kept_starts = frame_starts,
    .longest = 5,
    .longest_kept = 5,
    .grid = {.frames = 2, .tokens = 5, .grid = 2},
    .kept_grid = {.frames = 2, .tokens = 5, .grid = 2},
};

static void give_ted_adapters(struct block_case *test)
{
    test->block.pre_attn.kind = test->block.pre_mlp.kind = TRN_ADAPTER_TED;
    test->block.pre_attn.ted = fixture_ted(&test->fixture, WIDTH, 4, true);
    test->block.pre_mlp.ted = fixture_ted(&test->fixture, WIDTH, 6, true);
}

static void a_plain_block_agrees_with_differences(void **state)
{
    static const enum m2c_activation activations[] = {M2C_ACT_QUICK_GELU, M2C_ACT_GELU};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct block_case test;
        open_case(&test, &frame_layout, activations[i]);
        check_case(&test);
        close_case(&test);
    }
}

static void a_block_with_ted_adapters_agrees_with_differences(void **state)
{
    struct block_case test;
    (void)state;
    open_case(&test, &frame_layout, M2C_ACT_QUICK_GELU);
    give_ted_adapters(&test);
    check_case(&test);
    close_case(&test);
}

static void a_last_block_of_class_tokens_agrees_with_differences(void **state)
{
    struct block_case test;
    struct trn_layout layout = frame_layout;
    (void)state;
    layout.kept = 4;
    layout.partial = true;
    layout.kept_rows = class_rows;
    layout.kept_starts = class_starts;
    layout.longest_kept = 1;
    layout.kept_grid = (struct m2c_frame_grid){.frames = 2, .tokens = 1};
    open_case(&test, &layout, M2C_ACT_QUICK_GELU);
    give_ted_adapters(&test);
    check_case(&test);
    close_case(&test);
}

static void a_text_block_that_keeps_some_rows_agrees_with_differences(void **state)
{
    static const size_t starts[] = {0, 4, 10}, kept_rows[] = {1, 3, 9}, kept_starts[] = {0, 2, 3};
    static const size_t visible[] = {2, 4, 6};
    static const struct trn_layout layout = {.sequences = 2,
                                             .rows = 10,
                                             .starts = starts,
                                             .kept = 3,
                                             .partial = true,
                                             .kept_rows = kept_rows,
                                             .kept_starts = kept_starts,
                                             .visible = visible,
                                             .longest = 6,
                                             .longest_kept = 2};
    struct block_case test;
    (void)state;
    open_case(&test, &layout, M2C_ACT_QUICK_GELU);
    test.block.pre_attn = fixture_text_adapter(&test.fixture, WIDTH, 5);
    test.block.pre_mlp = fixture_text_adapter(&test.fixture, WIDTH, 7);
    check_case(&test);
    close_case(&test);
}

static void freeze(struct trn_dense *dense)
{
    dense->weight.grad = dense->bias.grad = NULL;
}

/* Only the adapter before the MLP is trained: the way back ends there. */
static void a_frozen_block_hands_on_what_its_adapter_needs(void **state)
{
    struct block_case test;
    (void)state;
    open_case(&test, &frame_layout, M2C_ACT_QUICK_GELU);
    test.block.ln_1.gamma.grad = test.block.ln_1.beta.grad = NULL;
    test.block.ln_2.gamma.grad = test.block.ln_2.beta.grad = NULL;
    freeze(&test.block.query);
    freeze(&test.block.key);
    freeze(&test.block.value);
    freeze(&test.block.out);
    freeze(&test.block.fc);
    freeze(&test.block.proj);
    assert_false(trn_block_trained(&test.block));
    size_t first = test.fixture.count;
    test.block.pre_mlp.kind = TRN_ADAPTER_TED;
    test.block.pre_mlp.ted = fixture_ted(&test.fixture, WIDTH, 4, true);
    assert_true(trn_block_trained(&test.block));
    fixture_carve(&test.fixture, carve, &test);
    (void)loss(&test);
    trn_block_backward(test.fixture.team, &test.run, test.dy, test.dx, false);
    for (size_t i = first; i < test.fixture.count; i++)
        check_differences(test.fixture.parameters[i].name, loss, &test,
                          test.fixture.parameters[i].value, test.fixture.parameters[i].grad,
                          test.fixture.parameters[i].count, 3e-3);
    for (size_t i = 0; i < first; i++)
        assert_true(test.fixture.parameters[i].grad[0] == 0.0F);
    close_case(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_block_agrees_with_differences),
        cmocka_unit_test(a_block_with_ted_adapters_agrees_with_differences),
        cmocka_unit_test(a_last_block_of_class_tokens_agrees_with_differences),
        cmocka_unit_test(a_text_block_that_keeps_some_rows_agrees_with_differences),
        cmocka_unit_test(a_frozen_block_hands_on_what_its_adapter_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
