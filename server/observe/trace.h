/* Where a request stands in a distributed trace: W3C Trace Context, `traceparent`. We are one span:
 * of the caller's trace where it sent one, of a new one otherwise. */
#ifndef SRV_OBSERVE_TRACE_H
#define SRV_OBSERVE_TRACE_H

#include <stdbool.h>

enum {
    SRV_TRACE_ID_DIGITS = 32,
    SRV_SPAN_ID_DIGITS = 16,
    SRV_TRACEPARENT_BYTES = 56, /* 00-<trace>-<span>-<flags> and a NUL */
};

/* Zeroed: no trace. Ids are lower-case hexadecimal. */
struct srv_trace {
    char trace_id[SRV_TRACE_ID_DIGITS + 1];
    char span_id[SRV_SPAN_ID_DIGITS + 1];   /* ours */
    char parent_id[SRV_SPAN_ID_DIGITS + 1]; /* the caller's span; "" where we begin the trace */
    bool sampled;
};

/* Reads a caller's header: trace, parent and the flag; no span of ours yet. False, and `out`
 * zeroed, for what the specification calls invalid: upper case, a zero id, version ff, a version 00
 * of another length. Later versions are read as far as version 00 goes. Pure. */
bool srv_trace_parse(const char *traceparent, struct srv_trace *out);

/* A span of ours in the caller's trace, or in a new, sampled one where `traceparent` is NULL or
 * invalid. Any thread. */
void srv_trace_start(const char *traceparent, struct srv_trace *out);

/* The header that names our span, version 00. */
void srv_trace_format(const struct srv_trace *trace, char out[SRV_TRACEPARENT_BYTES]);

#endif
