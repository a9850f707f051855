#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

static const double golden_limit = 1e-4;

static void require(enum m2c_status status, const struct m2c_error *err)
{
    if (status != M2C_OK)
        fail_msg("%s: %s (%s)", m2c_status_code(status), err->detail, err->context);
}

float *new_test_floats(size_t count)
{
    float *floats = calloc(count, sizeof *floats);
    assert_non_null(floats);
    return floats;
}

static const struct m2c_tensor *find(const struct golden *golden, const char *name)
{
    const struct m2c_tensor *tensor = m2c_weights_find(golden->file, name);
    if (!tensor)
        fail_msg("%s has no tensor %s", golden->name, name);
    return tensor;
}

static void read_input(struct golden *golden)
{
    const struct m2c_tensor *tensor = find(golden, "input");
    assert_int_equal(tensor->rank, 5);
    size_t clips = tensor->shape[0];
    size_t frames = tensor->shape[2];
    size_t plane = tensor->shape[3] * tensor->shape[4];
    golden->clips = (int)clips;
    golden->frames = (int)frames;
    golden->input = new_test_floats(tensor->elements);
    m2c_tensor_to_f32(tensor, 0, tensor->elements, golden->input);
    golden->images = calloc(clips * frames, sizeof *golden->images);
    assert_non_null(golden->images);
    for (size_t b = 0; b < clips; b++) {
        for (size_t t = 0; t < frames; t++)
            golden->images[b * frames + t] =
                (struct m2c_image){.data = golden->input + (b * 3 * frames + t) * plane,
                                   .plane_stride = frames * plane,
                                   .row_stride = tensor->shape[4]};
    }
}

static void read_tokens(struct golden *golden)
{
    const struct m2c_tensor *tensor = find(golden, "tokens");
    assert_int_equal(tensor->rank, 2);
    golden->texts = (int)tensor->shape[0];
    golden->context = (int)tensor->shape[1];
    golden->tokens = malloc(tensor->bytes);
    assert_non_null(golden->tokens);
    memcpy(golden->tokens, tensor->data, tensor->bytes);
}

bool golden_open(struct golden *golden, const char *name, const struct golden_setup *setup)
{
    char dir[512];
    char path[600];
    struct m2c_error err;
    *golden = (struct golden){.name = name};
    (void)snprintf(dir, sizeof dir, "%s/%s", M2C_TEST_FIXTURES, name);
    (void)snprintf(path, sizeof path, "%s/golden.safetensors", dir);
    struct m2c_model_options options = {
        .dir = dir, .precision = setup->precision, .backend = setup->backend};
    enum m2c_status status = m2c_model_load(&options, &golden->model, &err);
    if (status == M2C_USAGE)
        return false;
    require(status, &err);
    require(m2c_weights_open_file(path, &golden->file, &err), &err);
    read_input(golden);
    read_tokens(golden);
    require(m2c_team_new(setup->threads, &golden->team, &err), &err);
    struct m2c_encoder_options encoder = {.team = golden->team,
                                          .max_frames = golden->clips * golden->frames};
    require(m2c_encoder_new(golden->model, &encoder, &golden->encoder, &err), &err);
    return true;
}

void golden_close(struct golden *golden)
{
    m2c_encoder_free(&golden->encoder);
    m2c_team_free(&golden->team);
    m2c_model_free(&golden->model);
    m2c_weights_free(&golden->file);
    free(golden->input);
    free(golden->images);
    free(golden->tokens);
}

const struct m2c_set *golden_set(const struct golden *golden)
{
    return m2c_model_find_set(golden->model, NULL);
}

bool golden_has(const struct golden *golden, const char *tensor)
{
    return m2c_weights_has(golden->file, tensor);
}

void golden_compare(struct golden *golden, const char *name, const float *values, size_t count)
{
    const struct m2c_tensor *tensor = find(golden, name);
    assert_int_equal(tensor->elements, count);
    float *expected = new_test_floats(count);
    m2c_tensor_to_f32(tensor, 0, count, expected);
    double largest = 0.0;
    double difference = 0.0;
    for (size_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        difference = isfinite(values[i])
                         ? fmax(difference, fabs((double)values[i] - (double)expected[i]))
                         : INFINITY;
    }
    free(expected);
    double relative = difference / largest;
    golden->worst = fmax(golden->worst, relative);
    print_message("%-22s %-16s %.2e of %.3g\n", golden->name, name, relative, largest);
    if (!(relative <= golden_limit))
        fail_msg("%s %s differs by %g of %g", golden->name, name, difference, largest);
}
