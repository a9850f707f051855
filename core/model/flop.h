/* What a clip costs: the matrix products of one forward pass, pruned as it runs.
 *
 * A multiply-add counts as two. Used for admission, for `inspect` and for `bench`, which measures
 * the library's own rate on the same shapes. Pure functions; any thread.
 */
#ifndef M2C_MODEL_FLOP_H
#define M2C_MODEL_FLOP_H

#include "m2clip.h"

/* `count` products of [rows, in] x [in, out]. */
struct m2c_product {
    size_t rows, in, out, count;
};

enum { M2C_MAX_PRODUCTS = 64 };

/* The distinct products of linear layers for one clip of `frames` frames; returns how many. */
size_t m2c_clip_products(const struct m2c_set *set, int frames,
                         struct m2c_product products[M2C_MAX_PRODUCTS]);

/* FLOP of those products. */
double m2c_product_flop(const struct m2c_product *product);

/* FLOP of attention (both products of every head) for one clip, and of the convolutions. */
double m2c_clip_attention_flop(const struct m2c_set *set, int frames);
double m2c_clip_convolution_flop(const struct m2c_set *set, int frames);

#endif
