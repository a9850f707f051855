#include "server/engine/pace.h"

/* What a measurement before the last one still counts for. */
static const double memory = 0.9;

void srv_pace_learn(struct srv_pace *pace, double amount, double ms)
{
    if (amount <= 0.0 || ms < 0.0)
        return;
    pace->amount = pace->amount * memory + amount;
    pace->ms = pace->ms * memory + ms;
}

double srv_pace_ms(const struct srv_pace *pace, double amount)
{
    return pace->amount > 0.0 ? amount * pace->ms / pace->amount : 0.0;
}

/* Amounts that differ by less than this part of their square do not tell the slope. */
static const double least_spread = 1e-3;

void srv_fit_learn(struct srv_fit *fit, double x, double ms)
{
    if (x < 0.0 || ms < 0.0)
        return;
    fit->n = fit->n * memory + 1.0;
    fit->x = fit->x * memory + x;
    fit->xx = fit->xx * memory + x * x;
    fit->y = fit->y * memory + ms;
    fit->xy = fit->xy * memory + x * ms;
    double spread = fit->n * fit->xx - fit->x * fit->x;
    if (spread > least_spread * fit->n * fit->xx)
        fit->slope = (fit->n * fit->xy - fit->x * fit->y) / spread;
    if (fit->slope < 0.0)
        fit->slope = 0.0;
    fit->each = (fit->y - fit->slope * fit->x) / fit->n;
    if (fit->each < 0.0) {
        fit->each = 0.0;
        fit->slope = fit->xx > 0.0 ? fit->xy / fit->xx : 0.0;
    }
}

double srv_fit_ms(const struct srv_fit *fit, double pieces, double x)
{
    return pieces * fit->each + x * fit->slope;
}
