#include "server/engine/video_flight.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/engine/engine_internal.h"

/* A run and those who wait for it. */
struct srv_video_flight {
    struct srv_engine *engine;
    struct srv_video_flight *next, *previous; /* of the engine; only those that may be joined */
    bool listed;
    bool keep;    /* the result may be kept */
    bool landing; /* its seats are being told */
    struct srv_video_key key;
    struct srv_flat_key flat;
    const struct m2c_set *set;
    struct srv_video_job *job;
    struct srv_video_seat *seats;
};

struct srv_video_seat {
    struct srv_video_flight *flight; /* NULL once answered */
    struct srv_video_seat *next, *previous;
    bool first;                   /* asked for the run */
    struct srv_kept_video *video; /* the answer */
    struct srv_video_times times;
    double taken_ms;
    void (*done)(struct srv_video_seat *seat, const struct m2c_error *err, void *argument);
    void *argument;
};

/* ---- flights ---- */

static void list_flight(struct srv_video_flight *flight)
{
    flight->next = flight->engine->flights;
    if (flight->next)
        flight->next->previous = flight;
    flight->engine->flights = flight;
    flight->listed = true;
}

static void unlist_flight(struct srv_video_flight *flight)
{
    if (!flight->listed)
        return;
    if (flight->next)
        flight->next->previous = flight->previous;
    if (flight->previous)
        flight->previous->next = flight->next;
    else
        flight->engine->flights = flight->next;
    flight->listed = false;
}

static void flight_free(struct srv_video_flight *flight)
{
    unlist_flight(flight);
    srv_video_job_release(&flight->job);
    free(flight->flat.bytes);
    free(flight);
}

/* A few hundred at most are under way, so they are walked. */
static struct srv_video_flight *find_flight(const struct srv_engine *engine,
                                            const struct srv_flat_key *flat)
{
    struct srv_video_flight *flight = engine->flights;
    while (flight && (flight->flat.size != flat->size ||
                      memcmp(flight->flat.bytes, flat->bytes, flat->size) != 0))
        flight = flight->next;
    return flight;
}

static void enlist(struct srv_video_flight *flight, struct srv_video_seat *seat)
{
    seat->flight = flight;
    seat->next = flight->seats;
    if (seat->next)
        seat->next->previous = seat;
    flight->seats = seat;
}

static void strike(struct srv_video_seat *seat)
{
    if (seat->next)
        seat->next->previous = seat->previous;
    if (seat->previous)
        seat->previous->next = seat->next;
    else
        seat->flight->seats = seat->next;
    seat->flight = NULL;
    seat->next = seat->previous = NULL;
}

static void note_times(struct srv_video_seat *seat)
{
    if (seat->first)
        seat->times = srv_video_job_times(seat->flight->job);
    else
        seat->times.queue_ms = m2c_clock_ms() - seat->taken_ms;
}

/* Hands the outcome to every seat; each may be gone when its `done` returns. */
static void land(struct srv_video_flight *flight, struct srv_kept_video *video,
                 const struct m2c_error *err)
{
    unlist_flight(flight);
    flight->landing = true;
    while (flight->seats) {
        struct srv_video_seat *seat = flight->seats;
        note_times(seat);
        strike(seat);
        seat->video = video ? srv_kept_video_ref(video) : NULL;
        seat->done(seat, err, seat->argument);
    }
    flight_free(flight);
}

static void on_job_done(struct srv_video_job *job, const struct m2c_error *err, void *argument)
{
    struct srv_video_flight *flight = argument;
    struct m2c_error outcome = *err;
    struct srv_kept_video *video = NULL;
    if (outcome.status == M2C_OK) {
        struct srv_video_result result = srv_video_job_take_result(job);
        video = srv_kept_video_new(&result, flight->set, &flight->key.sampling);
        if (!video)
            (void)m2c_fail_memory(&outcome, "a video's embedding", sizeof *video);
        else if (flight->keep)
            srv_video_cache_put(flight->engine->videos, &flight->key, video);
    }
    land(flight, video, &outcome);
    srv_kept_video_unref(video);
}

/* ---- seats ---- */

static void drop_video(const struct srv_blob *video)
{
    if (video->release)
        video->release(video->owner);
}

static struct srv_video_key key_of(const struct srv_video_ask *ask)
{
    struct srv_video_key key = {
        .scope = ask->scope, .content = ask->content, .sampling = ask->run.sampling};
    srv_vector_version(srv_served_model(ask->run.served), ask->run.set, key.version);
    return key;
}

/* Takes the video. The flight's key borrows its strings from the flat one. */
static enum m2c_status start_flight(struct srv_engine *engine, const struct srv_video_ask *ask,
                                    const struct srv_video_key *key, struct srv_video_flight **out,
                                    struct m2c_error *err)
{
    struct srv_video_flight *flight = calloc(1, sizeof *flight);
    if (flight)
        flight->flat = srv_video_key_flatten(key);
    if (!flight || !flight->flat.bytes) {
        free(flight);
        drop_video(&ask->run.video);
        return m2c_fail_memory(err, "a video's run", sizeof *flight);
    }
    flight->engine = engine;
    flight->keep = !ask->alone;
    flight->set = ask->run.set;
    flight->key = *key;
    flight->key.scope = flight->flat.bytes;
    flight->key.content = flight->flat.bytes + strlen(key->scope) + 1;
    struct srv_video_request run = ask->run;
    run.done = on_job_done;
    run.argument = flight;
    enum m2c_status status = srv_video_job_start(engine, &run, &flight->job, err);
    if (status != M2C_OK) {
        flight_free(flight);
        return status;
    }
    if (!ask->alone)
        list_flight(flight);
    *out = flight;
    return M2C_OK;
}

static struct srv_video_seat *seat_new(const struct srv_video_ask *ask)
{
    struct srv_video_seat *seat = calloc(1, sizeof *seat);
    if (!seat)
        return NULL;
    seat->done = ask->done;
    seat->argument = ask->argument;
    seat->taken_ms = m2c_clock_ms();
    return seat;
}

static void answer_at_once(struct srv_video_seat *seat, struct srv_kept_video *video)
{
    struct m2c_error none = {.status = M2C_OK};
    seat->video = video;
    seat->done(seat, &none, seat->argument);
}

/* The run that the seat shares, or one of its own. Takes the video. */
static enum m2c_status board(struct srv_engine *engine, const struct srv_video_ask *ask,
                             const struct srv_video_key *key, struct srv_video_seat *seat,
                             struct m2c_error *err)
{
    struct srv_flat_key flat = srv_video_key_flatten(key);
    struct srv_video_flight *flight = NULL;
    enum m2c_status status = M2C_OK;
    if (flat.bytes && !ask->alone)
        flight = find_flight(engine, &flat);
    free(flat.bytes);
    if (flight) {
        srv_video_cache_note_join(engine->videos);
        drop_video(&ask->run.video);
    } else if (ask->run.video.bytes) {
        seat->first = true;
        status = start_flight(engine, ask, key, &flight, err);
    } else {
        drop_video(&ask->run.video);
        status = m2c_fail_field(err, M2C_VIDEO_NOT_KEPT, "video_id",
                                "nothing is kept of this video for this set and sampling: send its "
                                "bytes");
    }
    if (flight)
        enlist(flight, seat);
    return status;
}

enum m2c_status srv_video_seat_take(struct srv_engine *engine, const struct srv_video_ask *ask,
                                    struct srv_video_seat **out, struct m2c_error *err)
{
    const struct srv_video_key key = key_of(ask);
    struct srv_video_seat *seat = seat_new(ask);
    *out = seat;
    if (!seat) {
        drop_video(&ask->run.video);
        return m2c_fail_memory(err, "a request", sizeof *seat);
    }
    struct srv_kept_video *kept = ask->alone ? NULL : srv_video_cache_find(engine->videos, &key);
    if (kept) {
        drop_video(&ask->run.video);
        answer_at_once(seat, kept);
        return M2C_OK;
    }
    enum m2c_status status = board(engine, ask, &key, seat, err);
    if (status != M2C_OK) {
        free(seat);
        *out = NULL;
    }
    return status;
}

void srv_video_seat_release(struct srv_video_seat **seat_pointer)
{
    struct srv_video_seat *seat = *seat_pointer;
    *seat_pointer = NULL;
    if (!seat)
        return;
    struct srv_video_flight *flight = seat->flight;
    if (flight) {
        strike(seat);
        if (!flight->seats && !flight->landing)
            flight_free(flight);
    }
    srv_kept_video_unref(seat->video);
    free(seat);
}

const struct srv_video_result *srv_video_seat_result(const struct srv_video_seat *seat)
{
    return &seat->video->result;
}

struct srv_kept_video *srv_video_seat_video(const struct srv_video_seat *seat)
{
    return seat->video;
}

bool srv_video_seat_spared(const struct srv_video_seat *seat)
{
    return !seat->first;
}

struct srv_video_times srv_video_seat_times(const struct srv_video_seat *seat)
{
    if (seat->flight && seat->first)
        return srv_video_job_times(seat->flight->job);
    return seat->times;
}

/* ---- what is kept ---- */

size_t srv_engine_visit_video(const struct srv_engine *engine, const char *scope,
                              const char *content,
                              void (*visit)(const struct srv_kept_video *video, void *argument),
                              void *argument)
{
    return srv_video_cache_visit(engine->videos, scope, content, visit, argument);
}

size_t srv_engine_forget_video(struct srv_engine *engine, const char *scope, const char *content)
{
    for (struct srv_video_flight *flight = engine->flights; flight; flight = flight->next)
        if (strcmp(flight->key.scope, scope) == 0 && strcmp(flight->key.content, content) == 0)
            flight->keep = false;
    return srv_video_cache_forget(engine->videos, scope, content);
}
