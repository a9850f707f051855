#include "layer_fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

void fixture_open(struct layer_fixture *fixture, int team_size, unsigned seed)
{
    struct m2c_error err;
    *fixture = (struct layer_fixture){.seed = seed};
    assert_int_equal(m2c_team_new(team_size, &fixture->team, &err), M2C_OK);
}

void fixture_close(struct layer_fixture *fixture)
{
    for (size_t i = 0; i < fixture->count; i++) {
        free(fixture->parameters[i].value);
        free(fixture->parameters[i].grad);
    }
    free(fixture->memory);
    m2c_team_free(&fixture->team);
}

struct trn_view fixture_view(struct layer_fixture *fixture, const char *name, size_t count,
                             float scale)
{
    assert_true(fixture->count < FIXTURE_PARAMETERS);
    float *value = random_floats(count, ++fixture->seed);
    float *grad = calloc(count, sizeof *grad);
    assert_non_null(grad);
    for (size_t i = 0; i < count; i++)
        value[i] *= scale;
    fixture->parameters[fixture->count].name = name;
    fixture->parameters[fixture->count].value = value;
    fixture->parameters[fixture->count].grad = grad;
    fixture->parameters[fixture->count++].count = count;
    return (struct trn_view){.value = value, .grad = grad};
}

struct trn_dense fixture_dense(struct layer_fixture *fixture, const char *name, size_t in,
                               size_t out, bool bias)
{
    struct trn_dense dense = {.in = in, .out = out};
    dense.weight = fixture_view(fixture, name, in * out, 1.5F / sqrtf((float)in));
    if (bias)
        dense.bias = fixture_view(fixture, name, out, 0.5F);
    return dense;
}

struct trn_norm fixture_norm(struct layer_fixture *fixture, const char *name, size_t width)
{
    struct trn_norm norm = {.width = width, .eps = 1e-5F};
    norm.gamma = fixture_view(fixture, name, width, 1.0F);
    norm.beta = fixture_view(fixture, name, width, 0.5F);
    return norm;
}

struct trn_ted fixture_ted(struct layer_fixture *fixture, size_t channels, size_t width,
                           bool difference)
{
    struct trn_ted ted = {.channels = channels, .width = width, .difference = difference};
    ted.down = fixture_dense(fixture, "fc1", channels, width, true);
    ted.up = fixture_dense(fixture, "fc2", width, channels, true);
    ted.time_weight = fixture_view(fixture, "conv.weight", 3 * width, 1.0F);
    ted.time_bias = fixture_view(fixture, "conv.bias", width, 1.0F);
    if (!difference)
        return ted;
    ted.difference_down = fixture_dense(fixture, "offset.fc1", channels, width, false);
    ted.difference_up = fixture_dense(fixture, "offset.fc2", width, channels, false);
    ted.shift = fixture_view(fixture, "offset.fc1.bias", width, 1.0F);
    ted.space_weight = fixture_view(fixture, "offset.conv.weight", 9 * width, 0.5F);
    ted.space_bias = fixture_view(fixture, "offset.conv.bias", width, 1.0F);
    ted.difference_bias = fixture_view(fixture, "offset.fc2.bias", channels, 1.0F);
    return ted;
}

struct trn_adapter fixture_text_adapter(struct layer_fixture *fixture, size_t channels,
                                        size_t width)
{
    struct trn_adapter adapter = {.kind = TRN_ADAPTER_TEXT};
    adapter.text.fc1 = fixture_dense(fixture, "textad_fc1", channels, width, true);
    adapter.text.fc2 = fixture_dense(fixture, "textad_fc2", width, channels, true);
    return adapter;
}

void fixture_carve(struct layer_fixture *fixture, fixture_carve_work carve, void *context)
{
    struct trn_carver counter = {0};
    carve(&counter, context);
    free(fixture->memory);
    size_t bytes = (counter.peak + TRN_CARVER_ALIGN) * sizeof(float);
    fixture->memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(fixture->memory);
    for (size_t i = 0; i < counter.peak; i++)
        fixture->memory[i] = NAN;
    struct trn_carver carver = {.base = fixture->memory};
    carve(&carver, context);
    assert_int_equal(carver.peak, counter.peak);
}

void fixture_check(struct layer_fixture *fixture, difference_loss loss, void *context,
                   double tolerance)
{
    for (size_t i = 0; i < fixture->count; i++)
        check_differences(fixture->parameters[i].name, loss, context, fixture->parameters[i].value,
                          fixture->parameters[i].grad, fixture->parameters[i].count, tolerance);
}
