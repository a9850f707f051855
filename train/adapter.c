#include "train/adapter.h"

#include <string.h>

#include "train/activation.h"

static void text_forward(struct m2c_team *team, const struct trn_text_adapter *adapter, size_t rows,
                         const float *x, float *y, const struct trn_adapter_state *state,
                         const struct trn_adapter_scratch *scratch)
{
    size_t channels = adapter->fc1.in, width = adapter->fc1.out;
    const struct trn_dense_pass down = {.dense = &adapter->fc1,
                                        .rows = rows,
                                        .x = x,
                                        .ldx = channels,
                                        .y = state->z,
                                        .ldy = width,
                                        .bare = true};
    const struct trn_dense_pass up = {.dense = &adapter->fc2,
                                      .rows = rows,
                                      .x = scratch->h,
                                      .ldx = width,
                                      .y = y,
                                      .ldy = channels,
                                      .store = TRN_ADD};
    memcpy(y, x, rows * channels * sizeof *y);
    trn_dense_forward(team, &down);
    trn_activation_forward(team, M2C_ACT_GELU, rows, width, state->z, adapter->fc1.bias.value,
                           scratch->h);
    trn_dense_forward(team, &up);
}

static void text_backward(struct m2c_team *team, const struct trn_text_adapter *adapter,
                          size_t rows, const float *x, const struct trn_adapter_state *state,
                          float *dx, bool to_input, const struct trn_adapter_scratch *scratch)
{
    size_t channels = adapter->fc1.in, width = adapter->fc1.out;
    if (trn_dense_trained(&adapter->fc2)) {
        trn_activation_forward(team, M2C_ACT_GELU, rows, width, state->z, adapter->fc1.bias.value,
                               scratch->h);
        trn_dense_to_weights(team, &adapter->fc2, rows, scratch->h, width, dx, channels);
    }
    trn_dense_to_input(team, &adapter->fc2, rows, dx, channels, scratch->h, width, TRN_STORE);
    trn_activation_backward(team, M2C_ACT_GELU, rows, width, state->z, adapter->fc1.bias.value,
                            scratch->h);
    trn_dense_to_weights(team, &adapter->fc1, rows, x, channels, scratch->h, width);
    if (to_input)
        trn_dense_to_input(team, &adapter->fc1, rows, scratch->h, width, dx, channels, TRN_ADD);
}

void trn_adapter_forward(struct m2c_team *team, const struct trn_adapter *adapter,
                         const struct m2c_frame_grid *grid, size_t rows, const float *x, float *y,
                         const struct trn_adapter_state *state,
                         const struct trn_adapter_scratch *scratch)
{
    if (rows == 0)
        return;
    if (adapter->kind == TRN_ADAPTER_TED)
        trn_ted_forward(team, &adapter->ted, grid, rows, x, y, &state->ted, &scratch->ted);
    else if (adapter->kind == TRN_ADAPTER_TEXT)
        text_forward(team, &adapter->text, rows, x, y, state, scratch);
}

void trn_adapter_backward(struct m2c_team *team, const struct trn_adapter *adapter,
                          const struct m2c_frame_grid *grid, size_t rows, const float *x,
                          const struct trn_adapter_state *state, float *dx, bool to_input,
                          const struct trn_adapter_scratch *scratch)
{
    if (rows == 0 || (!to_input && !trn_adapter_trained(adapter)))
        return;
    if (adapter->kind == TRN_ADAPTER_TED)
        trn_ted_backward(team, &adapter->ted, grid, rows, x, &state->ted, dx, to_input,
                         &scratch->ted);
    else if (adapter->kind == TRN_ADAPTER_TEXT)
        text_backward(team, &adapter->text, rows, x, state, dx, to_input, scratch);
}

void trn_adapter_carve_state(struct trn_carver *carver, const struct trn_adapter *adapter,
                             size_t rows, struct trn_adapter_state *state)
{
    if (adapter->kind == TRN_ADAPTER_TED)
        trn_ted_carve_state(carver, &adapter->ted, rows, &state->ted);
    else if (adapter->kind == TRN_ADAPTER_TEXT)
        state->z = trn_carve(carver, rows * adapter->text.fc1.out);
}

void trn_adapter_carve_scratch(struct trn_carver *carver, const struct trn_adapter *adapter,
                               size_t rows, struct trn_adapter_scratch *scratch)
{
    if (adapter->kind == TRN_ADAPTER_TED)
        trn_ted_carve_scratch(carver, &adapter->ted, rows, &scratch->ted);
    else if (adapter->kind == TRN_ADAPTER_TEXT)
        scratch->h = trn_carve(carver, rows * adapter->text.fc1.out);
}

bool trn_adapter_trained(const struct trn_adapter *adapter)
{
    switch (adapter->kind) {
    case TRN_ADAPTER_TED:
        return trn_ted_trained(&adapter->ted);
    case TRN_ADAPTER_TEXT:
        return trn_dense_trained(&adapter->text.fc1) || trn_dense_trained(&adapter->text.fc2);
    case TRN_ADAPTER_NONE:
        break;
    }
    return false;
}
