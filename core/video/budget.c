#include "video/budget.h"

#include "runtime/clock.h"

void m2c_budget_start(struct m2c_budget *budget, const struct m2c_decode_plan *plan)
{
    *budget = (struct m2c_budget){.limits = &plan->limits,
                                  .cancelled = plan->cancelled,
                                  .end_ms = m2c_clock_ms() + plan->limits.max_wall_ms};
}

void m2c_budget_renew(struct m2c_budget *budget)
{
    budget->earlier_pixels += budget->decoded_pixels;
    budget->decoded_pixels = 0;
    budget->end_ms = m2c_clock_ms() + budget->limits->max_wall_ms;
}

enum m2c_status m2c_budget_state(const struct m2c_budget *budget)
{
    if (budget->cancelled && atomic_load_explicit(budget->cancelled, memory_order_relaxed))
        return M2C_CANCELLED;
    return m2c_clock_ms() >= budget->end_ms ? M2C_DEADLINE : M2C_OK;
}

enum m2c_status m2c_budget_check(const struct m2c_budget *budget, struct m2c_error *err)
{
    enum m2c_status state = m2c_budget_state(budget);
    if (state == M2C_DEADLINE)
        return m2c_fail(err, state, "decoding did not end within %.0f ms",
                        budget->limits->max_wall_ms);
    if (state == M2C_CANCELLED)
        return m2c_fail(err, state, "decoding was cancelled");
    return M2C_OK;
}

enum m2c_status m2c_budget_packet(struct m2c_budget *budget, struct m2c_error *err)
{
    if (++budget->packets > budget->limits->max_packets)
        return m2c_fail(err, M2C_TOO_LONG, "the video has more than %lld packets",
                        (long long)budget->limits->max_packets);
    return m2c_budget_check(budget, err);
}

enum m2c_status m2c_budget_pixels(struct m2c_budget *budget, int64_t pixels, struct m2c_error *err)
{
    budget->decoded_pixels += pixels;
    if (budget->decoded_pixels > budget->limits->max_decoded_pixels)
        return m2c_fail(err, M2C_TOO_LONG, "more than %lld pixels would have to be decoded",
                        (long long)budget->limits->max_decoded_pixels);
    return m2c_budget_check(budget, err);
}
