/* m2clip: the model, from a folder of weights to embeddings and logits.
 *
 * The whole of core's public face for the model. A model is immutable once loaded and may be read
 * by any thread; an encoder (arena on a team) computes, one call at a time, and belongs to one
 * thread. Videos become images by video/video.h, embeddings become answers by scoring.h, and
 * pipeline.h joins the stages.
 *
 * Letters: B clips (views), T frames, L = 1 + P tokens a frame, C width, E embedding, K classes,
 * N texts, M words of the CMLM head. All arrays are f32, row-major.
 */
#ifndef M2CLIP_H
#define M2CLIP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/config.h"
#include "model/label_list.h"
#include "model/preprocess_config.h"
#include "runtime/team.h"
#include "status.h"
#include "text/tokenizer.h"

enum m2c_precision {
    M2C_PRECISION_AUTO, /* bf16 where the processor multiplies it and a backend is there, else f32
                         */
    M2C_PRECISION_F32,
    M2C_PRECISION_BF16,
    M2C_PRECISION_INT8,
};

/* Whose matrix products: our own kernels, OpenBLAS (f32) or oneDNN (f32, bf16). */
enum m2c_backend {
    M2C_BACKEND_AUTO,
    M2C_BACKEND_NATIVE,
    M2C_BACKEND_OPENBLAS,
    M2C_BACKEND_ONEDNN,
};

/* "auto", "f32", "bf16", "int8" and "auto", "native", "openblas", "onednn". Static storage. The
 * parsers answer M2C_USAGE with field `precision` or `backend` for anything else. */
const char *m2c_precision_name(enum m2c_precision precision);
M2C_MUST_USE enum m2c_status m2c_precision_parse(const char *name, enum m2c_precision *out,
                                                 struct m2c_error *err);
const char *m2c_backend_name(enum m2c_backend backend);
M2C_MUST_USE enum m2c_status m2c_backend_parse(const char *name, enum m2c_backend *out,
                                               struct m2c_error *err);

/* ---- Models ---- */

struct m2c_model_options {
    const char *dir;              /* the model folder */
    const char *default_set;      /* --adapter: NULL for the rule of m2c_model_default_set */
    enum m2c_precision precision; /* M2C_PRECISION_AUTO by default */
    enum m2c_backend backend;     /* M2C_BACKEND_AUTO by default */

    /* A model that was loaded from the same folder, or NULL. Where the files of the base are still
     * those, the new model shares it (tokenizer included) and loads adapter sets alone. */
    const struct m2c_model *share;
};

struct m2c_model;
struct m2c_set; /* one adapter set on the base: what a request's `model` names */

/* Maps, validates and packs the weights of a folder: base once, then every adapter set. A NaN or
 * an infinity, a missing or misshapen tensor, a vocabulary that does not fit: M2C_BAD_MODEL. New
 * model; the caller frees it. Any thread; takes seconds. */
M2C_MUST_USE enum m2c_status m2c_model_load(const struct m2c_model_options *options,
                                            struct m2c_model **out, struct m2c_error *err);

/* Frees model and sets; accepts NULL, nulls the pointer. No encoder may be left. */
void m2c_model_free(struct m2c_model **model);

const struct m2c_config *m2c_model_config(const struct m2c_model *model);
enum m2c_precision m2c_model_precision(const struct m2c_model *model); /* never AUTO */
enum m2c_backend m2c_model_backend(const struct m2c_model *model);     /* never AUTO */

/* The folder's tokenizer, borrowed; NULL where there is none. */
const struct m2c_tokenizer *m2c_model_tokenizer(const struct m2c_model *model);

/* The tensors of the folder, borrowed: for `inspect` (what is stored, what is unused). */
struct m2c_weights;
const struct m2c_weights *m2c_model_weights(const struct m2c_model *model);

/* Bytes that the packed weights take. */
size_t m2c_model_weight_bytes(const struct m2c_model *model);

/* Sets in order: `base`, `default` (where model.safetensors holds adapters), folders by name. */
size_t m2c_model_set_count(const struct m2c_model *model);
const struct m2c_set *m2c_model_set(const struct m2c_model *model, size_t index);

/* The set of that name, or NULL. `name` NULL: the default one (--adapter, else `default`, else the
 * only folder, else `base`). */
const struct m2c_set *m2c_model_find_set(const struct m2c_model *model, const char *name);

/* Facts of a set, all borrowed from the model. */
struct m2c_set_info {
    const char *name;
    char version[13]; /* 12 hex digits over weights, config, labels and preprocessing */
    bool has_vc, has_cmlm;
    int classes;                         /* K, 0 without a VC head */
    int cmlm_words;                      /* M, 0 without a CMLM head */
    int dim;                             /* E */
    const struct m2c_label_list *labels; /* names of the K classes, default zero-shot labels */
    const struct m2c_label_list *words;  /* names of the M words; empty without a file */
    bool labels_named;                   /* from labels.csv; false: generated `class_0`, ... */
    const struct m2c_preprocess *preprocess;
};

const struct m2c_set_info *m2c_set_info(const struct m2c_set *set);

/* Multiply-adds counted as two, needed for one clip of `frames` frames (pruned form). */
double m2c_set_clip_flop(const struct m2c_set *set, int frames);

/* ---- Encoding ---- */

struct m2c_encoder;

struct m2c_encoder_options {
    struct m2c_team *team; /* borrowed for the encoder's life */
    int max_frames;        /* largest B * T of one call */
};

/* A new encoder for a model, which must outlive it; the caller frees it. Its arena is mapped here
 * and touched only as far as it is used. */
M2C_MUST_USE enum m2c_status m2c_encoder_new(const struct m2c_model *model,
                                             const struct m2c_encoder_options *options,
                                             struct m2c_encoder **out, struct m2c_error *err);
void m2c_encoder_free(struct m2c_encoder **encoder);

/* One frame as the network sees it: three planes of size x size floats inside a larger frame, so
 * that a crop is a pointer. `data` is plane 0's first value; strides in floats. */
struct m2c_image {
    const float *data;
    size_t plane_stride, row_stride;
};

/* Receives a block's output while it is computed: `name` like "visual.block.3", `x` [rows, width]
 * borrowed for the call. Asking for taps makes every row be computed (no pruning). */
typedef void (*m2c_tap)(void *argument, const char *name, const float *x, size_t rows,
                        size_t width);

struct m2c_video_request {
    const struct m2c_image *images; /* [B * T], b-major */
    int clips, frames;              /* B, T: any T >= 1 */
    float *frame_features;          /* [B, T, E] out, or NULL */
    float *video;                   /* [B, E] out (mean over frames, not made unit), or NULL */
    float *vc_logits;               /* [B, K] out, or NULL; NULL for a set without a VC head */
    const _Atomic bool *cancel;     /* looked at between layers; NULL: never */
    m2c_tap tap;                    /* or NULL */
    void *tap_argument;
};

/* Encodes B clips with a set. M2C_CANCELLED when the flag was seen; cannot fail otherwise. */
enum m2c_status m2c_encode_video(struct m2c_encoder *encoder, const struct m2c_set *set,
                                 const struct m2c_video_request *request);

struct m2c_text_request {
    const int32_t *ids;    /* the texts' ids one after the other, start and end tokens included */
    const int32_t *counts; /* [N] ids of each text, 2..context_length */
    int texts;             /* N */
    float *text;           /* [N, E] out, not made unit */
    m2c_tap tap;           /* or NULL; called once a block with [sum of counts, Ct] rows, the texts'
                              tokens one after the other */
    void *tap_argument;
};

/* Encodes N texts: no padding is computed, and a prefix that all texts of a batch share is computed
 * once. A text's representation is the row of its highest id, the end token's. Fails for want of
 * memory alone. */
M2C_MUST_USE enum m2c_status m2c_encode_text(struct m2c_encoder *encoder, const struct m2c_set *set,
                                             const struct m2c_text_request *request,
                                             struct m2c_error *err);

struct m2c_cmlm_request {
    const int32_t *ids;          /* as in m2c_text_request */
    const int32_t *counts;       /* [B] */
    int clips, frames;           /* B, T; text b is read with clip b */
    const float *frame_features; /* [B, T, E]; E = Ct */
    const int32_t *positions;    /* [B] the one position of each text to answer for, or NULL: all
                                    context_length positions */
    float *logits;               /* [B, M] out, or [B, context_length, M] where positions is NULL */
};

/* Logits of the masked-language head. Only for a set with has_cmlm. With positions NULL the ids
 * must be padded to context_length each. Fails for want of memory alone. */
M2C_MUST_USE enum m2c_status m2c_encode_cmlm(struct m2c_encoder *encoder, const struct m2c_set *set,
                                             const struct m2c_cmlm_request *request,
                                             struct m2c_error *err);

#endif
