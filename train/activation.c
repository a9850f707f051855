#include "train/activation.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "train/rows.h"

enum { GRAIN = 4, PIECE = 512 };

/* Below this |z| the quotient q / z is replaced by the sigmoid's own slope. */
static const float quotient_floor = 1e-3F;
static const float quick_slope = 1.702F;
static const float inverse_root_2 = 0.70710678F;
static const float inverse_root_2_pi = 0.39894228F;

struct activation_pass {
    enum m2c_activation activation;
    size_t width;
    const float *z, *bias;
    float *y;
};

static void apply(enum m2c_activation activation, float *x, size_t ldx, const float *bias,
                  size_t rows, size_t width)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    if (activation == M2C_ACT_GELU)
        kernels->bias_gelu(x, ldx, bias, rows, width);
    else
        kernels->bias_quick_gelu(x, ldx, bias, rows, width);
}

static void forward_rows(void *argument, struct m2c_range rows, int member)
{
    const struct activation_pass *pass = argument;
    size_t width = pass->width;
    (void)member;
    for (size_t row = rows.begin; row < rows.end; row++) {
        float *y = pass->y + row * width;
        if (pass->y != pass->z)
            memcpy(y, pass->z + row * width, width * sizeof *y);
        apply(pass->activation, y, width, pass->bias, 1, width);
    }
}

void trn_activation_forward(struct m2c_team *team, enum m2c_activation activation, size_t rows,
                            size_t width, const float *z, const float *bias, float *y)
{
    struct activation_pass pass = {
        .activation = activation, .width = width, .z = z, .bias = bias, .y = y};
    if (rows > 0)
        trn_for_rows(team, rows, GRAIN, forward_rows, &pass);
}

/* The vector kernel has the exponential: the derivative follows from q without another. */
static void quick_gelu_piece(const float *z, const float *bias, size_t count, float *dy)
{
    float q[PIECE];
    memcpy(q, z, count * sizeof *q);
    apply(M2C_ACT_QUICK_GELU, q, count, bias, 1, count);
    for (size_t i = 0; i < count; i++) {
        float sum = z[i] + bias[i];
        float sigmoid = fabsf(sum) > quotient_floor ? q[i] / sum : 0.5F + quick_slope / 4 * sum;
        dy[i] *= sigmoid * (1.0F + quick_slope * (sum - q[i]));
    }
}

static void gelu_piece(const float *z, const float *bias, size_t count, float *dy)
{
    for (size_t i = 0; i < count; i++) {
        float sum = z[i] + bias[i];
        float below = 0.5F * (1.0F + erff(sum * inverse_root_2));
        dy[i] *= below + sum * inverse_root_2_pi * expf(-0.5F * sum * sum);
    }
}

static void backward_rows(void *argument, struct m2c_range rows, int member)
{
    const struct activation_pass *pass = argument;
    size_t width = pass->width;
    (void)member;
    for (size_t row = rows.begin; row < rows.end; row++) {
        for (size_t first = 0; first < width; first += PIECE) {
            size_t count = width - first < PIECE ? width - first : PIECE;
            const float *z = pass->z + row * width + first;
            float *dy = pass->y + row * width + first;
            if (pass->activation == M2C_ACT_GELU)
                gelu_piece(z, pass->bias + first, count, dy);
            else
                quick_gelu_piece(z, pass->bias + first, count, dy);
        }
    }
}

void trn_activation_backward(struct m2c_team *team, enum m2c_activation activation, size_t rows,
                             size_t width, const float *z, const float *bias, float *dy)
{
    struct activation_pass pass = {
        .activation = activation, .width = width, .z = z, .bias = bias, .y = dy};
    if (rows > 0)
        trn_for_rows(team, rows, GRAIN, backward_rows, &pass);
}
