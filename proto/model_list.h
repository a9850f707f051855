/* The body of GET /v1/models. */
#ifndef PROTO_MODEL_LIST_H
#define PROTO_MODEL_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "proto/json_writer.h"

struct proto_model_entry {
    const char *name, *version, *precision;
    bool is_default;
    bool has_vc, has_contrastive, has_cmlm; /* `heads`: "vc", "contrastive", "cmlm" */
    int classes, dim;
    int frames, stride; /* the set's own sampling; stride 0: "uniform" */
    time_t loaded_at;   /* written as RFC 3339 in UTC */
};

struct proto_limit_entry {
    const char *name;
    int64_t value;
};

/* Writes {"models": [..], "limits": {..}}. Everything borrowed for the call. */
void proto_model_list_write(struct proto_writer *writer, const struct proto_model_entry *models,
                            size_t model_count, const struct proto_limit_entry *limits,
                            size_t limit_count);

#endif
