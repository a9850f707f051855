#include "server/observe/trace.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* version "-" trace "-" parent "-" flags */
enum { TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, LENGTH = 55, SAMPLED = 1 };

static const char digits[] = "0123456789abcdef";

static bool is_hex(const char *text, size_t size)
{
    return strspn(text, digits) >= size;
}

static bool is_zero(const char *text, size_t size)
{
    return strspn(text, "0") >= size;
}

static bool is_valid(const char *text)
{
    size_t length = strnlen(text, LENGTH + 1);
    if (length < LENGTH || !is_hex(text, 2) || memcmp(text, "ff", 2) == 0)
        return false;
    if (length > LENGTH && (memcmp(text, "00", 2) == 0 || text[LENGTH] != '-'))
        return false;
    return text[TRACE_AT - 1] == '-' && is_hex(text + TRACE_AT, SRV_TRACE_ID_DIGITS) &&
           !is_zero(text + TRACE_AT, SRV_TRACE_ID_DIGITS) && text[PARENT_AT - 1] == '-' &&
           is_hex(text + PARENT_AT, SRV_SPAN_ID_DIGITS) &&
           !is_zero(text + PARENT_AT, SRV_SPAN_ID_DIGITS) && text[FLAGS_AT - 1] == '-' &&
           is_hex(text + FLAGS_AT, 2);
}

bool srv_trace_parse(const char *traceparent, struct srv_trace *out)
{
    *out = (struct srv_trace){.sampled = false};
    if (!is_valid(traceparent))
        return false;
    memcpy(out->trace_id, traceparent + TRACE_AT, SRV_TRACE_ID_DIGITS);
    memcpy(out->parent_id, traceparent + PARENT_AT, SRV_SPAN_ID_DIGITS);
    const char *low = strchr(digits, traceparent[FLAGS_AT + 1]);
    out->sampled = low && ((low - digits) & SAMPLED);
    return true;
}

/* Never zero, which would mean no id. */
static void fill_random(uint64_t *words, size_t count)
{
    size_t size = count * sizeof *words;
    if (getrandom(words, size, GRND_NONBLOCK) != (ssize_t)size) {
        /* Before the kernel's pool is ready: ids must be unique, not secret. */
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        for (size_t i = 0; i < count; i++)
            words[i] = ((uint64_t)now.tv_sec << 32) ^ (uint64_t)now.tv_nsec ^ i;
    }
    for (size_t i = 0; i < count; i++)
        words[i] = words[i] ? words[i] : 1;
}

void srv_trace_start(const char *traceparent, struct srv_trace *out)
{
    uint64_t words[3]; /* ours, and a trace's two */
    fill_random(words, 3);
    if (!traceparent || !srv_trace_parse(traceparent, out)) {
        *out = (struct srv_trace){.sampled = true};
        (void)snprintf(out->trace_id, sizeof out->trace_id, "%016llx%016llx",
                       (unsigned long long)words[1], (unsigned long long)words[2]);
    }
    (void)snprintf(out->span_id, sizeof out->span_id, "%016llx", (unsigned long long)words[0]);
}

void srv_trace_format(const struct srv_trace *trace, char out[SRV_TRACEPARENT_BYTES])
{
    (void)snprintf(out, SRV_TRACEPARENT_BYTES, "00-%s-%s-%s", trace->trace_id, trace->span_id,
                   trace->sampled ? "01" : "00");
}
