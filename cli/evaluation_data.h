/* What an evaluation looks at: labels, clips, and what is left of them after an earlier run. */
#ifndef CLI_EVALUATION_DATA_H
#define CLI_EVALUATION_DATA_H

#include "cli/decode_ahead.h"
#include "cli/evaluation_log.h"
#include "model/label_list.h"
#include "train/data_list.h"

struct cli_evaluation_data {
    struct m2c_label_list given;         /* of a labels file; empty without one */
    struct trn_data_list list;           /* the clips that are evaluated */
    const struct m2c_label_list *labels; /* borrowed: given, the model's, or the list's folders */
    struct cli_clip_result *results;     /* [list.count] */
};

/* Reads the list at `path` with the labels of `labels_file`, else `own` (NULL: the list must be a
 * folder, and its folders are the labels). Bad lines are told on stderr and counted in
 * list.skipped. `split` NULL, or train, val or test: the items that say so. Without any item:
 * M2C_INVALID_REQUEST. Destroy in any case. */
M2C_MUST_USE enum m2c_status cli_evaluation_data_read(struct cli_evaluation_data *data,
                                                      const char *path, const char *labels_file,
                                                      const struct m2c_label_list *own,
                                                      const char *split, struct m2c_error *err);
void cli_evaluation_data_destroy(struct cli_evaluation_data *data);

/* Digest of labels and clips with `what` else decides about results, in hexadecimal. */
M2C_MUST_USE enum m2c_status cli_evaluation_data_key(const struct cli_evaluation_data *data,
                                                     const char *what,
                                                     char key[M2C_DIGEST_HEX_BYTES],
                                                     struct m2c_error *err);

/* The clips that are not done yet; paths are the list's. */
struct cli_pending {
    struct cli_inputs inputs;
    struct cli_span *spans; /* [inputs.count], and so on */
    size_t *truths;
    size_t *items; /* index in the list */
};

/* New arrays; destroy in any case. */
M2C_MUST_USE enum m2c_status cli_pending_init(struct cli_pending *pending,
                                              const struct cli_evaluation_data *data,
                                              struct m2c_error *err);
void cli_pending_destroy(struct cli_pending *pending);

#endif
