/* A whole run on a tiny model and a few made videos: it learns, and one that was stopped goes on to
 * the same bits. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "../video/made_video.h"
#include "model/random_model.h"
#include "scratch_folder.h"
#include "train/trainer.h"

enum { FRAMES = 2, ITEMS = 6, CLASSES = 2, EPOCHS = 4, BATCH = 2 };

static char brighter[] = "it gets brighter", darker[] = "it gets darker";
static char *label_names[] = {brighter, darker};
static const struct m2c_label_list labels = {.names = label_names, .count = CLASSES};
static char first_template[] = "A video of {}", second_template[] = "{}";
static char *template_texts[] = {first_template, second_template};
static const struct m2c_text_list templates = {.texts = template_texts, .count = 2};

struct run_case {
    struct scratch scratch;
    struct m2c_team *team;
    struct m2c_tokenizer *tokenizer;
    struct m2c_label_list words;
    struct trn_item items[ITEMS];
    struct trn_data_list list;
    struct m2c_error err;
};

/* What one run has opened. */
struct opened {
    struct trn_model model;
    struct trn_clip_source *training, *validation;
    struct trn_prompts prompts;
    struct trn_run_parts parts;
};

static void make_videos(struct run_case *test)
{
    free(made_video("up.mp4", (const char *const[]){GRAY_RAMP, "-c:v", "mpeg4", NULL}).bytes);
    free(made_video("down.mp4",
                    (const char *const[]){GRAY_RAMP, "-vf", "reverse", "-c:v", "mpeg4", NULL})
             .bytes);
    for (size_t i = 0; i < ITEMS; i++) {
        test->items[i] = (struct trn_item){.path = strdup(made_path(i % 2 ? "down.mp4" : "up.mp4")),
                                           .label = i % 2,
                                           .start_s = 0.1 * (double)(i / 2),
                                           .part = i < 4 ? TRN_PART_TRAIN : TRN_PART_VALIDATION,
                                           .line = i + 1};
        assert_non_null(test->items[i].path);
    }
    test->list = (struct trn_data_list){.items = test->items, .count = ITEMS};
}

static int set_up(void **state)
{
    static struct run_case test;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    test = (struct run_case){0};
    scratch_make(&test.scratch);
    assert_int_equal(trn_prompts_words(&labels, &test.words, &test.err), M2C_OK);
    assert_int_equal(test.words.count, 4);
    spec.classes = CLASSES;
    spec.words = (int)test.words.count;
    assert_int_equal(m2c_random_model_write(&spec, scratch_path(&test.scratch, "base"), &test.err),
                     M2C_OK);
    assert_int_equal(
        m2c_tokenizer_open(scratch_path(&test.scratch, "base"), &test.tokenizer, &test.err),
        M2C_OK);
    assert_int_equal(m2c_team_new(2, &test.team, &test.err), M2C_OK);
    if (have_ffmpeg())
        make_videos(&test);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct run_case *test = *state;
    for (size_t i = 0; i < ITEMS; i++)
        free(test->items[i].path);
    m2c_label_list_destroy(&test->words);
    m2c_tokenizer_free(&test->tokenizer);
    m2c_team_free(&test->team);
    scratch_remove(&test->scratch);
    return made_video_cleanup(state);
}

static struct trn_clip_source *open_source(struct run_case *test, enum trn_part part, int size)
{
    const struct trn_clip_listener listener = {.strict = true};
    struct trn_clip_options options = {
        .plan = m2c_decode_plan_defaults(),
        .look.crop = trn_crop_options_defaults(
            part == TRN_PART_TRAIN ? TRN_CROP_JITTER : TRN_CROP_CENTRE, false),
        .cache_bytes = SIZE_MAX};
    struct trn_clip_source *source = NULL;
    options.plan.size_px = size;
    options.plan.sampling.frames = FRAMES;
    assert_int_equal(
        trn_clip_source_new(&options, &test->list, part, test->team, &source, &test->err), M2C_OK);
    assert_int_equal(trn_clip_source_check(source, &listener, &test->err), M2C_OK);
    return source;
}

static void open_all(struct run_case *test, struct opened *opened)
{
    const struct trn_model_options options = {.dir = scratch_path(&test->scratch, "base")};
    *opened = (struct opened){0};
    assert_int_equal(trn_model_open(&options, &opened->model, &test->err), M2C_OK);
    const struct m2c_config *config = &opened->model.config;
    const struct trn_word_masker masker = {.tokenizer = test->tokenizer,
                                           .words = &test->words,
                                           .context = (size_t)config->context_length,
                                           .share = 0.3};
    assert_int_equal(trn_prompts_init(&opened->prompts, &labels, &templates, &masker, &test->err),
                     M2C_OK);
    opened->training = open_source(test, TRN_PART_TRAIN, config->image_px);
    opened->validation = open_source(test, TRN_PART_VALIDATION, config->image_px);
    opened->parts = (struct trn_run_parts){.model = &opened->model,
                                           .team = test->team,
                                           .training = opened->training,
                                           .validation = opened->validation,
                                           .prompts = &opened->prompts,
                                           .frames = FRAMES,
                                           .size = (size_t)config->image_px};
}

static void close_all(struct opened *opened)
{
    trn_clip_source_free(&opened->training);
    trn_clip_source_free(&opened->validation);
    trn_prompts_destroy(&opened->prompts);
    trn_model_close(&opened->model);
}

/* Sets the flag after a step. */
struct interruption {
    atomic_bool stop;
    uint64_t step;
    double first_loss, last_loss;
};

static void listen(void *argument, const struct trn_history_row *row, uint64_t steps)
{
    struct interruption *interruption = argument;
    assert_int_equal(steps, EPOCHS * 2);
    if (row->validation)
        return;
    if (row->step == 1)
        interruption->first_loss = row->losses.total;
    interruption->last_loss = row->losses.total;
    if (row->step == interruption->step)
        atomic_store(&interruption->stop, true);
}

static enum m2c_status run(struct run_case *test, struct opened *opened, const char *dir,
                           const char *facts, struct interruption *interruption,
                           struct trn_run_result *result)
{
    const struct trn_run_listener listener = {.row = listen, .argument = interruption};
    const struct trn_run_options options = {.weights = trn_loss_weights_defaults(),
                                            .adamw = trn_adamw_defaults(),
                                            .epochs = EPOCHS,
                                            .batch = BATCH,
                                            .warmup_steps = 2,
                                            .seed = 7,
                                            .dropout = 0.5,
                                            .checkpoint_steps = 3,
                                            .dir = scratch_path(&test->scratch, dir),
                                            .resume = true,
                                            .facts = facts,
                                            .stop = &interruption->stop};
    return trn_run(&options, &opened->parts, &listener, result, &test->err);
}

static void assert_same_weights(const struct trn_tensors *left, const struct trn_tensors *right)
{
    assert_int_equal(trn_tensors_count(left), trn_tensors_count(right));
    for (size_t i = 0; i < trn_tensors_count(left); i++) {
        const struct trn_tensor *one = trn_tensors_at(left, i), *other = trn_tensors_at(right, i);
        assert_memory_equal(one->value, other->value, one->count * sizeof(float));
    }
}

static void a_stopped_run_goes_on_to_the_same_weights(void **state)
{
    struct run_case *test = *state;
    struct opened whole, parts;
    struct trn_run_result result;
    struct interruption never = {.step = UINT64_MAX};
    if (!have_ffmpeg())
        skip();
    scratch_subfolder(&test->scratch, "whole");
    scratch_subfolder(&test->scratch, "parts");
    open_all(test, &whole);
    assert_int_equal(run(test, &whole, "whole", "the run", &never, &result), M2C_OK);
    assert_int_equal(result.steps, EPOCHS * 2);
    assert_true(never.last_loss < never.first_loss);
    assert_true(isfinite(result.chosen.vc_top1) && isfinite(result.chosen.zeroshot_top1));
    for (uint64_t step = 3; step <= 6; step += 3) {
        struct interruption early = {.step = step};
        open_all(test, &parts);
        assert_int_equal(run(test, &parts, "parts", "the run", &early, &result), M2C_CANCELLED);
        close_all(&parts);
    }
    open_all(test, &parts);
    assert_int_equal(run(test, &parts, "parts", "another run", &never, &result),
                     M2C_INVALID_REQUEST);
    assert_int_equal(run(test, &parts, "parts", "the run", &never, &result), M2C_OK);
    assert_int_equal(result.resumed_step, 6);
    assert_same_weights(whole.model.tensors, parts.model.tensors);
    close_all(&parts);
    close_all(&whole);
}

static void a_run_leaves_its_log_and_its_curves(void **state)
{
    struct run_case *test = *state;
    struct opened opened;
    struct trn_run_result result;
    struct interruption never = {.step = UINT64_MAX};
    size_t size, lines = 0;
    if (!have_ffmpeg())
        skip();
    scratch_subfolder(&test->scratch, "logged");
    open_all(test, &opened);
    assert_int_equal(run(test, &opened, "logged", "a run", &never, &result), M2C_OK);
    char *log = scratch_read(scratch_path(&test->scratch, "logged/log.jsonl"), &size);
    for (const char *at = log; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, EPOCHS * 3);
    assert_non_null(strstr(log, "\"event\": \"validation\""));
    free(log);
    char *curves = scratch_read(scratch_path(&test->scratch, "logged/curves.svg"), &size);
    assert_non_null(strstr(curves, "zero-shot top-1"));
    assert_null(strstr(curves, "nan"));
    free(curves);
    close_all(&opened);
}

static void memory_is_counted_by_use(void **state)
{
    struct run_case *test = *state;
    struct opened opened;
    struct trn_run_bytes bytes, more;
    struct trn_run_options options = {
        .weights = trn_loss_weights_defaults(), .epochs = 1, .batch = 1, .facts = ""};
    if (!have_ffmpeg())
        skip();
    open_all(test, &opened);
    assert_int_equal(trn_run_measure(&options, &opened.parts, &bytes, &test->err), M2C_OK);
    options.batch = 2;
    assert_int_equal(trn_run_measure(&options, &opened.parts, &more, &test->err), M2C_OK);
    assert_int_equal(bytes.tensors, more.tensors);
    assert_int_equal(bytes.clips, more.clips);
    assert_true(more.steps > bytes.steps && more.batches == 2 * bytes.batches);
    assert_int_equal(more.total, more.tensors + more.steps + more.batches + more.clips);
    close_all(&opened);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stopped_run_goes_on_to_the_same_weights),
        cmocka_unit_test(a_run_leaves_its_log_and_its_curves),
        cmocka_unit_test(memory_is_counted_by_use),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
