#include "train/patches.h"

#include <string.h>

#include "kernels/kernels.h"
#include "train/rows.h"

enum { COLUMN_GRAIN = 16 };

struct patches_pass {
    const struct trn_patches *patches;
    const struct m2c_image *images;
    float *x;
    const float *dx;
};

static size_t tokens_of(const struct trn_patches *patches)
{
    return 1 + patches->grid * patches->grid;
}

/* Copies one patch of a frame into a row [3, p, p], the order of the convolution's weights. */
static void gather(const struct m2c_image *image, const struct trn_patches *patches, size_t patch,
                   float *row)
{
    size_t side = patches->patch_px;
    size_t top = patch / patches->grid * side, left = patch % patches->grid * side;
    for (size_t plane = 0; plane < 3; plane++) {
        const float *source = image->data + plane * image->plane_stride + left;
        for (size_t y = 0; y < side; y++) {
            memcpy(row, source + (top + y) * image->row_stride, side * sizeof *row);
            row += side;
        }
    }
}

static void gather_frames(void *argument, struct m2c_range frames, int member)
{
    const struct patches_pass *pass = argument;
    const struct trn_patches *patches = pass->patches;
    size_t values = patches->vision->patch.in, tokens = tokens_of(patches);
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        float *row = patches->rows + frame * tokens * values;
        memset(row, 0, values * sizeof *row);
        for (size_t patch = 0; patch + 1 < tokens; patch++)
            gather(&pass->images[frame], patches, patch, row + (patch + 1) * values);
    }
}

static void add_positions(void *argument, struct m2c_range frames, int member)
{
    const struct patches_pass *pass = argument;
    const struct trn_vision_network *vision = pass->patches->vision;
    size_t width = vision->patch.out, tokens = tokens_of(pass->patches);
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        float *x = pass->x + frame * tokens * width;
        m2c_kernels_get()->add(x, width, vision->positions.value, width, tokens, width);
        m2c_kernels_get()->bias(x, width, vision->class_embedding.value, 1, width);
    }
}

void trn_patches_forward(struct m2c_team *team, const struct trn_patches *patches,
                         const struct m2c_image *images, float *x)
{
    const struct trn_dense *dense = &patches->vision->patch;
    struct patches_pass pass = {.patches = patches, .images = images, .x = x};
    const struct trn_dense_pass product = {.dense = dense,
                                           .rows = patches->frames * tokens_of(patches),
                                           .x = patches->rows,
                                           .ldx = dense->in,
                                           .y = x,
                                           .ldy = dense->out};
    trn_for_rows(team, patches->frames, 1, gather_frames, &pass);
    trn_dense_forward(team, &product);
    trn_for_rows(team, patches->frames, 1, add_positions, &pass);
}

static void sum_positions(void *argument, struct m2c_range columns, int member)
{
    const struct patches_pass *pass = argument;
    const struct trn_vision_network *vision = pass->patches->vision;
    size_t width = vision->patch.out, tokens = tokens_of(pass->patches);
    (void)member;
    for (size_t row = 0; row < pass->patches->frames * tokens; row++) {
        const float *dx = pass->dx + row * width;
        float *positions = vision->positions.grad;
        float *class_embedding = row % tokens == 0 ? vision->class_embedding.grad : NULL;
        for (size_t c = columns.begin; positions && c < columns.end; c++)
            positions[row % tokens * width + c] += dx[c];
        for (size_t c = columns.begin; class_embedding && c < columns.end; c++)
            class_embedding[c] += dx[c];
    }
}

void trn_patches_backward(struct m2c_team *team, const struct trn_patches *patches, const float *dx)
{
    const struct trn_dense *dense = &patches->vision->patch;
    struct patches_pass pass = {.patches = patches, .dx = dx};
    trn_dense_to_weights(team, dense, patches->frames * tokens_of(patches), patches->rows,
                         dense->in, dx, dense->out);
    trn_for_rows(team, dense->out, COLUMN_GRAIN, sum_positions, &pass);
}

bool trn_patches_trained(const struct trn_vision_network *vision)
{
    return trn_dense_trained(&vision->patch) || vision->class_embedding.grad ||
           vision->positions.grad;
}
