/* The texts of a training run: every label under the first template, which CMC compares with, and
 * for each clip its label under a template of its own, words masked. */
#ifndef TRN_PROMPTS_H
#define TRN_PROMPTS_H

#include "model/preprocess_config.h"
#include "train/word_mask.h"

/* All but the last borrowed. */
struct trn_prompts {
    const struct m2c_label_list *labels;
    const struct m2c_text_list *templates; /* one or more, each with one `{}` */
    struct trn_word_masker masker;         /* share 0: nothing is masked */
    int32_t *label_tokens;                 /* [K, context], owned */
};

/* Sets the borrowed members and encodes the labels; texts that are too long lose their end. Destroy
 * in any case. M2C_INVALID_REQUEST for a label that is not UTF-8; M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status trn_prompts_init(struct trn_prompts *prompts,
                                              const struct m2c_label_list *labels,
                                              const struct m2c_text_list *templates,
                                              const struct trn_word_masker *masker,
                                              struct m2c_error *err);

/* ids, targets [context] <- a clip's text: template and masked words as the seed has them. */
M2C_MUST_USE enum m2c_status trn_prompts_clip(const struct trn_prompts *prompts, size_t label,
                                              uint64_t seed, int32_t *ids, int32_t *targets,
                                              struct m2c_error *err);

/* Safe on a zeroed struct. */
void trn_prompts_destroy(struct trn_prompts *prompts);

/* The distinct words of the labels in the order of their first appearance, as word masking takes
 * words (letters of either case being the same): what a CMLM head can be made of where there is no
 * word list. New list; the caller destroys it. */
M2C_MUST_USE enum m2c_status trn_prompts_words(const struct m2c_label_list *labels,
                                               struct m2c_label_list *words, struct m2c_error *err);

#endif
