/* The learning rate of a run: linear warm-up, then half a cosine down to a floor. */
#ifndef TRN_SCHEDULE_H
#define TRN_SCHEDULE_H

#include <stdint.h>

struct trn_schedule {
    double peak;           /* rate at the end of the warm-up */
    double floor;          /* rate at the end of the run */
    uint64_t warmup_steps; /* steps that climb to the peak; 0: none */
    uint64_t steps;        /* of the whole run */
};

/* 1e-3 batch / 256, the recipes' rate for a batch (m2clip.md, Training). */
double trn_recipe_rate(uint64_t batch);

/* The rate of step 0, 1, ...: peak (step + 1) / warmup_steps during the warm-up, afterwards
 * floor + (peak - floor) (1 + cos(pi x)) / 2 with x from 0 to 1 over what is left. Steps behind the
 * end have the floor. */
double trn_schedule_rate(const struct trn_schedule *schedule, uint64_t step);

#endif
