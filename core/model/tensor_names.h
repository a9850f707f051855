/* Canonical tensor names: those of M2-CLIP's and OpenAI's checkpoints. */
#ifndef M2C_MODEL_TENSOR_NAMES_H
#define M2C_MODEL_TENSOR_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum { M2C_TENSOR_NAME_BYTES = 256 };

/* out <- the canonical name of a tensor under Hugging Face's CLIPModel names:
 *   vision_model.encoder.layers.N.self_attn.q_proj.weight
 *     -> visual.transformer.resblocks.N.attn.q_proj.weight
 * and so on for both towers. `visual_projection.weight` and `text_projection.weight` keep their
 * names: their matrices are [E, C], transposed against OpenAI's `visual.proj` and
 * `text_projection`. Any other name is copied. False when the name does not fit. Any thread. */
bool m2c_tensor_canonical_name(const char *name, char out[M2C_TENSOR_NAME_BYTES]);

/* Whether a tensor belongs to an adapter set: its name holds "adapter". */
bool m2c_tensor_is_adapter(const char *name);

#endif
