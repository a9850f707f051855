/* A stored label set: {"labels": [..], "templates": [..]} from strangers and from files, and the
 * same in one canonical form. Pure; any thread. */
#ifndef PROTO_LABEL_SET_H
#define PROTO_LABEL_SET_H

#include <jansson.h>
#include <stdbool.h>

#include "proto/json_writer.h"
#include "proto/labels.h"
#include "proto/limits.h"

enum { PROTO_LABEL_SET_NAME_MAX = 64 };

/* Zeroed is empty. */
struct proto_label_set {
    struct proto_label_list labels;
    struct proto_texts templates; /* none: the model's */
};

/* Whether it is [A-Za-z0-9._-]{1,64}, and not "." or "..". */
bool proto_label_set_name_valid(const char *name);

/* Reads a set: `labels` required, at most limits->max_set_labels of them, `templates` optional, and
 * nothing else. M2C_INVALID_REQUEST with the field at fault. Destroy in any case. */
M2C_MUST_USE enum m2c_status proto_label_set_read(const json_t *body,
                                                  const struct proto_limits *limits,
                                                  struct proto_label_set *out,
                                                  struct m2c_error *err);
void proto_label_set_destroy(struct proto_label_set *set);

/* Writes the members `labels` and `templates` into an object that is open; a label that is but its
 * text is a string. */
void proto_label_set_write_members(struct proto_writer *writer, const struct proto_label_set *set);

/* One line about a set. */
struct proto_label_set_entry {
    const char *name, *etag;
    size_t labels, templates;
    bool read_only;
};

/* The members of an entry into an object that is open. */
void proto_label_set_entry_write_members(struct proto_writer *writer,
                                         const struct proto_label_set_entry *entry);

#endif
