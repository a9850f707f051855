/* What a model folder holds beside its adapter sets: config, mapped weights, tokenizer and the
 * packed base. Private to core/model.
 *
 * Counted by references, since a folder that is loaded anew while its base has not changed shares
 * it: adapter sets come and go without a second base in memory. Immutable once loaded.
 */
#ifndef M2C_MODEL_FOUNDATION_H
#define M2C_MODEL_FOUNDATION_H

#include <pthread.h>
#include <stdatomic.h>

#include "m2clip.h"
#include "model/digest.h"
#include "model/network.h"

struct m2c_foundation {
    atomic_uint references;
    struct m2c_config config; /* settled */
    enum m2c_precision precision;
    enum m2c_backend backend;
    enum m2c_linear_kind kind;
    struct m2c_weights *weights;
    struct m2c_tokenizer *tokenizer; /* NULL where the folder has none */
    struct m2c_base base;
    unsigned char weights_digest[M2C_DIGEST_BYTES]; /* of the folder's files */
    unsigned char files_digest[M2C_DIGEST_BYTES];   /* of which files these were: names, inodes,
                                                       sizes, times */

    pthread_mutex_t lock; /* of what is found out when it is first asked for */
    bool base_digest_known;
    unsigned char base_digest[M2C_DIGEST_BYTES];
};

/* Loads the foundation of options->dir, layers packed by `team`. New, with one reference.
 * Errors as m2c_model_load. */
M2C_MUST_USE enum m2c_status m2c_foundation_load(const struct m2c_model_options *options,
                                                 struct m2c_team *team, struct m2c_foundation **out,
                                                 struct m2c_error *err);

/* Sets `*same` iff loading the folder now would give this foundation again: the files in it (those
 * of adapter sets, labels and preprocessing aside) and the choice of product are the same. A
 * SHA256SUMS file is checked anew, since it lists the adapter sets too. */
M2C_MUST_USE enum m2c_status m2c_foundation_matches(const struct m2c_foundation *foundation,
                                                    const struct m2c_model_options *options,
                                                    bool *same, struct m2c_error *err);

/* The digest of the base alone, which adapter sets name; computed once. Any thread. */
M2C_MUST_USE enum m2c_status m2c_foundation_base_digest(struct m2c_foundation *foundation,
                                                        unsigned char out[M2C_DIGEST_BYTES],
                                                        struct m2c_error *err);

/* One reference more; one less (accepts NULL), the last one frees. Any thread. */
struct m2c_foundation *m2c_foundation_ref(struct m2c_foundation *foundation);
void m2c_foundation_unref(struct m2c_foundation *foundation);

#endif
