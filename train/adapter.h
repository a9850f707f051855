/* What may stand before a block's attention and MLP: a TED-Adapter in the video tower, a text
 * adapter in the text tower, or nothing. */
#ifndef TRN_ADAPTER_H
#define TRN_ADAPTER_H

#include "train/ted.h"

/* x + fc2(gelu(fc1 x)). */
struct trn_text_adapter {
    struct trn_dense fc1, fc2; /* [A, Ct], [Ct, A] */
};

enum trn_adapter_kind { TRN_ADAPTER_NONE, TRN_ADAPTER_TED, TRN_ADAPTER_TEXT };

struct trn_adapter {
    enum trn_adapter_kind kind;
    struct trn_ted ted;
    struct trn_text_adapter text;
};

struct trn_adapter_state {
    struct trn_ted_state ted;
    float *z; /* [rows, A] fc1 x without its bias */
};

struct trn_adapter_scratch {
    struct trn_ted_scratch ted;
    float *h; /* [rows, A] */
};

/* y = adapter(x); nothing happens where there is none. x, y: [rows, C], not the same. grid: of a
 * TED-Adapter alone. */
void trn_adapter_forward(struct m2c_team *team, const struct trn_adapter *adapter,
                         const struct m2c_frame_grid *grid, size_t rows, const float *x, float *y,
                         const struct trn_adapter_state *state,
                         const struct trn_adapter_scratch *scratch);

/* As trn_ted_backward. */
void trn_adapter_backward(struct m2c_team *team, const struct trn_adapter *adapter,
                          const struct m2c_frame_grid *grid, size_t rows, const float *x,
                          const struct trn_adapter_state *state, float *dx, bool to_input,
                          const struct trn_adapter_scratch *scratch);

void trn_adapter_carve_state(struct trn_carver *carver, const struct trn_adapter *adapter,
                             size_t rows, struct trn_adapter_state *state);
void trn_adapter_carve_scratch(struct trn_carver *carver, const struct trn_adapter *adapter,
                               size_t rows, struct trn_adapter_scratch *scratch);

bool trn_adapter_trained(const struct trn_adapter *adapter);

#endif
