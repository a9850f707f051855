/* The threads that compute, on a small model: outcomes, cancelling, deadlines, several workers. Run
 * under ThreadSanitizer it is the test of the scheduler's locking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/random_model.h"
#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/scheduler.h"
#include "tests/unit/model/scratch_folder.h"

enum { FRAMES = 2, VIEWS = 3, JOBS = 24 };

static struct scratch folder;
static struct m2c_error err;
static uv_loop_t loop;
static struct srv_mailbox box;
static struct srv_scheduler *scheduler;
static struct srv_served *served;
static const struct m2c_set *set;

struct job {
    struct m2c_clip_frames clip;
    struct m2c_video_embedding embedding;
    struct srv_work work;
    int dones;
};

static struct job jobs[JOBS];
static size_t pending;
static double patience_ms;

static void on_done(struct srv_work *work)
{
    struct job *job = SRV_CONTAINER(work, struct job, work);
    job->dones++;
    pending--;
}

static void make_clip(struct m2c_clip_frames *clip, int views, unsigned seed)
{
    int size_px = m2c_model_config(srv_served_model(served))->image_px;
    size_t values = (size_t)FRAMES * 3 * (size_t)size_px * (size_t)(2 * size_px);
    *clip = (struct m2c_clip_frames){.frame_count = FRAMES,
                                     .height = size_px,
                                     .width = 2 * size_px,
                                     .temporal_views = 1,
                                     .frames_per_view = FRAMES,
                                     .spatial_views = views};
    clip->pixels = calloc(values, sizeof(float));
    clip->slots = calloc(FRAMES, sizeof(int));
    assert_non_null(clip->pixels);
    assert_non_null(clip->slots);
    for (size_t i = 0; i < values; i++) {
        seed = seed * 1664525U + 1013904223U;
        clip->pixels[i] = (float)(seed >> 8) / (float)(1 << 23) - 1.0F;
    }
    for (int t = 0; t < FRAMES; t++)
        clip->slots[t] = t;
}

static void prepare(struct job *job, int views, enum srv_lane lane, unsigned seed)
{
    make_clip(&job->clip, views, seed);
    assert_int_equal(m2c_video_embedding_init(&job->embedding, set, views, FRAMES, &err), M2C_OK);
    job->work = (struct srv_work){.kind = SRV_WORK_VIEWS,
                                  .lane = lane,
                                  .served = served,
                                  .set = set,
                                  .done = on_done,
                                  .frames = &job->clip,
                                  .embedding = &job->embedding};
}

static void submit(struct job *job)
{
    pending++;
    srv_scheduler_submit(scheduler, &job->work);
}

static void wait_for_all(void)
{
    while (pending > 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
}

static void forget(struct job *job)
{
    m2c_clip_frames_destroy(&job->clip);
    m2c_video_embedding_destroy(&job->embedding);
    memset(job, 0, sizeof *job);
}

static void open_room(int workers, int max_clips)
{
    const struct srv_scheduler_options options = {.threads = 2,
                                                  .workers = workers,
                                                  .max_batch_clips = max_clips,
                                                  .max_wait_ms = patience_ms,
                                                  .nice = 1};
    const struct m2c_model_options model_options = {
        .dir = folder.dir, .precision = M2C_PRECISION_F32, .backend = M2C_BACKEND_NATIVE};
    struct m2c_model *model;
    int count;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(srv_mailbox_open(&box, &loop, &err), M2C_OK);
    assert_int_equal(srv_scheduler_new(&box, &options, &scheduler, &err), M2C_OK);
    assert_int_equal(m2c_model_load(&model_options, &model, &err), M2C_OK);
    struct m2c_team *const *teams = srv_scheduler_teams(scheduler, &count);
    assert_int_equal(count, workers);
    assert_int_equal(srv_served_new(model, teams, count, SRV_PASS_MAX_FRAMES, &served, &err),
                     M2C_OK);
    set = m2c_model_find_set(srv_served_model(served), NULL);
}

static void close_room(void)
{
    srv_scheduler_free(&scheduler);
    srv_mailbox_deliver(&box);
    srv_served_unref(served, NULL);
    srv_mailbox_close(&box, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static bool same(const struct job *a, const struct job *b)
{
    size_t features = (size_t)(VIEWS * FRAMES * a->embedding.dim) * sizeof(float);
    return memcmp(a->embedding.frame_features, b->embedding.frame_features, features) == 0;
}

static void check_answers(int workers, int max_clips)
{
    static struct job alone[JOBS];
    open_room(workers, max_clips);
    for (unsigned i = 0; i < JOBS; i++) {
        prepare(&alone[i], VIEWS, SRV_LANE_SHORT, i + 1);
        submit(&alone[i]);
        wait_for_all();
        assert_int_equal(alone[i].work.err.status, M2C_OK);
    }
    for (unsigned i = 0; i < JOBS; i++) {
        prepare(&jobs[i], VIEWS, i % 3 ? SRV_LANE_SHORT : SRV_LANE_LONG, i + 1);
        submit(&jobs[i]);
    }
    wait_for_all();
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].work.err.status, M2C_OK);
        assert_int_equal(jobs[i].dones, 1);
        assert_true(same(&jobs[i], &alone[i]));
        assert_true(jobs[i].work.share_ms > 0.0 && jobs[i].work.wait_ms >= 0.0);
        forget(&jobs[i]);
        forget(&alone[i]);
    }
    struct srv_engine_stats stats = {0};
    srv_scheduler_stats(scheduler, &stats);
    assert_int_equal(stats.batches.clips, 2 * JOBS * VIEWS);
    assert_int_equal(stats.teams, workers);
    assert_int_equal(stats.short_lane.waiting + stats.long_lane.waiting, 0);
    close_room();
}

static void answers_are_the_same_alone_and_in_company(void **state)
{
    (void)state;
    check_answers(1, 8);
}

static void several_workers_give_the_same_answers(void **state)
{
    (void)state;
    check_answers(2, 4);
}

static void what_nobody_wants_ends_once_and_the_rest_is_answered(void **state)
{
    (void)state;
    open_room(2, 2);
    for (int round = 0; round < 10; round++) {
        for (unsigned i = 0; i < JOBS; i++) {
            prepare(&jobs[i], VIEWS, i % 2 ? SRV_LANE_SHORT : SRV_LANE_LONG, i + 1);
            submit(&jobs[i]);
        }
        for (int i = 0; i < JOBS; i += 3)
            if (jobs[i].dones == 0)
                srv_scheduler_cancel(scheduler, &jobs[i].work);
        wait_for_all();
        for (int i = 0; i < JOBS; i++) {
            enum m2c_status status = jobs[i].work.err.status;
            assert_int_equal(jobs[i].dones, 1);
            assert_true(status == M2C_OK || (i % 3 == 0 && status == M2C_CANCELLED));
            forget(&jobs[i]);
        }
    }
    close_room();
}

static void free_team_waits_for_company_and_cancelled_work_for_nobody(void **state)
{
    struct srv_engine_stats stats = {0};
    (void)state;
    patience_ms = 1e6;
    open_room(1, 4);
    prepare(&jobs[0], VIEWS, SRV_LANE_SHORT, 1);
    submit(&jobs[0]);
    srv_scheduler_stats(scheduler, &stats);
    assert_int_equal(stats.short_lane.waiting, VIEWS);
    srv_scheduler_cancel(scheduler, &jobs[0].work);
    srv_scheduler_cancel(scheduler, &jobs[0].work);
    wait_for_all();
    assert_int_equal(jobs[0].work.err.status, M2C_CANCELLED);
    assert_int_equal(jobs[0].dones, 1);
    for (unsigned i = 1; i < 3; i++) { /* a pass of four, and two views that wait */
        prepare(&jobs[i], VIEWS, SRV_LANE_SHORT, i);
        submit(&jobs[i]);
    }
    do {
        memset(&stats, 0, sizeof stats);
        srv_scheduler_stats(scheduler, &stats);
    } while (stats.batches.clips == 0);
    assert_int_equal(stats.batches.by_clips[2], 1);
    assert_int_equal(stats.batches.clips, 4);
    assert_int_equal(stats.cancelled, 1);
    srv_scheduler_free(&scheduler); /* nobody else will come: what waits is computed */
    srv_mailbox_deliver(&box);
    assert_int_equal(pending, 0);
    for (int i = 0; i < 3; i++)
        forget(&jobs[i]);
    patience_ms = 0.0;
    close_room();
}

static void work_past_its_deadline_is_not_begun(void **state)
{
    (void)state;
    open_room(1, 4);
    prepare(&jobs[0], VIEWS, SRV_LANE_SHORT, 1);
    jobs[0].work.deadline_ms = m2c_clock_ms() - 1.0;
    submit(&jobs[0]);
    wait_for_all();
    assert_int_equal(jobs[0].work.err.status, M2C_DEADLINE);
    struct srv_engine_stats stats = {0};
    srv_scheduler_stats(scheduler, &stats);
    assert_int_equal(stats.expired, 1);
    assert_int_equal(stats.batches.clips, 0);
    forget(&jobs[0]);
    close_room();
}

static void texts_come_back_in_parts_and_the_faulty_one_is_named(void **state)
{
    enum { TEXTS = 40 };
    static char texts[TEXTS][600];
    const char *list[TEXTS];
    (void)state;
    open_room(1, 4);
    size_t dim = (size_t)m2c_set_info(set)->dim;
    float *vectors = calloc(2 * TEXTS * dim, sizeof *vectors);
    assert_non_null(vectors);
    for (int i = 0; i < TEXTS; i++) { /* spaces are bytes to the cut and nothing to the model */
        memset(texts[i], ' ', sizeof texts[i] - 1);
        texts[i][0] = (char)('a' + i % 26);
        texts[i][1] = (char)('a' + i / 26);
        list[i] = texts[i];
    }
    struct job *job = &jobs[0];
    job->work = (struct srv_work){.kind = SRV_WORK_TEXTS,
                                  .served = served,
                                  .set = set,
                                  .done = on_done,
                                  .texts = list,
                                  .text_count = TEXTS,
                                  .vectors = vectors};
    submit(job);
    wait_for_all();
    assert_int_equal(job->work.err.status, M2C_OK);
    struct srv_engine_stats stats = {0};
    srv_scheduler_stats(scheduler, &stats);
    assert_int_equal(stats.batches.texts, TEXTS);
    assert_true(stats.batches.text_batches >= 3);
    for (size_t i = 0; i < TEXTS; i++) { /* unit vectors all */
        double square = 0.0;
        for (size_t d = 0; d < dim; d++)
            square += (double)vectors[i * dim + d] * (double)vectors[i * dim + d];
        assert_float_equal(square, 1.0, 1e-3);
    }
    memset(texts[TEXTS - 3], 'x', 500); /* too long for the context */
    submit(job);
    wait_for_all();
    assert_int_equal(job->work.err.status, M2C_INVALID_REQUEST);
    assert_string_equal(job->work.err.field, "text[37]");
    free(vectors);
    memset(job, 0, sizeof *job);
    close_room();
}

static int make_folder(void **state)
{
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    (void)state;
    scratch_make(&folder);
    spec.classes = 5;
    assert_int_equal(m2c_random_model_write(&spec, folder.dir, &err), M2C_OK);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_same_alone_and_in_company),
        cmocka_unit_test(several_workers_give_the_same_answers),
        cmocka_unit_test(what_nobody_wants_ends_once_and_the_rest_is_answered),
        cmocka_unit_test(free_team_waits_for_company_and_cancelled_work_for_nobody),
        cmocka_unit_test(work_past_its_deadline_is_not_begun),
        cmocka_unit_test(texts_come_back_in_parts_and_the_faulty_one_is_named),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
