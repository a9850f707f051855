#include "server/clients/cors.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ORIGIN_BYTES = 300 };

static const char host_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";

/* A port without leading zero, not the one that the scheme implies. */
static bool is_port(const char *text, bool tls)
{
    size_t size = strspn(text, "0123456789");
    return size >= 1 && size <= 5 && text[size] == '\0' && text[0] != '0' &&
           strcmp(text, tls ? "443" : "80") != 0;
}

static bool is_origin(const char *text)
{
    bool tls = strncmp(text, "https://", 8) == 0;
    if (!tls && strncmp(text, "http://", 7) != 0)
        return false;
    text += tls ? 8 : 7;
    size_t host;
    if (text[0] == '[') {
        host = 1 + strspn(text + 1, "0123456789abcdef:.");
        if (host < 3 || text[host++] != ']')
            return false;
    } else {
        host = strspn(text, host_characters);
    }
    return host > 0 && (text[host] == '\0' || (text[host] == ':' && is_port(text + host + 1, tls)));
}

static enum m2c_status add(struct srv_cors *cors, const char *text, size_t size,
                           struct m2c_error *err)
{
    char *origin = size < MAX_ORIGIN_BYTES ? strndup(text, size) : NULL;
    if (!origin && size < MAX_ORIGIN_BYTES)
        return m2c_fail_memory(err, "an origin", size);
    if (!origin || !is_origin(origin)) {
        free(origin);
        return m2c_fail_field(err, M2C_USAGE, "cors-origin",
                              "%.*s is not an origin such as https://app.example",
                              size < 80 ? (int)size : 80, text);
    }
    cors->origins[cors->count++] = origin;
    return M2C_OK;
}

enum m2c_status srv_cors_parse(const char *text, struct srv_cors *out, struct m2c_error *err)
{
    size_t count = 1;
    enum m2c_status status = M2C_OK;
    *out = (struct srv_cors){.any = strcmp(text, "*") == 0};
    if (out->any)
        return M2C_OK;
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ','))
        count++;
    out->origins = calloc(count, sizeof *out->origins);
    if (!out->origins)
        return m2c_fail_memory(err, "a list of origins", count * sizeof *out->origins);
    while (status == M2C_OK && text) {
        size_t size = strcspn(text, ",");
        status = add(out, text, size, err);
        text = text[size] == ',' ? text + size + 1 : NULL;
    }
    if (status != M2C_OK)
        srv_cors_destroy(out);
    return status;
}

void srv_cors_destroy(struct srv_cors *cors)
{
    for (size_t i = 0; i < cors->count; i++)
        free(cors->origins[i]);
    free(cors->origins);
    *cors = (struct srv_cors){0};
}

const char *srv_cors_allow(const struct srv_cors *cors, const char *origin)
{
    if (cors->any)
        return "*";
    for (size_t i = 0; i < cors->count; i++)
        if (strcmp(cors->origins[i], origin) == 0)
            return cors->origins[i];
    return NULL;
}

bool srv_cors_varies(const struct srv_cors *cors)
{
    return cors->count > 0;
}
