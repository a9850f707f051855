#include "train/clip_source.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "runtime/checked.h"
#include "train/crop_sampler.h"
#include "train/kept_clip.h"
#include "train/rows.h"

enum { CHUNK = 16, MAX_SIDE = 1024 };

struct entry {
    const struct trn_item *item;
    struct trn_kept_clip clip; /* pixels NULL: decoded when asked for */
};

struct trn_clip_source {
    struct trn_clip_options options;
    struct trn_colours colours;
    size_t size, frames; /* P, T */
    struct m2c_team *team;
    struct entry *entries;
    size_t count, kept_bytes;
};

/* Crops other than the centre get their pixels from frames as large as the largest crop. */
static int kept_side(const struct trn_clip_options *options)
{
    const struct trn_crop_options *crop = &options->look.crop;
    double room = crop->kind == TRN_CROP_CENTRE ? 1.0 : fmax(crop->jitter_max, 1.0);
    return (int)fmin(ceil(options->plan.size_px * room), MAX_SIDE);
}

static enum m2c_status collect(struct trn_clip_source *source, const struct trn_data_list *list,
                               enum trn_part part, struct m2c_error *err)
{
    size_t count = trn_data_list_part(list, part);
    source->entries = calloc(count + 1, sizeof *source->entries);
    if (!source->entries)
        return m2c_fail_memory(err, "the list of clips", (count + 1) * sizeof *source->entries);
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].part == part)
            source->entries[source->count++].item = &list->items[i];
    return M2C_OK;
}

enum m2c_status trn_clip_source_new(const struct trn_clip_options *options,
                                    const struct trn_data_list *list, enum trn_part part,
                                    struct m2c_team *team, struct trn_clip_source **out,
                                    struct m2c_error *err)
{
    const struct m2c_sampling *sampling = &options->plan.sampling;
    struct trn_clip_source *source = NULL;
    enum m2c_status status = m2c_decode_plan_check(&options->plan, err);
    *out = NULL;
    if (status == M2C_OK && (sampling->temporal_views != 1 || sampling->spatial_views != 1))
        status = m2c_fail_field(err, M2C_INVALID_REQUEST, "views", "training takes one view");
    if (status != M2C_OK)
        return status;
    source = calloc(1, sizeof *source);
    if (!source)
        return m2c_fail_memory(err, "a source of clips", sizeof *source);
    source->options = *options;
    source->size = (size_t)options->plan.size_px;
    source->frames = (size_t)sampling->frames;
    source->options.plan.size_px = kept_side(options);
    source->team = team;
    memcpy(source->colours.mean, options->plan.mean, sizeof source->colours.mean);
    memcpy(source->colours.std, options->plan.std, sizeof source->colours.std);
    status = collect(source, list, part, err);
    if (status == M2C_OK)
        *out = source;
    else
        trn_clip_source_free(&source);
    return status;
}

void trn_clip_source_free(struct trn_clip_source **source)
{
    if (!*source)
        return;
    for (size_t i = 0; i < (*source)->count; i++)
        trn_kept_clip_destroy(&(*source)->entries[i].clip);
    free((*source)->entries);
    free(*source);
    *source = NULL;
}

static enum m2c_status decode(const struct trn_clip_source *source, const struct trn_item *item,
                              struct trn_kept_clip *clip, struct m2c_error *err)
{
    struct m2c_mapped_file file = {0};
    struct m2c_clip_frames frames = {0};
    struct m2c_decode_plan plan = source->options.plan;
    plan.sampling.start_s = item->start_s > 0 ? item->start_s : NAN;
    plan.sampling.end_s = item->end_s > 0 ? item->end_s : NAN;
    enum m2c_status status = m2c_mapped_file_open(item->path, &file, err);
    if (status == M2C_OK)
        status = m2c_video_decode(file.bytes, file.size_bytes, &plan, &frames, err);
    if (status == M2C_OK)
        status = trn_kept_clip_make(&frames, &source->colours, clip, err);
    m2c_clip_frames_destroy(&frames);
    m2c_mapped_file_close(&file);
    return status;
}

struct chunk {
    const struct trn_clip_source *source;
    struct entry *entries;
    enum m2c_status status[CHUNK];
    struct m2c_error errors[CHUNK];
};

static void decode_chunk(void *argument, struct m2c_range entries, int member)
{
    struct chunk *chunk = argument;
    (void)member;
    for (size_t i = entries.begin; i < entries.end; i++)
        chunk->status[i] = decode(chunk->source, chunk->entries[i].item, &chunk->entries[i].clip,
                                  &chunk->errors[i]);
}

/* An error that names the item by its line or, in a folder, by its path alone. */
static enum m2c_status item_failed(const struct trn_item *item, const struct m2c_error *why,
                                   struct m2c_error *err)
{
    if (item->line > 0)
        (void)m2c_fail(err, why->status, "line %zu: %s", item->line, why->detail);
    else
        (void)m2c_fail(err, why->status, "%s", why->detail);
    (void)m2c_error_context(err, "%s", item->path);
    return why->status;
}

static bool is_ours(enum m2c_status status)
{
    return status == M2C_CANCELLED || status == M2C_NO_MEMORY;
}

/* Keeps what was decoded where there is room; false: the item goes. */
static enum m2c_status settle(struct trn_clip_source *source, struct entry *entry,
                              enum m2c_status status, const struct m2c_error *why,
                              const struct trn_clip_listener *listener, bool *keep,
                              struct m2c_error *err)
{
    *keep = status == M2C_OK;
    if (status != M2C_OK) {
        if (is_ours(status) || listener->strict)
            return item_failed(entry->item, why, err);
        if (listener->broken)
            listener->broken(listener->argument, entry->item, why);
    } else if (source->options.cache_bytes - source->kept_bytes >= entry->clip.bytes) {
        source->kept_bytes += entry->clip.bytes;
    } else {
        trn_kept_clip_destroy(&entry->clip);
    }
    return M2C_OK;
}

enum m2c_status trn_clip_source_check(struct trn_clip_source *source,
                                      const struct trn_clip_listener *listener,
                                      struct m2c_error *err)
{
    size_t left = 0, count = source->count;
    enum m2c_status status = M2C_OK;
    for (size_t first = 0; status == M2C_OK && first < count; first += CHUNK) {
        struct chunk chunk = {.source = source, .entries = source->entries + first};
        size_t size = count - first < CHUNK ? count - first : CHUNK;
        trn_for_rows(source->team, size, 1, decode_chunk, &chunk);
        for (size_t i = 0; status == M2C_OK && i < size; i++) {
            struct entry *entry = &chunk.entries[i];
            bool keep = false;
            status = settle(source, entry, chunk.status[i], &chunk.errors[i], listener, &keep, err);
            struct entry moved = *entry;
            if (keep && entry != &source->entries[left]) {
                *entry = (struct entry){0};
                source->entries[left] = moved;
            }
            left += keep;
        }
        if (listener->progress)
            listener->progress(listener->argument, first + size, count);
    }
    if (status == M2C_OK)
        source->count = left;
    return status;
}

size_t trn_clip_source_count(const struct trn_clip_source *source)
{
    return source->count;
}

const struct trn_item *trn_clip_source_item(const struct trn_clip_source *source, size_t index)
{
    return source->entries[index].item;
}

size_t trn_clip_source_bytes(const struct trn_clip_source *source)
{
    return source->kept_bytes;
}

/* planes [T, 3, P, P] <- the clip, cut and changed; frame [3, height, width] and spare [3, P, P]
 * are scratch. */
static enum m2c_status cut(const struct trn_clip_source *source, const struct trn_kept_clip *clip,
                           uint64_t seed, float *planes, struct m2c_error *err)
{
    const struct trn_clip_look *look = &source->options.look;
    size_t size = source->size, frame_floats = 3 * clip->height * clip->width;
    size_t out_floats = 3 * size * size, plane = clip->height * clip->width;
    struct trn_crop_sampler sampler = {0};
    struct trn_crop crop = trn_crop_choose(&look->crop, clip->width, clip->height, size, seed);
    struct trn_augment augment =
        trn_rand_augment(look->augment_steps, look->augment_magnitude, seed);
    float *scratch = malloc((frame_floats + out_floats) * sizeof *scratch);
    if (!scratch)
        return m2c_fail_memory(err, "a frame", (frame_floats + out_floats) * sizeof *scratch);
    enum m2c_status status =
        trn_crop_sampler_init(&sampler, &crop, clip->width, clip->height, size, err);
    const struct m2c_image frame = {
        .data = scratch, .plane_stride = plane, .row_stride = clip->width};
    for (size_t t = 0; status == M2C_OK && t < source->frames; t++) {
        trn_kept_clip_frame(clip, &source->colours, t, scratch);
        trn_crop_sample(&sampler, &frame, planes + t * out_floats);
        if (augment.count > 0)
            trn_augment_apply(&augment, &source->colours, size, planes + t * out_floats,
                              scratch + frame_floats);
    }
    trn_crop_sampler_destroy(&sampler);
    free(scratch);
    return status;
}

struct load {
    const struct trn_clip_source *source;
    const size_t *indices;
    const uint64_t *seeds;
    float *pixels;
    struct m2c_error *errors; /* [B] status M2C_OK: done */
};

static enum m2c_status load_one(const struct load *load, size_t b, struct m2c_error *err)
{
    const struct trn_clip_source *source = load->source;
    const struct entry *entry = &source->entries[load->indices[b]];
    float *planes = load->pixels + b * source->frames * 3 * source->size * source->size;
    if (entry->clip.pixels)
        return cut(source, &entry->clip, load->seeds[b], planes, err);
    struct trn_kept_clip clip = {0};
    enum m2c_status status = decode(source, entry->item, &clip, err);
    if (status == M2C_OK)
        status = cut(source, &clip, load->seeds[b], planes, err);
    trn_kept_clip_destroy(&clip);
    return status;
}

static void load_some(void *argument, struct m2c_range clips, int member)
{
    const struct load *load = argument;
    (void)member;
    for (size_t b = clips.begin; b < clips.end; b++)
        if (load_one(load, b, &load->errors[b]) == M2C_OK)
            load->errors[b].status = M2C_OK;
}

enum m2c_status trn_clip_source_load(struct trn_clip_source *source, const size_t *indices,
                                     const uint64_t *seeds, size_t clips, float *pixels,
                                     struct m2c_error *err)
{
    struct m2c_error *errors = calloc(clips + 1, sizeof *errors);
    enum m2c_status status = M2C_OK;
    if (!errors)
        return m2c_fail_memory(err, "a batch", clips * sizeof *errors);
    struct load load = {source, indices, seeds, pixels, errors};
    trn_for_rows(source->team, clips, 1, load_some, &load);
    for (size_t b = 0; status == M2C_OK && b < clips; b++)
        if (errors[b].status != M2C_OK)
            status = item_failed(source->entries[indices[b]].item, &errors[b], err);
    free(errors);
    return status;
}
