/* A set that was trained is the set that is served: core/model reads what train/ wrote and gives
 * the loss that training had. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "differences.h"
#include "scratch_folder.h"
#include "train/model.h"
#include "train/set_writer.h"
#include "train/step.h"

enum { CLIPS = 2, FRAMES = 3, CLASSES = 3, WORDS = 4 };

static char quoted[] = "a \"quoted\", name", plain[] = "run", third[] = "spin";
static char *label_names[] = {quoted, plain, third};
static const struct m2c_label_list labels = {.names = label_names, .count = CLASSES};
static char one[] = "one", two[] = "two", three[] = "three", four[] = "four";
static char *word_names[] = {one, two, three, four};
static const struct m2c_label_list word_list = {.names = word_names, .count = WORDS};

struct set_case {
    struct scratch scratch;
    struct m2c_team *team;
    struct m2c_error err;
    struct trn_model model;
    float *pixels;
    struct m2c_image images[CLIPS * FRAMES];
};

static void link_fixture(const struct set_case *test, const char *name)
{
    char from[512];
    (void)snprintf(from, sizeof from, "%s/tiny-clip-hf/%s", M2C_TEST_FIXTURES, name);
    assert_int_equal(symlink(from, scratch_path(&test->scratch, name)), 0);
}

static void open_model(struct set_case *test)
{
    const struct trn_adapter_plan plan = {.vision_width = 10,
                                          .vision_layers = 1,
                                          .vision_pre_mlp = true,
                                          .frame_width = 6,
                                          .text_width = 8,
                                          .text_layers = 1,
                                          .text_pre_mlp = true,
                                          .classes = CLASSES,
                                          .words = WORDS};
    const struct trn_model_options options = {.dir = test->scratch.dir, .plan = &plan, .seed = 4};
    assert_int_equal(trn_model_open(&options, &test->model, &test->err), M2C_OK);
    for (size_t i = 0; i < trn_tensors_count(test->model.tensors); i++) {
        struct trn_tensor *tensor = trn_tensors_at(test->model.tensors, i);
        float *random = random_floats(tensor->count, (unsigned)i);
        for (size_t j = 0; tensor->trained && j < tensor->count; j++)
            tensor->value[j] += 0.3F * random[j];
        free(random);
    }
}

static int set_up(void **state)
{
    static struct set_case test;
    test = (struct set_case){0};
    scratch_make(&test.scratch);
    link_fixture(&test, "config.json");
    link_fixture(&test, "model.safetensors");
    scratch_subfolder(&test.scratch, "adapters");
    assert_int_equal(m2c_team_new(2, &test.team, &test.err), M2C_OK);
    open_model(&test);
    size_t side = (size_t)test.model.config.image_px;
    test.pixels = random_floats(CLIPS * FRAMES * 3 * side * side, 3);
    for (size_t i = 0; i < CLIPS * FRAMES; i++)
        test.images[i] = (struct m2c_image){.data = test.pixels + i * 3 * side * side,
                                            .plane_stride = side * side,
                                            .row_stride = side};
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct set_case *test = *state;
    trn_model_close(&test->model);
    m2c_team_free(&test->team);
    free(test->pixels);
    scratch_remove(&test->scratch);
    return 0;
}

static const int32_t clip_labels[CLIPS] = {2, 0};

/* The VC loss as training has it. */
static double trained_loss(struct set_case *test)
{
    const struct trn_step_options options = {.weights = {.vc = 1}};
    const struct trn_batch batch = {
        .clips = CLIPS, .frames = FRAMES, .images = test->images, .labels = clip_labels};
    struct trn_step *step = NULL;
    struct trn_losses losses;
    assert_int_equal(trn_step_new(&test->model.network, test->team, &options, &step, &test->err),
                     M2C_OK);
    assert_int_equal(trn_step_losses(step, &batch, &losses, &test->err), M2C_OK);
    trn_step_free(&step);
    return losses.vc;
}

/* The same from the logits that a served set gives. */
static double served_loss(struct set_case *test, const struct m2c_model *model,
                          const struct m2c_set *set)
{
    const struct m2c_encoder_options options = {.team = test->team, .max_frames = CLIPS * FRAMES};
    float logits[CLIPS * CLASSES];
    struct m2c_encoder *encoder = NULL;
    double loss = 0;
    assert_int_equal(m2c_encoder_new(model, &options, &encoder, &test->err), M2C_OK);
    const struct m2c_video_request request = {
        .images = test->images, .clips = CLIPS, .frames = FRAMES, .vc_logits = logits};
    assert_int_equal(m2c_encode_video(encoder, set, &request), M2C_OK);
    for (size_t b = 0; b < CLIPS; b++) {
        double sum = 0;
        for (size_t k = 0; k < CLASSES; k++)
            sum += exp((double)logits[b * CLASSES + k]);
        loss += (log(sum) - (double)logits[b * CLASSES + (size_t)clip_labels[b]]) / CLIPS;
    }
    m2c_encoder_free(&encoder);
    return loss;
}

static char plain_template[] = "A video of {}", odd_template[] = "{}, \"filmed\" at night";
static char *template_texts[] = {plain_template, odd_template};

static enum m2c_status write_set(struct set_case *test, const char *name)
{
    const struct m2c_preprocess preprocess = {
        .frames = FRAMES,
        .stride = 7,
        .size_px = test->model.config.image_px,
        .mean = {0.5F, 0.25F, 0.1F},
        .std = {0.2F, 0.3F, 0.4F},
        .resize = M2C_RESIZE_BICUBIC_ANTIALIAS,
        .templates = {.texts = template_texts, .count = 2},
    };
    const struct trn_set set = {.num_frames = FRAMES,
                                .classes = CLASSES,
                                .words = WORDS,
                                .encoding_blocks = test->model.config.text.layers,
                                .base_digest = test->model.base_digest,
                                .labels = &labels,
                                .word_list = &word_list,
                                .preprocess = &preprocess};
    return trn_set_write(scratch_path(&test->scratch, name), test->model.tensors, &set, &test->err);
}

static void a_written_set_is_served_as_it_was_trained(void **state)
{
    struct set_case *test = *state;
    const struct m2c_model_options options = {
        .dir = test->scratch.dir, .default_set = "pets", .precision = M2C_PRECISION_F32};
    struct m2c_model *model = NULL;
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    assert_int_equal(m2c_model_load(&options, &model, &test->err), M2C_OK);
    const struct m2c_set *set = m2c_model_find_set(model, "pets");
    assert_non_null(set);
    const struct m2c_set_info *info = m2c_set_info(set);
    assert_int_equal(info->classes, CLASSES);
    assert_int_equal(info->cmlm_words, WORDS);
    double trained = trained_loss(test), served = served_loss(test, model, set);
    assert_true(fabs(trained - served) < 1e-5 * trained + 1e-6);
    m2c_model_free(&model);
}

static void names_are_written_so_that_they_are_read_again(void **state)
{
    struct set_case *test = *state;
    struct m2c_label_list read;
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    assert_int_equal(
        m2c_folder_labels(scratch_path(&test->scratch, "adapters/pets"), &read, &test->err),
        M2C_OK);
    assert_int_equal(read.count, CLASSES);
    assert_string_equal(read.names[0], quoted);
    m2c_label_list_destroy(&read);
    assert_int_equal(
        m2c_folder_words(scratch_path(&test->scratch, "adapters/pets"), &read, &test->err), M2C_OK);
    assert_int_equal(read.count, WORDS);
    m2c_label_list_destroy(&read);
}

static void a_set_brings_its_own_preprocessing(void **state)
{
    struct set_case *test = *state;
    struct m2c_preprocess read;
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    const struct m2c_preprocess_sources sources = {
        .dir = test->scratch.dir,
        .set_dir = scratch_path(&test->scratch, "adapters/pets"),
        .config = &test->model.config,
        .has_adapters = true};
    assert_int_equal(m2c_preprocess_load(&sources, &read, &test->err), M2C_OK);
    assert_int_equal(read.from.frames, M2C_FROM_SET);
    assert_int_equal(read.frames, FRAMES);
    assert_int_equal(read.stride, 7);
    assert_true(read.mean[1] == 0.25F && read.std[2] == 0.4F);
    assert_int_equal(read.resize, M2C_RESIZE_BICUBIC_ANTIALIAS);
    assert_int_equal(read.templates.count, 2);
    assert_string_equal(read.templates.texts[1], odd_template);
    m2c_preprocess_destroy(&read);
}

static void training_goes_on_from_a_written_set(void **state)
{
    struct set_case *test = *state;
    char path[512];
    double before = trained_loss(test);
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    trn_model_close(&test->model);
    (void)snprintf(path, sizeof path, "%s",
                   scratch_path(&test->scratch, "adapters/pets/adapters.safetensors"));
    const struct trn_model_options options = {.dir = test->scratch.dir, .adapters = path};
    assert_int_equal(trn_model_open(&options, &test->model, &test->err), M2C_OK);
    assert_true(trained_loss(test) == before);
}

static void an_older_set_is_replaced_whole(void **state)
{
    struct set_case *test = *state;
    struct stat facts;
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    scratch_put_text(&test->scratch, "adapters/pets/old.txt", "x");
    assert_int_equal(write_set(test, "adapters/pets"), M2C_OK);
    assert_int_not_equal(stat(scratch_path(&test->scratch, "adapters/pets/old.txt"), &facts), 0);
    assert_int_equal(stat(scratch_path(&test->scratch, "adapters/pets/config.json"), &facts), 0);
    assert_int_equal(write_set(test, "nowhere/pets"), M2C_IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_written_set_is_served_as_it_was_trained, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_are_written_so_that_they_are_read_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_set_brings_its_own_preprocessing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(training_goes_on_from_a_written_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_older_set_is_replaced_whole, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
