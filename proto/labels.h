/* Lists of texts and labels as a request names them: pure data with strict checks.
 *
 * Every string is valid UTF-8 without NUL, owned by its list. Thread: the caller's.
 */
#ifndef PROTO_LABELS_H
#define PROTO_LABELS_H

#include <jansson.h>
#include <stddef.h>

#include "status.h"

/* A new copy of one checked text; conditions and errors as proto_texts_add. */
M2C_MUST_USE enum m2c_status proto_text_copy(char **out, const char *text, size_t length,
                                             size_t max_bytes, const char *field,
                                             struct m2c_error *err);

/* A growing list of strings. Zeroed is empty; destroy frees. */
struct proto_texts {
    char **items;
    size_t count, capacity;
};

/* Appends a copy of `text` [length bytes]. Not UTF-8 or with a NUL, blank, or longer than
 * `max_bytes`: M2C_INVALID_REQUEST with `field`. */
M2C_MUST_USE enum m2c_status proto_texts_add(struct proto_texts *texts, const char *text,
                                             size_t length, size_t max_bytes, const char *field,
                                             struct m2c_error *err);
void proto_texts_destroy(struct proto_texts *texts);

/* Whether each holds `{}` exactly once, where the label goes: field `templates[i]`. */
M2C_MUST_USE enum m2c_status proto_templates_check(const struct proto_texts *templates,
                                                   struct m2c_error *err);

/* One label: what answers show, what is encoded, and the client's own key. */
struct proto_label {
    char *name;
    char *id;                 /* NULL where the client gave none */
    struct proto_texts texts; /* 1 or more; the name itself unless the client gave others */
};

struct proto_label_list {
    struct proto_label *items;
    size_t count, capacity;
};

struct proto_label_limits {
    size_t max_labels, max_label_bytes, max_label_texts;
};

/* Appends a label whose name and only text is `text`. Errors as proto_texts_add, field `labels[i]`;
 * one label too many likewise, field `labels`. */
M2C_MUST_USE enum m2c_status proto_label_list_add(struct proto_label_list *list, const char *text,
                                                  size_t length,
                                                  const struct proto_label_limits *limits,
                                                  struct m2c_error *err);

/* Appends what a JSON label says: a string, or {"name", "texts": [..], "id"} with `name` required
 * and nothing else allowed. */
M2C_MUST_USE enum m2c_status proto_label_list_add_json(struct proto_label_list *list,
                                                       const json_t *value,
                                                       const struct proto_label_limits *limits,
                                                       struct m2c_error *err);

/* No name twice, no text twice over all labels (byte by byte, before any template): field
 * `labels[i]` of the later one. */
M2C_MUST_USE enum m2c_status proto_label_list_check(const struct proto_label_list *list,
                                                    struct m2c_error *err);
void proto_label_list_destroy(struct proto_label_list *list);

#endif
