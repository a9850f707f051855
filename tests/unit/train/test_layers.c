/* Dense layers, layer norms and activations. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "layer_fixture.h"
#include "train/activation.h"

static const double tolerance = 2e-3;

/* One layer on random rows; the loss is the sum of its outputs times random weights. */
struct layer {
    struct m2c_team *team;
    size_t rows, in, out, ldx, ldy;
    float *x, *y, *weights, *dx, *stats;
    const struct trn_dense *dense;
    const struct trn_norm *norm;
    enum m2c_activation activation;
    const float *bias;
};

static struct layer open_layer(struct m2c_team *team, size_t rows, size_t in, size_t out,
                               size_t gap)
{
    struct layer layer = {
        .team = team, .rows = rows, .in = in, .out = out, .ldx = in + gap, .ldy = out + gap};
    layer.x = random_floats(rows * layer.ldx, 5);
    layer.y = random_floats(rows * layer.ldy, 6);
    layer.weights = random_floats(rows * layer.ldy, 7);
    layer.dx = calloc(rows * layer.ldx, sizeof *layer.dx);
    layer.stats = calloc(2 * rows, sizeof *layer.stats);
    assert_non_null(layer.dx);
    assert_non_null(layer.stats);
    return layer;
}

static void close_layer(struct layer *layer)
{
    free(layer->x);
    free(layer->y);
    free(layer->weights);
    free(layer->dx);
    free(layer->stats);
}

static double output_sum(const struct layer *layer)
{
    double sum = 0;
    for (size_t row = 0; row < layer->rows; row++)
        sum += weighted_sum(layer->y + row * layer->ldy, layer->weights + row * layer->ldy,
                            layer->out);
    return sum;
}

static double dense_loss(void *context)
{
    struct layer *layer = context;
    const struct trn_dense_pass pass = {.dense = layer->dense,
                                        .rows = layer->rows,
                                        .x = layer->x,
                                        .ldx = layer->ldx,
                                        .y = layer->y,
                                        .ldy = layer->ldy};
    trn_dense_forward(layer->team, &pass);
    return output_sum(layer);
}

static void check_dense(size_t rows, size_t in, size_t out, size_t gap, bool transposed)
{
    struct layer_fixture fixture;
    fixture_open(&fixture, 2, 11);
    struct trn_dense dense = fixture_dense(&fixture, "dense", in, out, true);
    struct layer layer = open_layer(fixture.team, rows, in, out, gap);
    dense.transposed = transposed;
    layer.dense = &dense;
    trn_dense_to_weights(fixture.team, &dense, rows, layer.x, layer.ldx, layer.weights, layer.ldy);
    trn_dense_to_input(fixture.team, &dense, rows, layer.weights, layer.ldy, layer.dx, layer.ldx,
                       TRN_ADD);
    fixture_check(&fixture, dense_loss, &layer, tolerance);
    check_differences("x", dense_loss, &layer, layer.x, layer.dx, in, tolerance);
    close_layer(&layer);
    fixture_close(&fixture);
}

static void dense_layers_agree_with_differences(void **state)
{
    (void)state;
    for (int transposed = 0; transposed <= 1; transposed++) {
        check_dense(1, 3, 2, 0, transposed);
        check_dense(40, 24, 17, 3, transposed);
        check_dense(6, 20, 90, 0, transposed);
    }
}

static void gradients_are_added_to_what_was_there(void **state)
{
    struct layer_fixture fixture;
    (void)state;
    fixture_open(&fixture, 1, 3);
    struct trn_dense dense = fixture_dense(&fixture, "dense", 4, 3, true);
    struct layer layer = open_layer(fixture.team, 5, 4, 3, 0);
    trn_dense_to_weights(fixture.team, &dense, 5, layer.x, 4, layer.weights, 3);
    float once = dense.weight.grad[2], bias_once = dense.bias.grad[1];
    trn_dense_to_weights(fixture.team, &dense, 5, layer.x, 4, layer.weights, 3);
    assert_true(fabsf(dense.weight.grad[2] - 2 * once) < 1e-5F);
    assert_true(fabsf(dense.bias.grad[1] - 2 * bias_once) < 1e-5F);
    close_layer(&layer);
    fixture_close(&fixture);
}

static void frozen_parameters_get_nothing(void **state)
{
    struct layer_fixture fixture;
    (void)state;
    fixture_open(&fixture, 1, 3);
    struct trn_dense dense = fixture_dense(&fixture, "dense", 4, 3, true);
    struct layer layer = open_layer(fixture.team, 5, 4, 3, 0);
    float *grad = dense.weight.grad;
    dense.weight.grad = dense.bias.grad = NULL;
    assert_false(trn_dense_trained(&dense));
    trn_dense_to_weights(fixture.team, &dense, 5, layer.x, 4, layer.weights, 3);
    for (size_t i = 0; i < 12; i++)
        assert_true(grad[i] == 0.0F);
    close_layer(&layer);
    fixture_close(&fixture);
}

static double norm_loss(void *context)
{
    struct layer *layer = context;
    trn_norm_forward(layer->team, layer->norm, layer->rows, layer->x, layer->y);
    return output_sum(layer);
}

static void layer_norms_agree_with_differences(void **state)
{
    static const size_t widths[] = {2, 8, 33, 128};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        struct layer_fixture fixture;
        size_t width = widths[i], rows = 13;
        fixture_open(&fixture, 3, 21);
        struct trn_norm norm = fixture_norm(&fixture, "norm", width);
        struct layer layer = open_layer(fixture.team, rows, width, width, 0);
        norm.eps = 0.1F; /* a row of two values has too sharp a slope without it */
        layer.norm = &norm;
        trn_norm_backward(fixture.team, &norm, rows, layer.x, layer.weights, layer.dx, layer.stats);
        fixture_check(&fixture, norm_loss, &layer, tolerance);
        check_differences("x", norm_loss, &layer, layer.x, layer.dx, rows * width, tolerance);
        close_layer(&layer);
        fixture_close(&fixture);
    }
}

static double activation_loss(void *context)
{
    struct layer *layer = context;
    trn_activation_forward(layer->team, layer->activation, layer->rows, layer->in, layer->x,
                           layer->bias, layer->y);
    return output_sum(layer);
}

static void check_activation(enum m2c_activation activation, float scale)
{
    struct layer_fixture fixture;
    size_t rows = 3, width = 700; /* more than the piece that is worked on at a time */
    fixture_open(&fixture, 2, 31);
    struct layer layer = open_layer(fixture.team, rows, width, width, 0);
    float *bias = random_floats(width, 9);
    for (size_t i = 0; i < rows * width; i++)
        layer.x[i] *= scale;
    for (size_t i = 0; i < width; i++)
        bias[i] *= scale;
    layer.x[0] = -bias[0]; /* exactly zero */
    layer.activation = activation;
    layer.bias = bias;
    memcpy(layer.dx, layer.weights, rows * width * sizeof *layer.dx);
    trn_activation_backward(fixture.team, activation, rows, width, layer.x, bias, layer.dx);
    check_differences("z", activation_loss, &layer, layer.x, layer.dx, rows * width, tolerance);
    free(bias);
    close_layer(&layer);
    fixture_close(&fixture);
}

static void activations_agree_with_differences(void **state)
{
    static const float scales[] = {1e-4F, 0.01F, 1.0F, 5.0F, 40.0F};
    (void)state;
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++) {
        check_activation(M2C_ACT_QUICK_GELU, scales[i]);
        check_activation(M2C_ACT_GELU, scales[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_layers_agree_with_differences),
        cmocka_unit_test(gradients_are_added_to_what_was_there),
        cmocka_unit_test(frozen_parameters_get_nothing),
        cmocka_unit_test(layer_norms_agree_with_differences),
        cmocka_unit_test(activations_agree_with_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
