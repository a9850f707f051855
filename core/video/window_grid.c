#include "video/windows.h"

/* Times are sums of rounded numbers: a tail of less than this is none. */
#define LEAST_TAIL_S 1e-3

enum m2c_status m2c_window_check(double window_s, double hop_s, struct m2c_error *err)
{
    if (!(window_s >= 0.1 && window_s <= 600.0))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "window_s",
                              "window_s %g is not in 0.1..600", window_s);
    if (!(hop_s >= 0.05 && hop_s <= 600.0))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "hop_s", "hop_s %g is not in 0.05..600",
                              hop_s);
    if (window_s > hop_s * M2C_MAX_WINDOW_OVERLAP)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "hop_s",
                              "hop_s %g is less than a share of 1/%d of window_s %g", hop_s,
                              M2C_MAX_WINDOW_OVERLAP, window_s);
    return M2C_OK;
}

static double begin_s(const struct m2c_window_grid *grid, int64_t index)
{
    return grid->start_s + (double)index * grid->hop_s;
}

static bool follows(const struct m2c_window_grid *grid, int64_t index)
{
    double last_s = grid->end_s - LEAST_TAIL_S;
    return begin_s(grid, index) < last_s && begin_s(grid, index - 1) + grid->window_s < last_s;
}

int64_t m2c_window_count(const struct m2c_window_grid *grid)
{
    double span_s = grid->end_s - grid->start_s;
    double reach_s = grid->hop_s < grid->window_s ? grid->window_s : grid->hop_s;
    int64_t count = span_s > reach_s ? (int64_t)((span_s - reach_s) / grid->hop_s) : 0;
    count = count > 1 ? count - 1 : 1; /* rounding is settled by the definition itself */
    while (follows(grid, count))
        count++;
    return count;
}

double m2c_window_start_s(const struct m2c_window_grid *grid, int64_t index)
{
    return begin_s(grid, index);
}

double m2c_window_end_s(const struct m2c_window_grid *grid, int64_t index)
{
    double start_s = begin_s(grid, index), end_s = start_s + grid->window_s;
    return end_s >= grid->end_s - LEAST_TAIL_S && grid->end_s > start_s ? grid->end_s : end_s;
}

double m2c_window_vote_s(const struct m2c_window_grid *grid, int64_t index)
{
    return index == 0 ? grid->start_s : begin_s(grid, index) + (grid->window_s - grid->hop_s) / 2.0;
}
