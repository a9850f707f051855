#include "server/http/request_target.h"

#include <stdbool.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte that an escape stands for, or -1 where it is broken or hides what shapes a path. */
static int decode_escape(const char *escape)
{
    int high = hex_digit(escape[1]);
    int low = high < 0 ? -1 : hex_digit(escape[2]);
    if (low < 0)
        return -1;
    int byte = high * 16 + low;
    if (byte < 0x20 || byte == 0x7f || byte == '/' || byte == '\\')
        return -1;
    return byte;
}

static bool is_printable(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c <= 0x20 || *c == 0x7f) /* also 8-bit bytes, where char is signed */
            return false;
    return true;
}

static bool has_dot_segment(const char *path)
{
    while (*path) {
        path++;
        size_t length = strcspn(path, "/");
        if ((length == 1 && path[0] == '.') || (length == 2 && path[0] == '.' && path[1] == '.'))
            return true;
        path += length;
    }
    return false;
}

static bool decode_path(char *path)
{
    char *write = path;
    for (const char *read = path; *read;) {
        int byte = (unsigned char)*read;
        if (*read == '%') {
            byte = decode_escape(read);
            if (byte < 0)
                return false;
            read += 3;
        } else {
            read++;
        }
        *write++ = (char)byte;
    }
    *write = '\0';
    return true;
}

enum m2c_status srv_target_parse(char *buffer, struct srv_target *out, struct m2c_error *err)
{
    static char empty[1] = "";
    if (buffer[0] != '/' || !is_printable(buffer))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the request target is not valid");
    char *question = strchr(buffer, '?');
    if (question)
        *question = '\0';
    out->path = buffer;
    out->query = question ? question + 1 : empty;
    out->query_size = strlen(out->query);
    if (strstr(buffer, "//") || strchr(buffer, '\\') || strchr(buffer, '#') ||
        !decode_path(buffer) || has_dot_segment(buffer))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the path is not valid");
    return M2C_OK;
}
