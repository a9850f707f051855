#include "server/engine/label_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "scoring.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"
#include "server/engine/label_digest.h"
#include "server/engine/vector_version.h"

/* Texts looked up at once, and the most of them that may be encoded at once. */
enum { SPAN_TEXTS = 1024, PORTION_TEXTS = 256 };

/* One text of the present span. */
struct seat {
    struct srv_label_waiter waiter;
    struct srv_label_job *job;
    struct srv_label_entry *entry; /* held; NULL while nobody encodes it */
    bool leads;                    /* the entry is this job's to fill */
};

struct span {
    struct seat seats[SPAN_TEXTS];
    const char *texts[PORTION_TEXTS]; /* that this job encodes now */
    size_t places[PORTION_TEXTS];     /* their seats */
};

struct srv_label_job {
    struct srv_engine *engine;
    struct srv_label_request request;
    bool held, ended;
    bool working;   /* the scheduler has a portion of this job */
    bool advancing; /* further up the stack: who wakes a seat need not */
    struct srv_work work;
    size_t dim;
    char version[SRV_VECTOR_VERSION_BYTES];
    unsigned char digest[M2C_DIGEST_BYTES];
    bool *row_missed; /* [row_count] */
    struct srv_label_result result;

    /* Where the walk over templates and, within one, texts has come to. */
    size_t template_index, text_index;
    struct span *span;      /* NULL until something has to be looked up text by text */
    size_t span_count;      /* texts of the present span, 0 between spans */
    size_t waiting;         /* seats whose entry another job fills */
    size_t portion;         /* texts that this job leads now */
    float *portion_vectors; /* [PORTION_TEXTS, E]; NULL until something is missing */
    size_t encoded;         /* texts of all portions so far */
};

/* Waits for nobody any more. */
static void leave_others(struct srv_label_job *job)
{
    for (size_t i = 0; i < job->span_count; i++) {
        struct seat *seat = &job->span->seats[i];
        if (!seat->waiter.entry)
            continue;
        srv_label_waiter_leave(&seat->waiter);
        seat->entry = NULL;
    }
    job->waiting = 0;
}

static void leave_span(struct srv_label_job *job)
{
    leave_others(job);
    for (size_t i = 0; i < job->span_count; i++) {
        struct seat *seat = &job->span->seats[i];
        if (seat->leads)
            srv_label_cache_abandon(job->engine->labels, seat->entry);
        else if (seat->entry)
            srv_label_entry_release(seat->entry);
        *seat = (struct seat){0};
    }
    job->span_count = 0;
    job->portion = 0;
}

static void job_free(struct srv_label_job *job)
{
    leave_span(job);
    if (job->request.release)
        job->request.release(job->request.owner);
    srv_served_unref(job->request.served, job->engine->loop);
    srv_label_matrix_unref(job->result.matrix);
    free(job->row_missed);
    free(job->span);
    free(job->portion_vectors);
    free(job);
}

/* The job may be gone when this returns. */
static void end(struct srv_label_job *job, const struct m2c_error *err)
{
    leave_span(job);
    job->ended = true;
    job->engine->jobs--;
    if (err->status == M2C_OK && job->encoded > 0)
        srv_engine_learn_texts(job->engine, job->encoded, job->result.text_ms);
    if (job->held)
        job->request.done(job, err, job->request.argument);
    else
        job_free(job);
}

static enum m2c_status advance(struct srv_label_job *job, struct m2c_error *err);

/* Goes on outside of start, where an error must find its own way to the asker. */
static void go_on(struct srv_label_job *job)
{
    struct m2c_error err;
    if (job->working || job->waiting > 0 || job->advancing)
        return;
    if (advance(job, &err) != M2C_OK)
        end(job, &err);
}

static void on_wake(struct srv_label_waiter *waiter, bool filled)
{
    struct seat *seat = SRV_CONTAINER(waiter, struct seat, waiter);
    struct srv_label_job *job = seat->job;
    job->waiting--;
    if (!filled)
        seat->entry = NULL;
    go_on(job);
}

/* Finds out what is to be done about a text of the span. */
static enum m2c_status claim(struct srv_label_job *job, size_t place, struct m2c_error *err)
{
    struct seat *seat = &job->span->seats[place];
    const struct srv_label_text *text = &job->request.texts[job->text_index + place];
    const struct srv_label_key key = {
        .version = job->version,
        .template_text = job->request.templates[job->template_index],
        .text = text->text,
        .truncate = job->request.truncate,
    };
    enum srv_label_claim claim;
    seat->job = job;
    seat->waiter.wake = on_wake;
    seat->entry = srv_label_cache_claim(job->engine->labels, &key, job->dim, &seat->waiter, &claim);
    if (!seat->entry)
        return m2c_fail_memory(err, "a label vector", job->dim * sizeof(float));
    job->waiting += claim == SRV_LABEL_WAITS;
    if (claim == SRV_LABEL_LEADS) {
        seat->leads = true;
        job->row_missed[text->row] = true;
        job->span->texts[job->portion] = text->text;
        job->span->places[job->portion++] = place;
    }
    return M2C_OK;
}

/* Claims the next texts of the present template, until the span is full or a portion is missing. */
static enum m2c_status open_span(struct srv_label_job *job, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    while (job->text_index + job->span_count < job->request.text_count &&
           job->span_count < SPAN_TEXTS && job->portion < PORTION_TEXTS && status == M2C_OK)
        status = claim(job, job->span_count++, err);
    return status;
}

/* Claims anew what others have given up. */
static enum m2c_status take_over(struct srv_label_job *job, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; i < job->span_count && job->portion < PORTION_TEXTS && status == M2C_OK; i++)
        if (!job->span->seats[i].entry)
            status = claim(job, i, err);
    return status;
}

/* Adds the span's vectors to their rows, in the order of the texts whatever was known before: the
 * same request sums alike each time. */
static void close_span(struct srv_label_job *job)
{
    float *rows = srv_label_matrix_values(job->result.matrix);
    for (size_t i = 0; i < job->span_count; i++) {
        const float *vector = srv_label_entry_vector(job->span->seats[i].entry);
        float *row = rows + job->request.texts[job->text_index + i].row * job->dim;
        for (size_t d = 0; d < job->dim; d++)
            row[d] += vector[d];
    }
    job->text_index += job->span_count;
    leave_span(job);
    if (job->text_index == job->request.text_count) {
        job->text_index = 0;
        job->template_index++;
    }
}

static void finish(struct srv_label_job *job)
{
    struct m2c_error none = {.status = M2C_OK};
    float *rows = srv_label_matrix_values(job->result.matrix);
    for (size_t row = 0; row < job->request.row_count; row++) {
        m2c_unit_vector(rows + row * job->dim, job->dim);
        job->result.rows_miss += job->row_missed[row];
    }
    job->result.rows_hit = job->request.row_count - job->result.rows_miss;
    srv_matrix_cache_put(job->engine->matrices, job->digest, job->result.matrix);
    end(job, &none);
}

/* The encoder names a text by its place in the portion; the client knows its own place. */
static void relocate(const struct srv_label_job *job, struct m2c_error *err)
{
    const char *bracket = strchr(err->field, '[');
    size_t place = bracket ? strtoul(bracket + 1, NULL, 10) : job->portion;
    if (place >= job->portion)
        return;
    const struct srv_label_text *text =
        &job->request.texts[job->text_index + job->span->places[place]];
    (void)snprintf(err->field, sizeof err->field, "%s[%zu]", text->field, text->position);
}

static void fill_portion(struct srv_label_job *job)
{
    job->advancing = true;
    for (size_t i = 0; i < job->portion; i++) {
        struct seat *seat = &job->span->seats[job->span->places[i]];
        seat->leads = false;
        srv_label_cache_fill(job->engine->labels, seat->entry, job->portion_vectors + i * job->dim);
    }
    job->advancing = false;
    job->portion = 0;
}

static void on_encoded(struct srv_work *work)
{
    struct srv_label_job *job = SRV_CONTAINER(work, struct srv_label_job, work);
    struct m2c_error err = work->err;
    job->result.text_ms += work->run_ms;
    if (err.status != M2C_OK) {
        relocate(job, &err);
        end(job, &err); /* leaving the span lets others take over */
        return;
    }
    job->encoded += job->portion;
    fill_portion(job);
    job->working = false;
    if (job->held) {
        go_on(job);
        return;
    }
    (void)m2c_fail(&err, M2C_CANCELLED, "nobody waits for these labels");
    end(job, &err);
}

static enum m2c_status submit(struct srv_label_job *job, struct m2c_error *err)
{
    if (!job->portion_vectors)
        job->portion_vectors = calloc((size_t)PORTION_TEXTS * job->dim, sizeof(float));
    if (!job->portion_vectors)
        return m2c_fail_memory(err, "label vectors", PORTION_TEXTS * job->dim * sizeof(float));
    job->work = (struct srv_work){
        .kind = SRV_WORK_TEXTS,
        .set = job->request.set,
        .lane = srv_lane_of_texts(job->request.text_count * job->request.template_count),
        .done = on_encoded,
        .served = job->request.served,
        .template_text = job->request.templates[job->template_index],
        .texts = job->span->texts,
        .text_count = job->portion,
        .truncate = job->request.truncate,
        .vectors = job->portion_vectors,
    };
    job->working = true;
    srv_scheduler_submit(job->engine->scheduler, &job->work);
    return M2C_OK;
}

/* Walks on until something must be encoded or waited for, or all is done, which ends the job. */
static enum m2c_status advance(struct srv_label_job *job, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    while (job->template_index < job->request.template_count && job->request.text_count > 0) {
        status = job->span_count == 0 ? open_span(job, err) : take_over(job, err);
        if (status == M2C_OK && job->portion > 0)
            status = submit(job, err);
        if (status != M2C_OK || job->working || job->waiting > 0)
            return status;
        close_span(job);
    }
    finish(job);
    return M2C_OK;
}

static struct srv_label_job *job_new(struct srv_engine *engine,
                                     const struct srv_label_request *request)
{
    const struct m2c_model *model = srv_served_model(request->served);
    struct srv_label_job *job = calloc(1, sizeof *job);
    if (!job)
        return NULL;
    job->engine = engine;
    job->request = *request;
    job->dim = (size_t)m2c_set_info(request->set)->dim;
    job->held = true;
    srv_vector_version(model, request->set, job->version);
    (void)srv_served_ref(request->served);
    return job;
}

static enum m2c_status make_room(struct srv_label_job *job, struct m2c_error *err)
{
    size_t rows = job->request.row_count;
    job->result.matrix = srv_label_matrix_new(rows, job->dim);
    job->row_missed = calloc(rows + 1, sizeof(bool));
    job->span = calloc(1, sizeof *job->span);
    if (!job->result.matrix || !job->row_missed || !job->span)
        return m2c_fail_memory(err, "label vectors", rows * job->dim * sizeof(float));
    return M2C_OK;
}

/* Ends the job with the whole list as it was made before; takes the hold. */
static void end_with(struct srv_label_job *job, struct srv_label_matrix *matrix)
{
    struct m2c_error none = {.status = M2C_OK};
    job->result.matrix = matrix;
    job->result.rows_hit = job->request.row_count;
    srv_label_cache_note_hits(job->engine->labels,
                              job->request.text_count * job->request.template_count);
    end(job, &none);
}

enum m2c_status srv_label_job_start(struct srv_engine *engine,
                                    const struct srv_label_request *request,
                                    struct srv_label_job **out, struct m2c_error *err)
{
    struct srv_label_job *job = job_new(engine, request);
    if (!job) {
        request->release(request->owner);
        return m2c_fail_memory(err, "a job", sizeof *job);
    }
    engine->jobs++;
    *out = job;
    if (request->known) {
        end_with(job, srv_label_matrix_ref(request->known));
        return M2C_OK;
    }
    struct srv_label_matrix *whole = NULL;
    enum m2c_status status = srv_label_digest(job->version, request, job->digest, err);
    if (status == M2C_OK)
        whole = srv_matrix_cache_find(engine->matrices, job->digest);
    if (whole) {
        end_with(job, whole);
        return M2C_OK;
    }
    if (status == M2C_OK)
        status = make_room(job, err);
    if (status == M2C_OK)
        status = advance(job, err);
    if (status != M2C_OK) {
        engine->jobs--;
        *out = NULL;
        job_free(job);
    }
    return status;
}

/* Whether others wait for what this job encodes now. */
static bool is_awaited(const struct srv_label_job *job)
{
    for (size_t i = 0; i < job->portion; i++)
        if (srv_label_entry_awaited(job->span->seats[job->span->places[i]].entry))
            return true;
    return false;
}

void srv_label_job_release(struct srv_label_job **job_pointer)
{
    struct srv_label_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    if (job->ended) {
        job_free(job);
        return;
    }
    leave_others(job);
    if (!job->working) {
        job->engine->jobs--;
        job_free(job);
    } else if (!is_awaited(job)) {
        srv_scheduler_cancel(job->engine->scheduler, &job->work);
    }
}

struct srv_label_result srv_label_job_result(const struct srv_label_job *job)
{
    return job->result;
}
