/* Every stage against what the authors' code gave, with taps (all rows) and pruned, on teams of
 * several sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "scoring.h"

static void tap(void *argument, const char *name, const float *x, size_t rows, size_t width)
{
    if (golden_has(argument, name)) /* plain CLIP's golden has no blocks */
        golden_compare(argument, name, x, rows * width);
}

static void check_video(struct golden *golden, bool taps)
{
    const struct m2c_set_info *info = m2c_set_info(golden_set(golden));
    size_t clips = (size_t)golden->clips;
    size_t frames = (size_t)golden->frames;
    size_t dim = (size_t)info->dim;
    size_t classes = (size_t)info->classes;
    float *features = new_test_floats(clips * frames * dim);
    float *video = new_test_floats(clips * dim);
    float *logits = info->has_vc ? new_test_floats(clips * classes) : NULL;
    struct m2c_video_request request = {.images = golden->images,
                                        .clips = golden->clips,
                                        .frames = golden->frames,
                                        .frame_features = features,
                                        .video = video,
                                        .vc_logits = logits,
                                        .tap = taps ? tap : NULL,
                                        .tap_argument = golden};
    assert_int_equal(m2c_encode_video(golden->encoder, golden_set(golden), &request), M2C_OK);
    golden_compare(golden, "frames", features, clips * frames * dim);
    golden_compare(golden, "video", video, clips * dim);
    if (logits)
        golden_compare(golden, "vc_logits", logits, clips * classes);
    free(features);
    free(video);
    free(logits);
}

/* Ids up to and with the end token, the highest of each row. */
static size_t strip_padding(const struct golden *golden, int32_t *ids, int32_t *counts)
{
    size_t total = 0;
    for (int i = 0; i < golden->texts; i++) {
        const int32_t *row = golden->tokens + i * golden->context;
        int end = 0;
        for (int j = 0; j < golden->context; j++) {
            if (row[j] > row[end])
                end = j;
        }
        counts[i] = end + 1;
        memcpy(ids + total, row, (size_t)counts[i] * sizeof *ids);
        total += (size_t)counts[i];
    }
    return total;
}

static void check_text(struct golden *golden, bool taps)
{
    size_t dim = (size_t)m2c_set_info(golden_set(golden))->dim;
    size_t texts = (size_t)golden->texts;
    struct m2c_error err;
    float *text = new_test_floats(texts * dim);
    int32_t *ids = calloc(texts, (size_t)golden->context * sizeof *ids);
    int32_t *counts = calloc(texts, sizeof *counts);
    assert_non_null(ids);
    assert_non_null(counts);
    (void)strip_padding(golden, ids, counts);
    for (size_t i = 0; taps && i < texts; i++)
        counts[i] = golden->context;
    struct m2c_text_request request = {.ids = taps ? golden->tokens : ids,
                                       .counts = counts,
                                       .texts = golden->texts,
                                       .text = text,
                                       .tap = taps ? tap : NULL,
                                       .tap_argument = golden};
    assert_int_equal(m2c_encode_text(golden->encoder, golden_set(golden), &request, &err), M2C_OK);
    golden_compare(golden, "text", text, texts * dim);
    free(text);
    free(ids);
    free(counts);
}

static void check_cmlm(struct golden *golden)
{
    const struct m2c_set_info *info = m2c_set_info(golden_set(golden));
    size_t clips = (size_t)golden->clips;
    size_t context = (size_t)golden->context;
    size_t words = (size_t)info->cmlm_words;
    struct m2c_error err;
    if (!info->has_cmlm)
        return;
    float *features = new_test_floats(clips * (size_t)golden->frames * (size_t)info->dim);
    float *all = new_test_floats(clips * context * words);
    float *some = new_test_floats(clips * words);
    int32_t *counts = calloc(clips, sizeof *counts);
    int32_t *positions = calloc(clips, sizeof *positions);
    assert_non_null(counts);
    assert_non_null(positions);
    for (size_t b = 0; b < clips; b++) {
        counts[b] = golden->context;
        positions[b] = (int32_t)(3 * b + 1);
    }
    const struct m2c_tensor *frames = m2c_weights_find(golden->file, "frames");
    m2c_tensor_to_f32(frames, 0, frames->elements, features);
    struct m2c_cmlm_request request = {.ids = golden->tokens,
                                       .counts = counts,
                                       .clips = golden->clips,
                                       .frames = golden->frames,
                                       .frame_features = features,
                                       .logits = all};
    const struct m2c_set *set = golden_set(golden);
    assert_int_equal(m2c_encode_cmlm(golden->encoder, set, &request, &err), M2C_OK);
    golden_compare(golden, "cmlm_logits", all, clips * context * words);
    request.positions = positions;
    request.logits = some;
    assert_int_equal(m2c_encode_cmlm(golden->encoder, set, &request, &err), M2C_OK);
    for (size_t b = 0; b < clips; b++) {
        for (size_t m = 0; m < words; m++) {
            float expected = all[(b * context + (size_t)positions[b]) * words + m];
            assert_float_equal(some[b * words + m], expected, 2e-4);
        }
    }
    free(features);
    free(all);
    free(some);
    free(counts);
    free(positions);
}

static void check_backend(const char *name, enum m2c_backend backend, int threads)
{
    const struct golden_setup setup = {
        .precision = M2C_PRECISION_F32, .backend = backend, .threads = threads};
    struct golden golden;
    if (!golden_open(&golden, name, &setup)) {
        print_message("skipped: no backend %s here\n", m2c_backend_name(backend));
        return;
    }
    check_video(&golden, false);
    check_video(&golden, true);
    check_text(&golden, false);
    check_text(&golden, true);
    check_cmlm(&golden);
    print_message("%s, %s on %d threads: worst %.2e\n", name, m2c_backend_name(backend), threads,
                  golden.worst);
    golden_close(&golden);
}

static void check_fixture(const char *name, int threads)
{
    check_backend(name, M2C_BACKEND_NATIVE, threads);
    check_backend(name, M2C_BACKEND_OPENBLAS, threads);
    check_backend(name, M2C_BACKEND_ONEDNN, threads);
}

static void tiny_premlp_agrees_at_every_stage(void **state)
{
    (void)state;
    check_fixture("tiny-premlp", 1);
    check_fixture("tiny-premlp", 2);
    check_fixture("tiny-premlp", 5);
}

static void tiny_preattn_premlp_agrees_at_every_stage(void **state)
{
    (void)state;
    check_fixture("tiny-preattn-premlp", 2);
    check_fixture("tiny-preattn-premlp", 3);
}

static void tiny_patch32_partial_agrees_at_every_stage(void **state)
{
    (void)state;
    check_fixture("tiny-patch32-partial", 2);
}

static void tiny_clip_hf_agrees_at_every_stage(void **state)
{
    (void)state;
    check_fixture("tiny-clip-hf", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiny_premlp_agrees_at_every_stage),
        cmocka_unit_test(tiny_preattn_premlp_agrees_at_every_stage),
        cmocka_unit_test(tiny_patch32_partial_agrees_at_every_stage),
        cmocka_unit_test(tiny_clip_hf_agrees_at_every_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
