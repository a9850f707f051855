#include "model/preprocess_config.h"

#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/json_members.h"

enum { PREPROCESS_LIMIT_BYTES = 1 << 20, DEFAULT_FRAMES = 8, PILLOW_BICUBIC = 3 };

static const float clip_mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
static const float clip_std[3] = {0.26862954F, 0.26130258F, 0.27577711F};

const char *m2c_preprocess_source_name(enum m2c_preprocess_source source)
{
    static const char *const names[] = {
        [M2C_FROM_DEFAULT] = "default",
        [M2C_FROM_CONFIG] = "config.json",
        [M2C_FROM_PREPROCESSOR] = "preprocessor_config.json",
        [M2C_FROM_FOLDER] = "preprocess.json",
        [M2C_FROM_SET] = "the adapter set",
    };
    return names[source];
}

const char *m2c_resize_name(enum m2c_resize resize)
{
    return resize == M2C_RESIZE_BICUBIC ? "bicubic" : "bicubic-antialias";
}

bool m2c_resize_from_name(const char *name, enum m2c_resize *out)
{
    if (strcmp(name, "bicubic") == 0)
        *out = M2C_RESIZE_BICUBIC;
    else if (strcmp(name, "bicubic-antialias") == 0)
        *out = M2C_RESIZE_BICUBIC_ANTIALIAS;
    else
        return false;
    return true;
}

static void free_texts(struct m2c_text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->texts[i]);
    free(list->texts);
    *list = (struct m2c_text_list){0};
}

static enum m2c_status add_text(struct m2c_text_list *list, const char *text, struct m2c_error *err)
{
    char *copy = strdup(text);
    char **texts = copy ? realloc(list->texts, (list->count + 1) * sizeof *texts) : NULL;
    if (!texts) {
        free(copy);
        return m2c_fail_memory(err, "preprocess.json", strlen(text));
    }
    list->texts = texts;
    list->texts[list->count++] = copy;
    return M2C_OK;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static bool is_template(const char *text)
{
    const char *place = strstr(text, "{}");
    return place && !strstr(place + 2, "{}");
}

/* A list of texts replaces the one before it. */
static bool read_texts(struct m2c_members *reader, const char *key, bool templates,
                       struct m2c_text_list *out)
{
    const json_t *list = m2c_members_get(reader, key);
    if (!list || reader->status != M2C_OK)
        return false;
    size_t count = json_array_size(list);
    if (!json_is_array(list) || count > M2C_MAX_TEMPLATES || (templates && count == 0)) {
        m2c_members_fail(reader, key,
                         "must be a list of at most 1000 texts, not empty for templates");
        return false;
    }
    free_texts(out);
    for (size_t i = 0; reader->status == M2C_OK && i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || is_blank(text) || strlen(text) > M2C_MAX_TEMPLATE_BYTES)
            m2c_members_fail(reader, key, "holds what is no text of 1..256 bytes");
        else if (templates && !is_template(text))
            m2c_members_fail(reader, key, "holds a template without exactly one {}");
        else
            reader->status = add_text(out, text, reader->err);
    }
    return true;
}

/* "uniform" is 0. */
static bool read_stride(struct m2c_members *reader, int *out)
{
    const json_t *value = m2c_members_get(reader, "stride");
    if (!json_is_string(value))
        return m2c_members_int(reader, "stride", 0, M2C_MAX_SAMPLE_STRIDE, out);
    *out = 0;
    if (strcmp(json_string_value(value), "uniform") != 0)
        m2c_members_fail(reader, "stride", "must be \"uniform\" or an integer 0..256");
    return true;
}

static bool read_resize(struct m2c_members *reader, enum m2c_resize *out)
{
    const char *name = NULL;
    if (!m2c_members_text(reader, "resize", &name))
        return false;
    if (!m2c_resize_from_name(name, out))
        m2c_members_fail(reader, "resize", "must be \"bicubic\" or \"bicubic-antialias\"");
    return true;
}

/* One preprocess.json over what is there already. */
static void read_own(struct m2c_members *reader, enum m2c_preprocess_source source,
                     struct m2c_preprocess *out)
{
    if (m2c_members_int(reader, "frames", 1, M2C_MAX_SAMPLE_FRAMES, &out->frames))
        out->from.frames = source;
    if (read_stride(reader, &out->stride))
        out->from.stride = source;
    if (m2c_members_int(reader, "size", 1, M2C_MAX_IMAGE_PX, &out->size_px))
        out->from.size = source;
    if (m2c_members_float3(reader, "mean", -10.0, 10.0, out->mean))
        out->from.mean = source;
    if (m2c_members_float3(reader, "std", 1e-6, 10.0, out->std))
        out->from.std = source;
    if (read_resize(reader, &out->resize))
        out->from.resize = source;
    if (read_texts(reader, "templates", true, &out->templates))
        out->from.templates = source;
    if (read_texts(reader, "background", false, &out->background))
        out->from.background = source;
}

/* 224, {"shortest_edge": 224} or {"height": 224, "width": 224}. */
static bool read_edge(struct m2c_members *reader, const char *key, int *out)
{
    const json_t *value = m2c_members_get(reader, key);
    if (!json_is_object(value))
        return m2c_members_int(reader, key, 1, M2C_MAX_IMAGE_PX, out);
    struct m2c_members inner = *reader;
    int width = 0;
    inner.object = value;
    if (!m2c_members_int(&inner, "shortest_edge", 1, M2C_MAX_IMAGE_PX, out)) {
        m2c_members_require_int(&inner, "height", 1, M2C_MAX_IMAGE_PX, out);
        m2c_members_require_int(&inner, "width", 1, M2C_MAX_IMAGE_PX, &width);
        if (inner.status == M2C_OK && width != *out)
            m2c_members_fail(&inner, key, "must be square");
    }
    reader->status = inner.status;
    return true;
}

static void read_preprocessor(struct m2c_members *reader, bool has_adapters,
                              struct m2c_preprocess *out)
{
    int edge = 0, crop = 0, resample = PILLOW_BICUBIC;
    bool has_edge = read_edge(reader, "size", &edge),
         has_crop = read_edge(reader, "crop_size", &crop);
    if (has_edge && has_crop && edge != crop)
        m2c_members_fail(reader, "crop_size",
                         "must equal size: the short side is resized to the crop");
    if (has_edge || has_crop) {
        out->size_px = has_crop ? crop : edge;
        out->from.size = M2C_FROM_PREPROCESSOR;
    }
    if (m2c_members_float3(reader, "image_mean", -10.0, 10.0, out->mean))
        out->from.mean = M2C_FROM_PREPROCESSOR;
    if (m2c_members_float3(reader, "image_std", 1e-6, 10.0, out->std))
        out->from.std = M2C_FROM_PREPROCESSOR;
    if (!has_adapters && m2c_members_int(reader, "resample", 0, 5, &resample)) {
        out->resize = M2C_RESIZE_BICUBIC_ANTIALIAS;
        out->from.resize = M2C_FROM_PREPROCESSOR;
        if (resample != PILLOW_BICUBIC)
            m2c_members_fail(reader, "resample", "must be 3 (bicubic)");
    }
}

static enum m2c_status set_defaults(const struct m2c_preprocess_sources *sources,
                                    struct m2c_preprocess *out, struct m2c_error *err)
{
    const struct m2c_config *config = sources->config;
    *out = (struct m2c_preprocess){.frames = DEFAULT_FRAMES, .size_px = config->image_px};
    memcpy(out->mean, clip_mean, sizeof out->mean);
    memcpy(out->std, clip_std, sizeof out->std);
    out->resize = sources->has_adapters ? M2C_RESIZE_BICUBIC : M2C_RESIZE_BICUBIC_ANTIALIAS;
    out->from.size = M2C_FROM_CONFIG;
    if (config->num_frames > 0 || sources->set_frames > 0) {
        out->frames = sources->set_frames > 0 ? sources->set_frames : config->num_frames;
        out->from.frames = M2C_FROM_CONFIG;
    }
    return add_text(&out->templates, "A video of {}", err);
}

/* Reads one text over `out`; NULL: nothing. */
static enum m2c_status apply(const char *text, enum m2c_preprocess_source source, bool has_adapters,
                             struct m2c_preprocess *out, struct m2c_error *err)
{
    json_t *root = NULL;
    const char *file =
        source == M2C_FROM_PREPROCESSOR ? "preprocessor_config.json" : "preprocess.json";
    if (!text)
        return M2C_OK;
    enum m2c_status status = m2c_members_parse(file, text, strlen(text), &root, err);
    if (status != M2C_OK)
        return status;
    struct m2c_members reader = {.object = root, .file = file, .err = err};
    if (source == M2C_FROM_PREPROCESSOR)
        read_preprocessor(&reader, has_adapters, out);
    else
        read_own(&reader, source, out);
    json_decref(root);
    return reader.status;
}

enum m2c_status m2c_preprocess_parse(const struct m2c_preprocess_texts *texts,
                                     const struct m2c_preprocess_sources *sources,
                                     struct m2c_preprocess *out, struct m2c_error *err)
{
    enum m2c_status status = set_defaults(sources, out, err);
    bool adapters = sources->has_adapters;
    if (status == M2C_OK)
        status = apply(texts->preprocessor, M2C_FROM_PREPROCESSOR, adapters, out, err);
    if (status == M2C_OK)
        status = apply(texts->folder, M2C_FROM_FOLDER, adapters, out, err);
    if (status == M2C_OK)
        status = apply(texts->set, M2C_FROM_SET, adapters, out, err);
    if (status == M2C_OK && out->size_px != sources->config->image_px)
        status = m2c_fail_field(
            err, M2C_BAD_MODEL, "size", "%s: size %d is not the network's image size %d",
            m2c_preprocess_source_name(out->from.size), out->size_px, sources->config->image_px);
    if (status != M2C_OK)
        m2c_preprocess_destroy(out);
    return status;
}

static enum m2c_status read_text(const char *dir, const char *name, char **text,
                                 struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    size_t size = 0;
    enum m2c_status status = m2c_folder_path(path, dir, name, err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(path, PREPROCESS_LIMIT_BYTES, text, &size, err);
    if (status == M2C_OK && *text && strlen(*text) != size)
        status = m2c_fail(err, M2C_BAD_MODEL, "%s is not valid JSON: it holds a zero byte", name);
    return status;
}

enum m2c_status m2c_preprocess_load(const struct m2c_preprocess_sources *sources,
                                    struct m2c_preprocess *out, struct m2c_error *err)
{
    char *set = NULL, *folder = NULL, *preprocessor = NULL;
    *out = (struct m2c_preprocess){0};
    enum m2c_status status =
        read_text(sources->dir, "preprocessor_config.json", &preprocessor, err);
    if (status == M2C_OK)
        status = read_text(sources->dir, "preprocess.json", &folder, err);
    if (status == M2C_OK && sources->set_dir)
        status = read_text(sources->set_dir, "preprocess.json", &set, err);
    if (status == M2C_OK) {
        struct m2c_preprocess_texts texts = {
            .set = set, .folder = folder, .preprocessor = preprocessor};
        status = m2c_preprocess_parse(&texts, sources, out, err);
    }
    free(set);
    free(folder);
    free(preprocessor);
    return status;
}

void m2c_preprocess_destroy(struct m2c_preprocess *preprocess)
{
    free_texts(&preprocess->templates);
    free_texts(&preprocess->background);
    *preprocess = (struct m2c_preprocess){0};
}
