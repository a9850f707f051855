/* `decode` of `m2clip bench`: a file's bytes to normalised frames, in this thread. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "model/folder_file.h"
#include "pipeline.h"
#include "runtime/clock.h"

static enum m2c_status decode_once(const struct m2c_mapped_file *file,
                                   const struct m2c_decode_plan *plan, double *ms,
                                   int64_t *stream_frames, struct m2c_error *err)
{
    struct m2c_clip_frames frames;
    double start_ms = m2c_clock_ms();
    enum m2c_status status = m2c_video_decode(file->bytes, file->size_bytes, plan, &frames, err);
    *ms = m2c_clock_ms() - start_ms;
    if (status != M2C_OK)
        return status;
    *stream_frames = frames.facts.frames;
    m2c_clip_frames_destroy(&frames);
    return M2C_OK;
}

enum m2c_status cli_bench_video(const struct cli_session *session, const char *path, int repeats,
                                struct cli_bench_rows *rows, struct m2c_error *err)
{
    struct m2c_mapped_file file = {0};
    struct m2c_sampling sampling = m2c_pipeline_default_sampling(session->set);
    struct m2c_decode_plan plan;
    int64_t stream_frames = 0;
    double *ms = calloc((size_t)repeats + 1, sizeof *ms);
    m2c_pipeline_plan(session->model, session->set, &sampling, &plan);
    enum m2c_status status = m2c_mapped_file_open(path, &file, err);
    if (status == M2C_OK && !ms)
        status = m2c_fail_memory(err, "measurements", (size_t)repeats * sizeof *ms);
    for (int i = 0; status == M2C_OK && i <= repeats; i++)
        status = decode_once(&file, &plan, &ms[i], &stream_frames, err);
    if (status == M2C_OK) {
        struct cli_bench_row row = {.precision = "", .backend = "", .threads = 1};
        const char *name = strrchr(path, '/');
        (void)snprintf(row.stage, sizeof row.stage, "decode");
        row.ms = cli_median(ms + 1, (size_t)repeats);
        (void)snprintf(row.note, sizeof row.note, "%.32s, %.0f frames a second",
                       name ? name + 1 : path, (double)stream_frames / row.ms * 1e3);
        status = cli_bench_add(rows, &row, err);
    }
    m2c_mapped_file_close(&file);
    free(ms);
    return status;
}
