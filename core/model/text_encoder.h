/* The text tower over a prefix tree; the CMLM head starts from the same states. Private to
 * core/model.
 */
#ifndef M2C_MODEL_TEXT_ENCODER_H
#define M2C_MODEL_TEXT_ENCODER_H

#include "model/encoder.h"
#include "model/text_tree.h"

/* A running text pass: its part of the encoder's arena. */
struct m2c_text_pass {
    struct m2c_encoder *encoder;
    const struct m2c_base *base;
    const struct m2c_adapters *adapters;
    const struct m2c_text_tree *tree;
    const int32_t *wanted; /* [wanted_count] rows to be carried through the last block; NULL:
                              all, and taps can be served */
    size_t wanted_count;
    size_t width;                           /* Ct */
    float *x, *n, *q, *kv;                  /* [rows, Ct] each, kv [rows, 2Ct] */
    float *wanted_x, *wanted_n, *wanted_q;  /* [wanted, Ct] */
    float *frame_kv;                        /* [F, 2Ct] for the CMLM head */
    const struct m2c_text_request *request; /* for taps, or NULL */
};

/* Runs every encoding block; the states of the wanted rows stand in wanted_x (with wanted NULL the
 * states of all rows in x), ln_final not yet applied. */
void m2c_text_pass_run(struct m2c_text_pass *pass);

#endif
