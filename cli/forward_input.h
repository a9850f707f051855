/* The tensors that `m2clip forward` reads: a batch of clips and a batch of token rows. */
#ifndef CLI_FORWARD_INPUT_H
#define CLI_FORWARD_INPUT_H

#include "m2clip.h"

struct cli_forward_input {
    /* `input` [B, 3, T, H, W] f32; B 0 where there is none. */
    float *pixels;            /* owned */
    struct m2c_image *images; /* [B * T], owned: frame (b, t) inside `pixels` */
    int clips, frames;
    /* `tokens` [N, context] i32; N 0 where there is none. */
    int32_t *tokens; /* owned */
    int32_t *counts; /* [N] up to and with the first highest id, owned */
    int texts, context;
};

/* Reads a safetensors file and checks it against a model: sides of image_px, ids of the vocabulary,
 * rows of context_length. Neither tensor, or a wrong one: M2C_BAD_MODEL naming it. Destroy in any
 * case. */
M2C_MUST_USE enum m2c_status cli_forward_input_read(const char *path,
                                                    const struct m2c_config *config,
                                                    struct cli_forward_input *input,
                                                    struct m2c_error *err);
void cli_forward_input_destroy(struct cli_forward_input *input);

#endif
