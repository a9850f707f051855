/* The options of the video routes: one table for query strings, form fields, JSON members and
 * command-line flags.
 *
 * An options struct is made for one route. Values are set one by one from text or JSON, each
 * checked for type and range at once; finish checks what concerns several. Everything unknown,
 * given twice, of a wrong type or out of range is M2C_INVALID_REQUEST whose `field` names it.
 * Pure: no global state, the caller's thread.
 */
#ifndef PROTO_OPTIONS_H
#define PROTO_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/labels.h"
#include "proto/limits.h"
#include "status.h"

struct m2c_sampling; /* video/sampling.h */

enum proto_route {
    PROTO_CLASSIFY = 1 << 0,
    PROTO_ZEROSHOT = 1 << 1,
    PROTO_EMBED = 1 << 2,
    PROTO_TIMELINE = 1 << 3,
    PROTO_FILL_MASK = 1 << 4,
};

/* "classify", "zeroshot", "embed", "timeline", "fill-mask". Static storage. */
const char *proto_route_name(enum proto_route route);

enum proto_option {
    PROTO_MODEL,
    PROTO_TOP_K,
    PROTO_FRAMES,
    PROTO_STRIDE,
    PROTO_VIEWS,
    PROTO_START_S,
    PROTO_END_S,
    PROTO_LABELS,
    PROTO_LABEL_SET,
    PROTO_TEMPLATES,
    PROTO_BACKGROUND,
    PROTO_CLASSES,
    PROTO_MIN_SCORE,
    PROTO_MIN_SIMILARITY,
    PROTO_TIMEOUT_MS,
    PROTO_TRUNCATE,
    PROTO_TEXTS,
    PROTO_TEXT,
    PROTO_WINDOW_S,
    PROTO_HOP_S,
    PROTO_THRESHOLD,
    PROTO_THRESHOLD_END,
    PROTO_MIN_SEGMENT_S,
    PROTO_MERGE_GAP_S,
    PROTO_OPTION_COUNT,
};

/* Values hold the route's default until set; where the default is the set's own (model, frames,
 * stride, labels, templates, background) only proto_options_has tells. */
struct proto_options {
    enum proto_route route;
    struct proto_limits limits;
    uint32_t present;   /* bit i: option i was set */
    uint32_t from_json; /* bit i: set by a JSON member (a list is then closed) */

    char *model; /* NULL: the default set */
    int top_k;   /* 0: all; 5, zeroshot 100 */
    int frames;
    int stride; /* 0: uniform */
    int temporal_views, spatial_views;
    double start_s, end_s; /* NAN until set, as in m2c_sampling */
    struct proto_label_list labels;
    char *label_set;
    struct proto_texts templates; /* each with exactly one {} */
    struct proto_texts background;
    bool classes;
    double min_score, min_similarity;
    int timeout_ms;
    bool truncate;
    struct proto_texts texts;                                                     /* embed */
    char *text;                                                                   /* fill-mask */
    double window_s, hop_s, threshold, threshold_end, min_segment_s, merge_gap_s; /* timeline */
};

/* An empty set of options for a route. Destroy frees what was set; safe on a zeroed struct. */
void proto_options_init(struct proto_options *options, enum proto_route route,
                        const struct proto_limits *limits);
void proto_options_destroy(struct proto_options *options);

static inline bool proto_options_has(const struct proto_options *options, enum proto_option option)
{
    return (options->present >> option & 1u) != 0;
}

/* Whether the route has an option of this name (the server tells form fields from options by it).
 */
bool proto_options_known(enum proto_route route, const char *name);

/* Sets one option from text: a decoded query value, a form field, a flag's value. Integers and
 * numbers are strict decimals; booleans true, false, 1, 0; list options append. `value` [length
 * bytes] need not end in NUL. */
M2C_MUST_USE enum m2c_status proto_options_set_text(struct proto_options *options, const char *name,
                                                    const char *value, size_t length,
                                                    struct m2c_error *err);

/* Sets one option from a JSON member: integers only as JSON integers (1.0, "5" and true are
 * refused), lists as arrays, stride as "uniform" or an integer, views as "AxB". */
M2C_MUST_USE enum m2c_status proto_options_set_json(struct proto_options *options, const char *name,
                                                    const json_t *value, struct m2c_error *err);

/* Sets options from a raw query string, `a=b&c=d` without the question mark: percent-decoded, plus
 * is a space. A bad escape or an empty name is M2C_INVALID_REQUEST. */
M2C_MUST_USE enum m2c_status proto_options_set_query(struct proto_options *options,
                                                     const char *query, size_t length,
                                                     struct m2c_error *err);

/* What concerns several options: labels against label_set, duplicates, start_s < end_s, thresholds,
 * a required `text`, temporal views without a stride where the stride was given. Call once, after
 * the last set. */
M2C_MUST_USE enum m2c_status proto_options_finish(struct proto_options *options,
                                                  struct m2c_error *err);

/* The sampling that a request asks for: the options over `preferred`, the set's own sampling
 * (m2c_pipeline_default_sampling), validated. Field `views` where A > 1 lacks a stride. */
M2C_MUST_USE enum m2c_status proto_options_sampling(const struct proto_options *options,
                                                    const struct m2c_sampling *preferred,
                                                    struct m2c_sampling *out,
                                                    struct m2c_error *err);

/* The table, for help texts, flags and the contract's tests. */
enum proto_option_kind {
    PROTO_KIND_STRING,
    PROTO_KIND_INTEGER,
    PROTO_KIND_NUMBER,
    PROTO_KIND_BOOLEAN,
    PROTO_KIND_STRIDE,
    PROTO_KIND_VIEWS,
    PROTO_KIND_TEXTS,  /* repeats in text, an array in JSON */
    PROTO_KIND_LABELS, /* likewise; label objects in JSON */
};

struct proto_option_info {
    const char *name;
    unsigned routes; /* mask of enum proto_route */
    enum proto_option_kind kind;
    double min, max; /* of integers and numbers */
    const char *help;
};

/* Row of an option; static storage. */
const struct proto_option_info *proto_option_info(enum proto_option option);

#endif
