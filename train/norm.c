#include "train/norm.h"

#include <math.h>

#include "kernels/kernels.h"
#include "train/dense.h"
#include "train/rows.h"

enum { GRAIN = 8, LANES = 8, COLUMN_BLOCK = 64 };

struct norm_pass {
    const struct trn_norm *norm;
    size_t rows;
    const float *x, *dy;
    float *y, *dx;
    float *mean, *scale; /* [rows] each: what the parameters' gradients need again */
};

static void forward_rows(void *argument, struct m2c_range rows, int member)
{
    const struct norm_pass *pass = argument;
    const struct trn_norm *norm = pass->norm;
    size_t width = norm->width;
    (void)member;
    m2c_kernels_get()->layer_norm(pass->y + rows.begin * width, width, pass->x + rows.begin * width,
                                  width, norm->gamma.value, norm->beta.value, rows.end - rows.begin,
                                  width, norm->eps);
}

void trn_norm_forward(struct m2c_team *team, const struct trn_norm *norm, size_t rows,
                      const float *x, float *y)
{
    struct norm_pass pass = {.norm = norm, .rows = rows, .x = x, .y = y};
    if (rows > 0)
        trn_for_rows(team, rows, GRAIN, forward_rows, &pass);
}

static float add_lanes(const float lanes[LANES])
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

static float row_mean(const float *x, size_t width)
{
    float lanes[LANES] = {0};
    size_t whole = width / LANES * LANES;
    for (size_t c = 0; c < whole; c += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += x[c + lane];
    for (size_t c = whole; c < width; c++)
        lanes[0] += x[c];
    return add_lanes(lanes) / (float)width;
}

static float row_variance(const float *x, size_t width, float mean)
{
    float lanes[LANES] = {0};
    size_t whole = width / LANES * LANES;
    for (size_t c = 0; c < whole; c += LANES)
        for (size_t lane = 0; lane < LANES; lane++)
            lanes[lane] += (x[c + lane] - mean) * (x[c + lane] - mean);
    for (size_t c = whole; c < width; c++)
        lanes[0] += (x[c] - mean) * (x[c] - mean);
    return add_lanes(lanes) / (float)width;
}

/* dx += (g - mean(g) - n mean(g n)) scale for one row. */
static void backward_row(const struct trn_norm *norm, const float *x, const float *dy, float mean,
                         float scale, float *dx)
{
    size_t width = norm->width;
    const float *gamma = norm->gamma.value;
    float sums[LANES] = {0}, products[LANES] = {0};
    size_t whole = width / LANES * LANES;
    for (size_t c = 0; c < whole; c += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float g = dy[c + lane] * gamma[c + lane];
            sums[lane] += g;
            products[lane] += g * (x[c + lane] - mean);
        }
    }
    for (size_t c = whole; c < width; c++) {
        float g = dy[c] * gamma[c];
        sums[0] += g;
        products[0] += g * (x[c] - mean);
    }
    float shift = add_lanes(sums) / (float)width;
    float slope = add_lanes(products) * scale * scale / (float)width;
    for (size_t c = 0; c < width; c++)
        dx[c] += (dy[c] * gamma[c] - shift - (x[c] - mean) * slope) * scale;
}

static void backward_rows(void *argument, struct m2c_range rows, int member)
{
    const struct norm_pass *pass = argument;
    size_t width = pass->norm->width;
    (void)member;
    for (size_t row = rows.begin; row < rows.end; row++) {
        const float *x = pass->x + row * width;
        float mean = row_mean(x, width);
        float scale = 1.0F / sqrtf(row_variance(x, width, mean) + pass->norm->eps);
        pass->mean[row] = mean;
        pass->scale[row] = scale;
        if (pass->dx)
            backward_row(pass->norm, x, pass->dy + row * width, mean, scale,
                         pass->dx + row * width);
    }
}

static void sum_gamma(void *argument, struct m2c_range columns, int member)
{
    const struct norm_pass *pass = argument;
    size_t width = pass->norm->width;
    (void)member;
    for (size_t first = columns.begin; first < columns.end; first += COLUMN_BLOCK) {
        double total[COLUMN_BLOCK] = {0};
        size_t count = columns.end - first < COLUMN_BLOCK ? columns.end - first : COLUMN_BLOCK;
        for (size_t row = 0; row < pass->rows; row++) {
            const float *x = pass->x + row * width + first;
            const float *dy = pass->dy + row * width + first;
            for (size_t c = 0; c < count; c++)
                total[c] += (double)(dy[c] * (x[c] - pass->mean[row]) * pass->scale[row]);
        }
        for (size_t c = 0; c < count; c++)
            pass->norm->gamma.grad[first + c] += (float)total[c];
    }
}

void trn_norm_backward(struct m2c_team *team, const struct trn_norm *norm, size_t rows,
                       const float *x, const float *dy, float *dx, float *stats)
{
    struct norm_pass pass = {.norm = norm,
                             .rows = rows,
                             .x = x,
                             .dy = dy,
                             .dx = dx,
                             .mean = stats,
                             .scale = stats + rows};
    if (rows == 0)
        return;
    trn_for_rows(team, rows, GRAIN, backward_rows, &pass);
    if (norm->gamma.grad)
        trn_for_rows(team, norm->width, COLUMN_BLOCK, sum_gamma, &pass);
    trn_add_column_sums(team, norm->beta.grad, rows, norm->width, dy, norm->width);
}

bool trn_norm_trained(const struct trn_norm *norm)
{
    return norm->gamma.grad || norm->beta.grad;
}
