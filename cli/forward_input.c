#include "cli/forward_input.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"

/* An aligned copy; NULL, with the error filled, for want of memory. */
static void *copy_values(const struct m2c_tensor *tensor, struct m2c_error *err)
{
    void *copy = calloc(1, tensor->bytes + 1);
    if (!copy)
        (void)m2c_fail_memory(err, tensor->name, tensor->bytes);
    else if (tensor->bytes > 0)
        memcpy(copy, tensor->data, tensor->bytes);
    return copy;
}

static enum m2c_status fail_shape(const struct m2c_tensor *tensor, const char *wanted,
                                  struct m2c_error *err)
{
    char shape[M2C_TENSOR_TEXT_BYTES];
    return m2c_fail(err, M2C_BAD_MODEL, "%s is %s %s; %s is needed", tensor->name,
                    m2c_dtype_name(tensor->dtype),
                    m2c_shape_text(tensor->rank, tensor->shape, shape), wanted);
}

/* Frame (b, t): three planes, T frames of H x W apart. */
static enum m2c_status cut_images(struct cli_forward_input *input, size_t side,
                                  struct m2c_error *err)
{
    size_t clips = (size_t)input->clips, frames = (size_t)input->frames, area = side * side;
    input->images = calloc(clips * frames, sizeof *input->images);
    if (!input->images)
        return m2c_fail_memory(err, "frames", clips * frames * sizeof *input->images);
    for (size_t b = 0; b < clips; b++) {
        for (size_t t = 0; t < frames; t++)
            input->images[b * frames + t] = (struct m2c_image){
                .data = input->pixels + (b * 3 * frames + t) * area,
                .plane_stride = frames * area,
                .row_stride = side,
            };
    }
    return M2C_OK;
}

static enum m2c_status read_pixels(const struct m2c_tensor *tensor, const struct m2c_config *config,
                                   struct cli_forward_input *input, struct m2c_error *err)
{
    size_t side = (size_t)config->image_px;
    if (tensor->dtype != M2C_DTYPE_F32 || tensor->rank != 5 || tensor->shape[0] < 1 ||
        tensor->shape[1] != 3 || tensor->shape[2] < 1 || tensor->shape[3] != side ||
        tensor->shape[4] != side || tensor->shape[0] > INT_MAX / tensor->shape[2])
        return fail_shape(tensor, "F32 [B, 3, T, P, P] at the model's own size P", err);
    input->pixels = copy_values(tensor, err);
    if (!input->pixels)
        return err->status;
    input->clips = (int)tensor->shape[0];
    input->frames = (int)tensor->shape[2];
    return cut_images(input, side, err);
}

/* A text ends with the first of its highest ids. */
static int32_t count_to_end(const int32_t *ids, size_t context)
{
    size_t end = 0;
    for (size_t i = 1; i < context; i++) {
        if (ids[i] > ids[end])
            end = i;
    }
    return (int32_t)end + 1;
}

static enum m2c_status read_tokens(const struct m2c_tensor *tensor, const struct m2c_config *config,
                                   struct cli_forward_input *input, struct m2c_error *err)
{
    size_t context = (size_t)config->context_length;
    if (tensor->dtype != M2C_DTYPE_I32 || tensor->rank != 2 || tensor->shape[0] < 1 ||
        tensor->shape[0] > INT_MAX / context || tensor->shape[1] != context)
        return fail_shape(tensor, "I32 [N, context length]", err);
    input->tokens = copy_values(tensor, err);
    if (!input->tokens)
        return err->status;
    input->texts = (int)tensor->shape[0];
    input->context = (int)context;
    input->counts = calloc(tensor->shape[0], sizeof *input->counts);
    if (!input->counts)
        return m2c_fail_memory(err, "tokens", tensor->shape[0] * sizeof *input->counts);
    for (size_t i = 0; i < tensor->elements; i++) {
        if (input->tokens[i] < 0 || input->tokens[i] >= config->vocabulary)
            return m2c_fail(err, M2C_BAD_MODEL, "tokens holds %d; the vocabulary has ids 0 to %d",
                            input->tokens[i], config->vocabulary - 1);
    }
    for (size_t n = 0; n < tensor->shape[0]; n++)
        input->counts[n] = count_to_end(input->tokens + n * context, context);
    return M2C_OK;
}

enum m2c_status cli_forward_input_read(const char *path, const struct m2c_config *config,
                                       struct cli_forward_input *input, struct m2c_error *err)
{
    struct m2c_safetensors *file = NULL;
    *input = (struct cli_forward_input){0};
    enum m2c_status status = m2c_safetensors_open(path, &file, err);
    if (status != M2C_OK)
        return status;
    const struct m2c_tensor *pixels = m2c_safetensors_find(file, "input");
    const struct m2c_tensor *tokens = m2c_safetensors_find(file, "tokens");
    if (!pixels && !tokens)
        status = m2c_fail(err, M2C_BAD_MODEL, "the file holds neither `input` nor `tokens`");
    if (status == M2C_OK && pixels)
        status = read_pixels(pixels, config, input, err);
    if (status == M2C_OK && tokens)
        status = read_tokens(tokens, config, input, err);
    m2c_safetensors_free(&file);
    return status;
}

void cli_forward_input_destroy(struct cli_forward_input *input)
{
    free(input->pixels);
    free(input->images);
    free(input->tokens);
    free(input->counts);
    *input = (struct cli_forward_input){0};
}
