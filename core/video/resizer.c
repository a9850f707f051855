#include "video/resizer.h"

#include <stdlib.h>

#include "video/antialias.h"
#include "video/bicubic.h"

static void set_sizes(struct m2c_resizer *resizer, int in_width, int in_height, int size_px)
{
    bool portrait = in_height > in_width;
    int64_t longest = portrait ? in_height : in_width, shortest = portrait ? in_width : in_height;
    int long_px = (int)(longest * size_px / shortest);
    resizer->in_width = in_width;
    resizer->in_height = in_height;
    resizer->width = portrait ? size_px : long_px;
    resizer->height = portrait ? long_px : size_px;
}

enum m2c_status m2c_resizer_init(struct m2c_resizer *resizer, int in_width, int in_height,
                                 const struct m2c_decode_plan *plan, struct m2c_error *err)
{
    *resizer = (struct m2c_resizer){.mode = plan->resize};
    set_sizes(resizer, in_width, in_height, plan->size_px);
    for (int c = 0; c < 3; c++) {
        resizer->scale[c] = 1.0f / (255.0f * plan->std[c]);
        resizer->shift[c] = -plan->mean[c] / plan->std[c];
    }
    enum m2c_status status = plan->resize == M2C_RESIZE_BICUBIC ? m2c_bicubic_init(resizer, err)
                                                                : m2c_antialias_init(resizer, err);
    if (status)
        m2c_resizer_destroy(resizer);
    return status;
}

void m2c_resizer_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                     float *planes)
{
    if (resizer->mode == M2C_RESIZE_BICUBIC)
        m2c_bicubic_run(resizer, image, planes);
    else
        m2c_antialias_run(resizer, image, planes);
}

void m2c_resizer_destroy(struct m2c_resizer *resizer)
{
    free(resizer->bicubic_x.index);
    free(resizer->bicubic_x.weight);
    free(resizer->bicubic_y.index);
    free(resizer->bicubic_y.weight);
    m2c_antialias_axis_destroy(&resizer->antialias_x);
    m2c_antialias_axis_destroy(&resizer->antialias_y);
    free(resizer->scratch);
    *resizer = (struct m2c_resizer){0};
}
