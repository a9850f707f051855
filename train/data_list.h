/* What a training run is fed: videos with their labels, in the forms that people have them.
 *
 * - a folder with a folder a class: every video file below it, whatever the depth
 * - CSV with a header of `path` and `label`, and `start_s`, `end_s`, `split` if wanted, in any
 *   order; RFC 4180 quotes, no line breaks in fields
 * - the authors' list: lines `path [frames] id`, separated by blanks or by commas
 *
 * A label is a name of the label list or its index. Relative paths count from the list's folder.
 */
#ifndef TRN_DATA_LIST_H
#define TRN_DATA_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/label_list.h"
#include "status.h"

enum trn_part { TRN_PART_UNSAID, TRN_PART_TRAIN, TRN_PART_VALIDATION, TRN_PART_TEST };

struct trn_item {
    char *path; /* owned */
    size_t label;
    double start_s, end_s; /* end_s 0: to the video's end */
    enum trn_part part;
    size_t line; /* of the list, from 1; 0 in a folder */
};

struct trn_data_list {
    struct trn_item *items;
    size_t count, capacity;
    size_t skipped;               /* lines that were reported and left out */
    struct m2c_label_list labels; /* of a folder read without a label list: its folders' names */
};

/* Told of a line that cannot be used: `what` is one sentence without a full stop. */
typedef void (*trn_data_report)(void *argument, size_t line, const char *what);

struct trn_data_source {
    const char *path;                    /* folder or file */
    const struct m2c_label_list *labels; /* borrowed; may be NULL for a folder */
    bool skip_bad;          /* report bad lines and go on; else the first is an error */
    trn_data_report report; /* or NULL */
    void *argument;
};

/* Reads the list. Bad lines (label out of range, times that are none, unknown columns ...) are
 * M2C_INVALID_REQUEST with the line's number, unless skipped; so is a list without any item. The
 * videos are not opened. Items of a folder are in the order of their paths. New items; destroy in
 * any case. */
M2C_MUST_USE enum m2c_status trn_data_list_read(const struct trn_data_source *source,
                                                struct trn_data_list *list, struct m2c_error *err);

/* Frees the items; safe on a zeroed list. */
void trn_data_list_destroy(struct trn_data_list *list);

/* Gives every item that has no part yet one: `share` (0..1) of each label's items, rounded, become
 * validation, at least one where a label has two or more and share > 0; the rest training. Which
 * ones depends on the seed and on the items' order alone. M2C_NO_MEMORY on failure. */
M2C_MUST_USE enum m2c_status trn_data_list_split(struct trn_data_list *list, double share,
                                                 uint64_t seed, struct m2c_error *err);

/* How many items a part has. */
size_t trn_data_list_part(const struct trn_data_list *list, enum trn_part part);

#endif
