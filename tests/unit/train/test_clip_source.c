/* Clips for training: the centre is what serving sees, what is kept and what is decoded anew are
 * the same, and broken videos are told by their lines. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../video/made_video.h"
#include "train/clip_source.h"

enum { SIZE = 32, FRAMES = 4, FLOATS = FRAMES * 3 * SIZE * SIZE, ITEMS = 4 };

struct source_case {
    struct m2c_team *team;
    struct trn_item items[ITEMS];
    struct trn_data_list list;
    struct made_video ramp;
};

static char *path_copy(const char *file)
{
    char *copy = strdup(made_path(file));
    assert_non_null(copy);
    return copy;
}

static int set_up(void **state)
{
    static struct source_case test;
    struct m2c_error err;
    test.ramp = made_video("ramp.mp4", (const char *const[]){GRAY_RAMP, "-c:v", "mpeg4", NULL});
    struct made_video pattern = made_video(
        "pattern.mp4", (const char *const[]){"-f", "lavfi", "-i", "testsrc=d=1:s=80x112:r=12",
                                             "-c:v", "mpeg4", NULL});
    FILE *broken = fopen(made_path("broken.mp4"), "wb");
    assert_non_null(broken);
    assert_true(fputs("no video at all", broken) >= 0);
    assert_int_equal(fclose(broken), 0);
    free(pattern.bytes);
    static const char *const files[ITEMS] = {"ramp.mp4", "broken.mp4", "pattern.mp4", "ramp.mp4"};
    for (size_t i = 0; i < ITEMS; i++)
        test.items[i] =
            (struct trn_item){.path = path_copy(files[i]), .part = TRN_PART_TRAIN, .line = 10 + i};
    test.items[3].start_s = 0.8;
    test.list = (struct trn_data_list){.items = test.items, .count = ITEMS};
    assert_int_equal(m2c_team_new(2, &test.team, &err), M2C_OK);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct source_case *test = *state;
    for (size_t i = 0; i < ITEMS; i++)
        free(test->items[i].path);
    free(test->ramp.bytes);
    m2c_team_free(&test->team);
    return made_video_cleanup(state);
}

static struct trn_clip_options options_of(enum trn_crop_kind kind, size_t augment_steps,
                                          size_t cache_bytes)
{
    struct trn_clip_options options = {
        .plan = m2c_decode_plan_defaults(),
        .look = {.crop = trn_crop_options_defaults(kind, false),
                 .augment_steps = augment_steps,
                 .augment_magnitude = 7},
        .cache_bytes = cache_bytes,
    };
    options.plan.size_px = SIZE;
    options.plan.sampling.frames = FRAMES;
    return options;
}

static struct trn_clip_source *open_source(struct source_case *test,
                                           const struct trn_clip_options *options)
{
    const struct trn_clip_listener listener = {0};
    struct trn_clip_source *source = NULL;
    struct m2c_error err;
    assert_int_equal(
        trn_clip_source_new(options, &test->list, TRN_PART_TRAIN, test->team, &source, &err),
        M2C_OK);
    assert_int_equal(trn_clip_source_check(source, &listener, &err), M2C_OK);
    assert_int_equal(trn_clip_source_count(source), ITEMS - 1);
    return source;
}

static float *load(struct trn_clip_source *source, uint64_t seed)
{
    static const size_t indices[] = {2, 0, 1};
    const uint64_t seeds[] = {seed, seed + 1, seed + 2};
    struct m2c_error err;
    float *pixels = malloc(3 * FLOATS * sizeof *pixels);
    assert_non_null(pixels);
    assert_int_equal(trn_clip_source_load(source, indices, seeds, 3, pixels, &err), M2C_OK);
    return pixels;
}

static void the_centre_is_what_serving_sees(void **state)
{
    struct source_case *test = *state;
    if (!have_ffmpeg())
        skip();
    struct trn_clip_options options = options_of(TRN_CROP_CENTRE, 0, SIZE_MAX);
    struct trn_clip_source *source = open_source(test, &options);
    struct m2c_clip_frames frames;
    struct m2c_error err;
    assert_int_equal(
        m2c_video_decode(test->ramp.bytes, test->ramp.size, &options.plan, &frames, &err), M2C_OK);
    float *pixels = load(source, 1);
    for (int t = 0; t < FRAMES; t++) {
        struct m2c_frame_view view = m2c_frame_view(&frames, 0, t, 0, SIZE);
        for (size_t i = 0; i < (size_t)3 * SIZE * SIZE; i++) {
            size_t plane = i / (SIZE * SIZE), y = i / SIZE % SIZE, x = i % SIZE;
            float seen = view.data[plane * view.plane_stride + y * view.row_stride + x];
            float given = pixels[FLOATS + (size_t)t * 3 * SIZE * SIZE + i];
            assert_true(fabsf(seen - given) < 0.01F);
        }
    }
    free(pixels);
    m2c_clip_frames_destroy(&frames);
    trn_clip_source_free(&source);
}

static void kept_and_decoded_anew_are_the_same(void **state)
{
    struct source_case *test = *state;
    if (!have_ffmpeg())
        skip();
    static const enum trn_crop_kind kinds[] = {TRN_CROP_JITTER, TRN_CROP_AREA};
    for (size_t k = 0; k < 2; k++) {
        struct trn_clip_options wide = options_of(kinds[k], 2, SIZE_MAX);
        struct trn_clip_options narrow = options_of(kinds[k], 2, 0);
        struct trn_clip_source *kept = open_source(test, &wide);
        struct trn_clip_source *anew = open_source(test, &narrow);
        assert_true(trn_clip_source_bytes(kept) > 0);
        assert_int_equal(trn_clip_source_bytes(anew), 0);
        float *first = load(kept, 5), *second = load(anew, 5), *other = load(kept, 50);
        assert_memory_equal(first, second, 3 * FLOATS * sizeof *first);
        assert_true(memcmp(first, other, 3 * FLOATS * sizeof *first) != 0);
        free(first);
        free(second);
        free(other);
        trn_clip_source_free(&kept);
        trn_clip_source_free(&anew);
    }
}

static void times_of_an_item_choose_its_frames(void **state)
{
    struct source_case *test = *state;
    if (!have_ffmpeg())
        skip();
    struct trn_clip_options options = options_of(TRN_CROP_CENTRE, 0, SIZE_MAX);
    struct trn_clip_source *source = open_source(test, &options);
    float *pixels = load(source, 1);
    /* The ramp grows brighter: its second half begins brighter than the whole. */
    assert_true(pixels[0] > pixels[FLOATS] + 0.3F);
    free(pixels);
    trn_clip_source_free(&source);
}

static void remember_line(void *argument, const struct trn_item *item, const struct m2c_error *why)
{
    assert_true(why->detail[0] != '\0');
    *(size_t *)argument = item->line;
}

static void a_broken_video_is_told_by_its_line(void **state)
{
    struct source_case *test = *state;
    if (!have_ffmpeg())
        skip();
    struct trn_clip_options options = options_of(TRN_CROP_CENTRE, 0, SIZE_MAX);
    struct trn_clip_source *source = NULL;
    struct m2c_error err;
    size_t line = 0;
    struct trn_clip_listener listener = {.broken = remember_line, .argument = &line};
    assert_int_equal(
        trn_clip_source_new(&options, &test->list, TRN_PART_TRAIN, test->team, &source, &err),
        M2C_OK);
    assert_int_equal(trn_clip_source_check(source, &listener, &err), M2C_OK);
    assert_int_equal(line, 11);
    assert_int_equal(trn_clip_source_item(source, 1)->line, 12);
    trn_clip_source_free(&source);
    listener.strict = true;
    assert_int_equal(
        trn_clip_source_new(&options, &test->list, TRN_PART_TRAIN, test->team, &source, &err),
        M2C_OK);
    assert_int_not_equal(trn_clip_source_check(source, &listener, &err), M2C_OK);
    assert_non_null(strstr(err.detail, "line 11"));
    assert_non_null(strstr(err.context, "broken.mp4"));
    trn_clip_source_free(&source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_centre_is_what_serving_sees),
        cmocka_unit_test(kept_and_decoded_anew_are_the_same),
        cmocka_unit_test(times_of_an_item_choose_its_frames),
        cmocka_unit_test(a_broken_video_is_told_by_its_line),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
