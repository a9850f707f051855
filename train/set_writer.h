/* Writes what a run has trained as an adapter set, in the form that core/model reads. */
#ifndef TRN_SET_WRITER_H
#define TRN_SET_WRITER_H

#include "model/digest.h"
#include "model/label_list.h"
#include "model/preprocess_config.h"
#include "train/tensors.h"

struct trn_set {
    int num_frames;
    size_t classes;                      /* K; 0: no VC head */
    size_t words;                        /* M; 0: no CMLM head */
    int encoding_blocks;                 /* of the text tower: the CMLM block is the next number */
    const unsigned char *base_digest;    /* [M2C_DIGEST_BYTES] of trn_model */
    const struct m2c_label_list *labels; /* labels.csv; NULL or empty: none */
    const struct m2c_label_list *word_list;  /* cmlm_words.txt; likewise */
    const struct m2c_preprocess *preprocess; /* preprocess.json; NULL: as the base's folder says */
};

/* Writes every adapter of `tensors` (f32) and the set's facts into the folder `dir`, whose parent
 * must be there. The folder appears whole, in place of one of that name: what serves it sees the
 * old set or the new one, never a mixture. M2C_IO_FAILED: the old one is still there. */
M2C_MUST_USE enum m2c_status trn_set_write(const char *dir, const struct trn_tensors *tensors,
                                           const struct trn_set *set, struct m2c_error *err);

#endif
