/* The TED-Adapter and the frame adapter (its enhancement alone), forward and backward.
 *
 *     h = [fc1 x | fc1' x];  g = [DW1D_time(h_e) | DW2D_space(difference of h_d)]
 *     y = x + fc2 g_e  (+ fc2' g_d on patch tokens)
 *
 * (m2clip.md, TED-Adapter.) Rows as in depthwise.h. With `grid` 0 there are class tokens alone and
 * the difference is not computed: nothing of it can reach them.
 */
#ifndef TRN_TED_H
#define TRN_TED_H

#include <stdbool.h>

#include "train/carver.h"
#include "train/dense.h"
#include "train/depthwise.h"

struct trn_ted {
    size_t channels, width;                   /* C, Ca */
    struct trn_dense down, up;                /* fc1, fc2 */
    struct trn_view time_weight, time_bias;   /* [Ca, 1, 3], [Ca] */
    bool difference;                          /* the adapter has the second term */
    struct trn_dense difference_down;         /* fc1' without its bias */
    struct trn_dense difference_up;           /* fc2' without its bias */
    struct trn_view shift;                    /* [Ca] fc1' bias */
    struct trn_view space_weight, space_bias; /* [Ca, 1, 1, 3, 3], [Ca] */
    struct trn_view difference_bias;          /* [C] fc2' bias, of patch tokens */
};

/* What backward needs again: h, g [rows, hidden] with hidden = Ca or 2Ca. */
struct trn_ted_state {
    float *h, *g;
};

/* Memory that a call uses and leaves behind. */
struct trn_ted_scratch {
    float *dg, *dh;          /* [rows, hidden] */
    float *du;               /* [rows, Ca] */
    float *taps, *taps_grad; /* [9, Ca] */
};

/* Floats between the rows of h and g. */
size_t trn_ted_hidden(const struct trn_ted *ted);

/* y = adapter(x). x, y: [rows, C], not the same. scratch: taps alone is used. */
void trn_ted_forward(struct m2c_team *team, const struct trn_ted *ted,
                     const struct m2c_frame_grid *grid, size_t rows, const float *x, float *y,
                     const struct trn_ted_state *state, const struct trn_ted_scratch *scratch);

/* Adds the parameters' gradients; dx, the gradient of y, becomes that of x unless `to_input` is
 * false (dx is left as it was). x: what forward was given. */
void trn_ted_backward(struct m2c_team *team, const struct trn_ted *ted,
                      const struct m2c_frame_grid *grid, size_t rows, const float *x,
                      const struct trn_ted_state *state, float *dx, bool to_input,
                      const struct trn_ted_scratch *scratch);

void trn_ted_carve_state(struct trn_carver *carver, const struct trn_ted *ted, size_t rows,
                         struct trn_ted_state *state);
void trn_ted_carve_scratch(struct trn_carver *carver, const struct trn_ted *ted, size_t rows,
                           struct trn_ted_scratch *scratch);

/* Whether any parameter is trained. */
bool trn_ted_trained(const struct trn_ted *ted);

#endif
