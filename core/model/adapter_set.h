/* One adapter set: adapters, heads, names and preprocessing on the shared base. Private to
 * core/model; the world sees it as `struct m2c_set`.
 */
#ifndef M2C_MODEL_ADAPTER_SET_H
#define M2C_MODEL_ADAPTER_SET_H

#include "m2clip.h"
#include "model/network.h"

struct m2c_set {
    struct m2c_set_info info;
    struct m2c_adapters adapters;
    struct m2c_config config; /* the base's, with the set's own num_frames and the like */
    struct m2c_label_list labels, words;
    struct m2c_preprocess preprocess;
    struct m2c_weights *weights; /* of adapters/<name>; NULL for base and default */
    char *name;
};

/* What every set of a folder is made from, borrowed. */
struct m2c_set_source {
    const char *dir;
    const struct m2c_config *config;
    struct m2c_weights *weights; /* of the folder */
    enum m2c_linear_kind kind;
    struct m2c_team *team;                          /* packs layers side by side */
    unsigned char weights_digest[M2C_DIGEST_BYTES]; /* of the folder's files */
    unsigned char base_digest[M2C_DIGEST_BYTES];    /* of the base alone; set where there are
                                                       folders under adapters/ */
};

/* `base` (plain CLIP) or `default` (the adapters inside model.safetensors). */
M2C_MUST_USE enum m2c_status m2c_set_load_inner(const struct m2c_set_source *source,
                                                bool with_adapters, struct m2c_set *set,
                                                struct m2c_error *err);

/* adapters/<name>. A set made for another base is M2C_BAD_MODEL. */
M2C_MUST_USE enum m2c_status m2c_set_load_folder(const struct m2c_set_source *source,
                                                 const char *name, struct m2c_set *set,
                                                 struct m2c_error *err);

/* Frees what a set holds; safe on a zeroed one. */
void m2c_set_destroy(struct m2c_set *set);

#endif
