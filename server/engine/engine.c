#include "server/engine/engine.h"

#include <stdlib.h>

#include "server/container.h"
#include "server/engine/engine_internal.h"

/* What a thread may do until it is measured. */
#define GUESSED_FLOP_PER_MS 1e8
#define GUESSED_MS_PER_VIDEO 10.0
#define GUESSED_BYTES_PER_MS 1e5
#define GUESSED_TEXTS_PER_MS 1.0

/* Of the memory for labels, one part in so many holds whole lists, the rest single vectors. */
enum { MATRIX_SHARE = 4 };

/* From one writing of new label vectors to the next. */
enum { SAVE_PERIOD_MS = 60000 };

/* A folder that cannot be used is worth a warning, not the service. */
static void open_store(struct srv_engine *engine, size_t max_bytes)
{
    const struct srv_engine_options *options = &engine->options;
    struct srv_label_store_options store = {
        .loop = engine->loop,
        .mailbox = &engine->mailbox,
        .cache = engine->labels,
        .dir = options->cache_dir,
        .max_bytes = max_bytes,
        .period_ms = SAVE_PERIOD_MS,
        .on_trouble = options->on_trouble,
        .context = options->context,
    };
    struct m2c_error err;
    if (srv_label_store_new(&store, &engine->store, &err) != M2C_OK && options->on_trouble)
        options->on_trouble(&err, options->context);
}

/* Long videos looked at together; each thread sleeps most of the time. */
enum { FILM_THREADS = 4 };

/* Threads and tables: what models come to and go from. */
static enum m2c_status make_rooms(struct srv_engine *engine, struct m2c_error *err)
{
    const struct srv_engine_options *options = &engine->options;
    size_t matrix_bytes = options->label_cache_bytes / MATRIX_SHARE;
    size_t label_bytes = options->label_cache_bytes - matrix_bytes;
    enum m2c_status status = srv_label_cache_new(label_bytes, &engine->labels, err);
    if (status == M2C_OK)
        status = srv_matrix_cache_new(matrix_bytes, &engine->matrices, err);
    if (status == M2C_OK)
        status = srv_video_cache_new(options->video_cache_bytes, &engine->videos, err);
    if (status == M2C_OK && options->cache_dir)
        open_store(engine, label_bytes);
    if (status == M2C_OK)
        status = srv_decoder_pool_new(&engine->mailbox, &options->decoder, &engine->decoders, err);
    if (status == M2C_OK)
        status = srv_film_decoder_new(&engine->mailbox, FILM_THREADS, options->decoder.nice,
                                      &engine->films, err);
    if (status == M2C_OK)
        status = srv_scheduler_new(&engine->mailbox, &options->scheduler, &engine->scheduler, err);
    return status;
}

static void tell_waiting(struct srv_engine *engine, const struct m2c_error *err)
{
    struct srv_reload *waiting = engine->reload_waits;
    engine->reload_waits = NULL;
    while (waiting) {
        struct srv_reload *reload = waiting;
        waiting = reload->next;
        reload->done(reload, err);
    }
}

static enum m2c_status start_loading(struct srv_engine *engine, struct m2c_error *err);

/* Everybody who waits for the next load gets it now. */
static void load_again(struct srv_engine *engine)
{
    struct m2c_error err;
    engine->reload_waits = engine->reload_next;
    engine->reload_next = NULL;
    if (start_loading(engine, &err) == M2C_OK)
        return;
    engine->reload_counts.failed++;
    tell_waiting(engine, &err);
}

static void on_loaded(struct srv_served *served, const struct m2c_error *err, void *argument)
{
    struct srv_engine *engine = argument;
    struct m2c_error outcome = *err;
    bool first = !engine->served;
    srv_loader_free(&engine->loader);
    srv_served_unref(engine->lender, engine->loop);
    engine->lender = NULL;
    if (served) {
        srv_served_unref(engine->served, engine->loop);
        engine->served = served;
    }
    if (first && served) {
        engine->options.on_ready(engine->options.context);
    } else if (first) {
        engine->options.on_failed(&outcome, engine->options.context);
    } else {
        engine->reload_counts.succeeded += served != NULL;
        engine->reload_counts.failed += served == NULL;
        tell_waiting(engine, &outcome);
    }
    if (engine->reload_next)
        load_again(engine);
}

static enum m2c_status start_loading(struct srv_engine *engine, struct m2c_error *err)
{
    const struct srv_engine_options *options = &engine->options;
    struct srv_loading loading = {
        .load = options->load ? options->load : m2c_model_load,
        .options = options->model,
        .loaded = on_loaded,
        .argument = engine,
    };
    loading.teams = srv_scheduler_teams(engine->scheduler, &loading.workers);
    if (engine->served) {
        engine->lender = srv_served_ref(engine->served);
        loading.options.share = srv_served_model(engine->lender);
    }
    enum m2c_status status = srv_loader_new(&engine->mailbox, &loading, &engine->loader, err);
    if (status != M2C_OK) {
        srv_served_unref(engine->lender, engine->loop);
        engine->lender = NULL;
    }
    return status;
}

void srv_engine_reload(struct srv_engine *engine, struct srv_reload *reload)
{
    struct srv_reload **link = &engine->reload_next;
    while (*link)
        link = &(*link)->next;
    reload->next = NULL;
    *link = reload;
    if (!engine->loader)
        load_again(engine);
}

static void forget(struct srv_reload **link, const struct srv_reload *reload)
{
    while (*link && *link != reload)
        link = &(*link)->next;
    if (*link)
        *link = reload->next;
}

void srv_engine_forget_reload(struct srv_engine *engine, struct srv_reload *reload)
{
    forget(&engine->reload_next, reload);
    forget(&engine->reload_waits, reload);
}

struct srv_reload_counts srv_engine_reload_counts(const struct srv_engine *engine)
{
    return engine->reload_counts;
}

static void open_books(struct srv_engine *engine)
{
    const struct srv_engine_options *options = &engine->options;
    const struct srv_admission_options admission = {
        .max_ms = options->max_queue_ms,
        .max_count = options->max_queue,
        .flop_per_ms = GUESSED_FLOP_PER_MS * options->scheduler.threads,
        .ms_per_video = GUESSED_MS_PER_VIDEO / options->decoder.threads,
        .bytes_per_ms = GUESSED_BYTES_PER_MS * options->decoder.threads,
        .texts_per_ms = GUESSED_TEXTS_PER_MS,
    };
    srv_admission_init(&engine->admission, &admission);
}

enum m2c_status srv_engine_start(uv_loop_t *loop, const struct srv_engine_options *options,
                                 struct srv_engine **out, struct m2c_error *err)
{
    struct srv_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return m2c_fail_memory(err, "the engine", sizeof *engine);
    engine->loop = loop;
    engine->options = *options;
    open_books(engine);
    enum m2c_status status = srv_mailbox_open(&engine->mailbox, loop, err);
    if (status != M2C_OK) {
        free(engine);
        return status;
    }
    *out = engine;
    status = make_rooms(engine, err);
    if (status == M2C_OK)
        status = start_loading(engine, err);
    if (status != M2C_OK) {
        srv_engine_stop(engine, NULL, NULL);
        *out = NULL;
    }
    return status;
}

uv_loop_t *srv_engine_loop(const struct srv_engine *engine)
{
    return engine->loop;
}

struct srv_served *srv_engine_served(const struct srv_engine *engine)
{
    return engine->served;
}

size_t srv_engine_jobs(const struct srv_engine *engine)
{
    return engine->jobs;
}

struct srv_admission *srv_engine_admission(struct srv_engine *engine)
{
    return &engine->admission;
}

/* Workers share the machine, so what one has taken is a part of the machine's time. */
static int worker_count(const struct srv_engine *engine)
{
    const struct srv_scheduler_options *options = &engine->options.scheduler;
    return options->workers < options->threads ? options->workers : options->threads;
}

void srv_engine_learn_encode(struct srv_engine *engine, const struct srv_work *work)
{
    srv_pace_learn(&engine->admission.encode, work->flop, work->share_ms / worker_count(engine));
}

void srv_engine_learn_decode(struct srv_engine *engine, const struct srv_decode *decode)
{
    srv_fit_learn(&engine->admission.decode, (double)decode->size,
                  decode->decode_ms / engine->options.decoder.threads);
}

void srv_engine_learn_texts(struct srv_engine *engine, size_t texts, double ms)
{
    srv_pace_learn(&engine->admission.text, (double)texts, ms / worker_count(engine));
}

struct srv_label_cache_counts srv_engine_label_counts(const struct srv_engine *engine)
{
    return engine->labels ? srv_label_cache_counts(engine->labels)
                          : (struct srv_label_cache_counts){0};
}

struct srv_video_cache_counts srv_engine_video_counts(const struct srv_engine *engine)
{
    return engine->videos ? srv_video_cache_counts(engine->videos)
                          : (struct srv_video_cache_counts){0};
}

static void on_mailbox_closed(uv_handle_t *handle)
{
    struct srv_mailbox *box = handle->data;
    struct srv_engine *engine = SRV_CONTAINER(box, struct srv_engine, mailbox);
    void (*on_closed)(void *argument) = engine->on_closed;
    void *argument = engine->on_closed_argument;
    free(engine);
    if (on_closed)
        on_closed(argument);
}

void srv_engine_stop(struct srv_engine *engine, void (*on_closed)(void *argument), void *argument)
{
    engine->on_closed = on_closed;
    engine->on_closed_argument = argument;
    srv_loader_free(&engine->loader);
    /* Decoders first: what they hand over is encoded, or rather dropped, by the scheduler. */
    srv_decoder_pool_stop(engine->decoders);
    srv_film_decoder_free(&engine->films);
    if (engine->scheduler)
        srv_mailbox_deliver(&engine->mailbox);
    srv_scheduler_free(&engine->scheduler);
    srv_mailbox_deliver(&engine->mailbox);
    srv_decoder_pool_free(&engine->decoders);
    srv_label_store_free(&engine->store);
    srv_mailbox_deliver(&engine->mailbox);
    srv_label_cache_free(&engine->labels);
    srv_matrix_cache_free(&engine->matrices);
    srv_video_cache_free(&engine->videos);
    srv_served_unref(engine->lender, NULL);
    srv_served_unref(engine->served, NULL);
    srv_mailbox_close(&engine->mailbox, on_mailbox_closed);
}
