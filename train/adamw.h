/* AdamW (Loshchilov and Hutter 2019) over a network's trained tensors. */
#ifndef TRN_ADAMW_H
#define TRN_ADAMW_H

#include <stdint.h>

#include "runtime/team.h"
#include "train/tensors.h"

struct trn_adamw {
    double rate;        /* learning rate of this step */
    double text_factor; /* times the rate for text adapters */
    double decay;       /* of weights; biases do not decay */
    double beta_1, beta_2, epsilon;
};

/* m2clip.md: rate 1e-3, text factor 0.5, decay 0.01, betas 0.9 and 0.999, epsilon 1e-8. */
struct trn_adamw trn_adamw_defaults(void);

/* w <- w - rate decay w;  m, v <- moments of the gradient;
 * w <- w - rate (m / (1 - beta_1^step)) / (sqrt(v / (1 - beta_2^step)) + epsilon)
 * for step 1, 2, ... Gradients are left as they are. */
void trn_adamw_step(struct m2c_team *team, const struct trn_adamw *adamw, uint64_t step,
                    struct trn_tensors *tensors);

#endif
