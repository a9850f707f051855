/* A whole step on the fixtures' networks: every tensor's gradient along its own direction, memory,
 * losses that are switched off, and what does not fit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "differences.h"
#include "train/adamw.h"
#include "train/model.h"
#include "train/step.h"
#include "train/text.h"

enum { CLIPS = 3, FRAMES = 2, LABELS = 3 };

struct step_case {
    struct trn_model model;
    struct m2c_team *team;
    struct trn_step *step;
    struct trn_step_options options;
    struct trn_batch batch;
    float *pixels, *dropout;
    struct m2c_image images[CLIPS * FRAMES];
    int32_t labels[CLIPS];
    int32_t *label_tokens, *masked_tokens, *targets;
};

/* A text of `length` ids, the highest at its end. */
static void write_text(int32_t *row, size_t context, size_t length, int vocabulary, unsigned seed)
{
    for (size_t i = 0; i < context; i++)
        row[i] = i + 1 < length ? (int32_t)((seed * 31U + i * 7U) % (unsigned)(vocabulary - 1)) : 0;
    row[length - 1] = vocabulary - 1;
}

static void make_texts(struct step_case *test)
{
    const struct m2c_config *config = &test->model.config;
    size_t context = (size_t)config->context_length, words = test->model.network.cmlm.decoder.out;
    test->label_tokens = calloc(LABELS * context, sizeof *test->label_tokens);
    test->masked_tokens = calloc(CLIPS * context, sizeof *test->masked_tokens);
    test->targets = calloc(CLIPS * context, sizeof *test->targets);
    assert_non_null(test->label_tokens);
    assert_non_null(test->masked_tokens);
    assert_non_null(test->targets);
    for (unsigned n = 0; n < LABELS; n++)
        write_text(test->label_tokens + n * context, context, 4 + n, config->vocabulary, n);
    for (size_t i = 0; i < CLIPS * context; i++)
        test->targets[i] = TRN_NO_TARGET;
    for (unsigned b = 0; b < CLIPS; b++) {
        test->labels[b] = (int32_t)(b % 2);
        write_text(test->masked_tokens + b * context, context, 5 + b, config->vocabulary, b + 9);
        if (b != 1 && words > 0) /* one clip has no masked word */
            test->targets[b * context + 2] = (int32_t)(b % words);
    }
    test->targets[2 * context + 1] = 0;
}

static void make_images(struct step_case *test)
{
    size_t side = (size_t)test->model.config.image_px;
    test->pixels = random_floats(CLIPS * FRAMES * 3 * side * side, 77);
    for (size_t i = 0; i < CLIPS * FRAMES; i++)
        test->images[i] = (struct m2c_image){.data = test->pixels + i * 3 * side * side,
                                             .plane_stride = side * side,
                                             .row_stride = side};
}

static void make_batch(struct step_case *test)
{
    make_texts(test);
    make_images(test);
    test->batch = (struct trn_batch){.clips = CLIPS,
                                     .frames = FRAMES,
                                     .images = test->images,
                                     .labels = test->labels,
                                     .label_tokens = test->label_tokens,
                                     .classes = LABELS,
                                     .masked_tokens = test->masked_tokens,
                                     .masked_targets = test->targets};
}

static void open_case(struct step_case *test, const char *fixture,
                      const struct trn_selection *selection, const struct trn_adapter_plan *plan,
                      int team_size)
{
    struct m2c_error err;
    char path[512];
    *test = (struct step_case){0};
    (void)snprintf(path, sizeof path, "%s/%s", M2C_TEST_FIXTURES, fixture);
    const struct trn_model_options options = {.dir = path, .selection = *selection, .plan = plan};
    assert_int_equal(trn_model_open(&options, &test->model, &err), M2C_OK);
    assert_int_equal(m2c_team_new(team_size, &test->team, &err), M2C_OK);
    test->options.weights = trn_loss_weights_defaults();
    make_batch(test);
}

static void start(struct step_case *test)
{
    struct m2c_error err;
    trn_step_free(&test->step);
    assert_int_equal(
        trn_step_new(&test->model.network, test->team, &test->options, &test->step, &err), M2C_OK);
    assert_int_equal(
        trn_batch_check(&test->model.network, &test->options.weights, &test->batch, &err), M2C_OK);
}

static void close_case(struct step_case *test)
{
    trn_step_free(&test->step);
    m2c_team_free(&test->team);
    trn_model_close(&test->model);
    free(test->pixels);
    free(test->dropout);
    free(test->label_tokens);
    free(test->masked_tokens);
    free(test->targets);
}

static struct trn_losses run(struct step_case *test)
{
    struct m2c_error err;
    struct trn_losses losses;
    trn_tensors_clear_gradients(test->model.tensors);
    assert_int_equal(trn_step_run(test->step, &test->batch, &losses, &err), M2C_OK);
    return losses;
}

static double loss_of(struct step_case *test)
{
    struct m2c_error err;
    struct trn_losses losses;
    assert_int_equal(trn_step_losses(test->step, &test->batch, &losses, &err), M2C_OK);
    return losses.total;
}

static double loss_moved(struct step_case *test, struct trn_tensor *tensor, const float *before,
                         const float *direction, float distance)
{
    for (size_t i = 0; i < tensor->count; i++)
        tensor->value[i] = before[i] + distance * direction[i];
    return loss_of(test);
}

/* Along `direction` the loss must change as the gradient says. Differences are taken at two
 * distances: the nearer drowns in rounding where gradients are small, the farther bends where they
 * are large. */
static void check_direction(struct step_case *test, struct trn_tensor *tensor, const float *before,
                            const float *direction, const float *grad)
{
    static const float distances[] = {0.05F, 0.01F, 0.002F};
    double expected = weighted_sum(direction, grad, tensor->count), found = 0;
    double tolerance = 0.02 * fabs(expected) + 3e-4;
    bool agrees = false;
    for (size_t i = 0; i < sizeof distances / sizeof distances[0] && !agrees; i++) {
        float h = distances[i];
        double near = loss_moved(test, tensor, before, direction, h) -
                      loss_moved(test, tensor, before, direction, -h);
        double far = loss_moved(test, tensor, before, direction, 2 * h) -
                     loss_moved(test, tensor, before, direction, -2 * h);
        found = (8 * near - far) / (12 * (double)h);
        agrees = fabs(found - expected) <= tolerance;
    }
    memcpy(tensor->value, before, tensor->count * sizeof *before);
    if (!agrees)
        fail_msg("%s: the gradient says %g, differences %g", tensor->name, expected, found);
}

/* Along the gradient, where the loss changes most, and somewhat aside. */
static void check_tensor(struct step_case *test, struct trn_tensor *tensor)
{
    size_t count = tensor->count;
    float *before = random_floats(count, 1), *grad = random_floats(count, 1);
    float *direction = random_floats(count, 5);
    memcpy(before, tensor->value, count * sizeof *before);
    memcpy(grad, tensor->grad, count * sizeof *grad);
    double length = sqrt(weighted_sum(direction, direction, count));
    double slope = sqrt(weighted_sum(grad, grad, count)) + 1e-12;
    for (size_t i = 0; i < count; i++)
        direction[i] = (float)((double)grad[i] / slope + (double)direction[i] / (2 * length));
    check_direction(test, tensor, before, direction, grad);
    free(before);
    free(grad);
    free(direction);
}

static void check_every_tensor(struct step_case *test)
{
    start(test);
    (void)run(test);
    for (size_t i = 0; i < trn_tensors_count(test->model.tensors); i++) {
        struct trn_tensor *tensor = trn_tensors_at(test->model.tensors, i);
        if (tensor->trained)
            check_tensor(test, tensor);
    }
}

static const struct trn_selection everything = {.full = true}, adapters = {0};

static void every_tensor_agrees_with_differences(void **state)
{
    static const char *const fixtures[] = {"tiny-premlp", "tiny-preattn-premlp"};
    static const struct trn_selection *const selections[] = {&everything, &adapters};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct step_case test;
        open_case(&test, fixtures[i], selections[i], NULL, 1);
        check_every_tensor(&test);
        close_case(&test);
    }
}

static void plain_clip_agrees_with_differences(void **state)
{
    struct step_case test;
    (void)state;
    open_case(&test, "tiny-clip-hf", &everything, NULL, 1);
    test.options.weights.vc = test.options.weights.cmlm = 0;
    check_every_tensor(&test);
    close_case(&test);
}

/* Fresh adapters on plain CLIP, which has no block of its own for the CMLM head. */
static void adapters_on_plain_clip_agree_with_differences(void **state)
{
    const struct trn_adapter_plan plan = {.vision_width = 12,
                                          .vision_layers = 1,
                                          .vision_pre_attn = true,
                                          .vision_pre_mlp = true,
                                          .frame_width = 6,
                                          .text_width = 8,
                                          .text_layers = 1,
                                          .text_pre_mlp = true,
                                          .classes = LABELS,
                                          .words = 5};
    struct step_case test;
    (void)state;
    open_case(&test, "tiny-clip-hf", &adapters, &plan, 1);
    check_every_tensor(&test);
    /* Adapters whose convolutions are zero let everything pass, and so hide their other tensors. */
    for (size_t i = 0; i < trn_tensors_count(test.model.tensors); i++) {
        struct trn_tensor *tensor = trn_tensors_at(test.model.tensors, i);
        float *random = random_floats(tensor->count, (unsigned)i);
        for (size_t j = 0; tensor->trained && j < tensor->count; j++)
            tensor->value[j] += 0.3F * random[j];
        free(random);
    }
    check_every_tensor(&test);
    close_case(&test);
}

static void dropout_scales_what_the_vc_layer_reads(void **state)
{
    struct step_case test;
    (void)state;
    open_case(&test, "tiny-premlp", &adapters, NULL, 2);
    size_t count = CLIPS * (size_t)test.model.config.vision.width;
    test.dropout = random_floats(count, 3);
    for (size_t i = 0; i < count; i++)
        test.dropout[i] = test.dropout[i] > 0 ? 2.0F : 0.0F;
    test.batch.dropout = test.dropout;
    test.options.weights = (struct trn_losses){.vc = 1};
    start(&test);
    (void)run(&test);
    check_tensor(&test, trn_tensors_find(test.model.tensors, "visual.adapter_fc.weight"));
    check_tensor(&test,
                 trn_tensors_find(test.model.tensors,
                                  "visual.transformer.resblocks.0.adapter_pre_mlp.fc1.weight"));
    close_case(&test);
}

static float *copy_gradients(const struct step_case *test, size_t *count)
{
    const float *gradients = trn_tensors_gradients(test->model.tensors, count);
    float *copy = malloc(*count * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, gradients, *count * sizeof *copy);
    return copy;
}

static void computing_again_gives_the_same_bits_in_less_memory(void **state)
{
    const struct trn_selection *const selections[] = {&everything, &adapters};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct step_case test;
        size_t count;
        open_case(&test, "tiny-preattn-premlp", selections[i], NULL, 2);
        start(&test);
        struct trn_losses kept = run(&test);
        float *gradients = copy_gradients(&test, &count);
        size_t bytes = trn_step_bytes(test.step, &test.batch);
        test.options.recompute = true;
        start(&test);
        struct trn_losses again = run(&test);
        assert_true(kept.total == again.total);
        assert_memory_equal(gradients, trn_tensors_gradients(test.model.tensors, &count),
                            count * sizeof *gradients);
        assert_true(trn_step_bytes(test.step, &test.batch) < bytes);
        free(gradients);
        close_case(&test);
    }
}

static void a_second_run_gives_the_same_bits_and_adds(void **state)
{
    struct step_case test;
    struct m2c_error err;
    struct trn_losses losses;
    size_t count;
    (void)state;
    open_case(&test, "tiny-premlp", &adapters, NULL, 2);
    start(&test);
    (void)run(&test);
    float *once = copy_gradients(&test, &count);
    (void)run(&test);
    const float *gradients = trn_tensors_gradients(test.model.tensors, &count);
    assert_memory_equal(once, gradients, count * sizeof *once);
    assert_int_equal(trn_step_run(test.step, &test.batch, &losses, &err), M2C_OK);
    for (size_t i = 0; i < count; i++)
        assert_true(fabsf(gradients[i] - 2 * once[i]) <= 1e-3F * fabsf(once[i]) + 1e-5F);
    free(once);
    close_case(&test);
}

/* A resumed run computes its labels in another step than the run before it did. */
static void kept_label_states_do_not_depend_on_the_step_that_made_them(void **state)
{
    struct step_case test;
    size_t count;
    (void)state;
    open_case(&test, "tiny-premlp", &adapters, NULL, 2);
    size_t context = (size_t)test.model.config.context_length;
    start(&test);
    (void)run(&test);
    for (unsigned b = 0; b < CLIPS; b++)
        write_text(test.masked_tokens + b * context, context, 20 + 9 * b,
                   test.model.config.vocabulary, b + 40);
    struct trn_losses kept = run(&test);
    float *gradients = copy_gradients(&test, &count);
    start(&test);
    struct trn_losses fresh = run(&test);
    assert_true(kept.total == fresh.total);
    assert_memory_equal(gradients, trn_tensors_gradients(test.model.tensors, &count),
                        count * sizeof *gradients);
    test.label_tokens[1]++;
    assert_true(run(&test).total != fresh.total);
    free(gradients);
    close_case(&test);
}

static void a_loss_of_weight_zero_is_not_there(void **state)
{
    struct step_case test;
    (void)state;
    open_case(&test, "tiny-premlp", &adapters, NULL, 2);
    start(&test);
    struct trn_losses all = run(&test);
    assert_true(fabs(all.total - (all.contrastive + all.cmc) / 2 - all.vc - all.cmlm / 10) < 1e-9);
    test.options.weights = (struct trn_losses){.vc = 1};
    start(&test);
    struct trn_losses alone = run(&test);
    assert_true(alone.vc == all.vc && alone.total == all.vc);
    assert_true(alone.contrastive == 0 && alone.cmc == 0 && alone.cmlm == 0);
    const struct trn_tensor *text = trn_tensors_find(
        test.model.tensors, "transformer.resblocks.1.adapter_pre_mlp.textad_fc2.weight");
    for (size_t i = 0; i < text->count; i++)
        assert_true(text->grad[i] == 0.0F);
    test.options.weights = (struct trn_losses){.cmc = 1};
    start(&test);
    assert_true(fabs(run(&test).cmc - all.cmc) < 1e-5);
    close_case(&test);
}

static void some_steps_learn_a_batch_by_heart(void **state)
{
    const struct trn_selection *const selections[] = {&adapters, &everything};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct step_case test;
        struct trn_adamw adamw = trn_adamw_defaults();
        open_case(&test, "tiny-premlp", selections[i], NULL, 2);
        start(&test);
        double before = run(&test).total, after = 0;
        for (uint64_t step = 1; step <= 30; step++) {
            after = run(&test).total;
            trn_adamw_step(test.team, &adamw, step, test.model.tensors);
        }
        assert_true(after < 0.5 * before);
        struct trn_hits hits = trn_step_hits(test.step, &test.batch);
        assert_true(hits.vc == CLIPS && hits.zeroshot == CLIPS);
        close_case(&test);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    struct step_case test;
    struct m2c_error err;
    struct trn_losses weights = trn_loss_weights_defaults();
    (void)state;
    open_case(&test, "tiny-premlp", &adapters, NULL, 2);
    struct trn_batch batch = test.batch;
    test.labels[1] = 400;
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &batch, &err),
                     M2C_INVALID_REQUEST);
    test.labels[1] = 0;
    test.targets[0] = 23;
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &batch, &err),
                     M2C_INVALID_REQUEST);
    test.targets[0] = TRN_NO_TARGET;
    test.label_tokens[3] = test.model.config.vocabulary;
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &batch, &err),
                     M2C_INVALID_REQUEST);
    test.label_tokens[3] = 1;
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &batch, &err), M2C_OK);
    batch.clips = 0;
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &batch, &err),
                     M2C_INVALID_REQUEST);
    close_case(&test);
    open_case(&test, "tiny-clip-hf", &everything, NULL, 2);
    assert_int_equal(trn_batch_check(&test.model.network, &weights, &test.batch, &err),
                     M2C_INVALID_REQUEST);
    close_case(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tensor_agrees_with_differences),
        cmocka_unit_test(plain_clip_agrees_with_differences),
        cmocka_unit_test(adapters_on_plain_clip_agree_with_differences),
        cmocka_unit_test(dropout_scales_what_the_vc_layer_reads),
        cmocka_unit_test(computing_again_gives_the_same_bits_in_less_memory),
        cmocka_unit_test(a_second_run_gives_the_same_bits_and_adds),
        cmocka_unit_test(kept_label_states_do_not_depend_on_the_step_that_made_them),
        cmocka_unit_test(a_loss_of_weight_zero_is_not_there),
        cmocka_unit_test(some_steps_learn_a_batch_by_heart),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
