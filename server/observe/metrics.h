/* What is counted over the life of the process. Loop thread.
 *
 * Requests: accepted = answered + expired + gone + under way, at every moment; what was refused
 * never was accepted. Each counts by its own reason. Every name begins with `m2clip_`.
 */
#ifndef SRV_OBSERVE_METRICS_H
#define SRV_OBSERVE_METRICS_H

#include "server/observe/exposition.h"
#include "server/observe/record.h"
#include "status.h"

struct srv_metrics;

/* Seconds that a request spends in its stages. */
enum srv_histogram {
    SRV_HISTOGRAM_RECEIVE,
    SRV_HISTOGRAM_QUEUE,
    SRV_HISTOGRAM_DECODE,
    SRV_HISTOGRAM_ENCODE,
    SRV_HISTOGRAM_TEXT,
    SRV_HISTOGRAM_TOTAL,
    SRV_HISTOGRAM_COUNT
};

/* New; srv_metrics_free ends it. */
M2C_MUST_USE enum m2c_status srv_metrics_new(struct srv_metrics **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void srv_metrics_free(struct srv_metrics **metrics);

/* A request has been accepted: its headers were taken. */
void srv_metrics_accepted(struct srv_metrics *metrics);

/* Enters a request that has ended, with the stages that its record knows; those of quiet routes
 * without times, since probes would drown the others. */
void srv_metrics_request(struct srv_metrics *metrics, const struct srv_record *record);

/* Enters one value, in seconds, that no record carries. */
void srv_metrics_observe(struct srv_metrics *metrics, enum srv_histogram histogram, double seconds);

/* A file has been read anew: `what` is static storage, of a few. */
void srv_metrics_reload(struct srv_metrics *metrics, const char *what, bool ok);

/* Accepted and not ended. */
uint64_t srv_metrics_under_way(const struct srv_metrics *metrics);

/* Writes all families of it. */
void srv_metrics_write(const struct srv_metrics *metrics, struct srv_exposition *exposition);

#endif
