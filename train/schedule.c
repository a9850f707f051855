#include "train/schedule.h"

#include <math.h>

double trn_recipe_rate(uint64_t batch)
{
    return 1e-3 * (double)batch / 256.0;
}

double trn_schedule_rate(const struct trn_schedule *schedule, uint64_t step)
{
    if (step < schedule->warmup_steps)
        return schedule->peak * (double)(step + 1) / (double)schedule->warmup_steps;
    if (step >= schedule->steps)
        return schedule->floor;
    double place = (double)(step - schedule->warmup_steps) /
                   (double)(schedule->steps - schedule->warmup_steps);
    return schedule->floor +
           (schedule->peak - schedule->floor) * (1.0 + cos(acos(-1.0) * place)) / 2.0;
}
