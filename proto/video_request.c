#include "proto/video_request.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base64.h"

enum { MAX_URL_BYTES = 2048, MAX_VIDEO_ID_BYTES = 128 };

void proto_input_destroy(struct proto_input *input)
{
    free(input->url);
    free(input->video_id);
    *input = (struct proto_input){0};
}

static enum m2c_status set_kind(struct proto_input *input, enum proto_input_kind kind,
                                const char *field, struct m2c_error *err)
{
    if (input->kind != PROTO_INPUT_NONE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "a video is given twice: one of video, url and video_id is allowed");
    input->kind = kind;
    return M2C_OK;
}

enum m2c_status proto_input_set_url(struct proto_input *input, const char *url, size_t length,
                                    struct m2c_error *err)
{
    enum m2c_status status = set_kind(input, PROTO_INPUT_URL, "url", err);
    return status == M2C_OK ? proto_text_copy(&input->url, url, length, MAX_URL_BYTES, "url", err)
                            : status;
}

/* What the body's members are read into, and what was lifted out of it. */
struct reading {
    const struct proto_json_lift *lift;
    struct proto_options *options;
    struct proto_video_request *request;
};

/* `text` is the number that stands in the place of a lifted video. */
static enum m2c_status set_video(const struct reading *reading, struct proto_input *input,
                                 const char *text, struct m2c_error *err)
{
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    enum m2c_status status = set_kind(input, PROTO_INPUT_BYTES, "video", err);
    if (status != M2C_OK)
        return status;
    if (end == text || *end != '\0' || number >= reading->lift->count)
        return m2c_fail_field(err, M2C_INTERNAL, "video", "a video was not lifted");
    input->span = reading->lift->spans[number];
    return proto_base64_size(reading->lift->source, &input->span, "video", &input->size, err);
}

static bool is_source(const char *key)
{
    return strcmp(key, "video") == 0 || strcmp(key, "url") == 0 || strcmp(key, "video_id") == 0;
}

static enum m2c_status set_source(const struct reading *reading, struct proto_input *input,
                                  const char *key, const json_t *value, struct m2c_error *err)
{
    if (!json_is_string(value))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, key, "%s must be a string", key);
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (strcmp(key, "video") == 0)
        return set_video(reading, input, text, err);
    if (strcmp(key, "url") == 0)
        return proto_input_set_url(input, text, length, err);
    if (reading->options->route == PROTO_TIMELINE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, key,
                              "timeline looks at frames: send the video or its url");
    enum m2c_status status = set_kind(input, PROTO_INPUT_VIDEO_ID, key, err);
    if (status == M2C_OK)
        status = proto_text_copy(&input->video_id, text, length, MAX_VIDEO_ID_BYTES, key, err);
    return status;
}

/* Puts the index of the input in front of the field: `inputs[3].video`. */
static void prefix_field(struct m2c_error *err, size_t index)
{
    char field[sizeof err->field];
    (void)snprintf(field, sizeof field, "inputs[%zu].%.30s", index, err->field);
    memcpy(err->field, field, sizeof field);
}

static enum m2c_status read_input(const struct reading *reading, struct proto_input *input,
                                  const json_t *object, size_t index, struct m2c_error *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs", "inputs[%zu] is not an object",
                              index);
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        enum m2c_status status =
            is_source(key) ? set_source(reading, input, key, value, err)
                           : m2c_fail_field(err, M2C_INVALID_REQUEST, key,
                                            "an input has one of video, url and video_id, "
                                            "nothing else");
        if (status != M2C_OK) {
            prefix_field(err, index);
            return status;
        }
    }
    if (input->kind == PROTO_INPUT_NONE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs",
                              "inputs[%zu] names no video, url or video_id", index);
    return M2C_OK;
}

static enum m2c_status read_inputs(const struct reading *reading, const json_t *array,
                                   struct m2c_error *err)
{
    struct proto_video_request *request = reading->request;
    const struct proto_options *options = reading->options;
    size_t count = json_array_size(array);
    if (!json_is_array(array) || count == 0 || count > (size_t)options->limits.max_inputs)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs",
                              "inputs must be an array of 1 to %d objects",
                              options->limits.max_inputs);
    request->inputs = calloc(count, sizeof *request->inputs);
    if (!request->inputs)
        return m2c_fail_memory(err, "the inputs", count * sizeof *request->inputs);
    request->count = count;
    request->many = true;
    for (size_t i = 0; i < count; i++) {
        enum m2c_status status =
            read_input(reading, &request->inputs[i], json_array_get(array, i), i, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

enum m2c_status proto_video_request_absent(const struct proto_options *options,
                                           struct m2c_error *err)
{
    if (options->route == PROTO_EMBED && proto_options_has(options, PROTO_TEXTS))
        return M2C_OK;
    return m2c_fail_field(err, M2C_INVALID_REQUEST, "video",
                          options->route == PROTO_EMBED
                              ? "there is neither a video nor a text to embed"
                              : "there is no video: video, url, video_id or inputs is needed");
}

/* Whether the request says what to look at. */
static enum m2c_status check_sources(const struct proto_video_request *request,
                                     const struct proto_input *single,
                                     const struct proto_options *options, struct m2c_error *err)
{
    if (request->many && single->kind != PROTO_INPUT_NONE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs",
                              "inputs excludes video, url and video_id beside it");
    return request->many || single->kind != PROTO_INPUT_NONE
               ? M2C_OK
               : proto_video_request_absent(options, err);
}

static enum m2c_status read_members(const struct reading *reading, const json_t *body,
                                    struct proto_input *single, struct m2c_error *err)
{
    struct proto_options *options = reading->options;
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)body, key, value) {
        enum m2c_status status;
        if (is_source(key))
            status = set_source(reading, single, key, value, err);
        else if (strcmp(key, "inputs") == 0)
            status = read_inputs(reading, value, err);
        else
            status = proto_options_set_json(options, key, value, err);
        if (status != M2C_OK)
            return status;
    }
    return check_sources(reading->request, single, options, err);
}

void proto_video_request_field(const struct proto_video_request *request, size_t index,
                               char field[64])
{
    if (request->many)
        (void)snprintf(field, 64, "inputs[%zu].video", index);
    else
        (void)snprintf(field, 64, "video");
}

enum m2c_status proto_video_request_read(const json_t *body, const struct proto_json_lift *lift,
                                         struct proto_options *options,
                                         struct proto_video_request *request, struct m2c_error *err)
{
    struct proto_input single = {0};
    const struct reading reading = {lift, options, request};
    *request = (struct proto_video_request){0};
    enum m2c_status status = read_members(&reading, body, &single, err);
    if (status == M2C_OK && !request->many) {
        request->inputs = malloc(sizeof single);
        if (!request->inputs) {
            status = m2c_fail_memory(err, "the inputs", sizeof single);
        } else {
            request->inputs[0] = single;
            request->count = 1;
            single = (struct proto_input){0};
        }
    }
    proto_input_destroy(&single);
    return status;
}

void proto_video_request_destroy(struct proto_video_request *request)
{
    for (size_t i = 0; i < request->count; i++)
        proto_input_destroy(&request->inputs[i]);
    free(request->inputs);
    *request = (struct proto_video_request){0};
}
