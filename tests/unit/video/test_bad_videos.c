/* What is no video, what is not on the list, what is broken, and what costs too much. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <libavformat/avio.h>

#include "made_video.h"

#define MADE(file, ...) make(file, (const char *const[]){__VA_ARGS__, NULL})
#define SHORT "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1"
#define H264 "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast"

/* libav's own calls come here: while `watching`, nothing may be opened. */
static int watching, opened;

int open64(const char *path, int flags, ...);
int openat64(int directory, const char *path, int flags, ...);

int open64(const char *path, int flags, ...)
{
    opened += watching;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

int openat64(int directory, const char *path, int flags, ...)
{
    opened += watching;
    return (int)syscall(SYS_openat, directory, path, flags, 0600);
}

int socket(int domain, int type, int protocol)
{
    opened += watching;
    return (int)syscall(SYS_socket, domain, type, protocol);
}

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
    plan.size_px = 32;
    plan.sampling.frames = 4;
    return plan;
}

static enum m2c_status decode(const uint8_t *bytes, size_t size, const struct m2c_decode_plan *plan,
                              struct m2c_error *err)
{
    struct m2c_clip_frames clip;
    memset(err, 0, sizeof *err);
    watching = 1;
    enum m2c_status status = m2c_video_decode(bytes, size, plan, &clip, err);
    watching = 0;
    assert_int_equal(opened, 0);
    if (status)
        assert_true(err->detail[0] && !clip.pixels && !clip.slots);
    m2c_clip_frames_destroy(&clip);
    return status;
}

static void expect_bytes(const void *bytes, size_t size, enum m2c_status expected)
{
    struct m2c_decode_plan plan = small_plan();
    struct m2c_error err;
    enum m2c_status status = decode(bytes, size, &plan, &err);
    if (status != expected)
        fail_msg("%s (%s; %s), not %s", m2c_status_code(status), err.detail, err.context,
                 m2c_status_code(expected));
}

static void expect(struct made_video video, enum m2c_status expected)
{
    expect_bytes(video.bytes, video.size, expected);
    free(video.bytes);
}

static void expect_text(const char *text, enum m2c_status expected)
{
    expect_bytes(text, strlen(text), expected);
}

static void nothing_and_garbage_are_undecodable(void **state)
{
    (void)state;
    static uint8_t noise[70000];
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525u + 1013904223u;
        noise[i] = (uint8_t)(seed >> 24);
    }
    expect_bytes("", 0, M2C_UNDECODABLE_VIDEO);
    expect_bytes("x", 1, M2C_UNDECODABLE_VIDEO);
    expect_bytes(noise, sizeof noise, M2C_UNDECODABLE_VIDEO);
    memset(noise, 0, sizeof noise);
    expect_bytes(noise, sizeof noise, M2C_UNDECODABLE_VIDEO);
    expect_text("This is not a video.\n\nIt is a text with a few lines.\n", M2C_UNDECODABLE_VIDEO);
    expect_text("<!doctype html><html><body>404</body></html>\n", M2C_UNDECODABLE_VIDEO);
}

static void the_watch_sees_what_libav_opens(void **state)
{
    (void)state;
    free(MADE("neighbour.mp4", SHORT, H264).bytes);
    AVIOContext *input = NULL;
    watching = 1;
    assert_int_equal(avio_open(&input, made_path("neighbour.mp4"), AVIO_FLAG_READ), 0);
    watching = 0;
    assert_true(opened > 0);
    opened = 0;
    assert_int_equal(avio_close(input), 0);
}

/* Each names something that libav could open: a file beside it, or a server. */
static void playlists_are_refused_and_open_nothing(void **state)
{
    (void)state;
    char text[1024];
    free(MADE("neighbour.mp4", SHORT, H264).bytes);
    (void)snprintf(text, sizeof text, "ffconcat version 1.0\nfile '%s'\n",
                   made_path("neighbour.mp4"));
    expect_text(text, M2C_UNSUPPORTED_CODEC);
    (void)snprintf(text, sizeof text,
                   "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n%s\n#EXT-X-ENDLIST\n",
                   made_path("neighbour.mp4"));
    expect_text(text, M2C_UNSUPPORTED_CODEC);
    expect_text("\xef\xbb\xbf#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1:9/a\n",
                M2C_UNSUPPORTED_CODEC);
    expect_text("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                "m=video 9 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n",
                M2C_UNSUPPORTED_CODEC);
    expect_text("<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" "
                "profiles=\"urn:mpeg:dash:profile:isoff-live:2011\"><BaseURL>http://127.0.0.1:9/"
                "</BaseURL></MPD>",
                M2C_UNSUPPORTED_CODEC);
    expect_text("[playlist]\nFile1=http://127.0.0.1:9/a.mp4\n", M2C_UNSUPPORTED_CODEC);
    expect_text("<smil><body><video src=\"http://127.0.0.1:9/a\"/></body></smil>",
                M2C_UNSUPPORTED_CODEC);
}

static void images_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"still.png", "still.jpg",  "still.gif",
                                        "still.bmp", "still.tiff", "still.webp",
                                        "still.jp2", "still.ppm",  "still.avif"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        const char *arguments[] = {SHORT, "-frames:v", "1", NULL};
        struct made_video video = made_video(files[f], arguments);
        if (video.bytes)
            expect(video, M2C_UNSUPPORTED_CODEC);
        else
            print_message("ffmpeg cannot make %s\n", files[f]);
    }
}

static void codecs_off_the_list_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"mjpeg", "a.avi"},    {"mjpeg", "a.mov"},     {"png", "a.mov"},    {"ffv1", "a.mkv"},
        {"rawvideo", "a.avi"}, {"mpeg2video", "a.ts"}, {"prores", "a.mov"}, {"qtrle", "a.mov"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(MADE(cases[i][1], SHORT, "-c:v", cases[i][0]), M2C_UNSUPPORTED_CODEC);
}

static void containers_off_the_list_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {"a.flv", "a.ogv", "a.mpg", "a.wmv", "a.nut", "a.h264"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        expect(MADE(files[f], SHORT), M2C_UNSUPPORTED_CODEC);
    expect(MADE("a.mp3", "-f", "lavfi", "-i", "sine=d=1"), M2C_UNSUPPORTED_CODEC);
    expect(MADE("a.wav", "-f", "lavfi", "-i", "sine=d=1"), M2C_UNSUPPORTED_CODEC);
}

static void streams_without_video_have_no_video(void **state)
{
    (void)state;
    static const char *const files[] = {"sound.mp4", "sound.mkv", "sound.avi", "sound.ts"};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        expect(MADE(files[f], "-f", "lavfi", "-i", "sine=d=1", "-c:a", "aac"), M2C_NO_VIDEO);
    free(MADE("cover.png", SHORT, "-frames:v", "1").bytes);
    char cover[256];
    (void)snprintf(cover, sizeof cover, "%s", made_path("cover.png"));
    expect(MADE("cover.mp4", "-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", "0", "-map", "1",
                "-c:a", "aac", "-c:v", "copy", "-disposition:v:0", "attached_pic"),
           M2C_NO_VIDEO);
}

static void subtitles_alone_have_no_video(void **state)
{
    (void)state;
    FILE *stream = fopen(made_path("words.srt"), "w");
    assert_non_null(stream);
    assert_true(fputs("1\n00:00:00,000 --> 00:00:01,000\nwords\n", stream) >= 0);
    assert_int_equal(fclose(stream), 0);
    char words[256];
    (void)snprintf(words, sizeof words, "%s", made_path("words.srt"));
    expect(MADE("words.mkv", "-i", words), M2C_NO_VIDEO);
}

static void encrypted_video_is_undecodable(void **state)
{
    (void)state;
    expect(MADE("secret.mp4", SHORT, H264, "-encryption_scheme", "cenc-aes-ctr", "-encryption_key",
                "000102030405060708090a0b0c0d0e0f", "-encryption_kid",
                "101112131415161718191a1b1c1d1e1f"),
           M2C_UNDECODABLE_VIDEO);
}

/* A small file whose one frame would take 200 MB and more. */
static void a_picture_bomb_costs_no_memory(void **state)
{
    (void)state;
    struct made_video bomb = MADE("bomb.mov", "-f", "lavfi", "-i", "color=s=8192x8192:r=1",
                                  "-frames:v", "1", "-c:v", "png");
    struct rusage before, after;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    expect(bomb, M2C_UNSUPPORTED_CODEC);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024);
}

static int is_expected_of_damage(enum m2c_status status)
{
    return status == M2C_OK || status == M2C_UNDECODABLE_VIDEO || status == M2C_NO_VIDEO ||
           status == M2C_UNSUPPORTED_CODEC || status == M2C_FRAME_TOO_LARGE ||
           status == M2C_UNSUPPORTED_ASPECT || status == M2C_TOO_LONG;
}

static const char *const damaged_files[] = {"d.mp4", "d.mkv", "d.avi", "d.ts"};

static struct made_video make_victim(size_t f)
{
    return MADE(damaged_files[f], SHORT, H264, "-g", "10", "-movflags", "faststart");
}

static void every_truncation_ends_well(void **state)
{
    (void)state;
    struct m2c_decode_plan plan = small_plan();
    for (size_t f = 0; f < 4; f++) {
        struct made_video video = make_victim(f);
        int decoded = 0;
        for (size_t size = 0; size < video.size; size += 64 + video.size / 300) {
            struct m2c_error err;
            uint8_t *exact = malloc(size + !size); /* so that a read beyond is seen */
            memcpy(exact, video.bytes, size);
            enum m2c_status status = decode(exact, size, &plan, &err);
            assert_true(is_expected_of_damage(status));
            decoded += status == M2C_OK;
            free(exact);
        }
        assert_true(decoded > 50);
        free(video.bytes);
    }
}

static void every_bit_flip_ends_well(void **state)
{
    (void)state;
    struct m2c_decode_plan plan = small_plan();
    uint32_t seed = 11;
    for (size_t f = 0; f < 4; f++) {
        struct made_video video = make_victim(f);
        uint8_t *copy = malloc(video.size);
        for (int round = 0; round < 120; round++) {
            struct m2c_error err;
            memcpy(copy, video.bytes, video.size);
            for (int flip = 0; flip < 1 + round / 4; flip++) {
                seed = seed * 1664525u + 1013904223u;
                copy[(seed >> 8) % video.size] ^= (uint8_t)(1u << (seed >> 29));
            }
            enum m2c_status status = decode(copy, video.size, &plan, &err);
            if (!is_expected_of_damage(status))
                fail_msg("%s: %s", m2c_status_code(status), err.detail);
        }
        free(copy);
        free(video.bytes);
    }
}

static void a_truncated_video_says_that_it_is_damaged(void **state)
{
    (void)state;
    struct m2c_decode_plan plan = small_plan();
    struct m2c_clip_frames clip;
    struct m2c_error err;
    struct made_video video = make_victim(0);
    assert_int_equal(m2c_video_decode(video.bytes, video.size * 3 / 4, &plan, &clip, &err), M2C_OK);
    assert_true(clip.warnings & M2C_CLIP_DAMAGED);
    assert_in_range(clip.facts.frames, 10, 24);
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

static void each_limit_has_its_error(void **state)
{
    (void)state;
    struct made_video video = MADE("limits.mp4", SHORT, H264);
    struct m2c_error err;
    atomic_bool cancelled = true;
    struct m2c_decode_plan plan = small_plan();
    plan.limits.max_wall_ms = 0.0;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_DEADLINE);
    plan = small_plan();
    plan.cancelled = &cancelled;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_CANCELLED);
    cancelled = false;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_OK);
    plan = small_plan();
    plan.limits.max_packets = 24;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_TOO_LONG);
    plan.limits.max_packets = 25;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_OK);
    plan.limits.max_duration_s = 0.95;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_TOO_LONG);
    plan.limits.max_duration_s = 0.97;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_OK);
    plan.limits.max_decoded_pixels = 96 * 64 * 10;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_TOO_LONG);
    plan = small_plan();
    plan.limits.max_output_bytes = 4 * 3 * 32 * 48 * 4 - 1;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_TOO_LONG);
    plan.limits.max_output_bytes++;
    assert_int_equal(decode(video.bytes, video.size, &plan, &err), M2C_OK);
    free(video.bytes);
}

static void a_plan_out_of_range_is_refused_by_name(void **state)
{
    (void)state;
    struct m2c_decode_plan plan = small_plan();
    struct m2c_error err;
    plan.size_px = 15;
    assert_int_equal(decode((const uint8_t *)"", 0, &plan, &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "size");
    plan = small_plan();
    plan.std[1] = 0.0f;
    assert_int_equal(decode((const uint8_t *)"", 0, &plan, &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "std");
    plan = small_plan();
    plan.sampling.frames = 0;
    assert_int_equal(decode((const uint8_t *)"", 0, &plan, &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "frames");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_and_garbage_are_undecodable),
        cmocka_unit_test(the_watch_sees_what_libav_opens),
        cmocka_unit_test(playlists_are_refused_and_open_nothing),
        cmocka_unit_test(images_are_refused),
        cmocka_unit_test(codecs_off_the_list_are_refused),
        cmocka_unit_test(containers_off_the_list_are_refused),
        cmocka_unit_test(streams_without_video_have_no_video),
        cmocka_unit_test(subtitles_alone_have_no_video),
        cmocka_unit_test(encrypted_video_is_undecodable),
        cmocka_unit_test(a_picture_bomb_costs_no_memory),
        cmocka_unit_test(every_truncation_ends_well),
        cmocka_unit_test(every_bit_flip_ends_well),
        cmocka_unit_test(a_truncated_video_says_that_it_is_damaged),
        cmocka_unit_test(each_limit_has_its_error),
        cmocka_unit_test(a_plan_out_of_range_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
