/* Label sets in a folder, a file NAME.json each: the body of a PUT. Any thread. */
#ifndef SRV_HANDLERS_LABEL_FOLDER_H
#define SRV_HANDLERS_LABEL_FOLDER_H

#include "server/handlers/stored_labels.h"

enum { SRV_MAX_LABEL_SETS = 1000, SRV_FOLDER_TROUBLES = 8 };

/* What a folder holds. */
struct srv_label_folder {
    struct srv_stored_labels *sets;                 /* by name, each held once */
    struct m2c_error troubles[SRV_FOLDER_TROUBLES]; /* files that are ignored: the first few */
    size_t trouble_count;
};

/* Reads all files whose name is a label set's, up to SRV_MAX_LABEL_SETS; a folder that is not there
 * is empty, unless it is `required`: then that is a trouble. */
void srv_label_folder_read(const char *dir, bool required, bool read_only, size_t max_json_bytes,
                           const struct proto_limits *limits, struct srv_label_folder *out);

/* Writes one, whole or not at all (the folder is made where its parent exists), or removes it;
 * failures are M2C_STORAGE. */
M2C_MUST_USE enum m2c_status srv_label_folder_write(const char *dir,
                                                    const struct srv_stored_labels *labels,
                                                    struct m2c_error *err);
M2C_MUST_USE enum m2c_status srv_label_folder_remove(const char *dir, const char *name,
                                                     struct m2c_error *err);

#endif
