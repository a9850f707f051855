#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/team.h"
#include "scratch_folder.h"
#include "train/adamw.h"
#include "train/checkpoint.h"

enum { COUNT = 37, STEPS = 9, KILLED_AFTER = 4 };

static struct trn_tensors *new_run(size_t extra)
{
    struct m2c_error err;
    struct trn_tensors *tensors = NULL;
    const struct trn_selection adapters = {0};
    const char *const names[] = {"a.adapter.weight", "a.adapter.bias", "frozen.weight"};
    assert_int_equal(trn_tensors_new(&tensors, &err), M2C_OK);
    for (size_t i = 0; i < 3; i++) {
        const size_t shape[] = {COUNT, 2 + extra};
        float *values;
        assert_int_equal(trn_tensors_add(tensors, names[i], 2, shape, &values, &err), M2C_OK);
        for (size_t j = 0; j < COUNT * (2 + extra); j++)
            values[j] = (float)(j % 11) / 7.0F;
    }
    assert_int_equal(trn_tensors_select(tensors, &adapters, &err), M2C_OK);
    return tensors;
}

/* A step whose gradients depend on its number and on the values. */
static void take_step(struct m2c_team *team, struct trn_tensors *tensors, uint64_t step)
{
    const struct trn_adamw adamw = trn_adamw_defaults();
    for (size_t i = 0; i < trn_tensors_count(tensors); i++) {
        struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        for (size_t j = 0; tensor->trained && j < tensor->count; j++)
            tensor->grad[j] = sinf((float)(step * 31 + j)) + 0.1F * tensor->value[j];
    }
    trn_adamw_step(team, &adamw, step, tensors);
}

static void check_same(const struct trn_tensors *left, const struct trn_tensors *right)
{
    for (size_t i = 0; i < trn_tensors_count(left); i++) {
        const struct trn_tensor *a = trn_tensors_at(left, i), *b = trn_tensors_at(right, i);
        assert_memory_equal(a->value, b->value, a->count * sizeof(float));
        if (!a->trained)
            continue;
        assert_memory_equal(a->moment_1, b->moment_1, a->count * sizeof(float));
        assert_memory_equal(a->moment_2, b->moment_2, a->count * sizeof(float));
    }
}

static struct trn_progress progress_of(uint64_t step)
{
    struct trn_progress progress = {
        .seed = UINT64_MAX, .step = step, .epoch = 3, .batch = 1, .best = 0.1, .best_step = 2};
    (void)snprintf(progress.run, sizeof progress.run, "rate 0.001 \"data\" \xc3\xa9");
    return progress;
}

struct checkpoint_case {
    struct scratch scratch;
    struct m2c_team *team;
    struct m2c_error err;
};

static int set_up(void **state)
{
    static struct checkpoint_case test;
    scratch_make(&test.scratch);
    assert_int_equal(m2c_team_new(2, &test.team, &test.err), M2C_OK);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct checkpoint_case *test = *state;
    m2c_team_free(&test->team);
    scratch_remove(&test->scratch);
    return 0;
}

static void a_resumed_run_ends_with_the_same_bits(void **state)
{
    struct checkpoint_case *test = *state;
    const char *path = scratch_path(&test->scratch, "state.safetensors");
    struct trn_tensors *whole = new_run(0), *resumed = new_run(0);
    for (uint64_t step = 1; step <= STEPS; step++) {
        take_step(test->team, whole, step);
        struct trn_progress progress = progress_of(step);
        if (step == KILLED_AFTER)
            assert_int_equal(trn_checkpoint_write(path, whole, &progress, &test->err), M2C_OK);
    }
    struct trn_progress progress = progress_of(0);
    progress.seed = progress.epoch = progress.batch = progress.best_step = 0;
    assert_int_equal(trn_checkpoint_read(path, resumed, &progress, &test->err), M2C_OK);
    assert_int_equal(progress.step, KILLED_AFTER);
    assert_true(progress.seed == UINT64_MAX);
    assert_int_equal(progress.epoch, 3);
    assert_int_equal(progress.batch, 1);
    assert_int_equal(progress.best_step, 2);
    assert_true(progress.best == 0.1);
    for (uint64_t step = progress.step + 1; step <= STEPS; step++)
        take_step(test->team, resumed, step);
    check_same(whole, resumed);
    trn_tensors_free(&whole);
    trn_tensors_free(&resumed);
}

static void no_figure_yet_is_kept_as_such(void **state)
{
    struct checkpoint_case *test = *state;
    const char *path = scratch_path(&test->scratch, "state.safetensors");
    struct trn_tensors *tensors = new_run(0);
    struct trn_progress progress = progress_of(1);
    progress.best = NAN;
    assert_int_equal(trn_checkpoint_write(path, tensors, &progress, &test->err), M2C_OK);
    progress.best = 0;
    assert_int_equal(trn_checkpoint_read(path, tensors, &progress, &test->err), M2C_OK);
    assert_true(isnan(progress.best));
    trn_tensors_free(&tensors);
}

static void what_does_not_fit_changes_nothing(void **state)
{
    struct checkpoint_case *test = *state;
    const char *path = scratch_path(&test->scratch, "state.safetensors");
    struct trn_tensors *tensors = new_run(0), *wider = new_run(1), *untouched = new_run(0);
    struct trn_progress progress = progress_of(5);
    take_step(test->team, tensors, 1);
    assert_int_equal(trn_checkpoint_write(path, tensors, &progress, &test->err), M2C_OK);
    struct trn_progress mine = progress_of(0);
    assert_int_equal(trn_checkpoint_read(path, wider, &mine, &test->err), M2C_BAD_MODEL);
    (void)snprintf(mine.run, sizeof mine.run, "another run");
    assert_int_equal(trn_checkpoint_read(path, untouched, &mine, &test->err), M2C_INVALID_REQUEST);
    assert_int_equal(mine.step, 0);
    size_t size;
    char *bytes = scratch_read(path, &size);
    for (size_t cut = 0; cut < size; cut += 97) {
        scratch_put(&test->scratch, "cut.safetensors", bytes, cut);
        mine = progress_of(0);
        assert_int_equal(trn_checkpoint_read(scratch_path(&test->scratch, "cut.safetensors"),
                                             untouched, &mine, &test->err),
                         M2C_BAD_MODEL);
    }
    struct trn_tensors *fresh = new_run(0);
    check_same(untouched, fresh);
    free(bytes);
    trn_tensors_free(&tensors);
    trn_tensors_free(&wider);
    trn_tensors_free(&untouched);
    trn_tensors_free(&fresh);
}

static void a_file_of_another_kind_is_refused(void **state)
{
    struct checkpoint_case *test = *state;
    struct trn_tensors *tensors = new_run(0);
    struct trn_progress progress = progress_of(0);
    scratch_put_safetensors(&test->scratch, "model.safetensors", "{}", 0);
    assert_int_equal(trn_checkpoint_read(scratch_path(&test->scratch, "model.safetensors"), tensors,
                                         &progress, &test->err),
                     M2C_BAD_MODEL);
    trn_tensors_free(&tensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_resumed_run_ends_with_the_same_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_figure_yet_is_kept_as_such, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_does_not_fit_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_of_another_kind_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
