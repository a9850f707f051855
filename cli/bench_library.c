/* What the matrix library gives by itself on the model's own shapes: the measure of `efficiency`.
 */
#include <stdlib.h>

#include "cli/bench.h"
#include "kernels/library_product.h"
#include "kernels/onednn_product.h"
#include "model/flop.h"
#include "runtime/clock.h"

enum { RATE_RUNS = 5 };

struct product_run {
    const struct m2c_library_product *product;
    size_t rows;
    unsigned char *scratch; /* one area a member */
};

static void multiply_share(void *argument, int member, int size)
{
    const struct product_run *run = argument;
    struct m2c_range rows = m2c_team_share(run->rows, 1, member, size);
    m2c_library_product_run(run->product, rows.begin, rows.end - rows.begin,
                            run->scratch + (size_t)member * m2c_library_scratch_bytes());
}

/* The library's best product at the precision that the model runs in. */
static enum m2c_library library_of(const struct cli_session *session)
{
    switch (m2c_model_precision(session->model)) {
    case M2C_PRECISION_BF16:
        return M2C_LIBRARY_ONEDNN_BF16;
    case M2C_PRECISION_INT8:
        return M2C_LIBRARY_ONEDNN_INT8;
    case M2C_PRECISION_AUTO:
    case M2C_PRECISION_F32:
        break;
    }
    return m2c_model_backend(session->model) != M2C_BACKEND_OPENBLAS &&
                   m2c_onednn_available(M2C_ONEDNN_F32)
               ? M2C_LIBRARY_ONEDNN_F32
               : M2C_LIBRARY_OPENBLAS_F32;
}

/* Median milliseconds of one product, the team sharing its rows. */
static enum m2c_status time_product(const struct cli_session *session,
                                    const struct m2c_product *shape, unsigned char *scratch,
                                    double *ms, struct m2c_error *err)
{
    struct m2c_library_product *product;
    double runs_ms[RATE_RUNS];
    enum m2c_status status = m2c_library_product_new(library_of(session), shape->rows, shape->in,
                                                     shape->out, &product, err);
    if (status != M2C_OK)
        return status;
    struct product_run run = {.product = product, .rows = shape->rows, .scratch = scratch};
    m2c_team_run(session->team, multiply_share, &run);
    for (int i = 0; i < RATE_RUNS; i++) {
        double start_ms = m2c_clock_ms();
        m2c_team_run(session->team, multiply_share, &run);
        runs_ms[i] = m2c_clock_ms() - start_ms;
    }
    *ms = cli_median(runs_ms, RATE_RUNS);
    m2c_library_product_free(&product);
    return M2C_OK;
}

enum m2c_status cli_bench_library_rate(const struct cli_session *session, int frames,
                                       double *flop_per_ms, struct m2c_error *err)
{
    struct m2c_product products[M2C_MAX_PRODUCTS];
    size_t count = m2c_clip_products(session->set, frames, products);
    double total_flop = 0.0;
    double weighted = 0.0;
    size_t scratch_bytes = (size_t)m2c_team_size(session->team) * m2c_library_scratch_bytes();
    unsigned char *scratch = aligned_alloc(64, scratch_bytes);
    enum m2c_status status = M2C_OK;
    if (!scratch)
        return m2c_fail_memory(err, "a product's scratch", scratch_bytes);
    for (size_t i = 0; status == M2C_OK && i < count; i++) {
        double ms = 1.0;
        status = time_product(session, &products[i], scratch, &ms, err);
        double flop = m2c_product_flop(&products[i]);
        double rate = flop / (double)products[i].count / ms;
        total_flop += flop;
        weighted += flop * rate;
    }
    *flop_per_ms = weighted / total_flop;
    free(scratch);
    return status;
}
