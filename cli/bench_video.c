/* `decode` and `preprocess` of `m2clip bench`: a file's bytes to normalised frames, in this thread.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "model/folder_file.h"
#include "pipeline.h"
#include "runtime/clock.h"

/* Times of one run: everything, and the part that is conversion and resize. */
struct decode_times {
    double total_ms, preprocess_ms;
};

static enum m2c_status decode_once(const struct m2c_mapped_file *file,
                                   const struct m2c_decode_plan *plan, struct decode_times *times,
                                   int64_t *stream_frames, struct m2c_error *err)
{
    struct m2c_clip_frames frames;
    double start_ms = m2c_clock_ms();
    enum m2c_status status = m2c_video_decode(file->bytes, file->size_bytes, plan, &frames, err);
    times->total_ms = m2c_clock_ms() - start_ms;
    if (status != M2C_OK)
        return status;
    times->preprocess_ms = frames.preprocess_ms;
    *stream_frames = frames.facts.frames;
    m2c_clip_frames_destroy(&frames);
    return M2C_OK;
}

static enum m2c_status add_times(const char *path, double *decode_ms, double *preprocess_ms,
                                 int repeats, int64_t stream_frames, struct cli_bench_rows *rows,
                                 struct m2c_error *err)
{
    struct cli_bench_row row = {.precision = "", .backend = "", .threads = 1};
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    (void)snprintf(row.stage, sizeof row.stage, "decode");
    row.ms = cli_median(decode_ms, (size_t)repeats);
    (void)snprintf(row.note, sizeof row.note, "%.32s, %.0f frames a second", name,
                   (double)stream_frames / row.ms * 1e3);
    enum m2c_status status = cli_bench_add(rows, &row, err);
    if (status != M2C_OK)
        return status;
    (void)snprintf(row.stage, sizeof row.stage, "preprocess");
    row.ms = cli_median(preprocess_ms, (size_t)repeats);
    (void)snprintf(row.note, sizeof row.note, "%.32s", name);
    return cli_bench_add(rows, &row, err);
}

enum m2c_status cli_bench_video(const struct cli_session *session, const char *path, int repeats,
                                struct cli_bench_rows *rows, struct m2c_error *err)
{
    struct m2c_mapped_file file = {0};
    struct m2c_sampling sampling = m2c_pipeline_default_sampling(session->set);
    struct m2c_decode_plan plan;
    int64_t stream_frames = 0;
    size_t runs = (size_t)repeats;
    double *ms = calloc(2 * runs, sizeof *ms);
    m2c_pipeline_plan(session->model, session->set, &sampling, &plan);
    enum m2c_status status = m2c_mapped_file_open(path, &file, err);
    if (status == M2C_OK && !ms)
        status = m2c_fail_memory(err, "measurements", 2 * runs * sizeof *ms);
    struct decode_times times;
    if (status == M2C_OK)
        status = decode_once(&file, &plan, &times, &stream_frames, err);
    for (size_t i = 0; status == M2C_OK && i < runs; i++) {
        status = decode_once(&file, &plan, &times, &stream_frames, err);
        ms[i] = times.total_ms - times.preprocess_ms;
        ms[runs + i] = times.preprocess_ms;
    }
    if (status == M2C_OK)
        status = add_times(path, ms, ms + runs, repeats, stream_frames, rows, err);
    m2c_mapped_file_close(&file);
    free(ms);
    return status;
}
