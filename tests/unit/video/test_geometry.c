/* Frame sizes, orientations and pixel formats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_video.h"

#define MADE(file, ...) make(file, (const char *const[]){__VA_ARGS__, NULL})
#define LOSSLESS "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-qp", "0"

static struct made_video make(const char *file, const char *const *arguments)
{
    struct made_video video = made_video(file, arguments);
    if (!video.bytes) {
        print_message("skipped: ffmpeg cannot make %s\n", file);
        skip();
    }
    return video;
}

static struct m2c_decode_plan small_plan(void)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    plan.size_px = 64;
    plan.sampling.frames = 4;
    return plan;
}

static struct m2c_clip_frames decode(struct made_video video)
{
    struct m2c_decode_plan plan = small_plan();
    struct m2c_clip_frames clip = decode_all_ways(&video, &plan, NULL);
    free(video.bytes);
    return clip;
}

/* Overwrites the matrix of the first track header: (a b; c d), 16.16 fixed point. */
static void set_matrix(struct made_video *video, const int matrix[4])
{
    enum { MATRIX_OFFSET = 4 + 40 }; /* from the box's type */
    static const size_t places[4] = {0, 1, 3, 4};
    uint8_t *box = memmem(video->bytes, video->size, "tkhd", 4);
    assert_non_null(box);
    for (size_t i = 0; i < 4; i++) {
        uint32_t value = (uint32_t)matrix[i] << 16;
        uint8_t *entry = box + MATRIX_OFFSET + 4 * places[i];
        for (int byte = 0; byte < 4; byte++)
            entry[byte] = (uint8_t)(value >> (24 - 8 * byte));
    }
}

struct turn {
    const char *filter; /* makes the coded frame of an upright one */
    int matrix[4];      /* turns it back */
    int rotation;
};

static const struct turn turns[] = {
    {"null", {1, 0, 0, 1}, 0},
    {"transpose=cclock", {0, 1, -1, 0}, 90},
    {"hflip,vflip", {-1, 0, 0, -1}, 180},
    {"transpose=clock", {0, -1, 1, 0}, 270},
    {"hflip", {-1, 0, 0, 1}, 180},
    {"vflip", {1, 0, 0, -1}, 0},
    {"transpose=cclock_flip", {0, 1, 1, 0}, 90},
    {"transpose=clock_flip", {0, -1, -1, 0}, 270},
};

static void a_turned_video_equals_the_upright_one(void **state)
{
    (void)state;
    for (int portrait = 0; portrait < 2; portrait++) {
        const char *source =
            portrait ? "testsrc2=s=64x112:r=25:d=0.4" : "testsrc2=s=112x64:r=25:d=0.4";
        struct m2c_clip_frames upright =
            decode(MADE("upright.mp4", "-f", "lavfi", "-i", source, LOSSLESS));
        for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
            struct made_video video =
                MADE("turned.mp4", "-f", "lavfi", "-i", source, "-vf", turns[i].filter, LOSSLESS);
            set_matrix(&video, turns[i].matrix);
            struct m2c_clip_frames turned = decode(video);
            assert_same_clip(&upright, &turned, 1e-5);
            assert_int_equal(turned.facts.rotation, turns[i].rotation);
            assert_int_equal(turned.facts.width, portrait ? 64 : 112);
            assert_int_equal(turned.facts.height, portrait ? 112 : 64);
            m2c_clip_frames_destroy(&turned);
        }
        m2c_clip_frames_destroy(&upright);
    }
}

/* The mean of each colour, in 0..255. */
static void mean_colour(const struct m2c_clip_frames *clip, double colour[3])
{
    const struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    size_t plane = (size_t)clip->width * (size_t)clip->height;
    for (size_t c = 0; c < 3; c++) {
        double sum = 0.0;
        for (size_t i = 0; i < plane; i++)
            sum += (double)clip->pixels[c * plane + i];
        colour[c] = 255.0 * (sum / (double)plane * (double)plan.std[c] + (double)plan.mean[c]);
    }
}

/* rgb(200, 80, 40) in BT.601 must come back whatever it was stored as. */
static void every_pixel_format_keeps_its_colour(void **state)
{
    (void)state;
    static const char *const formats[][2] = {
        {"libx264", "yuv420p"},   {"libx264", "yuv422p"},     {"libx264", "yuv444p"},
        {"libx264", "yuvj420p"},  {"libx264", "yuv420p10"},   {"libx265", "yuv420p10"},
        {"libx265", "yuv444p12"}, {"libvpx-vp9", "yuva420p"}, {"libvpx-vp9", "yuv440p"},
        {"libvpx-vp9", "gbrp"},   {"libx264rgb", "rgb24"},    {"libsvtav1", "yuv420p10"},
    };
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        double colour[3];
        struct m2c_clip_frames clip =
            decode(MADE("format.mkv", "-f", "lavfi", "-i", "color=0xc85028:s=96x64:r=25:d=0.4",
                        "-pix_fmt", formats[i][1], "-c:v", formats[i][0]));
        mean_colour(&clip, colour);
        print_message("%-10s %-9s %.1f %.1f %.1f\n", formats[i][0], formats[i][1], colour[0],
                      colour[1], colour[2]);
        assert_true(fabs(colour[0] - 200.0) < 5.0 && fabs(colour[1] - 80.0) < 5.0 &&
                    fabs(colour[2] - 40.0) < 5.0);
        m2c_clip_frames_destroy(&clip);
    }
}

static void gray_video_is_gray(void **state)
{
    (void)state;
    double colour[3];
    struct m2c_clip_frames clip =
        decode(MADE("gray.mp4", "-f", "lavfi", "-i", "color=0x787878:s=96x64:r=25:d=0.4",
                    "-pix_fmt", "gray", "-c:v", "libx264"));
    mean_colour(&clip, colour);
    for (int c = 0; c < 3; c++)
        assert_true(fabs(colour[c] - 120.0) < 3.0);
    m2c_clip_frames_destroy(&clip);
}

/* Sizes that are no multiple of a vector or a macroblock: the last column and row must be there. */
static void odd_sizes_are_whole(void **state)
{
    (void)state;
    static const char *const odd[] = {"97x61", "65x65", "33x131", "17x16", "3x5", "1x1", "341x257"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char source[64];
        double colour[3];
        (void)snprintf(source, sizeof source, "color=0x787878:s=%s:r=25:d=0.2,format=rgb24",
                       odd[i]);
        struct m2c_clip_frames clip = decode(MADE("odd.webm", "-f", "lavfi", "-i", source,
                                                  "-pix_fmt", "yuv420p", "-c:v", "libvpx-vp9"));
        size_t plane = (size_t)clip.width * (size_t)clip.height;
        int width, height;
        assert_int_equal(sscanf(odd[i], "%dx%d", &width, &height), 2);
        assert_int_equal(clip.facts.width, width);
        assert_int_equal(clip.facts.height, height);
        mean_colour(&clip, colour);
        for (size_t p = 0; p < plane; p++)
            assert_true(fabs((double)clip.pixels[p] - (double)clip.pixels[0]) < 0.05);
        assert_true(fabs(colour[0] - 120.0) < 3.0);
        m2c_clip_frames_destroy(&clip);
    }
}

static void a_change_of_size_is_scaled_to_the_first(void **state)
{
    (void)state;
    struct made_video large =
        MADE("large.ts", "-f", "lavfi", "-i", "color=0xc85028:s=128x96:r=25:d=0.8", "-pix_fmt",
             "yuv420p", "-c:v", "libx264");
    struct made_video small =
        MADE("small.ts", "-f", "lavfi", "-i", "color=0xc85028:s=64x48:r=25:d=0.8", "-pix_fmt",
             "yuv420p", "-c:v", "libx264", "-output_ts_offset", "0.8");
    struct made_video joined = {malloc(large.size + small.size), large.size + small.size};
    memcpy(joined.bytes, large.bytes, large.size);
    memcpy(joined.bytes + large.size, small.bytes, small.size);
    free(large.bytes);
    free(small.bytes);
    struct m2c_clip_frames clip = decode(joined);
    assert_int_equal(clip.facts.frames, 40);
    assert_int_equal(clip.facts.width, 128);
    size_t plane = (size_t)clip.width * (size_t)clip.height;
    for (size_t f = 0; f < 4; f++)
        for (size_t p = 0; p < plane; p++)
            assert_true(fabs((double)clip.pixels[3 * f * plane + p] - (double)clip.pixels[0]) <
                        0.1);
    m2c_clip_frames_destroy(&clip);
}

static void expect(struct made_video video, enum m2c_status expected)
{
    struct m2c_decode_plan plan = small_plan();
    struct m2c_clip_frames clip;
    struct m2c_error err = {0};
    enum m2c_status status = m2c_video_decode(video.bytes, video.size, &plan, &clip, &err);
    if (status != expected)
        fail_msg("%s (%s), not %s", m2c_status_code(status), err.detail, m2c_status_code(expected));
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

static void sides_beyond_four_to_one_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"wide.mp4", "wide.ts"};
    for (size_t f = 0; f < 2; f++) {
        expect(MADE(files[f], "-f", "lavfi", "-i", "color=s=264x64:r=25:d=0.2", "-c:v", "libx264"),
               M2C_UNSUPPORTED_ASPECT);
        expect(MADE(files[f], "-f", "lavfi", "-i", "color=s=256x64:r=25:d=0.2", "-c:v", "libx264"),
               M2C_OK);
        expect(MADE(files[f], "-f", "lavfi", "-i", "color=s=64x264:r=25:d=0.2", "-c:v", "libx264"),
               M2C_UNSUPPORTED_ASPECT);
    }
}

static void frames_over_the_pixel_limit_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"huge.mp4", "huge.mkv", "huge.ts", "huge.avi"};
    for (size_t f = 0; f < 4; f++)
        expect(MADE(files[f], "-f", "lavfi", "-i", "color=s=4112x4096:r=25", "-frames:v", "1",
                    "-c:v", "libx264", "-preset", "ultrafast"),
               M2C_FRAME_TOO_LARGE);
    expect(MADE("largest.mp4", "-f", "lavfi", "-i", "color=s=4096x4096:r=25", "-frames:v", "1",
                "-c:v", "libx264", "-preset", "ultrafast"),
           M2C_OK);
}

/* The header says 96x64, the stream itself 4112x4096: the decoder has the last word. */
static void a_header_that_lies_about_the_size_is_found_out(void **state)
{
    (void)state;
    struct made_video video = MADE("liar.mp4", "-f", "lavfi", "-i", "color=s=4112x4096:r=25",
                                   "-frames:v", "1", "-c:v", "libx264", "-preset", "ultrafast");
    uint8_t *entry = memmem(video.bytes, video.size, "avc1", 4);
    while (entry && !(entry[28] == 0x10 && entry[29] == 0x10 && entry[30] == 0x10))
        entry = memmem(entry + 4, video.size - (size_t)(entry + 4 - video.bytes), "avc1", 4);
    assert_non_null(entry);
    entry[28] = 0;
    entry[29] = 96;
    entry[30] = 0;
    entry[31] = 64;
    expect(video, M2C_UNDECODABLE_VIDEO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turned_video_equals_the_upright_one),
        cmocka_unit_test(every_pixel_format_keeps_its_colour),
        cmocka_unit_test(gray_video_is_gray),
        cmocka_unit_test(odd_sizes_are_whole),
        cmocka_unit_test(a_change_of_size_is_scaled_to_the_first),
        cmocka_unit_test(sides_beyond_four_to_one_are_refused),
        cmocka_unit_test(frames_over_the_pixel_limit_are_refused),
        cmocka_unit_test(a_header_that_lies_about_the_size_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
