/* Fresh adapters and heads for a base that is to be adapted: what a checkpoint of plain CLIP lacks.
 *
 * Convolutions and biases begin at zero (m2clip.md, Training), so that an adapter of the video
 * tower first lets everything pass; fc2 of text adapters, which have no convolution, begins at zero
 * for the same reason. Other weights are uniform in +-1 / sqrt(inputs), norms the identity. Each
 * tensor has a random stream of its own: the same seed gives the same values, whatever else is
 * made.
 */
#ifndef TRN_NEW_ADAPTERS_H
#define TRN_NEW_ADAPTERS_H

#include "model/config.h"
#include "train/tensors.h"

/* A width of 0 leaves the adapter out. */
struct trn_adapter_plan {
    size_t vision_width;  /* Ca of TED-Adapters */
    size_t vision_layers; /* in the last so many blocks */
    bool vision_pre_attn, vision_pre_mlp;
    bool enhancement_alone; /* without the difference: for comparisons, core/model reads whole
                               TED-Adapters alone */
    size_t frame_width;     /* visual.t_adapter */
    size_t text_width;
    size_t text_layers; /* in the last so many encoding blocks */
    bool text_pre_attn, text_pre_mlp;
    size_t classes; /* K of the VC head; 0: none */
    size_t words; /* M of the CMLM head, its block's adapter being as wide as the text's; 0: none */
};

/* Half the tower's width for vision and for text (of the vision tower's, as `init` has it), half
 * the embedding for frames; vision adapters before every MLP, text adapters before the last
 * encoding block's. Neither classes nor words. */
struct trn_adapter_plan trn_adapter_plan_defaults(const struct m2c_config *config);

/* Adds what the plan asks for and `tensors` does not hold yet in that shape; one of another shape
 * is replaced. M2C_INVALID_REQUEST for a plan that the configuration cannot have. */
M2C_MUST_USE enum m2c_status trn_new_adapters(struct trn_tensors *tensors,
                                              const struct m2c_config *config,
                                              const struct trn_adapter_plan *plan, uint64_t seed,
                                              struct m2c_error *err);

#endif
