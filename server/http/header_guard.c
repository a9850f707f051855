#include "server/http/header_guard.h"

#include <string.h>
#include <strings.h>

#include "server/http/token.h"
#include "server/limits.h"

/* More digits than these overflow 64 bits or are padding that other readers may cut. */
enum { MAX_LENGTH_DIGITS = 19 };

void srv_guard_init(struct srv_guard *guard)
{
    memset(guard, 0, sizeof *guard);
}

static bool is_token(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!srv_is_token_char(text[i]))
            return false;
    return size > 0;
}

static bool is_field_value(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static bool named(const char *name, size_t size, const char *wanted)
{
    return size == strlen(wanted) && strncasecmp(name, wanted, size) == 0;
}

/* A folded line arrives glued to the name before it ("Transfer-Encodingchunked"): such a name
 * starts like a framing header and is none. */
static bool is_misspelt_framing(const char *name, size_t size)
{
    static const char *const framing[] = {"transfer-encoding", "content-length", "host"};
    for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++) {
        size_t length = strlen(framing[i]);
        if (size > length && strncasecmp(name, framing[i], length) == 0)
            return true;
    }
    return false;
}

static void read_length(struct srv_guard *guard, const char *value, size_t size)
{
    uint64_t length = 0;
    guard->lengths++;
    if (size == 0)
        guard->bad_length = true;
    for (size_t i = 0; i < size; i++) {
        if (value[i] < '0' || value[i] > '9') {
            guard->bad_length = true;
            return;
        }
        if (i < MAX_LENGTH_DIGITS)
            length = length * 10 + (uint64_t)(value[i] - '0');
    }
    if (size > MAX_LENGTH_DIGITS)
        guard->huge_length = true;
    guard->content_length = length;
}

static bool is_host(const char *value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char c = value[i];
        if (!srv_is_alphanumeric(c) && (c == '\0' || !strchr("-._~%!$&'()*+,;=:[]", c)))
            return false;
    }
    return size > 0;
}

static void read_framing(struct srv_guard *guard, const char *name, size_t name_size,
                         const char *value, size_t value_size)
{
    if (named(name, name_size, "host")) {
        guard->hosts++;
        guard->bad_value |= !is_host(value, value_size);
    } else if (named(name, name_size, "content-length")) {
        read_length(guard, value, value_size);
    } else if (named(name, name_size, "transfer-encoding")) {
        guard->encodings++;
        guard->encoding_is_chunked = named(value, value_size, "chunked");
    } else if (named(name, name_size, "expect")) {
        guard->expects++;
        guard->bad_expect |= value_size > 0 && !named(value, value_size, "100-continue");
    } else if (named(name, name_size, "content-encoding")) {
        guard->coded_content |= value_size > 0 && !named(value, value_size, "identity");
    }
}

void srv_guard_header(struct srv_guard *guard, const char *name, size_t name_size,
                      const char *value, size_t value_size)
{
    guard->headers++;
    guard->header_bytes += name_size + value_size + 4; /* colon, blank, CRLF */
    guard->bad_name |= !is_token(name, name_size);
    guard->misspelt_framing |= is_misspelt_framing(name, name_size);
    guard->bad_value |= !is_field_value(value, value_size);
    if (named(name, name_size, "content-type")) {
        guard->repeated_content_type = guard->content_type != NULL;
        guard->content_type = value;
    } else if (named(name, name_size, "x-request-id")) {
        guard->request_id = value;
    } else if (named(name, name_size, "traceparent")) {
        guard->traceparent = value;
    } else if (named(name, name_size, "accept")) {
        guard->accept = value;
    } else {
        read_framing(guard, name, name_size, value, value_size);
    }
}

static enum m2c_status settle_line(const struct srv_guard_line *line, struct m2c_error *err)
{
    if (!is_token(line->method, strlen(line->method)))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the method is not a token");
    if (strcmp(line->version, "HTTP/1.1") != 0 && strcmp(line->version, "HTTP/1.0") != 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "only HTTP/1.1 and HTTP/1.0 are spoken");
    if (line->target[0] != '/')
        return m2c_fail(err, M2C_INVALID_REQUEST, "the request target must start with /");
    if (strlen(line->target) > SRV_MAX_TARGET_BYTES)
        return m2c_fail(err, M2C_URI_TOO_LONG, "a request target may have %zu bytes",
                        SRV_MAX_TARGET_BYTES);
    return M2C_OK;
}

bool srv_guard_is_chunked(const struct srv_guard *guard)
{
    return guard->encodings == 1 && guard->encoding_is_chunked;
}

static enum m2c_status settle_encoding(const struct srv_guard *guard,
                                       const struct srv_guard_line *line, struct m2c_error *err)
{
    if (guard->encodings == 0)
        return M2C_OK;
    if (guard->lengths > 0)
        return m2c_fail(err, M2C_INVALID_REQUEST,
                        "Content-Length and Transfer-Encoding exclude each other");
    if (guard->encodings > 1 || !guard->encoding_is_chunked ||
        strcmp(line->version, "HTTP/1.0") == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the Transfer-Encoding is not valid");
    return line->allow_chunked
               ? M2C_OK
               : m2c_fail(err, M2C_LENGTH_REQUIRED, "chunked bodies are not accepted");
}

static enum m2c_status settle_length(const struct srv_guard *guard,
                                     const struct srv_guard_line *line, struct m2c_error *err)
{
    if (guard->lengths > 1)
        return m2c_fail(err, M2C_INVALID_REQUEST, "Content-Length is given twice");
    if (guard->bad_length)
        return m2c_fail(err, M2C_INVALID_REQUEST, "Content-Length must be digits alone");
    if (guard->huge_length || guard->content_length > line->max_body_bytes)
        return m2c_fail(err, M2C_TOO_LARGE, "a body may have %llu bytes",
                        (unsigned long long)line->max_body_bytes);
    if ((guard->content_length > 0 || guard->encodings > 0) &&
        (strcmp(line->method, "GET") == 0 || strcmp(line->method, "HEAD") == 0))
        return m2c_fail(err, M2C_INVALID_REQUEST, "%s takes no body", line->method);
    return M2C_OK;
}

static enum m2c_status settle_headers(const struct srv_guard *guard, struct m2c_error *err)
{
    if (guard->headers > SRV_MAX_HEADERS)
        return m2c_fail(err, M2C_HEADERS_TOO_LARGE, "%u headers exceed %d", guard->headers,
                        SRV_MAX_HEADERS);
    if (guard->header_bytes > SRV_MAX_HEADER_BYTES)
        return m2c_fail(err, M2C_HEADERS_TOO_LARGE, "%zu bytes of headers exceed %zu",
                        guard->header_bytes, SRV_MAX_HEADER_BYTES);
    if (guard->bad_name || guard->misspelt_framing)
        return m2c_fail(err, M2C_INVALID_REQUEST, "a header name is not valid");
    if (guard->hosts != 1)
        return m2c_fail(err, M2C_INVALID_REQUEST, "exactly one Host is required, %u are given",
                        guard->hosts);
    if (guard->bad_value)
        return m2c_fail(err, M2C_INVALID_REQUEST, "a header value is not valid");
    return M2C_OK;
}

static enum m2c_status settle_content(const struct srv_guard *guard, struct m2c_error *err)
{
    if (guard->expects > 1 || guard->bad_expect)
        return m2c_fail(err, M2C_EXPECTATION_FAILED, "only Expect: 100-continue can be met");
    if (guard->coded_content)
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "Content-Encoding is not accepted");
    if (guard->repeated_content_type)
        return m2c_fail(err, M2C_INVALID_REQUEST, "Content-Type is given twice");
    return M2C_OK;
}

enum m2c_status srv_guard_settle(const struct srv_guard *guard, const struct srv_guard_line *line,
                                 struct m2c_error *err)
{
    enum m2c_status status = settle_line(line, err);
    if (status == M2C_OK)
        status = settle_headers(guard, err);
    if (status == M2C_OK)
        status = settle_encoding(guard, line, err);
    if (status == M2C_OK)
        status = settle_length(guard, line, err);
    if (status == M2C_OK)
        status = settle_content(guard, err);
    return status;
}
