#include "server/http/media_type.h"

#include <string.h>
#include <strings.h>

#include "server/http/token.h"

enum { MAX_TYPE = 64, MAX_NAME = 32, MAX_VALUE = 128 };

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Copies a token, moves `*text` behind it; false where there is none or it does not fit. */
static bool take_token(const char **text, char *out, size_t room, const char *also)
{
    size_t length = 0;
    while (srv_is_token_char((*text)[length]) || ((*text)[length] && strchr(also, (*text)[length])))
        length++;
    if (length == 0 || length >= room)
        return false;
    memcpy(out, *text, length);
    out[length] = '\0';
    *text += length;
    return true;
}

static bool take_quoted(const char **text, char *out, size_t room)
{
    const char *read = *text + 1;
    size_t length = 0;
    for (; *read && *read != '"'; read++) {
        if (*read == '\\' && read[1])
            read++;
        if (length + 1 >= room)
            return false;
        out[length++] = *read;
    }
    out[length] = '\0';
    *text = read + 1;
    return *read == '"';
}

struct parameter {
    char name[MAX_NAME], value[MAX_VALUE];
};

/* The next `; name=value`; false at the end (`*bad` stays) or at what does not parse. */
static bool next_parameter(const char **text, struct parameter *out, bool *bad)
{
    const char *read = skip_blanks(*text);
    while (*read == ';')
        read = skip_blanks(read + 1);
    if (*read == '\0')
        return false;
    *bad = true;
    if (!take_token(&read, out->name, sizeof out->name, "") || *read != '=')
        return false;
    read++;
    bool taken = *read == '"' ? take_quoted(&read, out->value, sizeof out->value)
                              : take_token(&read, out->value, sizeof out->value, "/:?=(),");
    if (!taken)
        return false;
    *text = read;
    *bad = false;
    return true;
}

/* RFC 2046, 5.1.1: bchars, no space at the end. */
static bool is_boundary(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > SRV_BOUNDARY_MAX || text[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!srv_is_alphanumeric(c) && !strchr("'()+_,-./:=? ", c))
            return false;
    }
    return true;
}

static enum srv_media_kind kind_of(const char *type)
{
    if (strncasecmp(type, "video/", 6) == 0 || strcasecmp(type, "application/octet-stream") == 0)
        return SRV_MEDIA_RAW;
    if (strcasecmp(type, "multipart/form-data") == 0)
        return SRV_MEDIA_FORM;
    if (strcasecmp(type, "application/json") == 0)
        return SRV_MEDIA_JSON;
    return SRV_MEDIA_OTHER;
}

static enum m2c_status take_boundary(struct srv_media_type *media, const char *value,
                                     struct m2c_error *err)
{
    if (media->boundary[0] != '\0' || !is_boundary(value))
        return m2c_fail(err, M2C_INVALID_REQUEST,
                        "the form needs one boundary of 1 to %d characters", SRV_BOUNDARY_MAX);
    memcpy(media->boundary, value, strlen(value) + 1);
    return M2C_OK;
}

static enum m2c_status take_parameters(struct srv_media_type *media, const char *text,
                                       struct m2c_error *err)
{
    struct parameter parameter;
    bool bad = false;
    while (next_parameter(&text, &parameter, &bad)) {
        if (media->kind == SRV_MEDIA_JSON && strcasecmp(parameter.name, "charset") == 0 &&
            strcasecmp(parameter.value, "utf-8") != 0)
            return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "JSON is read in UTF-8 alone");
        if (media->kind == SRV_MEDIA_FORM && strcasecmp(parameter.name, "boundary") == 0) {
            enum m2c_status status = take_boundary(media, parameter.value, err);
            if (status != M2C_OK)
                return status;
        }
    }
    if (media->kind == SRV_MEDIA_FORM && media->boundary[0] == '\0')
        return take_boundary(media, "", err);
    if (bad)
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "the Content-Type does not parse");
    return M2C_OK;
}

enum m2c_status srv_media_type_parse(const char *value, struct srv_media_type *out,
                                     struct m2c_error *err)
{
    char type[MAX_TYPE];
    out->kind = SRV_MEDIA_NONE;
    out->boundary[0] = '\0';
    if (!value || *skip_blanks(value) == '\0')
        return M2C_OK;
    value = skip_blanks(value);
    if (!take_token(&value, type, sizeof type, "/") || !strchr(type, '/'))
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "the Content-Type does not parse");
    const char *rest = skip_blanks(value);
    if (*rest != '\0' && *rest != ';')
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "the Content-Type does not parse");
    out->kind = kind_of(type);
    return take_parameters(out, value, err);
}
