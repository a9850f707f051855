/* Video -> views -> embeddings, and labels -> vectors: the one place where the stages meet.
 *
 * Used by the command line, by tests and by the server's scheduler thread. All calls run on the
 * thread that owns the encoder.
 */
#ifndef M2C_PIPELINE_H
#define M2C_PIPELINE_H

#include "m2clip.h"
#include "video/video.h"

/* What is kept of a video for one sampling and one set. New arrays; destroy frees them. */
struct m2c_video_embedding {
    int views, frames, dim, classes; /* V, T, E, K (0 without a VC head) */
    float *frame_features;           /* [V, T, E] */
    float *video;                    /* [V, E] */
    float *vc_logits;                /* [V, K], NULL without a VC head */
};

M2C_MUST_USE enum m2c_status m2c_video_embedding_init(struct m2c_video_embedding *embedding,
                                                      const struct m2c_set *set, int views,
                                                      int frames, struct m2c_error *err);
void m2c_video_embedding_destroy(struct m2c_video_embedding *embedding);

enum { M2C_MAX_WARNINGS = 16 };

/* The names of what an answer should warn of: random weights (`untrained_model`) and the bits of
 * m2c_clip_frames.warnings. Static storage; returns how many. */
size_t m2c_pipeline_warnings(const struct m2c_model *model, unsigned clip_warnings,
                             const char *names[M2C_MAX_WARNINGS]);

/* The decode plan that a set and a sampling ask for (sampling already validated). */
void m2c_pipeline_plan(const struct m2c_model *model, const struct m2c_set *set,
                       const struct m2c_sampling *sampling, struct m2c_decode_plan *plan);

/* The sampling that a set prefers: its frames and stride, one view, the whole video. */
struct m2c_sampling m2c_pipeline_default_sampling(const struct m2c_set *set);

/* One view of a decoded clip, and where its vectors go; all borrowed. */
struct m2c_batch_view {
    const struct m2c_clip_frames *clip;
    int view; /* v = b*A + a */
    struct m2c_video_embedding *embedding;
};

/* Encodes `count` >= 1 views, of any clips, in one forward pass. All have the same frames a view T,
 * count * T <= the encoder's max_frames, and embeddings made for `set`. A view's vectors do not
 * depend on what else is in the batch, to the bit with all backends but OpenBLAS (test_batches.c).
 * M2C_CANCELLED as m2c_encode_video: nothing is written then. */
M2C_MUST_USE enum m2c_status m2c_pipeline_encode_batch(struct m2c_encoder *encoder,
                                                       const struct m2c_set *set,
                                                       const struct m2c_batch_view *views,
                                                       int count, const _Atomic bool *cancel,
                                                       struct m2c_error *err);

/* Encodes views first..first+count-1 (v = b*A + a) of decoded frames into `embedding`, as many in
 * one forward pass as the encoder's max_frames lets in. M2C_CANCELLED as m2c_encode_video. */
M2C_MUST_USE enum m2c_status
m2c_pipeline_encode_views(struct m2c_encoder *encoder, const struct m2c_set *set,
                          const struct m2c_clip_frames *clip, int first, int count,
                          struct m2c_video_embedding *embedding, const _Atomic bool *cancel,
                          struct m2c_error *err);

/* A text with its template applied, tokenized with start and end tokens. `template` holds one `{}`
 * or is NULL (the text verbatim). ids: [context_length] out. Too long for the context:
 * M2C_INVALID_REQUEST (detail names the length), unless `truncate`. */
M2C_MUST_USE enum m2c_status m2c_pipeline_tokenize(const struct m2c_model *model,
                                                   const char *template_text, const char *text,
                                                   bool truncate, int32_t *ids, int32_t *count,
                                                   struct m2c_error *err);

/* Encodes texts verbatim or under one template: vectors [N, E] out, unit. On a failure the error's
 * field is `labels[i]`-like: prefix + "[i]". */
M2C_MUST_USE enum m2c_status m2c_pipeline_encode_texts(struct m2c_encoder *encoder,
                                                       const struct m2c_set *set,
                                                       const char *template_text,
                                                       const char *const *texts, size_t count,
                                                       bool truncate, const char *field_prefix,
                                                       float *vectors, struct m2c_error *err);

#endif
