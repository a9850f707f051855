/* `config.json` of an adapter set: what its heads were trained for, and on which base. */
#ifndef M2C_MODEL_ADAPTER_CONFIG_H
#define M2C_MODEL_ADAPTER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "model/config.h"
#include "model/digest.h"
#include "status.h"

struct m2c_adapter_config {
    int num_frames;   /* 0 when the config does not say */
    int num_classes;  /* K, likewise */
    int mlm_head_len; /* M, likewise */
    int cmlm_block;   /* number n of the CMLM block; -1 when the config does not say */
    bool has_base_digest;
    unsigned char base_digest[M2C_DIGEST_BYTES]; /* m2c_weights_base_digest of its base */
};

/* Parses the text. Unknown members are ignored; wrong types, ranges or digests are M2C_BAD_MODEL
 * with the member in `field`. Any thread. */
M2C_MUST_USE enum m2c_status m2c_adapter_config_parse(const char *bytes, size_t size,
                                                      struct m2c_adapter_config *out,
                                                      struct m2c_error *err);

/* Reads SET_DIR/config.json; where there is none, nothing is said. */
M2C_MUST_USE enum m2c_status
m2c_adapter_config_load(const char *set_dir, struct m2c_adapter_config *out, struct m2c_error *err);

/* M2C_BAD_MODEL unless the set fits: the digest of the base where the set names one, and a CMLM
 * block numbered `encoding_blocks`, right behind those that encode. */
M2C_MUST_USE enum m2c_status
m2c_adapter_config_check(const struct m2c_adapter_config *config,
                         const unsigned char base_digest[M2C_DIGEST_BYTES], int encoding_blocks,
                         struct m2c_error *err);

#endif
