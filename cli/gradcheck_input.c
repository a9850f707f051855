#include "cli/gradcheck_input.h"

#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
#include "train/text.h"

/* Takes over what was read of pixels and of tokens, freeing what stood there. */
static void merge(struct cli_forward_input *into, struct cli_forward_input *from)
{
    struct cli_forward_input old = *into;
    if (from->pixels) {
        into->pixels = from->pixels;
        into->images = from->images;
        into->clips = from->clips;
        into->frames = from->frames;
        from->pixels = old.pixels;
        from->images = old.images;
    }
    if (from->tokens) {
        into->tokens = from->tokens;
        into->counts = from->counts;
        into->texts = from->texts;
        into->context = from->context;
        from->tokens = old.tokens;
        from->counts = old.counts;
    }
    cli_forward_input_destroy(from);
}

/* An aligned copy of an I32 tensor of that name and of `rank` sides, the last one `last` (0: any),
 * in place of an older one; nothing happens where the file has none. `rows` <- its first side. */
static enum m2c_status read_numbers(const struct m2c_safetensors *file, const char *name, int rank,
                                    size_t last, int32_t **out, size_t *rows, struct m2c_error *err)
{
    char shape[M2C_TENSOR_TEXT_BYTES];
    const struct m2c_tensor *tensor = m2c_safetensors_find(file, name);
    if (!tensor)
        return M2C_OK;
    if (tensor->dtype != M2C_DTYPE_I32 || tensor->rank != rank || tensor->elements == 0 ||
        (last > 0 && tensor->shape[rank - 1] != last))
        return m2c_fail(err, M2C_BAD_MODEL, "%s is %s %s; I32 of %d sides is needed%s", name,
                        m2c_dtype_name(tensor->dtype),
                        m2c_shape_text(tensor->rank, tensor->shape, shape), rank,
                        last > 0 ? ", the last the context length" : "");
    int32_t *copy = calloc(tensor->elements, sizeof *copy);
    if (!copy)
        return m2c_fail_memory(err, name, tensor->bytes);
    memcpy(copy, tensor->data, tensor->bytes);
    free(*out);
    *out = copy;
    *rows = tensor->shape[0];
    return M2C_OK;
}

/* How many rows each tensor has, to be compared. */
struct row_counts {
    size_t labels, masked_tokens, masked_targets;
};

static enum m2c_status read_file(const char *path, const struct m2c_config *config,
                                 struct cli_gradcheck_input *input, struct row_counts *rows,
                                 struct m2c_error *err)
{
    struct m2c_safetensors *file = NULL;
    struct cli_forward_input forward = {0};
    size_t context = (size_t)config->context_length;
    enum m2c_status status = m2c_safetensors_open(path, &file, err);
    if (status == M2C_OK &&
        (m2c_safetensors_find(file, "input") || m2c_safetensors_find(file, "tokens")))
        status = cli_forward_input_read(path, config, &forward, err);
    merge(&input->forward, &forward);
    if (status == M2C_OK)
        status = read_numbers(file, "labels", 1, 0, &input->labels, &rows->labels, err);
    if (status == M2C_OK)
        status = read_numbers(file, "masked_tokens", 2, context, &input->masked_tokens,
                              &rows->masked_tokens, err);
    if (status == M2C_OK)
        status = read_numbers(file, "mlm_labels", 2, context, &input->masked_targets,
                              &rows->masked_targets, err);
    m2c_safetensors_free(&file);
    return status;
}

/* The texts of the clips' own labels, where none are given. */
static enum m2c_status copy_own_texts(struct cli_gradcheck_input *input, struct m2c_error *err)
{
    const struct cli_forward_input *forward = &input->forward;
    size_t clips = (size_t)forward->clips, context = (size_t)forward->context;
    input->masked_tokens = calloc(clips * context, sizeof *input->masked_tokens);
    if (!input->masked_tokens)
        return m2c_fail_memory(err, "tokens", clips * context * sizeof *input->masked_tokens);
    for (size_t b = 0; b < clips; b++) {
        if (input->labels[b] < 0 || input->labels[b] >= forward->texts)
            return m2c_fail(err, M2C_BAD_MODEL, "labels holds %d; there are %d texts",
                            input->labels[b], forward->texts);
        memcpy(input->masked_tokens + b * context,
               forward->tokens + (size_t)input->labels[b] * context,
               context * sizeof *input->masked_tokens);
    }
    return M2C_OK;
}

static enum m2c_status mask_nothing(struct cli_gradcheck_input *input, struct m2c_error *err)
{
    size_t count = (size_t)input->forward.clips * (size_t)input->forward.context;
    input->masked_targets = calloc(count, sizeof *input->masked_targets);
    if (!input->masked_targets)
        return m2c_fail_memory(err, "targets", count * sizeof *input->masked_targets);
    for (size_t i = 0; i < count; i++)
        input->masked_targets[i] = TRN_NO_TARGET;
    return M2C_OK;
}

static enum m2c_status check_rows(const struct cli_gradcheck_input *input,
                                  const struct row_counts *rows, struct m2c_error *err)
{
    size_t clips = (size_t)input->forward.clips;
    if (!input->forward.pixels || !input->forward.tokens || !input->labels)
        return m2c_fail(err, M2C_BAD_MODEL,
                        "the files must hold `input`, `tokens` and `labels` between them");
    if (rows->labels != clips || (input->masked_tokens && rows->masked_tokens != clips) ||
        (input->masked_targets && rows->masked_targets != clips))
        return m2c_fail(err, M2C_BAD_MODEL,
                        "labels, masked_tokens and mlm_labels need a row for each of the %zu clips",
                        clips);
    return M2C_OK;
}

enum m2c_status cli_gradcheck_input_read(const char *const *paths, size_t count,
                                         const struct m2c_config *config,
                                         struct cli_gradcheck_input *input, struct m2c_error *err)
{
    struct row_counts rows = {0};
    enum m2c_status status = M2C_OK;
    *input = (struct cli_gradcheck_input){0};
    for (size_t i = 0; i < count && status == M2C_OK; i++)
        status = read_file(paths[i], config, input, &rows, err);
    if (status == M2C_OK)
        status = check_rows(input, &rows, err);
    if (status == M2C_OK && !input->masked_tokens)
        status = copy_own_texts(input, err);
    if (status == M2C_OK && !input->masked_targets)
        status = mask_nothing(input, err);
    if (status != M2C_OK)
        return status;
    input->batch = (struct trn_batch){.clips = (size_t)input->forward.clips,
                                      .frames = (size_t)input->forward.frames,
                                      .images = input->forward.images,
                                      .labels = input->labels,
                                      .label_tokens = input->forward.tokens,
                                      .classes = (size_t)input->forward.texts,
                                      .masked_tokens = input->masked_tokens,
                                      .masked_targets = input->masked_targets};
    return M2C_OK;
}

void cli_gradcheck_input_destroy(struct cli_gradcheck_input *input)
{
    cli_forward_input_destroy(&input->forward);
    free(input->labels);
    free(input->masked_tokens);
    free(input->masked_targets);
    *input = (struct cli_gradcheck_input){0};
}
