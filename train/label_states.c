#include "train/label_states.h"

#include <stdlib.h>
#include <string.h>

bool trn_label_states_hold(const struct trn_label_states *kept, const int32_t *ids, size_t texts,
                           size_t context)
{
    return kept->states && kept->texts == texts && kept->context == context &&
           memcmp(kept->ids, ids, texts * context * sizeof *ids) == 0;
}

void trn_label_states_keep(struct trn_label_states *kept, const int32_t *ids, size_t texts,
                           size_t context, const float *states, size_t rows, size_t width)
{
    trn_label_states_destroy(kept);
    kept->ids = malloc(texts * context * sizeof *ids);
    kept->states = malloc(rows * width * sizeof *states);
    if (!kept->ids || !kept->states) {
        trn_label_states_destroy(kept);
        return;
    }
    memcpy(kept->ids, ids, texts * context * sizeof *ids);
    memcpy(kept->states, states, rows * width * sizeof *states);
    kept->texts = texts;
    kept->context = context;
    kept->rows = rows;
    kept->width = width;
}

void trn_label_states_destroy(struct trn_label_states *kept)
{
    free(kept->ids);
    free(kept->states);
    *kept = (struct trn_label_states){0};
}
