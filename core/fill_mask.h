/* The masked-language head for a text with [MASK]: text -> ids and positions -> the words that a
 * video suggests for each.
 */
#ifndef M2C_FILL_MASK_H
#define M2C_FILL_MASK_H

#include "pipeline.h"
#include "scoring.h"

#define M2C_MASK "[MASK]"

/* A text in which every [MASK] has become the word "mask", tokenized. */
struct m2c_masked_text {
    int32_t *ids; /* [count], start and end tokens included */
    int32_t count;
    int32_t *positions; /* [masks] where "mask" stands, rising, the start token counted: where a
                           vocabulary cuts the word into pieces, the first of them */
    size_t masks;
};

/* Tokenizes `text`. With `truncate` masks that are cut off are left out. New arrays; destroy frees
 * them, in any case. Errors: M2C_NO_TOKENIZER; M2C_INVALID_REQUEST with field "text" where it has
 * no [MASK], is too long or is not UTF-8; M2C_NO_MEMORY. Any thread. */
M2C_MUST_USE enum m2c_status m2c_masked_text_init(struct m2c_masked_text *masked,
                                                  const struct m2c_model *model, const char *text,
                                                  bool truncate, struct m2c_error *err);
void m2c_masked_text_destroy(struct m2c_masked_text *masked);

/* M2C_NO_CMLM_HEAD for a set without the head. */
M2C_MUST_USE enum m2c_status m2c_fill_mask_check(const struct m2c_set *set, struct m2c_error *err);

/* The M words of a set: its file's, else "word_0", ... New; the caller destroys it. */
M2C_MUST_USE enum m2c_status
m2c_fill_mask_words(const struct m2c_set *set, struct m2c_label_list *words, struct m2c_error *err);

/* Scores the M words for mask `mask` of a text beside a video: a softmax of the logits a view, then
 * the mean over views. predictions: [M] out, in the words' order. The encoder's thread. The set has
 * a CMLM head. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_fill_mask(struct m2c_encoder *encoder, const struct m2c_set *set,
                                           const struct m2c_masked_text *masked, size_t mask,
                                           const struct m2c_video_embedding *embedding,
                                           struct m2c_prediction *predictions,
                                           struct m2c_error *err);

#endif
