/* Clips of a data list as training sees them: decoded once, kept small, cut and changed anew for
 * every pass.
 *
 * Frames are kept as bytes at a short side with room for crops, as many clips as the cache has
 * room for; the others are decoded each time they are asked for. What comes out is the same either
 * way. Letters: B clips, T frames, P pixels a side. Belongs to the thread that runs the team.
 */
#ifndef TRN_CLIP_SOURCE_H
#define TRN_CLIP_SOURCE_H

#include "runtime/team.h"
#include "train/crop_choice.h"
#include "train/data_list.h"
#include "video/video.h"

/* How a clip is changed before the network sees it. */
struct trn_clip_look {
    struct trn_crop_options crop;
    size_t augment_steps; /* operations of RandAugment; 0: none */
    double augment_magnitude;
};

struct trn_clip_options {
    struct m2c_decode_plan plan; /* one view; size_px is P, its item's times replace start_s and
                                    end_s; `cancelled` is borrowed for the source's life */
    struct trn_clip_look look;
    size_t cache_bytes; /* of the frames kept */
};

/* Told while the videos are looked at; either may be NULL. */
struct trn_clip_listener {
    void (*broken)(void *argument, const struct trn_item *item, const struct m2c_error *why);
    void (*progress)(void *argument, size_t done, size_t count);
    void *argument;
    bool strict; /* the first broken video is an error, not reported */
};

struct trn_clip_source;

/* A new source of the items of one part of a list; list and team are borrowed for its life. The
 * caller frees it. M2C_INVALID_REQUEST for a plan out of range or with several views. */
M2C_MUST_USE enum m2c_status trn_clip_source_new(const struct trn_clip_options *options,
                                                 const struct trn_data_list *list,
                                                 enum trn_part part, struct m2c_team *team,
                                                 struct trn_clip_source **out,
                                                 struct m2c_error *err);
void trn_clip_source_free(struct trn_clip_source **source); /* accepts NULL, nulls the pointer */

/* Decodes every video once, fills the cache, and drops items that cannot be decoded, each told to
 * the listener, or with `strict` an error that names the line. M2C_CANCELLED; M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status trn_clip_source_check(struct trn_clip_source *source,
                                                   const struct trn_clip_listener *listener,
                                                   struct m2c_error *err);

/* Items left, and the one of an index; borrowed. */
size_t trn_clip_source_count(const struct trn_clip_source *source);
const struct trn_item *trn_clip_source_item(const struct trn_clip_source *source, size_t index);

/* Bytes of frames that are kept. */
size_t trn_clip_source_bytes(const struct trn_clip_source *source);

/* pixels [B, T, 3, P, P] <- the clips of `indices` [B], normalized, each as its seed (seeds [B])
 * has it cut and changed; a crop of the centre without augmentation takes no notice of it. Errors
 * as decoding, with the item's line. */
M2C_MUST_USE enum m2c_status trn_clip_source_load(struct trn_clip_source *source,
                                                  const size_t *indices, const uint64_t *seeds,
                                                  size_t clips, float *pixels,
                                                  struct m2c_error *err);

#endif
