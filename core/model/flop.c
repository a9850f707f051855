#include "model/flop.h"

#include "model/adapter_set.h"

struct product_list {
    struct m2c_product *products;
    size_t count;
};

/* Adds one product, merged with an equal shape. */
static void add(struct product_list *list, size_t rows, size_t in, size_t out)
{
    for (size_t i = 0; i < list->count; i++) {
        struct m2c_product *product = &list->products[i];
        if (product->rows == rows && product->in == in && product->out == out) {
            product->count++;
            return;
        }
    }
    if (list->count < M2C_MAX_PRODUCTS)
        list->products[list->count++] =
            (struct m2c_product){.rows = rows, .in = in, .out = out, .count = 1};
}

static void add_ted(struct product_list *list, const struct m2c_ted_adapter *adapter, size_t rows,
                    size_t width)
{
    if (!adapter)
        return;
    add(list, rows, width, 2 * adapter->width);
    add(list, rows, 2 * adapter->width, width);
}

/* `rows` of all tokens, `kept` of those that leave the block. */
static void add_block(struct product_list *list, const struct m2c_tower_config *tower, size_t rows,
                      size_t kept)
{
    size_t width = (size_t)tower->width;
    add(list, kept, width, width);
    add(list, rows, width, 2 * width);
    add(list, kept, width, width);
    add(list, kept, width, (size_t)tower->mlp_width);
    add(list, kept, (size_t)tower->mlp_width, width);
}

size_t m2c_clip_products(const struct m2c_set *set, int frames,
                         struct m2c_product products[M2C_MAX_PRODUCTS])
{
    const struct m2c_config *config = &set->config;
    const struct m2c_adapters *adapters = &set->adapters;
    struct product_list list = {.products = products};
    size_t class_rows = (size_t)frames;
    size_t rows = class_rows * m2c_config_tokens(config);
    size_t width = (size_t)config->vision.width;
    size_t dim = (size_t)config->embed_dim;
    int layers = config->vision.layers;
    add(&list, rows - class_rows, 3 * (size_t)config->patch_px * (size_t)config->patch_px, width);
    for (int i = 0; i < layers; i++) {
        size_t kept = i + 1 < layers ? rows : class_rows;
        add_ted(&list, adapters->vision_pre_attn[i], rows, width);
        add_ted(&list, adapters->vision_pre_mlp[i], kept, width);
        add_block(&list, &config->vision, rows, kept);
    }
    add(&list, class_rows, width, dim);
    if (adapters->frame) {
        add(&list, class_rows, dim, adapters->frame->width);
        add(&list, class_rows, adapters->frame->width, dim);
    }
    if (adapters->vc)
        add(&list, 1, width, m2c_linear_out(adapters->vc));
    return list.count;
}

double m2c_product_flop(const struct m2c_product *product)
{
    return 2.0 * (double)product->rows * (double)product->in * (double)product->out *
           (double)product->count;
}

double m2c_clip_attention_flop(const struct m2c_set *set, int frames)
{
    const struct m2c_config *config = &set->config;
    double tokens = (double)m2c_config_tokens(config);
    double full = 4.0 * frames * tokens * tokens * config->vision.width;
    double last = 4.0 * frames * tokens * config->vision.width;
    return full * (config->vision.layers - 1) + last;
}

static double ted_convolution(const struct m2c_ted_adapter *adapter, double rows)
{
    enum { TIME_TAPS = 3, SPACE_TAPS = 9 };
    return adapter ? 2.0 * (TIME_TAPS + SPACE_TAPS) * rows * (double)adapter->width : 0.0;
}

double m2c_clip_convolution_flop(const struct m2c_set *set, int frames)
{
    const struct m2c_config *config = &set->config;
    double rows = (double)frames * (double)m2c_config_tokens(config);
    double flop = 0.0;
    for (int i = 0; i < config->vision.layers; i++) {
        double kept = i + 1 < config->vision.layers ? rows : (double)frames;
        flop += ted_convolution(set->adapters.vision_pre_attn[i], rows);
        flop += ted_convolution(set->adapters.vision_pre_mlp[i], kept);
    }
    return flop;
}

double m2c_set_clip_flop(const struct m2c_set *set, int frames)
{
    struct m2c_product products[M2C_MAX_PRODUCTS];
    size_t count = m2c_clip_products(set, frames, products);
    double flop = m2c_clip_attention_flop(set, frames) + m2c_clip_convolution_flop(set, frames);
    for (size_t i = 0; i < count; i++)
        flop += m2c_product_flop(&products[i]);
    return flop;
}
