/* Word masking for the CMLM loss: a share of a prompt's words becomes the word "mask", and the head
 * must say from the video which they were.
 *
 * Words are what stands between white space; one can be masked if it is in the list of M words,
 * letters of either case (ASCII) being the same and punctuation at its ends left aside.
 */
#ifndef TRN_WORD_MASK_H
#define TRN_WORD_MASK_H

#include <stdint.h>

#include "model/label_list.h"
#include "text/tokenizer.h"

struct trn_word_masker {
    const struct m2c_tokenizer *tokenizer;
    const struct m2c_label_list *words; /* M words; borrowed, as the tokenizer */
    size_t context;                     /* ids a text has room for, start and end included */
    double share;                       /* of the words that can be masked, rounded, at least one;
                                           0 masks nothing */
};

/* ids [context] <- the start token, the text with masked words, the end token, zeros. targets
 * [context] <- at each masked word's "mask" its index of the M words, else TRN_NO_TARGET. Which
 * words depends on `seed` alone. A text that is too long loses its end, and what was masked there.
 * M2C_INVALID_REQUEST for a text that is not UTF-8; M2C_NO_MEMORY. Any thread. */
M2C_MUST_USE enum m2c_status trn_mask_words(const struct trn_word_masker *masker, const char *text,
                                            uint64_t seed, int32_t *ids, int32_t *targets,
                                            struct m2c_error *err);

#endif
