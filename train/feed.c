#include "train/feed.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "train/dropout.h"
#include "train/order.h"

static size_t clip_floats(const struct trn_feed *feed)
{
    return feed->frames * 3 * feed->size * feed->size;
}

size_t trn_feed_bytes(const struct trn_feed *feed, size_t capacity)
{
    size_t context = feed->prompts ? feed->prompts->masker.context : 0;
    size_t clip = (clip_floats(feed) + feed->width) * sizeof(float) +
                  feed->frames * sizeof(struct m2c_image) + 2 * context * sizeof(int32_t);
    return capacity * clip;
}

enum m2c_status trn_feed_init(struct trn_feed *feed, size_t capacity, struct m2c_error *err)
{
    size_t context = feed->prompts ? feed->prompts->masker.context : 1, floats;
    if (!m2c_checked_multiply3(capacity, clip_floats(feed), sizeof(float), &floats))
        return m2c_fail_memory(err, "a batch", SIZE_MAX);
    feed->capacity = capacity;
    feed->pixels = calloc(floats / sizeof(float), sizeof *feed->pixels);
    feed->factors = calloc(capacity * feed->width, sizeof *feed->factors);
    feed->images = calloc(capacity * feed->frames, sizeof *feed->images);
    feed->labels = calloc(capacity, sizeof *feed->labels);
    feed->tokens = calloc(capacity * context, sizeof *feed->tokens);
    feed->targets = calloc(capacity * context, sizeof *feed->targets);
    feed->indices = calloc(capacity, sizeof *feed->indices);
    feed->seeds = calloc(capacity, sizeof *feed->seeds);
    if (!feed->pixels || !feed->factors || !feed->images || !feed->labels || !feed->tokens ||
        !feed->targets || !feed->indices || !feed->seeds)
        return m2c_fail_memory(err, "a batch", floats);
    size_t plane = feed->size * feed->size;
    for (size_t i = 0; i < capacity * feed->frames; i++)
        feed->images[i] = (struct m2c_image){
            .data = feed->pixels + i * 3 * plane, .plane_stride = plane, .row_stride = feed->size};
    return M2C_OK;
}

enum m2c_status trn_feed_sketch(struct trn_feed *feed, const size_t *indices, size_t count,
                                uint64_t epoch, struct trn_batch *batch, struct m2c_error *err)
{
    const struct trn_prompts *prompts = feed->prompts;
    enum m2c_status status = M2C_OK;
    *batch = (struct trn_batch){.clips = count,
                                .frames = feed->frames,
                                .images = feed->images,
                                .labels = feed->labels,
                                .dropout = feed->dropout > 0 ? feed->factors : NULL};
    if (prompts) {
        batch->label_tokens = prompts->label_tokens;
        batch->classes = prompts->labels->count;
        batch->masked_tokens = feed->tokens;
        batch->masked_targets = feed->targets;
    }
    for (size_t i = 0; status == M2C_OK && i < count; i++) {
        const struct trn_item *item = trn_clip_source_item(feed->source, indices[i]);
        feed->indices[i] = indices[i];
        feed->seeds[i] = trn_item_seed(feed->seed, epoch, indices[i]);
        feed->labels[i] = (int32_t)item->label;
        if (feed->dropout > 0)
            trn_dropout_draw(feed->dropout, feed->seeds[i], feed->factors + i * feed->width,
                             feed->width);
        if (prompts)
            status = trn_prompts_clip(prompts, item->label, feed->seeds[i],
                                      feed->tokens + i * prompts->masker.context,
                                      feed->targets + i * prompts->masker.context, err);
    }
    return status;
}

enum m2c_status trn_feed_fill(struct trn_feed *feed, const size_t *indices, size_t count,
                              uint64_t epoch, struct trn_batch *batch, struct m2c_error *err)
{
    enum m2c_status status = trn_feed_sketch(feed, indices, count, epoch, batch, err);
    if (status != M2C_OK)
        return status;
    return trn_clip_source_load(feed->source, feed->indices, feed->seeds, count, feed->pixels, err);
}

void trn_feed_destroy(struct trn_feed *feed)
{
    free(feed->pixels);
    free(feed->factors);
    free(feed->images);
    free(feed->labels);
    free(feed->tokens);
    free(feed->targets);
    free(feed->indices);
    free(feed->seeds);
    *feed = (struct trn_feed){0};
}
