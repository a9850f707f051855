/* The TED-Adapter in two steps: rows go down, the team meets, rows are convolved and go up.
 *
 *     e_t = fc2 ( DW1D_time ( fc1 x_t ) )                  every token
 *     d_t = fc2'( DW2D_space( fc1'(x_t - x_{t-1}) ) )      patch tokens, on their grid
 *     x  <- x + e (+ d on patch tokens)
 *
 * fc1' is linear, so both down-projections are one product and so are both up-projections
 * (m2clip.md, TED-Adapter). Any thread; cannot fail; allocates nothing.
 */
#ifndef M2C_MODEL_TED_ADAPTER_H
#define M2C_MODEL_TED_ADAPTER_H

#include "model/block.h"
#include "model/network.h"
#include "runtime/team.h"

/* How rows lie in time and space: row = (b T + t) L + l, token l = 0 the class token. With
 * grid = 0 there are class tokens alone (L = 1). */
struct m2c_frame_grid {
    size_t frames; /* T of a clip */
    size_t tokens; /* L = 1 + grid * grid */
    size_t grid;   /* patches along a side */
};

/* h[rows] = [fc1 x | fc1' x]. x: [.., C], h: [.., 2Ca]. */
void m2c_ted_down(const struct m2c_ted_adapter *adapter, struct m2c_range rows, const float *x,
                  float *h, const struct m2c_member_scratch *scratch);

/* x[rows] += fc2 DW1D(h) + fc2' DW2D(difference of h). Reads h of neighbouring rows, so every
 * member must have gone down. */
void m2c_ted_up(const struct m2c_ted_adapter *adapter, const struct m2c_frame_grid *grid,
                struct m2c_range rows, const float *h, float *x,
                const struct m2c_member_scratch *scratch);

/* f [B, T, E] += fc2(DW1D_time(fc1 f)) (visual.t_adapter). hidden: [2 B T, A]. */
void m2c_frame_adapter_apply(const struct m2c_frame_adapter *adapter, size_t clips, size_t frames,
                             float *f, float *hidden, const struct m2c_member_scratch *scratch);

#endif
