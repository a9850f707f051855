#include "proto/json_body.h"

#include <stdbool.h>
#include <stdint.h>

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

enum m2c_status proto_json_parse(const char *bytes, size_t size, size_t max_bytes, json_t **out,
                                 struct m2c_error *err)
{
    if (size > max_bytes)
        return m2c_fail(err, M2C_TOO_LARGE, "the JSON body has %zu bytes; the limit is %zu", size,
                        max_bytes);
    if (size == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body is empty");
    if (!depth_is_bounded(bytes, size))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body nests deeper than %d levels",
                        (int)PROTO_JSON_MAX_DEPTH);
    json_error_t library;
    json_t *value = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &library);
    if (!value) {
        if (json_error_code(&library) == json_error_out_of_memory)
            return m2c_fail_memory(err, "the JSON body", size);
        if (json_error_code(&library) == json_error_duplicate_key)
            return m2c_fail(err, M2C_INVALID_REQUEST,
                            "the JSON body gives a key twice near byte %d", library.position);
        return m2c_fail(err, M2C_INVALID_REQUEST, "the body is not valid JSON near byte %d",
                        library.position);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return m2c_fail(err, M2C_INVALID_REQUEST, "the JSON body is not an object");
    }
    *out = value;
    return M2C_OK;
}
