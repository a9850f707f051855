#include "model/json_members.h"

#include <string.h>

enum m2c_status m2c_members_parse(const char *file, const char *bytes, size_t size, json_t **out,
                                  struct m2c_error *err)
{
    json_error_t trouble;
    json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &trouble);
    if (!root) {
        (void)m2c_fail(err, M2C_BAD_MODEL, "%s is not valid JSON (line %d, column %d)", file,
                       trouble.line, trouble.column);
        return m2c_error_context(err, "%s", trouble.text);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return m2c_fail(err, M2C_BAD_MODEL, "%s is not a JSON object", file);
    }
    *out = root;
    return M2C_OK;
}

const json_t *m2c_members_get(const struct m2c_members *reader, const char *key)
{
    const json_t *value = json_object_get(reader->object, key);
    return json_is_null(value) ? NULL : value;
}

void m2c_members_fail(struct m2c_members *reader, const char *key, const char *what)
{
    if (reader->status == M2C_OK)
        reader->status =
            m2c_fail_field(reader->err, M2C_BAD_MODEL, key, "%s: %s %s", reader->file, key, what);
}

static void fail_range(struct m2c_members *reader, const char *key, int low, int high)
{
    if (reader->status == M2C_OK)
        reader->status =
            m2c_fail_field(reader->err, M2C_BAD_MODEL, key, "%s: %s must be an integer %d..%d",
                           reader->file, key, low, high);
}

bool m2c_members_int(struct m2c_members *reader, const char *key, int low, int high, int *out)
{
    const json_t *value = m2c_members_get(reader, key);
    if (!value)
        return false;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < low || number > high) {
        fail_range(reader, key, low, high);
        return false;
    }
    *out = (int)number;
    return true;
}

void m2c_members_require_int(struct m2c_members *reader, const char *key, int low, int high,
                             int *out)
{
    if (!m2c_members_int(reader, key, low, high, out))
        m2c_members_fail(reader, key, "is missing");
}

/* Bounds are checked in the positive, so that a NaN would fail too. */
static bool number_within(const json_t *value, double low, double high)
{
    double number = json_number_value(value);
    return json_is_number(value) && number >= low && number <= high;
}

bool m2c_members_float(struct m2c_members *reader, const char *key, double low, double high,
                       float *out)
{
    const json_t *value = m2c_members_get(reader, key);
    if (!value)
        return false;
    if (!number_within(value, low, high)) {
        if (reader->status == M2C_OK)
            reader->status =
                m2c_fail_field(reader->err, M2C_BAD_MODEL, key, "%s: %s must be a number %g..%g",
                               reader->file, key, low, high);
        return false;
    }
    *out = (float)json_number_value(value);
    return true;
}

bool m2c_members_text(struct m2c_members *reader, const char *key, const char **out)
{
    const json_t *value = m2c_members_get(reader, key);
    if (!value)
        return false;
    if (!json_is_string(value)) {
        m2c_members_fail(reader, key, "must be a string");
        return false;
    }
    *out = json_string_value(value);
    return true;
}

bool m2c_members_float3(struct m2c_members *reader, const char *key, double low, double high,
                        float out[3])
{
    const json_t *value = m2c_members_get(reader, key);
    if (!value)
        return false;
    bool good = json_is_array(value) && json_array_size(value) == 3;
    for (size_t i = 0; good && i < 3; i++)
        good = number_within(json_array_get(value, i), low, high);
    if (!good) {
        if (reader->status == M2C_OK)
            reader->status =
                m2c_fail_field(reader->err, M2C_BAD_MODEL, key,
                               "%s: %s must be three numbers %g..%g", reader->file, key, low, high);
        return false;
    }
    for (size_t i = 0; i < 3; i++)
        out[i] = (float)json_number_value(json_array_get(value, i));
    return true;
}
