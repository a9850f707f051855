#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/random_model.h"
#include "model/random_numbers.h"
#include "model/safetensors_writer.h"
#include "model/tensor_names.h"
#include "model/tensor_values.h"

enum { HALVES = 1 << 15 };

/* One walk over all tensors counts, declares or writes them. */
enum pass { COUNT_VALUES, DECLARE, WRITE };

struct sower {
    enum pass pass;
    size_t total, adapters; /* counted */
    struct m2c_safetensors_writer *writer;
    struct m2c_ziggurat ziggurat;
    uint64_t seed;
    uint16_t *halves; /* [HALVES] */
    enum m2c_status status;
    struct m2c_error *err;
};

static void write_values(struct sower *sower, const char *name, size_t count, double mean,
                         double deviation)
{
    struct m2c_random random;
    m2c_random_start(&random, sower->seed, name);
    while (count > 0 && sower->status == M2C_OK) {
        size_t n = count < HALVES ? count : HALVES;
        for (size_t i = 0; i < n; i++)
            sower->halves[i] = m2c_half_from_float(
                (float)(mean + deviation * m2c_random_normal(&random, &sower->ziggurat)));
        sower->status = m2c_safetensors_writer_write(sower->writer, sower->halves,
                                                     n * sizeof *sower->halves, sower->err);
        count -= n;
    }
}

/* A tensor of normal deviates. The shape follows as `rank` sizes of type int. */
static void sow(struct sower *sower, const char *prefix, const char *name, double mean,
                double deviation, int rank, ...)
{
    char full[M2C_TENSOR_NAME_BYTES];
    size_t shape[M2C_MAX_RANK] = {0}, count = 1;
    va_list sizes;
    va_start(sizes, rank);
    for (int i = 0; i < rank; i++) {
        shape[i] = (size_t)va_arg(sizes, int);
        count *= shape[i];
    }
    va_end(sizes);
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    if (sower->status != M2C_OK)
        return;
    if (sower->pass == COUNT_VALUES) {
        sower->total += count;
        sower->adapters += m2c_tensor_is_adapter(full) ? count : 0;
    } else if (sower->pass == WRITE) {
        write_values(sower, full, count, mean, deviation);
    } else {
        sower->status = m2c_safetensors_writer_declare(sower->writer, full, M2C_DTYPE_F16, rank,
                                                       shape, sower->err);
    }
}

static void sow_norm(struct sower *sower, const char *prefix, const char *name, int width)
{
    char inner[M2C_TENSOR_NAME_BYTES];
    (void)snprintf(inner, sizeof inner, "%s%s.", prefix, name);
    sow(sower, inner, "weight", 1.0, 0.05, 1, width);
    sow(sower, inner, "bias", 0.0, 0.02, 1, width);
}

/* A linear layer [out, in] with bias. */
static void sow_linear(struct sower *sower, const char *prefix, const char *name, int out, int in,
                       double deviation)
{
    char inner[M2C_TENSOR_NAME_BYTES];
    (void)snprintf(inner, sizeof inner, "%s%s.", prefix, name);
    sow(sower, inner, "weight", 0.0, deviation, 2, out, in);
    sow(sower, inner, "bias", 0.0, 0.01, 1, out);
}

static double inverse_root(int width)
{
    return 1.0 / sqrt((double)width);
}

/* Deviations are those of CLIP's initialize_parameters. */
static void sow_block(struct sower *sower, const char *prefix, int width, int layers)
{
    double attention = inverse_root(width), projection = attention * inverse_root(2 * layers);
    sow(sower, prefix, "attn.in_proj_weight", 0.0, attention, 2, 3 * width, width);
    sow(sower, prefix, "attn.in_proj_bias", 0.0, 0.01, 1, 3 * width);
    sow_linear(sower, prefix, "attn.out_proj", width, width, projection);
    sow_norm(sower, prefix, "ln_1", width);
    sow_linear(sower, prefix, "mlp.c_fc", 4 * width, width, inverse_root(2 * width));
    sow_linear(sower, prefix, "mlp.c_proj", width, 4 * width, projection);
    sow_norm(sower, prefix, "ln_2", width);
}

/* The up-projection is a tenth of what would keep the variance: an adapter adds, it does not lead.
 */
static double up_deviation(int adapter_width)
{
    return 0.1 * inverse_root(adapter_width);
}

static void sow_enhancement(struct sower *sower, const char *prefix, int width, int adapter_width)
{
    sow_linear(sower, prefix, "fc1", adapter_width, width, inverse_root(width));
    sow(sower, prefix, "conv.weight", 0.0, 0.5, 3, adapter_width, 1, 3);
    sow(sower, prefix, "conv.bias", 0.0, 0.01, 1, adapter_width);
    sow_linear(sower, prefix, "fc2", width, adapter_width, up_deviation(adapter_width));
}

static void sow_difference(struct sower *sower, const char *prefix, int width, int adapter_width)
{
    sow_linear(sower, prefix, "fc1", adapter_width, width, inverse_root(width));
    sow(sower, prefix, "conv.weight", 0.0, 0.3, 5, adapter_width, 1, 1, 3, 3);
    sow(sower, prefix, "conv.bias", 0.0, 0.01, 1, adapter_width);
    sow_linear(sower, prefix, "fc2", width, adapter_width, up_deviation(adapter_width));
}

static void sow_vision(struct sower *sower, const struct m2c_config *config)
{
    char prefix[M2C_TENSOR_NAME_BYTES], inner[M2C_TENSOR_NAME_BYTES];
    int width = config->vision.width, side = config->image_px / config->patch_px;
    int patch = config->patch_px, tokens = side * side + 1;
    sow(sower, "visual.", "class_embedding", 0.0, inverse_root(width), 1, width);
    sow(sower, "visual.", "positional_embedding", 0.0, inverse_root(width), 2, tokens, width);
    sow(sower, "visual.", "proj", 0.0, inverse_root(width), 2, width, config->embed_dim);
    sow(sower, "visual.", "conv1.weight", 0.0, inverse_root(3 * patch * patch), 4, width, 3, patch,
        patch);
    sow_norm(sower, "visual.", "ln_pre", width);
    for (int i = 0; i < config->vision.layers; i++) {
        (void)snprintf(prefix, sizeof prefix, "visual.transformer.resblocks.%d.", i);
        sow_block(sower, prefix, width, config->vision.layers);
        (void)snprintf(inner, sizeof inner, "visual.transformer.resblocks.%d.adapter_pre_mlp.", i);
        sow_enhancement(sower, inner, width, width / 2);
        (void)snprintf(inner, sizeof inner,
                       "visual.transformer.resblocks.%d.adapter_pre_mlp.offset_adapter.", i);
        sow_difference(sower, inner, width, width / 2);
    }
    sow_norm(sower, "visual.", "ln_post", width);
    sow_enhancement(sower, "visual.t_adapter.", config->embed_dim, config->embed_dim / 2);
    sow_linear(sower, "visual.", "adapter_fc", config->num_classes, width, inverse_root(width));
}

static void sow_text(struct sower *sower, const struct m2c_config *config)
{
    char prefix[M2C_TENSOR_NAME_BYTES], inner[M2C_TENSOR_NAME_BYTES];
    int width = config->text.width, stored = config->stored_text_layers;
    int adapter_width = config->vision.width / 2;
    for (int i = 0; i < stored; i++) {
        (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%d.", i);
        sow_block(sower, prefix, width, stored);
        if (i < stored - 2)
            continue;
        (void)snprintf(inner, sizeof inner, "transformer.resblocks.%d.adapter_pre_mlp.", i);
        sow_linear(sower, inner, "textad_fc1", adapter_width, width, inverse_root(width));
        sow_linear(sower, inner, "textad_fc2", width, adapter_width, up_deviation(adapter_width));
    }
    sow(sower, "", "token_embedding.weight", 0.0, 0.02, 2, config->vocabulary, width);
    sow_norm(sower, "", "ln_final", width);
}

static void sow_word_head(struct sower *sower, int width, int words)
{
    sow(sower, "mlm_adapter.", "bias", 0.0, 0.01, 1, words);
    sow_linear(sower, "mlm_adapter.", "transform.dense", width, width, inverse_root(width));
    sow_norm(sower, "mlm_adapter.", "transform.LayerNorm", width);
    sow(sower, "mlm_adapter.", "decoder.weight", 0.0, inverse_root(width), 2, words, width);
}

static void sow_all(struct sower *sower, const struct m2c_config *config)
{
    int width = config->text.width;
    sow(sower, "", "positional_embedding", 0.0, 0.01, 2, config->context_length, width);
    sow(sower, "", "text_projection", 0.0, inverse_root(width), 2, width, config->embed_dim);
    sow(sower, "", "logit_scale", log(100.0), 0.0, 0);
    sow_vision(sower, config);
    sow_text(sower, config);
    sow_word_head(sower, width, config->mlm_head_len);
}

void m2c_random_weights_count(const struct m2c_config *config, size_t *total, size_t *adapters)
{
    struct sower sower = {.pass = COUNT_VALUES};
    sow_all(&sower, config);
    *total = sower.total;
    *adapters = sower.adapters;
}

enum m2c_status m2c_random_weights_write(const struct m2c_config *config, uint64_t seed,
                                         const char *path, struct m2c_error *err)
{
    struct sower sower = {
        .pass = DECLARE, .seed = seed, .err = err, .halves = malloc(HALVES * sizeof(uint16_t))};
    if (!sower.halves)
        return m2c_fail_memory(err, "random weights", HALVES * sizeof(uint16_t));
    m2c_ziggurat_init(&sower.ziggurat);
    sower.status = m2c_safetensors_writer_new(path, &sower.writer, err);
    if (sower.status == M2C_OK)
        sower.status = m2c_safetensors_writer_metadata(sower.writer, "format", "pt", err);
    sow_all(&sower, config);
    sower.pass = WRITE;
    sow_all(&sower, config);
    if (sower.status == M2C_OK)
        sower.status = m2c_safetensors_writer_finish(sower.writer, err);
    m2c_safetensors_writer_free(&sower.writer);
    free(sower.halves);
    return sower.status;
}
