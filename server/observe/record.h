/* What is known of one request at its end: written by the stages, read by log and ledger. */
#ifndef SRV_OBSERVE_RECORD_H
#define SRV_OBSERVE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/observe/trace.h"
#include "status.h"

/* The one end of a request. */
enum srv_outcome {
    SRV_ANSWERED, /* the reply went out whole, whatever its status */
    SRV_EXPIRED,  /* a deadline passed first; the reply (504, 408) may have gone out */
    SRV_GONE,     /* the client left before its reply was out */
};

/* Whether an embedding that is kept could answer. */
enum srv_record_video { SRV_VIDEO_NOT_LOOKED_UP, SRV_VIDEO_FOUND, SRV_VIDEO_NOT_FOUND };

/* The set that answered. Copied, since a reload may end the set before the request ends. */
struct srv_record_model {
    char name[64]; /* "": none */
    char version[16];
};

/* Times in milliseconds; -1 where the stage was not reached. Strings are borrowed for the call that
 * hands the record over. */
struct srv_record {
    const char *id, *method, *client;
    const char *route; /* the pattern; NULL where none matched */
    bool quiet;        /* of a route that is asked all the time */
    bool accepted;     /* its headers were taken: it counts in the ledger */
    enum srv_outcome outcome;
    int http_status;          /* 0 when nothing was answered */
    struct m2c_error error;   /* status M2C_OK when all went well */
    long long retry_after_ms; /* what admission asks of the client; -1: nothing */
    uint64_t body_bytes, reply_bytes;
    double receive_ms, queue_ms, decode_ms, encode_ms, text_ms, total_ms;
    struct srv_record_model model;
    struct srv_trace trace; /* trace_id "" where there is none */
    unsigned labels_hit, labels_miss;
    enum srv_record_video video;
    unsigned batch_clips; /* views in the largest batch that one of ours was part of; 0: none */
};

/* Notes which set answers. */
void srv_record_set_model(struct srv_record *record, const char *name, const char *version);

#endif
