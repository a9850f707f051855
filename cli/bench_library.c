/* What the matrix library gives by itself on the model's own shapes: the measure of `efficiency`.
 */
#include <stdlib.h>

#include "cli/bench.h"
#include "kernels/linear.h"
#include "model/encoder.h"
#include "model/flop.h"
#include "runtime/clock.h"

enum { RATE_RUNS = 5 };

struct product_run {
    const struct m2c_linear *layer;
    size_t rows;
    const float *x;
    float *y;
};

static void multiply_share(void *argument, int member, int size)
{
    const struct product_run *run = argument;
    struct m2c_range rows = m2c_team_share(run->rows, 1, member, size);
    size_t in = m2c_linear_in(run->layer);
    size_t out = m2c_linear_out(run->layer);
    if (rows.begin < rows.end)
        m2c_linear_multiply(run->layer, rows.end - rows.begin, run->x + rows.begin * in, in,
                            run->y + rows.begin * out, out);
}

/* Small values that are neither zero nor denormal. */
static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((i * 2654435761U) % 2048) / 2048.0F - 0.5F;
}

static enum m2c_status new_layer(const struct cli_session *session,
                                 const struct m2c_product *product, struct m2c_linear **layer,
                                 struct m2c_error *err)
{
    enum m2c_linear_kind kind = m2c_linear_kind_of(m2c_model_base(session->model)->patch);
    enum m2c_status status = m2c_linear_new(kind, product->in, product->out, layer, err);
    if (status != M2C_OK)
        return status;
    fill(m2c_linear_staging(*layer), product->in * product->out);
    return m2c_linear_seal(*layer, err);
}

/* Median milliseconds of one product, the team sharing its rows. */
static enum m2c_status time_product(const struct cli_session *session,
                                    const struct m2c_product *product, double *ms,
                                    struct m2c_error *err)
{
    struct m2c_linear *layer = NULL;
    float *x = calloc(product->rows, product->in * sizeof *x);
    float *y = calloc(product->rows, product->out * sizeof *y);
    double runs_ms[RATE_RUNS];
    enum m2c_status status = new_layer(session, product, &layer, err);
    if (status == M2C_OK && (!x || !y))
        status = m2c_fail_memory(err, "a measured product", product->rows * product->in);
    if (status == M2C_OK) {
        struct product_run run = {.layer = layer, .rows = product->rows, .x = x, .y = y};
        fill(x, product->rows * product->in);
        m2c_team_run(session->team, multiply_share, &run);
        for (int i = 0; i < RATE_RUNS; i++) {
            double start_ms = m2c_clock_ms();
            m2c_team_run(session->team, multiply_share, &run);
            runs_ms[i] = m2c_clock_ms() - start_ms;
        }
        *ms = cli_median(runs_ms, RATE_RUNS);
    }
    m2c_linear_free(&layer);
    free(x);
    free(y);
    return status;
}

enum m2c_status cli_bench_library_rate(const struct cli_session *session, int frames,
                                       double *flop_per_ms, struct m2c_error *err)
{
    struct m2c_product products[M2C_MAX_PRODUCTS];
    size_t count = m2c_clip_products(session->set, frames, products);
    double total_flop = 0.0;
    double weighted = 0.0;
    for (size_t i = 0; i < count; i++) {
        double ms;
        enum m2c_status status = time_product(session, &products[i], &ms, err);
        if (status != M2C_OK)
            return status;
        double flop = m2c_product_flop(&products[i]);
        double rate = flop / (double)products[i].count / ms;
        total_flop += flop;
        weighted += flop * rate;
    }
    *flop_per_ms = weighted / total_flop;
    return M2C_OK;
}
