#include "server/http/multipart.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum state {
    STATE_START,      /* before the first delimiter */
    STATE_AFTER,      /* behind a delimiter: CRLF or "--" */
    STATE_AFTER_CR,   /* the line feed is missing */
    STATE_AFTER_DASH, /* the second dash is missing */
    STATE_HEADERS,    /* a part's header block */
    STATE_DATA,       /* a part's bytes */
    STATE_END,        /* behind the closing delimiter */
};

void srv_multipart_init(struct srv_multipart *parser, const char *boundary,
                        const struct srv_multipart_sink *sink)
{
    size_t length = strlen(boundary);
    parser->sink = *sink;
    parser->state = STATE_START;
    memcpy(parser->delimiter, "\r\n--", 4);
    memcpy(parser->delimiter + 4, boundary, length);
    parser->delimiter_size = length + 4;
    /* The delimiter's own CRLF may be missing at the very start of a body. */
    parser->matched = 2;
    parser->header_size = 0;
}

static enum m2c_status broken(struct m2c_error *err, const char *what)
{
    return m2c_fail(err, M2C_INVALID_REQUEST, "the multipart body is broken: %s", what);
}

/* STATE_START: one byte of the first delimiter. */
static enum m2c_status take_start(struct srv_multipart *parser, char c, struct m2c_error *err)
{
    if (parser->matched == 2 && c == '\r') {
        parser->matched = 1;
        return M2C_OK;
    }
    if (c != parser->delimiter[parser->matched])
        return broken(err, "it does not start with the boundary");
    if (++parser->matched == parser->delimiter_size)
        parser->state = STATE_AFTER;
    return M2C_OK;
}

static enum m2c_status take_after(struct srv_multipart *parser, char c, struct m2c_error *err)
{
    if (parser->state == STATE_AFTER && c == '\r')
        parser->state = STATE_AFTER_CR;
    else if (parser->state == STATE_AFTER && c == '-')
        parser->state = STATE_AFTER_DASH;
    else if (parser->state == STATE_AFTER && (c == ' ' || c == '\t'))
        return M2C_OK; /* transport padding */
    else if (parser->state == STATE_AFTER_CR && c == '\n')
        parser->state = STATE_HEADERS;
    else if (parser->state == STATE_AFTER_DASH && c == '-')
        parser->state = STATE_END;
    else
        return broken(err, "a boundary is not followed by a line end");
    parser->header_size = 0;
    return M2C_OK;
}

/* The value of a parameter of Content-Disposition, into out[room]; false where it is absent,
 * doubtful or too long. */
static bool find_name(const char *line, char *out, size_t room)
{
    bool found = false;
    const char *read = strchr(line, ';');
    while (read) {
        read += 1 + strspn(read + 1, " \t");
        size_t key = strcspn(read, "=;");
        bool is_name = key == 4 && strncasecmp(read, "name", 4) == 0;
        read += key;
        if (*read != '=') {
            read = *read ? read : NULL;
            continue;
        }
        bool quoted = *++read == '"';
        read += quoted;
        size_t length = 0;
        while (*read && (quoted ? *read != '"' : *read != ';')) {
            if (quoted && *read == '\\' && read[1])
                read++;
            if (is_name && (found || length + 1 >= room))
                return false;
            if (is_name)
                out[length++] = *read;
            read++;
        }
        if (quoted && *read++ != '"')
            return false;
        if (is_name) {
            out[length] = '\0';
            found = length > 0;
        }
        read = strchr(read, ';');
    }
    return found;
}

static bool header_is(const char *line, const char *name, const char **value)
{
    size_t length = strlen(name);
    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return false;
    *value = line + length + 1 + strspn(line + length + 1, " \t");
    return true;
}

static enum m2c_status read_header_line(const char *line, char *name, struct m2c_error *err)
{
    const char *value;
    if (line[0] == ' ' || line[0] == '\t' || line[0] == ':' || !strchr(line, ':'))
        return broken(err, "a part's header line is not valid");
    if (header_is(line, "content-disposition", &value)) {
        if (name[0] != '\0' || strncasecmp(value, "form-data", 9) != 0 ||
            !find_name(value, name, SRV_FIELD_NAME_MAX + 1))
            return broken(err, "a part has no usable name");
    } else if (header_is(line, "content-type", &value)) {
        if (strncasecmp(value, "multipart/", 10) == 0)
            return broken(err, "parts may not be nested");
    } else if (header_is(line, "content-transfer-encoding", &value)) {
        if (strcasecmp(value, "binary") != 0 && strcasecmp(value, "8bit") != 0 &&
            strcasecmp(value, "7bit") != 0)
            return broken(err, "a part's transfer encoding is not accepted");
    }
    return M2C_OK;
}

/* The header block is complete (its last line end included): find the part's name. */
static enum m2c_status open_part(struct srv_multipart *parser, struct m2c_error *err)
{
    char name[SRV_FIELD_NAME_MAX + 1] = "";
    char *line = parser->header;
    char *end = parser->header + parser->header_size;
    if (memchr(line, '\0', parser->header_size))
        return broken(err, "a part's header holds a NUL");
    while (line < end) {
        char *line_end = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (!line_end || memchr(line, '\n', (size_t)(line_end - line)))
            return broken(err, "a part's header line does not end in CRLF");
        *line_end = '\0';
        enum m2c_status status = read_header_line(line, name, err);
        if (status != M2C_OK)
            return status;
        line = line_end + 2;
    }
    if (name[0] == '\0')
        return broken(err, "a part has no usable name");
    parser->state = STATE_DATA;
    parser->matched = 0;
    return parser->sink.part_begin(parser->sink.argument, name, err);
}

static enum m2c_status take_header(struct srv_multipart *parser, char c, struct m2c_error *err)
{
    if (parser->header_size == sizeof parser->header)
        return broken(err, "a part's header is too long");
    parser->header[parser->header_size++] = c;
    if (c != '\n')
        return M2C_OK;
    size_t size = parser->header_size;
    if (size == 2 && parser->header[0] == '\r')
        return broken(err, "a part has no header");
    if (size >= 4 && memcmp(parser->header + size - 4, "\r\n\r\n", 4) == 0) {
        parser->header_size -= 2;
        return open_part(parser, err);
    }
    return M2C_OK;
}

static enum m2c_status emit(struct srv_multipart *parser, const char *data, size_t size,
                            struct m2c_error *err)
{
    return size > 0 ? parser->sink.part_data(parser->sink.argument, data, size, err) : M2C_OK;
}

static enum m2c_status close_part(struct srv_multipart *parser, struct m2c_error *err)
{
    parser->state = STATE_AFTER;
    parser->matched = 0;
    return parser->sink.part_end(parser->sink.argument, err);
}

/* STATE_DATA: continues a delimiter that may have begun, in this piece or an earlier one. A
 * delimiter holds CR only at its start, so a mismatch restarts at the present byte at the latest.
 * Moves `*used` behind what was consumed. */
static enum m2c_status continue_delimiter(struct srv_multipart *parser, const char *data,
                                          size_t size, size_t *used, struct m2c_error *err)
{
    while (*used < size && data[*used] == parser->delimiter[parser->matched]) {
        (*used)++;
        if (++parser->matched == parser->delimiter_size)
            return close_part(parser, err);
    }
    if (*used == size)
        return M2C_OK;
    size_t held = parser->matched;
    parser->matched = 0;
    return emit(parser, parser->delimiter, held, err);
}

static enum m2c_status take_data(struct srv_multipart *parser, const char *data, size_t size,
                                 size_t *used, struct m2c_error *err)
{
    if (parser->matched > 0)
        return continue_delimiter(parser, data, size, used, err);
    const char *start = data + *used;
    const char *cr = memchr(start, '\r', size - *used);
    size_t plain = cr ? (size_t)(cr - start) : size - *used;
    *used += plain;
    enum m2c_status status = emit(parser, start, plain, err);
    if (status == M2C_OK && cr)
        status = continue_delimiter(parser, data, size, used, err);
    return status;
}

static enum m2c_status take_byte(struct srv_multipart *parser, char c, struct m2c_error *err)
{
    switch ((enum state)parser->state) {
    case STATE_START:
        return take_start(parser, c, err);
    case STATE_AFTER:
    case STATE_AFTER_CR:
    case STATE_AFTER_DASH:
        return take_after(parser, c, err);
    case STATE_HEADERS:
        return take_header(parser, c, err);
    case STATE_DATA:
    case STATE_END:
        break;
    }
    return M2C_OK;
}

enum m2c_status srv_multipart_feed(struct srv_multipart *parser, const char *data, size_t size,
                                   struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    size_t used = 0;
    while (status == M2C_OK && used < size && parser->state != STATE_END) {
        if (parser->state == STATE_DATA)
            status = take_data(parser, data, size, &used, err);
        else
            status = take_byte(parser, data[used++], err);
    }
    return status;
}

enum m2c_status srv_multipart_finish(const struct srv_multipart *parser, struct m2c_error *err)
{
    if (parser->state != STATE_END)
        return broken(err, "the closing boundary is missing");
    return M2C_OK;
}
