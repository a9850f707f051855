/* The vectors that a zero-shot request compares with: one a label, one a background text. */
#ifndef CLI_LABEL_VECTORS_H
#define CLI_LABEL_VECTORS_H

#include "cli/session.h"
#include "proto/options.h"

struct cli_label_vectors {
    size_t count, background_count;
    float *vectors;           /* [count + background_count, E], unit */
    const float **labels;     /* [count] rows of `vectors` */
    const float **background; /* [background_count] */
    const char **names;       /* [count], borrowed from the options or the set */
    const char **ids;         /* [count], NULL where none was given */
};

/* Encodes the labels that the options name, else the set's, under the options' templates, else the
 * set's, with the background likewise. A set without labels where none are given:
 * M2C_INVALID_REQUEST field `labels`; no tokenizer: M2C_NO_TOKENIZER. `options` must outlive the
 * result. Destroy in any case. */
M2C_MUST_USE enum m2c_status cli_label_vectors_init(struct cli_label_vectors *vectors,
                                                    struct cli_session *session,
                                                    const struct proto_options *options,
                                                    struct m2c_error *err);
void cli_label_vectors_destroy(struct cli_label_vectors *vectors);

/* Encodes `count` texts verbatim, or with templates the unit mean over them: vectors [count, E]. */
M2C_MUST_USE enum m2c_status cli_encode_texts(struct cli_session *session,
                                              const struct proto_texts *templates,
                                              const char *const *texts, size_t count, bool truncate,
                                              const char *field, float *vectors,
                                              struct m2c_error *err);

#endif
