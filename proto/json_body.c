#include "proto/json_body.h"

#include <stdbool.h>

void proto_json_start(void)
{
    json_object_seed(0);
}

/* Whether no bracket outside a string lies deeper than the limit; what is not JSON passes here and
 * fails in the parser. */
static bool depth_is_bounded(const char *bytes, size_t size)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < size; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > PROTO_JSON_MAX_DEPTH)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static enum m2c_status describe(const struct proto_json_lift *lift, const json_error_t *library,
                                struct m2c_error *err)
{
    size_t position = library->position > 0 ? (size_t)library->position : 0;
    size_t origin = proto_json_lift_origin(lift, position);
    if (json_error_code(library) == json_error_out_of_memory)
        return m2c_fail_memory(err, "the JSON body", lift->size);
    if (json_error_code(library) == json_error_duplicate_key)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body gives a key twice near byte %zu",
                        origin);
    return m2c_fail(err, M2C_INVALID_REQUEST, "the body is not valid JSON near byte %zu", origin);
}

enum m2c_status proto_json_parse_lifted(const struct proto_json_lift *lift, json_t **out,
                                        struct m2c_error *err)
{
    if (lift->size == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body is empty");
    if (!depth_is_bounded(lift->text, lift->size))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body nests deeper than %d levels",
                        (int)PROTO_JSON_MAX_DEPTH);
    json_error_t library;
    json_t *value = json_loadb(lift->text, lift->size, JSON_REJECT_DUPLICATES, &library);
    if (!value)
        return describe(lift, &library, err);
    if (!json_is_object(value)) {
        json_decref(value);
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body is not an object");
    }
    *out = value;
    return M2C_OK;
}

enum m2c_status proto_json_parse(const char *bytes, size_t size, size_t max_bytes, json_t **out,
                                 struct m2c_error *err)
{
    const struct proto_json_lift whole = {.source = bytes, .text = bytes, .size = size};
    if (size > max_bytes)
        return m2c_fail(err, M2C_TOO_LARGE, "the JSON body has %zu bytes; the limit is %zu", size,
                        max_bytes);
    return proto_json_parse_lifted(&whole, out, err);
}
