#include "server/observe/metrics.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ROUTES = 64, MIN_HTTP = 100, MAX_HTTP = 599, MAX_RELOADS = 4 };

/* Answers of one route by HTTP status; [0]: nothing was answered. */
struct route_counts {
    const char *method, *route; /* static storage; route NULL: no route matched */
    uint64_t by_http[MAX_HTTP - MIN_HTTP + 2];
};

/* Where a client that left was left. */
enum leaving { LEFT_RECEIVING, LEFT_WORKING, LEFT_REPLYING, LEAVINGS };

struct reload_counts {
    const char *what;
    uint64_t ok, failed;
};

struct srv_metrics {
    uint64_t accepted, answered;
    uint64_t refused[M2C_STATUS_COUNT], expired[M2C_STATUS_COUNT], problems[M2C_STATUS_COUNT];
    uint64_t gone[LEAVINGS];
    uint64_t ended;
    uint64_t bytes_in, bytes_out;
    struct reload_counts reloads[MAX_RELOADS];
    struct srv_histogram_counts histograms[SRV_HISTOGRAM_COUNT];
    size_t route_count;
    struct route_counts routes[MAX_ROUTES];
};

struct family {
    const char *name, *help;
};

static const struct family histogram_families[SRV_HISTOGRAM_COUNT] = {
    {"m2clip_request_receive_seconds", "From complete headers to the last body byte."},
    {"m2clip_request_queue_seconds", "Waiting for a decoder and for the team."},
    {"m2clip_request_decode_seconds", "Decoding and preprocessing."},
    {"m2clip_request_encode_seconds", "Encoding video."},
    {"m2clip_request_text_seconds", "Encoding labels."},
    {"m2clip_request_total_seconds", "From complete headers to the end of the reply."},
};

enum m2c_status srv_metrics_new(struct srv_metrics **out, struct m2c_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? M2C_OK : m2c_fail_memory(err, "the metrics", sizeof **out);
}

void srv_metrics_free(struct srv_metrics **metrics)
{
    free(*metrics);
    *metrics = NULL;
}

void srv_metrics_accepted(struct srv_metrics *metrics)
{
    metrics->accepted++;
}

/* The status that stands for all of the same wire code. */
static enum m2c_status counted_as(enum m2c_status status)
{
    const char *code = m2c_status_code(status);
    return strcmp(code, m2c_status_code(M2C_INTERNAL)) == 0 ? M2C_INTERNAL : status;
}

/* Methods and routes are the table's own constants, so their addresses tell them apart. The last
 * place takes what finds no other. */
static struct route_counts *counts_of(struct srv_metrics *metrics, const struct srv_record *record)
{
    size_t i = 0;
    while (i < metrics->route_count && (metrics->routes[i].route != record->route ||
                                        strcmp(metrics->routes[i].method, record->method) != 0))
        i++;
    if (i < metrics->route_count || i == MAX_ROUTES)
        return &metrics->routes[i < MAX_ROUTES ? i : MAX_ROUTES - 1];
    metrics->route_count++;
    metrics->routes[i].route = record->route;
    metrics->routes[i].method = record->method;
    return &metrics->routes[i];
}

static enum leaving leaving_of(const struct srv_record *record)
{
    if (record->http_status != 0)
        return LEFT_REPLYING;
    return record->receive_ms < 0.0 ? LEFT_RECEIVING : LEFT_WORKING;
}

static void enter_outcome(struct srv_metrics *metrics, const struct srv_record *record)
{
    enum m2c_status status = counted_as(record->error.status);
    if (status != M2C_OK)
        metrics->problems[status]++;
    if (!record->accepted) {
        metrics->refused[status]++;
        return;
    }
    metrics->ended++;
    switch (record->outcome) {
    case SRV_ANSWERED:
        metrics->answered++;
        break;
    case SRV_EXPIRED:
        metrics->expired[status]++;
        break;
    case SRV_GONE:
        metrics->gone[leaving_of(record)]++;
        break;
    }
}

static void enter_times(struct srv_metrics *metrics, const struct srv_record *record)
{
    const double times_ms[SRV_HISTOGRAM_COUNT] = {
        [SRV_HISTOGRAM_RECEIVE] = record->receive_ms, [SRV_HISTOGRAM_QUEUE] = record->queue_ms,
        [SRV_HISTOGRAM_DECODE] = record->decode_ms,   [SRV_HISTOGRAM_ENCODE] = record->encode_ms,
        [SRV_HISTOGRAM_TEXT] = record->text_ms,       [SRV_HISTOGRAM_TOTAL] = record->total_ms,
    };
    for (unsigned i = 0; i < SRV_HISTOGRAM_COUNT; i++)
        if (times_ms[i] >= 0.0)
            srv_metrics_observe(metrics, (enum srv_histogram)i, times_ms[i] / 1000.0);
}

void srv_metrics_request(struct srv_metrics *metrics, const struct srv_record *record)
{
    int http = record->http_status;
    bool known = http >= MIN_HTTP && http <= MAX_HTTP;
    counts_of(metrics, record)->by_http[known ? http - MIN_HTTP + 1 : 0]++;
    metrics->bytes_in += record->body_bytes;
    metrics->bytes_out += record->reply_bytes;
    enter_outcome(metrics, record);
    if (record->accepted && !record->quiet)
        enter_times(metrics, record);
}

void srv_metrics_observe(struct srv_metrics *metrics, enum srv_histogram histogram, double seconds)
{
    srv_histogram_add(&srv_seconds_bounds, &metrics->histograms[histogram], seconds);
}

void srv_metrics_reload(struct srv_metrics *metrics, const char *what, bool ok)
{
    for (size_t i = 0; i < MAX_RELOADS; i++) {
        struct reload_counts *counts = &metrics->reloads[i];
        if (counts->what && strcmp(counts->what, what) != 0)
            continue;
        counts->what = what;
        counts->ok += ok;
        counts->failed += !ok;
        return;
    }
}

uint64_t srv_metrics_under_way(const struct srv_metrics *metrics)
{
    return metrics->accepted - metrics->ended;
}

static void write_routes(const struct srv_metrics *metrics, struct srv_exposition *exposition)
{
    srv_exposition_family(exposition, "m2clip_requests_total", SRV_METRIC_COUNTER,
                          "Requests that have ended, by route and HTTP status.");
    for (size_t i = 0; i < metrics->route_count; i++) {
        const struct route_counts *counts = &metrics->routes[i];
        for (int j = 0; j < (int)(sizeof counts->by_http / sizeof counts->by_http[0]); j++) {
            char code[16] = "none";
            if (counts->by_http[j] == 0)
                continue;
            if (j > 0)
                (void)snprintf(code, sizeof code, "%d", j - 1 + MIN_HTTP);
            const struct srv_metric_label labels[] = {
                {"method", counts->method},
                {"route", counts->route ? counts->route : ""},
                {"code", code},
            };
            srv_exposition_sample(exposition, labels, 3, (double)counts->by_http[j]);
        }
    }
}

static void write_reasons(struct srv_exposition *exposition, const char *name, const char *help,
                          const uint64_t counts[M2C_STATUS_COUNT])
{
    srv_exposition_family(exposition, name, SRV_METRIC_COUNTER, help);
    for (unsigned i = 0; i < M2C_STATUS_COUNT; i++) {
        const struct srv_metric_label label = {"reason", m2c_status_code((enum m2c_status)i)};
        if (counts[i] > 0)
            srv_exposition_sample(exposition, &label, 1, (double)counts[i]);
    }
}

static void write_gone(const struct srv_metrics *metrics, struct srv_exposition *exposition)
{
    static const char *const names[LEAVINGS] = {"receiving", "working", "replying"};
    srv_exposition_family(exposition, "m2clip_requests_gone_total", SRV_METRIC_COUNTER,
                          "Accepted requests whose client left, by what was going on.");
    for (unsigned i = 0; i < LEAVINGS; i++)
        srv_exposition_sample(exposition, &(struct srv_metric_label){"during", names[i]}, 1,
                              (double)metrics->gone[i]);
}

static void write_ledger(const struct srv_metrics *metrics, struct srv_exposition *exposition)
{
    srv_exposition_single(exposition, "m2clip_requests_accepted_total", SRV_METRIC_COUNTER,
                          "Requests whose headers were taken.", (double)metrics->accepted);
    srv_exposition_single(exposition, "m2clip_requests_answered_total", SRV_METRIC_COUNTER,
                          "Accepted requests whose reply went out whole.",
                          (double)metrics->answered);
    write_reasons(exposition, "m2clip_requests_expired_total",
                  "Accepted requests that a deadline ended.", metrics->expired);
    write_gone(metrics, exposition);
    srv_exposition_single(exposition, "m2clip_requests_under_way", SRV_METRIC_GAUGE,
                          "Accepted requests that have not ended.",
                          (double)srv_metrics_under_way(metrics));
    write_reasons(exposition, "m2clip_requests_refused_total",
                  "Requests that were not accepted, by problem code.", metrics->refused);
    write_reasons(exposition, "m2clip_problems_total",
                  "Problems, of accepted and refused requests, by code.", metrics->problems);
}

static void write_reloads(const struct srv_metrics *metrics, struct srv_exposition *exposition)
{
    srv_exposition_family(exposition, "m2clip_reloads_total", SRV_METRIC_COUNTER,
                          "Files read anew beside the model, by what they are and how it went.");
    for (size_t i = 0; i < MAX_RELOADS && metrics->reloads[i].what; i++) {
        const struct reload_counts *counts = &metrics->reloads[i];
        struct srv_metric_label labels[] = {{"what", counts->what}, {"result", "ok"}};
        srv_exposition_sample(exposition, labels, 2, (double)counts->ok);
        labels[1].value = "failed";
        srv_exposition_sample(exposition, labels, 2, (double)counts->failed);
    }
}

void srv_metrics_write(const struct srv_metrics *metrics, struct srv_exposition *exposition)
{
    write_routes(metrics, exposition);
    write_ledger(metrics, exposition);
    srv_exposition_single(exposition, "m2clip_received_bytes_total", SRV_METRIC_COUNTER,
                          "Body bytes of ended requests.", (double)metrics->bytes_in);
    srv_exposition_single(exposition, "m2clip_sent_bytes_total", SRV_METRIC_COUNTER,
                          "Body bytes of their replies.", (double)metrics->bytes_out);
    write_reloads(metrics, exposition);
    for (unsigned i = 0; i < SRV_HISTOGRAM_COUNT; i++) {
        srv_exposition_family(exposition, histogram_families[i].name, SRV_METRIC_HISTOGRAM,
                              histogram_families[i].help);
        srv_exposition_histogram(exposition, &srv_seconds_bounds, &metrics->histograms[i]);
    }
}
