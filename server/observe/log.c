#include "server/observe/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/json_writer.h"
#include "runtime/clock.h"

enum { BUFFER_BYTES = 1 << 20, FLUSH_MS = 1000, POLL_MS = 100 };

/* A ring: bytes [read, read + used) wait to be written; whole lines only go in. */
struct srv_log {
    int fd;
    enum srv_log_level level;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t read, used;
    unsigned long long dropped, told; /* lines lost in all, and the last count that a line told */
    bool stopping;
    double stop_ms; /* when to give up writing, once stopping */
    char ring[BUFFER_BYTES];
};

static const char *const level_names[] = {"error", "warn", "info", "debug"};

enum m2c_status srv_log_level_parse(const char *name, enum srv_log_level *out,
                                    struct m2c_error *err)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum srv_log_level)i;
            return M2C_OK;
        }
    }
    return m2c_fail_field(err, M2C_USAGE, "log-level", "%s is not error, warn, info or debug",
                          name);
}

/* Whether writing may go on; under the lock. */
static bool goes_on(const struct srv_log *log)
{
    return !log->stopping || (log->used > 0 && m2c_clock_ms() < log->stop_ms);
}

static unsigned long long count_lines(const char *text, size_t size)
{
    unsigned long long lines = 0;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

/* Writes from the ring until it is empty; the lock is held on entry and exit, not while waiting. */
static void drain(struct srv_log *log)
{
    char piece[4096];
    while (log->used > 0 && goes_on(log)) {
        size_t size = log->used < sizeof piece ? log->used : sizeof piece;
        if (size > BUFFER_BYTES - log->read)
            size = BUFFER_BYTES - log->read;
        memcpy(piece, log->ring + log->read, size);
        (void)pthread_mutex_unlock(&log->lock);
        struct pollfd ready = {.fd = log->fd, .events = POLLOUT};
        ssize_t wrote = poll(&ready, 1, POLL_MS) > 0 ? write(log->fd, piece, size) : 0;
        (void)pthread_mutex_lock(&log->lock);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
            wrote = (ssize_t)size; /* nobody reads any more */
            log->dropped += count_lines(piece, size);
            log->told = 0; /* who told is among the lost */
        }
        size_t gone = wrote > 0 ? (size_t)wrote : 0;
        log->read = (log->read + gone) % BUFFER_BYTES;
        log->used -= gone;
    }
}

static void *run(void *argument)
{
    struct srv_log *log = argument;
    (void)pthread_mutex_lock(&log->lock);
    while (goes_on(log)) {
        drain(log);
        if (!log->stopping && log->used == 0)
            (void)pthread_cond_wait(&log->changed, &log->lock);
    }
    (void)pthread_mutex_unlock(&log->lock);
    return NULL;
}

enum m2c_status srv_log_new(int fd, enum srv_log_level level, struct srv_log **out,
                            struct m2c_error *err)
{
    struct srv_log *log = calloc(1, sizeof *log);
    if (!log)
        return m2c_fail_memory(err, "the log", sizeof *log);
    log->fd = fd;
    log->level = level;
    if (pthread_mutex_init(&log->lock, NULL) != 0 || pthread_cond_init(&log->changed, NULL) != 0 ||
        pthread_create(&log->thread, NULL, run, log) != 0) {
        free(log);
        return m2c_fail(err, M2C_INTERNAL, "the log's thread cannot be started");
    }
    *out = log;
    return M2C_OK;
}

void srv_log_free(struct srv_log **log)
{
    if (!*log)
        return;
    (void)pthread_mutex_lock(&(*log)->lock);
    (*log)->stopping = true;
    (*log)->stop_ms = m2c_clock_ms() + FLUSH_MS;
    (void)pthread_cond_signal(&(*log)->changed);
    (void)pthread_mutex_unlock(&(*log)->lock);
    (void)pthread_join((*log)->thread, NULL);
    (void)pthread_cond_destroy(&(*log)->changed);
    (void)pthread_mutex_destroy(&(*log)->lock);
    free(*log);
    *log = NULL;
}

/* Takes a line, which tells that `told` lines were lost, or loses it too. */
static void put(struct srv_log *log, const char *text, size_t size, unsigned long long told)
{
    (void)pthread_mutex_lock(&log->lock);
    if (size > BUFFER_BYTES - log->used) {
        log->dropped++;
    } else {
        log->told = told;
        size_t at = (log->read + log->used) % BUFFER_BYTES;
        size_t first = size < BUFFER_BYTES - at ? size : BUFFER_BYTES - at;
        memcpy(log->ring + at, text, first);
        memcpy(log->ring, text + first, size - first);
        log->used += size;
        (void)pthread_cond_signal(&log->changed);
    }
    (void)pthread_mutex_unlock(&log->lock);
}

/* Lines lost in all, and whether a line has told so. */
static unsigned long long lost_lines(struct srv_log *log, bool *told)
{
    (void)pthread_mutex_lock(&log->lock);
    unsigned long long dropped = log->dropped;
    *told = log->told == dropped;
    (void)pthread_mutex_unlock(&log->lock);
    return dropped;
}

unsigned long long srv_log_dropped(struct srv_log *log)
{
    bool told;
    return lost_lines(log, &told);
}

/* A line that is being written. */
struct line {
    struct proto_writer writer;
    unsigned long long lost; /* lines lost in all, when it began */
};

static void write_text(struct proto_writer *writer, const char *key, const char *value)
{
    proto_writer_key(writer, key);
    proto_writer_string(writer, value);
}

static void begin(struct srv_log *log, struct line *line, enum srv_log_level level,
                  const char *event)
{
    struct proto_writer *writer = &line->writer;
    bool told;
    struct timespec now = {0};
    struct tm utc;
    char seconds[32], stamp[48];
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &utc);
    (void)strftime(seconds, sizeof seconds, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(stamp, sizeof stamp, "%s.%03ldZ", seconds, now.tv_nsec / 1000000);
    proto_writer_init(writer);
    proto_writer_object_begin(writer);
    write_text(writer, "time", stamp);
    write_text(writer, "level", level_names[level]);
    write_text(writer, "event", event);
    line->lost = lost_lines(log, &told);
    if (!told) {
        proto_writer_key(writer, "lines_dropped");
        proto_writer_integer(writer, (int64_t)line->lost);
    }
}

static void end(struct srv_log *log, struct line *line)
{
    struct proto_writer *writer = &line->writer;
    char *text = NULL;
    size_t size = 0;
    struct m2c_error ignored;
    proto_writer_object_end(writer);
    proto_writer_newline(writer);
    if (proto_writer_take(writer, &text, &size, &ignored) == M2C_OK)
        put(log, text, size, line->lost);
    free(text);
    proto_writer_destroy(writer);
}

void srv_log_event(struct srv_log *log, enum srv_log_level level, const char *event,
                   const char *key, const char *value)
{
    struct line line;
    if (level > log->level)
        return;
    begin(log, &line, level, event);
    if (key)
        write_text(&line.writer, key, value);
    end(log, &line);
}

static void write_error(struct proto_writer *writer, const struct m2c_error *error)
{
    write_text(writer, "code", m2c_status_code(error->status));
    write_text(writer, "detail", error->detail);
    if (error->field[0])
        write_text(writer, "field", error->field);
    if (error->context[0])
        write_text(writer, "context", error->context);
}

void srv_log_error(struct srv_log *log, enum srv_log_level level, const char *event,
                   const struct m2c_error *error)
{
    struct line line;
    if (level > log->level)
        return;
    begin(log, &line, level, event);
    write_error(&line.writer, error);
    end(log, &line);
}

static void write_ms(struct proto_writer *writer, const char *key, double value)
{
    if (value < 0.0)
        return;
    proto_writer_key(writer, key);
    proto_writer_fixed(writer, value, 3);
}

static void write_stages(struct proto_writer *writer, const struct srv_record *record)
{
    proto_writer_key(writer, "ms");
    proto_writer_object_begin(writer);
    write_ms(writer, "receive", record->receive_ms);
    write_ms(writer, "queue", record->queue_ms);
    write_ms(writer, "decode", record->decode_ms);
    write_ms(writer, "encode", record->encode_ms);
    write_ms(writer, "text", record->text_ms);
    write_ms(writer, "total", record->total_ms);
    proto_writer_object_end(writer);
}

static enum srv_log_level level_of(const struct srv_record *record)
{
    if (record->http_status >= 500 && record->error.status == M2C_INTERNAL)
        return SRV_LOG_ERROR;
    return record->quiet ? SRV_LOG_DEBUG : SRV_LOG_INFO;
}

static void write_count(struct proto_writer *writer, const char *key, long long value)
{
    proto_writer_key(writer, key);
    proto_writer_integer(writer, value);
}

/* What only some requests have. */
static void write_facts(struct proto_writer *writer, const struct srv_record *record)
{
    if (record->trace.trace_id[0]) {
        write_text(writer, "trace_id", record->trace.trace_id);
        write_text(writer, "span_id", record->trace.span_id);
        if (record->trace.parent_id[0])
            write_text(writer, "parent_id", record->trace.parent_id);
    }
    if (record->model.name[0]) {
        write_text(writer, "model", record->model.name);
        write_text(writer, "model_version", record->model.version);
    }
    if (record->batch_clips > 0)
        write_count(writer, "batch_clips", record->batch_clips);
    if (record->labels_hit > 0 || record->labels_miss > 0) {
        write_count(writer, "labels_hit", record->labels_hit);
        write_count(writer, "labels_miss", record->labels_miss);
    }
    if (record->video != SRV_VIDEO_NOT_LOOKED_UP) {
        proto_writer_key(writer, "video_kept");
        proto_writer_bool(writer, record->video == SRV_VIDEO_FOUND);
    }
    if (record->retry_after_ms >= 0)
        write_count(writer, "retry_after_ms", record->retry_after_ms);
}

void srv_log_request(struct srv_log *log, const struct srv_record *record)
{
    static const char *const outcomes[] = {"answered", "expired", "gone"};
    struct line line;
    enum srv_log_level level = level_of(record);
    if (level > log->level)
        return;
    begin(log, &line, level, "request");
    write_text(&line.writer, "id", record->id);
    write_text(&line.writer, "method", record->method);
    write_text(&line.writer, "route", record->route);
    write_text(&line.writer, "client", record->client);
    write_count(&line.writer, "status", record->http_status);
    write_text(&line.writer, "outcome", record->accepted ? outcomes[record->outcome] : "refused");
    write_facts(&line.writer, record);
    if (record->error.status != M2C_OK)
        write_error(&line.writer, &record->error);
    write_count(&line.writer, "bytes_in", (long long)record->body_bytes);
    write_count(&line.writer, "bytes_out", (long long)record->reply_bytes);
    write_stages(&line.writer, record);
    end(log, &line);
}
