/* bf16 and int8 beside f32 on the goldens' inputs: the embeddings keep their direction, and the
 * best class stays the best wherever f32's margin exceeds the error. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "golden.h"

/* What issue after issue is held to: cosine to f32's embedding. */
static const double bf16_cosine = 0.9995;
static const double int8_cosine = 0.995;

struct outputs {
    float *video, *logits, *text;
    size_t clips, dim, classes, texts;
};

static struct outputs compute(const struct golden *golden)
{
    const struct m2c_set_info *info = m2c_set_info(golden_set(golden));
    struct m2c_error err;
    struct outputs out = {.clips = (size_t)golden->clips,
                          .dim = (size_t)info->dim,
                          .classes = (size_t)info->classes,
                          .texts = (size_t)golden->texts};
    out.video = new_test_floats(out.clips * out.dim);
    out.logits = new_test_floats(out.clips * out.classes + 1);
    out.text = new_test_floats(out.texts * out.dim);
    struct m2c_video_request video = {.images = golden->images,
                                      .clips = golden->clips,
                                      .frames = golden->frames,
                                      .video = out.video,
                                      .vc_logits = info->has_vc ? out.logits : NULL};
    assert_int_equal(m2c_encode_video(golden->encoder, golden_set(golden), &video), M2C_OK);
    int32_t *counts = calloc(out.texts, sizeof *counts);
    assert_non_null(counts);
    for (size_t i = 0; i < out.texts; i++)
        counts[i] = golden->context;
    struct m2c_text_request text = {
        .ids = golden->tokens, .counts = counts, .texts = golden->texts, .text = out.text};
    assert_int_equal(m2c_encode_text(golden->encoder, golden_set(golden), &text, &err), M2C_OK);
    free(counts);
    return out;
}

static void outputs_free(struct outputs *out)
{
    free(out->video);
    free(out->logits);
    free(out->text);
}

static double cosine(const float *a, const float *b, size_t dim)
{
    double ab = 0.0;
    double aa = 0.0;
    double bb = 0.0;
    for (size_t i = 0; i < dim; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static double least_cosine(const float *a, const float *b, size_t rows, size_t dim)
{
    double least = 1.0;
    for (size_t row = 0; row < rows; row++)
        least = fmin(least, cosine(a + row * dim, b + row * dim, dim));
    return least;
}

static size_t best(const float *row, size_t count)
{
    size_t index = 0;
    for (size_t i = 1; i < count; i++)
        index = row[i] > row[index] ? i : index;
    return index;
}

/* The best class may change only where f32's margin to the runner-up is within twice the largest
 * difference of the row. */
static void check_top_class(const float *f32, const float *other, size_t classes)
{
    size_t top = best(f32, classes);
    float margin = INFINITY;
    float error = 0.0F;
    for (size_t i = 0; i < classes; i++) {
        error = fmaxf(error, fabsf(f32[i] - other[i]));
        if (i != top)
            margin = fminf(margin, f32[top] - f32[i]);
    }
    if (margin > 2.0F * error)
        assert_int_equal(best(other, classes), top);
}

static void check(const char *name, enum m2c_precision precision, enum m2c_backend backend,
                  double limit)
{
    const struct golden_setup f32_setup = {.precision = M2C_PRECISION_F32, .threads = 2};
    const struct golden_setup setup = {.precision = precision, .backend = backend, .threads = 2};
    struct golden f32;
    struct golden other;
    if (!golden_open(&other, name, &setup)) {
        print_message("skipped: no %s with %s here\n", m2c_precision_name(precision),
                      m2c_backend_name(backend));
        return;
    }
    assert_true(golden_open(&f32, name, &f32_setup));
    assert_int_equal(m2c_model_precision(other.model), precision);
    struct outputs expected = compute(&f32);
    struct outputs got = compute(&other);
    double video = least_cosine(expected.video, got.video, got.clips, got.dim);
    double text = least_cosine(expected.text, got.text, got.texts, got.dim);
    print_message("%-22s %-4s %-7s cosine: video %.6f, text %.6f\n", name,
                  m2c_precision_name(precision), m2c_backend_name(backend), video, text);
    assert_true(video >= limit);
    assert_true(text >= limit);
    for (size_t b = 0; b < got.clips && got.classes > 0; b++)
        check_top_class(expected.logits + b * got.classes, got.logits + b * got.classes,
                        got.classes);
    outputs_free(&expected);
    outputs_free(&got);
    golden_close(&f32);
    golden_close(&other);
}

static const char *const fixtures[] = {"tiny-premlp", "tiny-preattn-premlp", "tiny-patch32-partial",
                                       "tiny-clip-hf"};

static void bf16_keeps_the_embeddings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        check(fixtures[i], M2C_PRECISION_BF16, M2C_BACKEND_NATIVE, bf16_cosine);
        check(fixtures[i], M2C_PRECISION_BF16, M2C_BACKEND_ONEDNN, bf16_cosine);
    }
}

static void int8_keeps_the_embeddings(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++)
        check(fixtures[i], M2C_PRECISION_INT8, M2C_BACKEND_NATIVE, int8_cosine);
}

/* Rows change hands while a team computes; no sum may depend on who has it. */
static void check_team(const char *name, enum m2c_precision precision)
{
    enum { RUNS = 10 };
    const struct golden_setup alone_setup = {
        .precision = precision, .backend = M2C_BACKEND_NATIVE, .threads = 1};
    const struct golden_setup team_setup = {
        .precision = precision, .backend = M2C_BACKEND_NATIVE, .threads = 3};
    struct golden alone;
    struct golden team;
    if (!golden_open(&alone, name, &alone_setup))
        return;
    assert_true(golden_open(&team, name, &team_setup));
    struct outputs expected = compute(&alone);
    for (int run = 0; run < RUNS; run++) {
        struct outputs got = compute(&team);
        assert_memory_equal(got.video, expected.video, got.clips * got.dim * sizeof(float));
        assert_memory_equal(got.logits, expected.logits, got.clips * got.classes * sizeof(float));
        assert_memory_equal(got.text, expected.text, got.texts * got.dim * sizeof(float));
        outputs_free(&got);
    }
    outputs_free(&expected);
    golden_close(&alone);
    golden_close(&team);
}

static void answers_do_not_depend_on_the_team(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof fixtures / sizeof fixtures[0]; i++) {
        check_team(fixtures[i], M2C_PRECISION_F32);
        check_team(fixtures[i], M2C_PRECISION_BF16);
        check_team(fixtures[i], M2C_PRECISION_INT8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bf16_keeps_the_embeddings),
        cmocka_unit_test(int8_keeps_the_embeddings),
        cmocka_unit_test(answers_do_not_depend_on_the_team),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
