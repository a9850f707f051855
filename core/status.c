#include "status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct status_row {
    int http;
    const char *code;
    const char *title;
};

static const struct status_row status_rows[M2C_STATUS_COUNT] = {
#define M2C_STATUS_ROW(name, http_status, wire_code, constant_title)                               \
    [M2C_##name] = {.http = (http_status), .code = (wire_code), .title = (constant_title)},
    M2C_STATUS_LIST(M2C_STATUS_ROW)
#undef M2C_STATUS_ROW
};

static const struct status_row *row_of(enum m2c_status status)
{
    unsigned index = (unsigned)status;
    return &status_rows[index < M2C_STATUS_COUNT ? index : M2C_INTERNAL];
}

const char *m2c_status_code(enum m2c_status status)
{
    return row_of(status)->code;
}

int m2c_status_http(enum m2c_status status)
{
    return row_of(status)->http;
}

const char *m2c_status_title(enum m2c_status status)
{
    return row_of(status)->title;
}

__attribute__((format(printf, 4, 0))) static void fill(struct m2c_error *err,
                                                       enum m2c_status status, const char *field,
                                                       const char *format, va_list arguments)
{
    err->status = status;
    err->context[0] = '\0';
    (void)snprintf(err->field, sizeof err->field, "%s", field);
    (void)vsnprintf(err->detail, sizeof err->detail, format, arguments);
}

enum m2c_status m2c_fail(struct m2c_error *err, enum m2c_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, "", format, arguments);
    va_end(arguments);
    return status;
}

enum m2c_status m2c_fail_field(struct m2c_error *err, enum m2c_status status, const char *field,
                               const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(err, status, field, format, arguments);
    va_end(arguments);
    return status;
}

enum m2c_status m2c_error_context(struct m2c_error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err->context, sizeof err->context, format, arguments);
    va_end(arguments);
    return err->status;
}

void m2c_describe_errno(struct m2c_error *err, const char *what, const char *path)
{
    int number = errno;
    (void)m2c_fail(err, M2C_IO_FAILED, "%s failed", what);
    (void)m2c_error_context(err, "%s%s%s", path ? path : "", path ? ": " : "", strerror(number));
}
