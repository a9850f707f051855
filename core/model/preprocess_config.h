/* What a set expects of its input, and from which file each part of that comes.
 *
 * Order: the set's preprocess.json, the folder's, Hugging Face's preprocessor_config.json (size,
 * mean, std; its resize for sets without adapters), defaults.
 */
#ifndef M2C_MODEL_PREPROCESS_CONFIG_H
#define M2C_MODEL_PREPROCESS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "model/config.h"
#include "status.h"
#include "video/video.h"

enum {
    M2C_MAX_TEMPLATES = 1000,
    M2C_MAX_TEMPLATE_BYTES = 256,
    M2C_MAX_SAMPLE_FRAMES = 64,
    M2C_MAX_SAMPLE_STRIDE = 256,
};

/* Where a value comes from. */
enum m2c_preprocess_source {
    M2C_FROM_DEFAULT,
    M2C_FROM_CONFIG,       /* config.json */
    M2C_FROM_PREPROCESSOR, /* preprocessor_config.json */
    M2C_FROM_FOLDER,       /* the folder's preprocess.json */
    M2C_FROM_SET,          /* the adapter set's */
};

/* "default", "config.json", ...; static storage. */
const char *m2c_preprocess_source_name(enum m2c_preprocess_source source);

/* "bicubic" or "bicubic-antialias"; static storage. False for any other name. */
const char *m2c_resize_name(enum m2c_resize resize);
bool m2c_resize_from_name(const char *name, enum m2c_resize *out);

/* Texts, owned. */
struct m2c_text_list {
    char **texts;
    size_t count;
};

struct m2c_preprocess {
    int frames;  /* T, 1..M2C_MAX_SAMPLE_FRAMES */
    int stride;  /* 0: uniform, else 1..M2C_MAX_SAMPLE_STRIDE */
    int size_px; /* P: the config's image_px */
    float mean[3], std[3];
    enum m2c_resize resize;
    struct m2c_text_list templates;  /* one or more, each with exactly one `{}` */
    struct m2c_text_list background; /* may be empty */
    struct {
        enum m2c_preprocess_source frames, stride, size, mean, std, resize, templates, background;
    } from;
};

struct m2c_preprocess_sources {
    const char *dir;     /* the model folder */
    const char *set_dir; /* the adapter set's folder; NULL for `base` and `default` */
    const struct m2c_config *config;
    int set_frames;    /* num_frames of the set's own config.json; 0: none said */
    bool has_adapters; /* false for `base` */
};

/* Reads and merges. Unknown members are ignored; wrong types or ranges, a size that is not the
 * network's, a template without exactly one `{}`: M2C_BAD_MODEL with the member in `field`. The
 * caller destroys `out`; it is empty on failure. Any thread. */
M2C_MUST_USE enum m2c_status m2c_preprocess_load(const struct m2c_preprocess_sources *sources,
                                                 struct m2c_preprocess *out, struct m2c_error *err);

/* The same from texts in memory (NULL: no such file), in the order set, folder, preprocessor. */
struct m2c_preprocess_texts {
    const char *set, *folder, *preprocessor;
};
M2C_MUST_USE enum m2c_status m2c_preprocess_parse(const struct m2c_preprocess_texts *texts,
                                                  const struct m2c_preprocess_sources *sources,
                                                  struct m2c_preprocess *out,
                                                  struct m2c_error *err);

/* Frees the lists and zeroes; safe on a zeroed struct. */
void m2c_preprocess_destroy(struct m2c_preprocess *preprocess);

#endif
