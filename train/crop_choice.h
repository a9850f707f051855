/* Where in a frame a training clip is cut: the recipes' crops as geometry. All frames of a clip
 * share one crop. */
#ifndef TRN_CROP_CHOICE_H
#define TRN_CROP_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trn_crop_kind {
    TRN_CROP_CENTRE, /* short side to the size, the middle: what validation sees */
    TRN_CROP_JITTER, /* short side to the size times `jitter`, any place (Kinetics' recipe) */
    TRN_CROP_AREA,   /* any rectangle of `area` and `ratio`, stretched to the size (random resized
                        crop) */
};

struct trn_crop_options {
    enum trn_crop_kind kind;
    double jitter_min, jitter_max; /* 1.0 to 1.15 */
    double area_min, area_max;     /* of the frame, 0..1 */
    double ratio_min, ratio_max;   /* width / height */
    bool mirror; /* every other crop is seen in a mirror; not for actions that have
                    a side */
};

/* m2clip.md's recipes: jitter 1.0 to 1.15; area 0.08 to 1, ratio 3/4 to 4/3; mirror as said. */
struct trn_crop_options trn_crop_options_defaults(enum trn_crop_kind kind, bool mirror);

/* A rectangle of a frame, in pixels and their fractions, that becomes size x size pixels. */
struct trn_crop {
    double left, top, width, height;
    bool bounded; /* what lies outside the rectangle is not looked at, else the frame's border is
                     the end */
    bool mirror;
};

/* The crop of a frame of width x height pixels (each at least 1) that `seed` stands for. */
struct trn_crop trn_crop_choose(const struct trn_crop_options *options, size_t width, size_t height,
                                size_t size, uint64_t seed);

#endif
