#include "server/http/form.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_FIELDS = 16, FIRST_BYTES = 64 };

enum m2c_status srv_form_open(struct srv_form *form, const char *name, struct m2c_error *err)
{
    if (form->count == SRV_MAX_PARAMETERS)
        return m2c_fail(err, M2C_INVALID_REQUEST, "a form may have %d fields", SRV_MAX_PARAMETERS);
    if (form->count == form->capacity) {
        size_t capacity = form->capacity ? form->capacity * 2 : FIRST_FIELDS;
        struct srv_field *fields = realloc(form->fields, capacity * sizeof *fields);
        if (!fields)
            return m2c_fail_memory(err, "form fields", capacity * sizeof *fields);
        form->fields = fields;
        form->capacity = capacity;
    }
    struct srv_field *field = &form->fields[form->count++];
    memset(field, 0, sizeof *field);
    memcpy(field->name, name, strnlen(name, SRV_FIELD_NAME_MAX));
    return M2C_OK;
}

static enum m2c_status grow(struct srv_field *field, size_t size, struct m2c_error *err)
{
    size_t capacity = field->capacity ? field->capacity : FIRST_BYTES;
    while (capacity - field->size < size)
        capacity *= 2; /* bounded by SRV_MAX_FORM_BYTES, which was checked */
    if (capacity == field->capacity)
        return M2C_OK;
    char *value = realloc(field->value, capacity);
    if (!value)
        return m2c_fail_memory(err, "a form field", capacity);
    field->value = value;
    field->capacity = capacity;
    return M2C_OK;
}

enum m2c_status srv_form_append(struct srv_form *form, const char *data, size_t size,
                                struct m2c_error *err)
{
    struct srv_field *field = &form->fields[form->count - 1];
    if (size > SRV_MAX_FORM_BYTES - form->total_bytes)
        return m2c_fail_field(err, M2C_TOO_LARGE, field->name,
                              "the fields of a form may have %zu bytes together",
                              SRV_MAX_FORM_BYTES);
    enum m2c_status status = grow(field, size, err);
    if (status != M2C_OK)
        return status;
    memcpy(field->value + field->size, data, size);
    field->size += size;
    form->total_bytes += size;
    return M2C_OK;
}

void srv_form_destroy(struct srv_form *form)
{
    for (size_t i = 0; i < form->count; i++)
        free(form->fields[i].value);
    free(form->fields);
    memset(form, 0, sizeof *form);
}
