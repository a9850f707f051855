#include "server/engine/label_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "scoring.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"

/* Texts looked up at once, and the most of them that may be encoded at once. */
enum { SPAN_TEXTS = 1024, PORTION_TEXTS = 256 };

struct srv_label_job {
    struct srv_engine *engine;
    struct srv_label_request request;
    bool held, ended;
    atomic_bool cancelled;
    struct srv_work work;
    size_t dim;
    float *vectors;   /* [row_count, E]: sums, at the end unit vectors */
    bool *row_missed; /* [row_count] */
    struct srv_label_result result;

    /* Where the walk over templates and, within one, texts has come to. */
    size_t template_index, text_index;
    size_t span;                               /* texts of the present span */
    struct srv_label_entry *found[SPAN_TEXTS]; /* NULL where the text is missing */
    const char *missing[PORTION_TEXTS];
    size_t missing_index[PORTION_TEXTS]; /* in the request's texts */
    size_t missing_count;
    float *missing_vectors; /* [PORTION_TEXTS, E]; NULL until something is missing */
};

static void drop_found(struct srv_label_job *job)
{
    for (size_t i = 0; i < job->span; i++)
        if (job->found[i])
            srv_label_entry_release(job->found[i]);
    job->span = 0;
}

static void job_free(struct srv_label_job *job)
{
    drop_found(job);
    if (job->request.release)
        job->request.release(job->request.owner);
    srv_served_unref(job->request.served, job->engine->loop);
    free(job->vectors);
    free(job->row_missed);
    free(job->missing_vectors);
    free(job);
}

static struct srv_label_key key_of(const struct srv_label_job *job, size_t text)
{
    return (struct srv_label_key){
        .version = m2c_set_info(job->request.set)->version,
        .template_text = job->request.templates[job->template_index],
        .text = job->request.texts[text].text,
        .truncate = job->request.truncate,
    };
}

static void end(struct srv_label_job *job, const struct m2c_error *err)
{
    job->ended = true;
    job->engine->jobs--;
    if (job->held)
        job->request.done(job, err, job->request.argument);
    else
        job_free(job);
}

/* Looks up the next texts of the present template, until the span is full or a portion is missing.
 */
static void open_span(struct srv_label_job *job)
{
    job->span = 0;
    job->missing_count = 0;
    while (job->text_index + job->span < job->request.text_count && job->span < SPAN_TEXTS &&
           job->missing_count < PORTION_TEXTS) {
        size_t text = job->text_index + job->span;
        struct srv_label_key key = key_of(job, text);
        struct srv_label_entry *entry = srv_label_cache_find(job->engine->labels, &key);
        job->found[job->span++] = entry;
        if (!entry) {
            job->row_missed[job->request.texts[text].row] = true;
            job->missing[job->missing_count] = key.text;
            job->missing_index[job->missing_count++] = text;
        }
    }
}

/* Adds the span's vectors to their rows, in the order of the texts whatever was known before: the
 * same request sums alike each time. */
static void close_span(struct srv_label_job *job)
{
    size_t missing = 0;
    for (size_t i = 0; i < job->span; i++) {
        const float *vector = job->found[i] ? srv_label_entry_vector(job->found[i])
                                            : job->missing_vectors + missing++ * job->dim;
        float *row = job->vectors + job->request.texts[job->text_index + i].row * job->dim;
        for (size_t d = 0; d < job->dim; d++)
            row[d] += vector[d];
    }
    job->text_index += job->span;
    drop_found(job);
    if (job->text_index == job->request.text_count) {
        job->text_index = 0;
        job->template_index++;
    }
}

static void finish(struct srv_label_job *job)
{
    struct m2c_error none = {.status = M2C_OK};
    for (size_t row = 0; row < job->request.row_count; row++) {
        m2c_unit_vector(job->vectors + row * job->dim, job->dim);
        job->result.rows_miss += job->row_missed[row];
    }
    job->result.rows_hit = job->request.row_count - job->result.rows_miss;
    job->result.vectors = job->vectors;
    end(job, &none);
}

/* The encoder names a text by its place in the portion; the client knows its own place. */
static void relocate(const struct srv_label_job *job, struct m2c_error *err)
{
    const char *bracket = strchr(err->field, '[');
    size_t place = bracket ? strtoul(bracket + 1, NULL, 10) : job->missing_count;
    if (place >= job->missing_count)
        return;
    const struct srv_label_text *text = &job->request.texts[job->missing_index[place]];
    (void)snprintf(err->field, sizeof err->field, "%s[%zu]", text->field, text->position);
}

static enum m2c_status advance(struct srv_label_job *job, struct m2c_error *err);

static void on_encoded(struct srv_work *work)
{
    struct srv_label_job *job = SRV_CONTAINER(work, struct srv_label_job, work);
    struct m2c_error err = work->err;
    job->result.text_ms += work->run_ms;
    if (!job->held || err.status != M2C_OK) {
        relocate(job, &err);
        end(job, &err);
        return;
    }
    for (size_t i = 0; i < job->missing_count; i++) {
        struct srv_label_key key = key_of(job, job->missing_index[i]);
        srv_label_cache_put(job->engine->labels, &key, job->missing_vectors + i * job->dim,
                            job->dim);
    }
    close_span(job);
    if (advance(job, &err) != M2C_OK)
        end(job, &err);
}

static bool make_room(struct srv_label_job *job)
{
    if (!job->missing_vectors)
        job->missing_vectors = calloc((size_t)PORTION_TEXTS * job->dim, sizeof(float));
    return job->missing_vectors != NULL;
}

static void submit(struct srv_label_job *job)
{
    job->work = (struct srv_work){
        .kind = SRV_WORK_TEXTS,
        .set = job->request.set,
        .cancelled = &job->cancelled,
        .done = on_encoded,
        .served = job->request.served,
        .template_text = job->request.templates[job->template_index],
        .texts = job->missing,
        .text_count = job->missing_count,
        .truncate = job->request.truncate,
        .vectors = job->missing_vectors,
    };
    srv_scheduler_submit(job->engine->scheduler, &job->work);
}

/* Walks on until something must be encoded or all is done, which ends the job. */
static enum m2c_status advance(struct srv_label_job *job, struct m2c_error *err)
{
    while (job->template_index < job->request.template_count && job->request.text_count > 0) {
        open_span(job);
        if (job->missing_count > 0) {
            if (!make_room(job))
                return m2c_fail_memory(err, "label vectors",
                                       PORTION_TEXTS * job->dim * sizeof(float));
            submit(job);
            return M2C_OK;
        }
        close_span(job);
    }
    finish(job);
    return M2C_OK;
}

enum m2c_status srv_label_job_start(struct srv_engine *engine,
                                    const struct srv_label_request *request,
                                    struct srv_label_job **out, struct m2c_error *err)
{
    size_t dim = (size_t)m2c_set_info(request->set)->dim, floats = 0;
    struct srv_label_job *job = calloc(1, sizeof *job);
    if (job) {
        job->engine = engine;
        job->request = *request;
        (void)srv_served_ref(request->served);
    }
    if (job && m2c_checked_multiply(request->row_count + 1, dim, &floats)) {
        job->vectors = calloc(floats, sizeof(float));
        job->row_missed = calloc(request->row_count + 1, sizeof(bool));
    }
    if (!job || !job->vectors || !job->row_missed) {
        if (job)
            job_free(job);
        else
            request->release(request->owner);
        return m2c_fail_memory(err, "label vectors", floats * sizeof(float));
    }
    job->dim = dim;
    job->held = true;
    atomic_init(&job->cancelled, false);
    engine->jobs++;
    *out = job;
    enum m2c_status status = advance(job, err);
    if (status != M2C_OK) {
        engine->jobs--;
        *out = NULL;
        job_free(job);
    }
    return status;
}

void srv_label_job_release(struct srv_label_job **job_pointer)
{
    struct srv_label_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
    if (job->ended)
        job_free(job);
}

struct srv_label_result srv_label_job_result(const struct srv_label_job *job)
{
    return job->result;
}
