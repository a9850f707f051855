/* A whole model folder of seeded random weights: what `m2clip init` writes.
 *
 * Weights are as wide as CLIP's own initialisation makes them, adapters included (a trained set's
 * are not zero either), so that activations stay in a sane range: for benchmarks and tests, not
 * for answers.
 */
#ifndef M2C_MODEL_RANDOM_MODEL_H
#define M2C_MODEL_RANDOM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/config.h"
#include "status.h"

enum m2c_arch { M2C_ARCH_VIT_B16, M2C_ARCH_VIT_B32, M2C_ARCH_VIT_L14, M2C_ARCH_TINY };

/* "vit-b16", "vit-b32", "vit-l14", "tiny"; static storage. An unknown name is M2C_USAGE with field
 * `arch`. */
const char *m2c_arch_name(enum m2c_arch arch);
M2C_MUST_USE enum m2c_status m2c_arch_parse(const char *name, enum m2c_arch *out,
                                            struct m2c_error *err);

struct m2c_random_spec {
    enum m2c_arch arch;
    uint64_t seed;
    int classes; /* K, 1..M2C_MAX_CLASSES */
    int words;   /* M, 1..M2C_MAX_VOCABULARY */
    const char
        *tokenizer_dir; /* its tokenizer is copied; NULL: a small byte-level BPE is written */
};

/* K 400, M 500, seed 0, no tokenizer. */
struct m2c_random_spec m2c_random_spec_defaults(enum m2c_arch arch);

/* Writes config.json, model.safetensors (F16, M2-CLIP form) and a tokenizer into DIR, which is made
 * if need be; files of these names are replaced. Vision and text adapters of half the vision width
 * before the MLP of every vision block, the last encoding text block and the CMLM block;
 * visual.t_adapter of half the embedding; VC and CMLM heads. The same spec gives the same bytes.
 * The vocabulary is the tokenizer's; with the small one 49,408 (`tiny`: its own size). */
M2C_MUST_USE enum m2c_status m2c_random_model_write(const struct m2c_random_spec *spec,
                                                    const char *dir, struct m2c_error *err);

/* The configuration that a spec stands for, given the tokenizer's vocabulary. */
void m2c_random_model_config(const struct m2c_random_spec *spec, int vocabulary,
                             struct m2c_config *out);

/* How many values those weights have, and how many of them are adapters'. */
void m2c_random_weights_count(const struct m2c_config *config, size_t *total, size_t *adapters);

/* Writes the tensors alone, for a configuration of m2c_random_model_config. */
M2C_MUST_USE enum m2c_status m2c_random_weights_write(const struct m2c_config *config,
                                                      uint64_t seed, const char *path,
                                                      struct m2c_error *err);

#endif
