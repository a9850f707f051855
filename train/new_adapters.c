#include "train/new_adapters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "model/random_numbers.h"

enum { PREFIX_BYTES = 128, NAME_BYTES = 192 };

/* Adds tensors with one sticky status. */
struct maker {
    struct trn_tensors *tensors;
    uint64_t seed;
    enum m2c_status status;
    struct m2c_error *err;
};

enum start { START_ZERO, START_ONE, START_UNIFORM };

static void fill(const struct maker *maker, const char *name, enum start start, size_t inputs,
                 float *values, size_t count)
{
    struct m2c_random random;
    double bound = 1.0 / sqrt((double)inputs);
    m2c_random_start(&random, maker->seed, name);
    for (size_t i = 0; i < count && start != START_ZERO; i++) {
        double share = (double)(m2c_random_bits(&random) >> 11) * 0x1p-53;
        values[i] = start == START_ONE ? 1.0F : (float)(bound * (2.0 * share - 1.0));
    }
}

/* Whether the tensor is there in that shape already. */
static bool is_there(const struct trn_tensors *tensors, const char *name, int rank,
                     const size_t *shape)
{
    const struct trn_tensor *tensor = trn_tensors_find(tensors, name);
    bool same = tensor && tensor->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = tensor->shape[i] == shape[i];
    return same;
}

static void make(struct maker *maker, const char *prefix, const char *name, enum start start,
                 int rank, const size_t *shape)
{
    char full[NAME_BYTES];
    float *values;
    int length = snprintf(full, sizeof full, "%s%s", prefix, name);
    if (maker->status != M2C_OK || length < 0 || length >= NAME_BYTES ||
        is_there(maker->tensors, full, rank, shape))
        return;
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    maker->status = trn_tensors_add(maker->tensors, full, rank, shape, &values, maker->err);
    if (maker->status == M2C_OK)
        fill(maker, full, start, rank > 1 ? shape[1] : 1, values, count);
}

/* [out, in] and [out]. */
static void make_dense(struct maker *maker, const char *prefix, const char *name, size_t out,
                       size_t in, enum start start)
{
    char inner[NAME_BYTES];
    int length = snprintf(inner, sizeof inner, "%s%s", prefix, name);
    if (length < 0 || length >= NAME_BYTES)
        return;
    make(maker, inner, ".weight", start, 2, (const size_t[]){out, in});
    make(maker, inner, ".bias", START_ZERO, 1, &out);
}

static void make_enhancement(struct maker *maker, const char *prefix, size_t channels, size_t width)
{
    make_dense(maker, prefix, "fc1", width, channels, START_UNIFORM);
    make(maker, prefix, "conv.weight", START_ZERO, 3, (const size_t[]){width, 1, 3});
    make(maker, prefix, "conv.bias", START_ZERO, 1, &width);
    make_dense(maker, prefix, "fc2", channels, width, START_UNIFORM);
}

static void make_difference(struct maker *maker, const char *prefix, size_t channels, size_t width)
{
    make_dense(maker, prefix, "offset_adapter.fc1", width, channels, START_UNIFORM);
    make(maker, prefix, "offset_adapter.conv.weight", START_ZERO, 5,
         (const size_t[]){width, 1, 1, 3, 3});
    make(maker, prefix, "offset_adapter.conv.bias", START_ZERO, 1, &width);
    make_dense(maker, prefix, "offset_adapter.fc2", channels, width, START_UNIFORM);
}

static void make_vision(struct maker *maker, const struct m2c_config *config,
                        const struct trn_adapter_plan *plan)
{
    static const char *const places[] = {"adapter_pre_attn", "adapter_pre_mlp"};
    const bool wanted[] = {plan->vision_pre_attn, plan->vision_pre_mlp};
    size_t channels = (size_t)config->vision.width, layers = (size_t)config->vision.layers;
    char prefix[PREFIX_BYTES];
    for (size_t i = layers - plan->vision_layers; plan->vision_width > 0 && i < layers; i++) {
        for (size_t place = 0; place < 2; place++) {
            if (!wanted[place])
                continue;
            (void)snprintf(prefix, sizeof prefix, "visual.transformer.resblocks.%zu.%s.", i,
                           places[place]);
            make_enhancement(maker, prefix, channels, plan->vision_width);
            if (!plan->enhancement_alone)
                make_difference(maker, prefix, channels, plan->vision_width);
        }
    }
}

static void make_text_block(struct maker *maker, const struct m2c_config *config,
                            const struct trn_adapter_plan *plan, size_t block)
{
    static const char *const places[] = {"adapter_pre_attn", "adapter_pre_mlp"};
    const bool wanted[] = {plan->text_pre_attn, plan->text_pre_mlp};
    size_t channels = (size_t)config->text.width;
    char prefix[PREFIX_BYTES];
    for (size_t place = 0; place < 2; place++) {
        if (!wanted[place])
            continue;
        (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%zu.%s.", block,
                       places[place]);
        make_dense(maker, prefix, "textad_fc1", plan->text_width, channels, START_UNIFORM);
        make_dense(maker, prefix, "textad_fc2", channels, plan->text_width, START_ZERO);
    }
}

/* The CMLM block's adapter bears the number behind the last encoding block's. */
static void make_text(struct maker *maker, const struct m2c_config *config,
                      const struct trn_adapter_plan *plan)
{
    size_t layers = (size_t)config->text.layers;
    size_t end = plan->words > 0 ? layers + 1 : layers;
    for (size_t i = layers - plan->text_layers; plan->text_width > 0 && i < end; i++)
        make_text_block(maker, config, plan, i);
}

static void make_heads(struct maker *maker, const struct m2c_config *config,
                       const struct trn_adapter_plan *plan)
{
    static const char mlm[] = "mlm_adapter.";
    size_t width = (size_t)config->text.width, dim = (size_t)config->embed_dim;
    if (plan->frame_width > 0)
        make_enhancement(maker, "visual.t_adapter.", dim, plan->frame_width);
    if (plan->classes > 0)
        make_dense(maker, "visual.", "adapter_fc", plan->classes, (size_t)config->vision.width,
                   START_UNIFORM);
    if (plan->words == 0)
        return;
    make_dense(maker, mlm, "transform.dense", width, width, START_UNIFORM);
    make(maker, mlm, "transform.LayerNorm.weight", START_ONE, 1, &width);
    make(maker, mlm, "transform.LayerNorm.bias", START_ZERO, 1, &width);
    make(maker, mlm, "decoder.weight", START_UNIFORM, 2, (const size_t[]){plan->words, width});
    make(maker, mlm, "bias", START_ZERO, 1, &plan->words);
}

struct trn_adapter_plan trn_adapter_plan_defaults(const struct m2c_config *config)
{
    size_t half = (size_t)config->vision.width / 2;
    return (struct trn_adapter_plan){.vision_width = half,
                                     .vision_layers = (size_t)config->vision.layers,
                                     .vision_pre_mlp = true,
                                     .frame_width = (size_t)config->embed_dim / 2,
                                     .text_width = half,
                                     .text_layers = 1,
                                     .text_pre_mlp = true};
}

static enum m2c_status check_plan(const struct m2c_config *config,
                                  const struct trn_adapter_plan *plan, struct m2c_error *err)
{
    if (plan->vision_layers > (size_t)config->vision.layers ||
        plan->text_layers > (size_t)config->text.layers)
        return m2c_fail(err, M2C_INVALID_REQUEST,
                        "adapters in %zu video and %zu text blocks: the base has %d and %d",
                        plan->vision_layers, plan->text_layers, config->vision.layers,
                        config->text.layers);
    if (plan->vision_width > M2C_MAX_WIDTH || plan->text_width > M2C_MAX_WIDTH ||
        plan->frame_width > M2C_MAX_WIDTH || plan->classes > M2C_MAX_CLASSES ||
        plan->words > M2C_MAX_CLASSES)
        return m2c_fail(err, M2C_INVALID_REQUEST, "an adapter or a head is wider than %d or %d",
                        M2C_MAX_WIDTH, M2C_MAX_CLASSES);
    if (plan->words > 0 && config->embed_dim != config->text.width)
        return m2c_fail(err, M2C_INVALID_REQUEST,
                        "the CMLM head needs an embedding of the text width, but %d differs from "
                        "%d",
                        config->embed_dim, config->text.width);
    return M2C_OK;
}

enum m2c_status trn_new_adapters(struct trn_tensors *tensors, const struct m2c_config *config,
                                 const struct trn_adapter_plan *plan, uint64_t seed,
                                 struct m2c_error *err)
{
    struct maker maker = {.tensors = tensors, .seed = seed, .err = err};
    maker.status = check_plan(config, plan, err);
    if (maker.status != M2C_OK)
        return maker.status;
    make_vision(&maker, config, plan);
    make_text(&maker, config, plan);
    make_heads(&maker, config, plan);
    return maker.status;
}
