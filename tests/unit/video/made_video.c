#include "made_video.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "golden_file.h"

extern char **environ;

static char directory[] = "/tmp/m2c-video-XXXXXX";
static int directory_made;

const char *made_path(const char *file)
{
    static char path[256];
    if (!directory_made) {
        assert_non_null(mkdtemp(directory));
        directory_made = 1;
    }
    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    return path;
}

int made_video_cleanup(void **state)
{
    (void)state;
    DIR *stream = directory_made ? opendir(directory) : NULL;
    if (!stream)
        return 0;
    const struct dirent *entry;
    while ((entry = readdir(stream)))
        if (entry->d_name[0] != '.')
            (void)unlink(made_path(entry->d_name));
    (void)closedir(stream);
    (void)rmdir(directory);
    return 0;
}

static int run_ffmpeg(char *const *argv)
{
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_t actions;
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&pid, "ffmpeg", &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int have_ffmpeg(void)
{
    char name[] = "ffmpeg", option[] = "-version";
    char *const argv[] = {name, option, NULL};
    return run_ffmpeg(argv) == 0;
}

struct made_video made_video(const char *file, const char *const *arguments)
{
    enum { MAX_ARGUMENTS = 64 };
    static const char *const opening[] = {"ffmpeg",   "-nostdin", "-loglevel", "error",
                                          "-threads", "1",        "-y"};
    char *argv[MAX_ARGUMENTS];
    size_t count = 0;
    for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
        argv[count++] = strdup(opening[i]);
    for (; *arguments; arguments++) {
        assert_true(count + 2 < MAX_ARGUMENTS);
        argv[count++] = strdup(*arguments);
    }
    argv[count++] = strdup(made_path(file));
    argv[count] = NULL;
    int failed = run_ffmpeg(argv);
    for (size_t i = 0; i < count; i++)
        free(argv[i]);
    if (failed)
        return (struct made_video){0};
    struct golden_file read = golden_file_read(made_path(file));
    return (struct made_video){read.bytes, read.size};
}

struct m2c_clip_frames decode_made(const struct made_video *video,
                                   const struct m2c_decode_plan *plan,
                                   enum m2c_clip_strategy strategy, struct m2c_clip_report *report)
{
    struct m2c_clip_frames frames = {0};
    struct m2c_error err;
    struct m2c_clip_report own;
    assert_non_null(video->bytes);
    enum m2c_status status = m2c_clip_decode(video->bytes, video->size, plan, strategy, &frames,
                                             report ? report : &own, &err);
    if (status)
        fail_msg("%s: %s (%s)", m2c_status_code(status), err.detail, err.context);
    return frames;
}

int ramp_frame(const struct m2c_clip_frames *frames, int slot)
{
    size_t plane = (size_t)frames->width * (size_t)frames->height;
    const float *green = frames->pixels + (3 * (size_t)slot + 1) * plane;
    double sum = 0.0;
    for (size_t i = 0; i < plane; i++)
        sum += (double)green[i];
    double byte = (sum / (double)plane * 0.26130258 + 0.4578275) * 255.0;
    return (int)lrint(byte * 219.0 / 255.0 / 5.0);
}

void assert_same_clip(const struct m2c_clip_frames *left, const struct m2c_clip_frames *right,
                      double tolerance)
{
    assert_int_equal(left->frame_count, right->frame_count);
    assert_int_equal(left->width, right->width);
    assert_int_equal(left->height, right->height);
    assert_int_equal(left->facts.frames, right->facts.frames);
    int total = left->temporal_views * left->frames_per_view;
    assert_int_equal(total, right->temporal_views * right->frames_per_view);
    for (int i = 0; i < total; i++) {
        assert_int_equal(left->frame_indices[i], right->frame_indices[i]);
        assert_int_equal(left->slots[i], right->slots[i]);
        assert_true(fabs(left->frame_times_s[i] - right->frame_times_s[i]) < 1e-3);
    }
    size_t count = 3 * (size_t)left->frame_count * (size_t)left->width * (size_t)left->height;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs((double)left->pixels[i] - (double)right->pixels[i]);
        if (!(difference <= tolerance))
            fail_msg("pixel %zu of %zu: %g and %g", i, count, (double)left->pixels[i],
                     (double)right->pixels[i]);
    }
}

struct m2c_clip_frames decode_all_ways(const struct made_video *video,
                                       const struct m2c_decode_plan *plan,
                                       struct m2c_clip_report *report)
{
    struct m2c_clip_frames fastest = decode_made(video, plan, M2C_CLIP_FASTEST, report);
    struct m2c_clip_frames sequential = decode_made(video, plan, M2C_CLIP_SEQUENTIAL, NULL);
    struct m2c_clip_frames counted = decode_made(video, plan, M2C_CLIP_COUNTED, NULL);
    assert_same_clip(&fastest, &counted, 0.0);
    assert_same_clip(&sequential, &counted, 0.0);
    m2c_clip_frames_destroy(&sequential);
    m2c_clip_frames_destroy(&counted);
    return fastest;
}
