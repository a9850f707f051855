/* Backward passes of the TED-Adapter's two depthwise convolutions; forward is the kernel table's.
 *
 * Rows are [clips, T, tokens], T frames of `tokens` rows a clip, `ld` floats apart; token 0 is the
 * class token, the others lie on a square grid. Kernels stand as [taps, channels], the order of the
 * kernel table; files hold [channels, taps].
 */
#ifndef TRN_DEPTHWISE_H
#define TRN_DEPTHWISE_H

#include <stddef.h>

#include "model/ted_adapter.h"
#include "runtime/team.h"

/* [channels, taps] -> [taps, channels]. */
void trn_taps_first(float *out, const float *weight, size_t channels, size_t taps);

/* grad [channels, taps] += taps_grad [taps, channels]. */
void trn_add_channels_first(float *grad, const float *taps_grad, size_t channels, size_t taps);

struct trn_depthwise {
    const struct m2c_frame_grid *grid;
    size_t rows; /* a whole number of clips */
    size_t channels;
    size_t ld;
    const float *weight; /* [taps, channels] */
    const float *shift;  /* [channels] fc1' bias, of the difference alone */
};

/* Over time, width 3: dh_t = sum_k w_k dy_{t - k + 1}. */
void trn_time_to_input(struct m2c_team *team, const struct trn_depthwise *conv, const float *dy,
                       float *dh);

/* dw_k <- sum_t dy_t h_{t + k - 1}; dw: [3, channels], replaced. */
void trn_time_to_weights(struct m2c_team *team, const struct trn_depthwise *conv, const float *h,
                         const float *dy, float *dw);

/* Over the grid, 3 x 3, of u_t = h_t - h_{t-1} + shift (u_0 = shift): du of patches, [rows,
 * channels] dense, class rows zero. */
void trn_space_to_difference(struct m2c_team *team, const struct trn_depthwise *conv,
                             const float *dy, float *du);

/* dh_t = du_t - du_{t+1}, du_0 and what lies beyond the clip's end left out; class rows zero. */
void trn_difference_to_input(struct m2c_team *team, const struct trn_depthwise *conv,
                             const float *du, float *dh);

/* dw_k <- sum over patches of dy u of the neighbour k; dw: [9, channels], replaced. */
void trn_space_to_weights(struct m2c_team *team, const struct trn_depthwise *conv, const float *h,
                          const float *dy, float *dw);

#endif
