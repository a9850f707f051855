/* Where a layer's parameters lie: borrowed from the network's tensors (train/tensors.h). */
#ifndef TRN_VIEW_H
#define TRN_VIEW_H

struct trn_view {
    const float *value; /* NULL: the layer has no such parameter */
    float *grad;        /* what backward passes add to; NULL: frozen */
};

#endif
