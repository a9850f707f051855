/* [MASK] in a text: where it stands, and which words are suggested for it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fill_mask.h"
#include "model/random_model.h"

enum { WORDS = 9, FRAMES = 3, VIEWS = 2 };

static struct m2c_model *model;
static const struct m2c_set *set;

static int load(void **state)
{
    (void)state;
    char folder[] = "/tmp/m2clip-test-XXXXXX", command[64];
    struct m2c_error err;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    spec.words = WORDS;
    struct m2c_model_options options = {.dir = folder, .precision = M2C_PRECISION_F32};
    if (!mkdtemp(folder) || m2c_random_model_write(&spec, folder, &err) ||
        m2c_model_load(&options, &model, &err))
        return -1;
    set = m2c_model_find_set(model, NULL);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int unload(void **state)
{
    (void)state;
    m2c_model_free(&model);
    return 0;
}

static struct m2c_masked_text parse(const char *text)
{
    struct m2c_masked_text masked;
    struct m2c_error err;
    assert_int_equal(m2c_masked_text_init(&masked, model, text, false, &err), M2C_OK);
    return masked;
}

/* The masked text has the ids of `plain`, masks at the given positions. */
static void check_text(const char *text, const char *plain, size_t masks, const int32_t *positions)
{
    int32_t ids[128], count;
    struct m2c_error err;
    struct m2c_masked_text masked = parse(text);
    assert_int_equal(m2c_pipeline_tokenize(model, NULL, plain, false, ids, &count, &err), M2C_OK);
    assert_int_equal(masked.count, count);
    assert_memory_equal(masked.ids, ids, (size_t)count * sizeof *ids);
    assert_int_equal(masked.masks, masks);
    assert_memory_equal(masked.positions, positions, masks * sizeof *positions);
    m2c_masked_text_destroy(&masked);
}

static int32_t tokens_of(const char *text)
{
    int32_t ids[128], count;
    struct m2c_error err;
    assert_int_equal(m2c_pipeline_tokenize(model, NULL, text, false, ids, &count, &err), M2C_OK);
    return count - 2;
}

static void a_mask_stands_behind_the_tokens_before_it(void **state)
{
    (void)state;
    int32_t in_front = 1 + tokens_of("a man is");
    check_text("a man is [MASK].", "a man is mask.", 1, &in_front);
    check_text("a man is   [MASK] .", "a man is mask .", 1, &in_front);
    const int32_t first = 1;
    check_text("[MASK]", "mask", 1, &first);
    const int32_t two[] = {1 + tokens_of("the mask"), 1 + tokens_of("the mask mask &")};
    check_text("the mask [MASK] & [MASK]", "the mask mask & mask", 2, two);
    const int32_t beside[] = {1, 1 + tokens_of("mask")};
    check_text("[MASK][MASK]x", "mask mask x", 2, beside);
    const int32_t entity = 1 + tokens_of("&");
    check_text("&amp[MASK]", "& mask", 1, &entity);
}

static void a_text_without_a_place_is_refused(void **state)
{
    (void)state;
    struct m2c_masked_text masked;
    struct m2c_error err;
    char text[400] = "";
    for (size_t i = 0; i < 90; i++)
        (void)strncat(text, "a. ", sizeof text - strlen(text) - 1);
    (void)strncat(text, "[MASK]", sizeof text - strlen(text) - 1);
    static const char *const refused[] = {"no mask", "[mask]", "\xff [MASK]"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(m2c_masked_text_init(&masked, model, refused[i], false, &err),
                         M2C_INVALID_REQUEST);
        assert_string_equal(err.field, "text");
        m2c_masked_text_destroy(&masked);
    }
    for (int truncate = 0; truncate < 2; truncate++) {
        assert_int_equal(m2c_masked_text_init(&masked, model, text, truncate, &err),
                         M2C_INVALID_REQUEST);
        assert_string_equal(err.field, "text");
        m2c_masked_text_destroy(&masked);
    }
}

static void truncation_keeps_the_masks_in_front(void **state)
{
    (void)state;
    struct m2c_masked_text masked;
    struct m2c_error err;
    char text[400] = "[MASK] ";
    for (size_t i = 0; i < 90; i++)
        (void)strncat(text, "a. ", sizeof text - strlen(text) - 1);
    (void)strncat(text, "[MASK]", sizeof text - strlen(text) - 1);
    assert_int_equal(m2c_masked_text_init(&masked, model, text, true, &err), M2C_OK);
    assert_int_equal(masked.masks, 1);
    assert_int_equal(masked.count, m2c_model_config(model)->context_length);
    m2c_masked_text_destroy(&masked);
}

static struct m2c_video_embedding some_embedding(void)
{
    struct m2c_video_embedding embedding;
    struct m2c_error err;
    assert_int_equal(m2c_video_embedding_init(&embedding, set, VIEWS, FRAMES, &err), M2C_OK);
    for (int i = 0; i < VIEWS * FRAMES * embedding.dim; i++)
        embedding.frame_features[i] = (float)((i * 37) % 19) / 19.0F - 0.5F;
    return embedding;
}

/* Softmax a view, then the mean, of logits asked for all positions of one padded text. */
static void expect(struct m2c_encoder *encoder, const struct m2c_masked_text *masked,
                   int32_t position, const struct m2c_video_embedding *embedding,
                   double scores[WORDS])
{
    size_t context = (size_t)m2c_model_config(model)->context_length;
    int32_t ids[128] = {0};
    const int32_t counts = (int32_t)context;
    float *logits = calloc(context * WORDS, sizeof *logits);
    struct m2c_error err;
    assert_non_null(logits);
    memset(scores, 0, WORDS * sizeof *scores);
    memcpy(ids, masked->ids, (size_t)masked->count * sizeof *ids);
    for (int v = 0; v < VIEWS; v++) {
        const struct m2c_cmlm_request request = {.ids = ids,
                                                 .counts = &counts,
                                                 .clips = 1,
                                                 .frames = FRAMES,
                                                 .frame_features = embedding->frame_features +
                                                                   v * FRAMES * embedding->dim,
                                                 .logits = logits};
        assert_int_equal(m2c_encode_cmlm(encoder, set, &request, &err), M2C_OK);
        double sum = 0;
        const float *row = logits + (size_t)position * WORDS;
        for (int m = 0; m < WORDS; m++)
            sum += exp((double)row[m]);
        for (int m = 0; m < WORDS; m++)
            scores[m] += exp((double)row[m]) / sum / VIEWS;
    }
    free(logits);
}

static void words_are_scored_over_views(void **state)
{
    (void)state;
    struct m2c_team *team = NULL;
    struct m2c_encoder *encoder = NULL;
    struct m2c_error err;
    assert_int_equal(m2c_team_new(2, &team, &err), M2C_OK);
    const struct m2c_encoder_options options = {.team = team, .max_frames = FRAMES};
    assert_int_equal(m2c_encoder_new(model, &options, &encoder, &err), M2C_OK);
    struct m2c_video_embedding embedding = some_embedding();
    struct m2c_masked_text masked = parse("a [MASK] b [MASK]");
    for (size_t i = 0; i < masked.masks; i++) {
        struct m2c_prediction predictions[WORDS];
        double expected[WORDS];
        assert_int_equal(m2c_fill_mask(encoder, set, &masked, i, &embedding, predictions, &err),
                         M2C_OK);
        expect(encoder, &masked, masked.positions[i], &embedding, expected);
        for (size_t m = 0; m < WORDS; m++) {
            assert_int_equal(predictions[m].index, m);
            assert_true(fabs((double)predictions[m].score - expected[m]) < 1e-5);
        }
    }
    m2c_masked_text_destroy(&masked);
    m2c_video_embedding_destroy(&embedding);
    m2c_encoder_free(&encoder);
    m2c_team_free(&team);
}

static void words_have_names_and_heads_are_asked_for(void **state)
{
    (void)state;
    struct m2c_label_list words;
    struct m2c_error err;
    assert_int_equal(m2c_fill_mask_words(set, &words, &err), M2C_OK);
    assert_int_equal(words.count, WORDS);
    assert_string_equal(words.names[3], "word_3");
    m2c_label_list_destroy(&words);
    assert_int_equal(m2c_fill_mask_check(set, &err), M2C_OK);
    assert_int_equal(m2c_fill_mask_check(m2c_model_find_set(model, "base"), &err),
                     M2C_NO_CMLM_HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mask_stands_behind_the_tokens_before_it),
        cmocka_unit_test(a_text_without_a_place_is_refused),
        cmocka_unit_test(truncation_keeps_the_masks_in_front),
        cmocka_unit_test(words_are_scored_over_views),
        cmocka_unit_test(words_have_names_and_heads_are_asked_for),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
