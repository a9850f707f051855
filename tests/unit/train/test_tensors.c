#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/team.h"
#include "train/adamw.h"
#include "train/tensors.h"

static struct trn_tensors *new_tensors(void)
{
    struct m2c_error err;
    struct trn_tensors *tensors = NULL;
    assert_int_equal(trn_tensors_new(&tensors, &err), M2C_OK);
    return tensors;
}

static void add(struct trn_tensors *tensors, const char *name, size_t count, float value)
{
    struct m2c_error err;
    float *values;
    assert_int_equal(trn_tensors_add(tensors, name, 1, &count, &values, &err), M2C_OK);
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

static void add_some(struct trn_tensors *tensors)
{
    add(tensors, "visual.adapter_fc.weight", 3, 1);
    add(tensors, "visual.adapter_fc.bias", 3, 1);
    add(tensors, "mlm_adapter.bias", 3, 1);
    add(tensors, "transformer.resblocks.1.adapter_pre_mlp.textad_fc1.weight", 3, 1);
    add(tensors, "logit_scale", 1, 4);
    add(tensors, "a.in_proj_bias", 5, 1);
}

static void adapters_are_trained_and_the_rest_is_frozen(void **state)
{
    struct m2c_error err;
    const struct trn_selection adapters = {0};
    struct trn_tensors *tensors = new_tensors();
    (void)state;
    add_some(tensors);
    assert_int_equal(trn_tensors_select(tensors, &adapters, &err), M2C_OK);
    const struct trn_tensor *weight = trn_tensors_find(tensors, "visual.adapter_fc.weight");
    const struct trn_tensor *bias = trn_tensors_find(tensors, "mlm_adapter.bias");
    const struct trn_tensor *text =
        trn_tensors_find(tensors, "transformer.resblocks.1.adapter_pre_mlp.textad_fc1.weight");
    const struct trn_tensor *frozen = trn_tensors_find(tensors, "logit_scale");
    assert_true(weight->trained && weight->decays && !weight->textual && weight->grad);
    assert_true(bias->trained && !bias->decays);
    assert_true(text->trained && text->textual);
    assert_true(!frozen->trained && !frozen->grad && !frozen->moment_1);
    assert_null(trn_tensors_find(tensors, "visual.adapter_fc"));
    trn_tensors_free(&tensors);
}

static void everything_is_trained_but_what_is_named(void **state)
{
    static const char *const names[] = {"mlm_", "logit_scale"};
    struct m2c_error err;
    const struct trn_selection selection = {.full = true, .frozen = names, .frozen_count = 2};
    struct trn_tensors *tensors = new_tensors();
    (void)state;
    add_some(tensors);
    assert_int_equal(trn_tensors_select(tensors, &selection, &err), M2C_OK);
    assert_true(trn_tensors_find(tensors, "a.in_proj_bias")->trained);
    assert_false(trn_tensors_find(tensors, "a.in_proj_bias")->decays);
    assert_false(trn_tensors_find(tensors, "mlm_adapter.bias")->trained);
    assert_false(trn_tensors_find(tensors, "logit_scale")->trained);
    trn_tensors_free(&tensors);
}

static void nothing_to_train_is_an_error(void **state)
{
    struct m2c_error err;
    const struct trn_selection adapters = {0};
    struct trn_tensors *tensors = new_tensors();
    (void)state;
    add(tensors, "logit_scale", 1, 4);
    assert_int_equal(trn_tensors_select(tensors, &adapters, &err), M2C_INVALID_REQUEST);
    trn_tensors_free(&tensors);
}

static void a_later_tensor_takes_an_earlier_ones_place(void **state)
{
    struct trn_tensors *tensors = new_tensors();
    (void)state;
    add_some(tensors);
    size_t count = trn_tensors_count(tensors);
    add(tensors, "visual.adapter_fc.bias", 9, 2);
    assert_int_equal(trn_tensors_count(tensors), count);
    assert_int_equal(trn_tensors_find(tensors, "visual.adapter_fc.bias")->count, 9);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(trn_tensors_at(tensors, i - 1)->name, trn_tensors_at(tensors, i)->name) <
                    0);
    trn_tensors_free(&tensors);
}

/* The update as the paper has it, in double. */
struct reference {
    double value, first, second;
};

static void reference_step(struct reference *reference, const struct trn_adamw *adamw, double rate,
                           double decay, double grad, int step)
{
    reference->value -= rate * decay * reference->value;
    reference->first = adamw->beta_1 * reference->first + (1 - adamw->beta_1) * grad;
    reference->second = adamw->beta_2 * reference->second + (1 - adamw->beta_2) * grad * grad;
    double first = reference->first / (1 - pow(adamw->beta_1, step));
    double second = reference->second / (1 - pow(adamw->beta_2, step));
    reference->value -= rate * first / (sqrt(second) + adamw->epsilon);
}

static void adamw_follows_its_equations(void **state)
{
    static const char text_name[] = "b.adapter.textad_fc1.weight";
    struct m2c_error err;
    struct m2c_team *team = NULL;
    const struct trn_selection adapters = {0};
    struct trn_adamw adamw = trn_adamw_defaults();
    struct trn_tensors *tensors = new_tensors();
    struct reference weight = {.value = 2}, bias = {.value = 2}, text = {.value = 2};
    (void)state;
    adamw.decay = 0.1;
    add(tensors, "adapter.weight", 5000, 2);
    add(tensors, "adapter.bias", 5, 2);
    add(tensors, text_name, 5, 2);
    assert_int_equal(m2c_team_new(2, &team, &err), M2C_OK);
    assert_int_equal(trn_tensors_select(tensors, &adapters, &err), M2C_OK);
    for (int step = 1; step <= 20; step++) {
        double grad = sin((double)step);
        for (size_t i = 0; i < trn_tensors_count(tensors); i++)
            for (size_t j = 0; j < trn_tensors_at(tensors, i)->count; j++)
                trn_tensors_at(tensors, i)->grad[j] = (float)grad;
        trn_adamw_step(team, &adamw, (uint64_t)step, tensors);
        reference_step(&weight, &adamw, adamw.rate, adamw.decay, grad, step);
        reference_step(&bias, &adamw, adamw.rate, 0, grad, step);
        reference_step(&text, &adamw, adamw.rate * adamw.text_factor, adamw.decay, grad, step);
    }
    assert_true(fabs((double)trn_tensors_find(tensors, "adapter.weight")->value[4999] -
                     weight.value) < 1e-5);
    assert_true(fabs((double)trn_tensors_find(tensors, "adapter.bias")->value[0] - bias.value) <
                1e-5);
    assert_true(fabs((double)trn_tensors_find(tensors, text_name)->value[0] - text.value) < 1e-5);
    trn_tensors_free(&tensors);
    m2c_team_free(&team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adapters_are_trained_and_the_rest_is_frozen),
        cmocka_unit_test(everything_is_trained_but_what_is_named),
        cmocka_unit_test(nothing_to_train_is_an_error),
        cmocka_unit_test(a_later_tensor_takes_an_earlier_ones_place),
        cmocka_unit_test(adamw_follows_its_equations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
