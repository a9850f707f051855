/* API keys: who may ask, and for what.
 *
 * A file of lines `NAME:infer|admin:KEY`; blank lines and lines that begin with `#` do not count. A
 * name is [A-Za-z0-9._-]{1,63} and no address; it may have several keys, so that one can be
 * replaced while the other still works. Keys are remembered as SHA-256 digests alone and appear in
 * no message.
 */
#ifndef SRV_CLIENTS_API_KEYS_H
#define SRV_CLIENTS_API_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "server/limits.h"
#include "status.h"

enum srv_role { SRV_ROLE_INFER, SRV_ROLE_ADMIN };

enum {
    SRV_KEY_MIN = 16, /* visible ASCII characters */
    SRV_KEY_MAX = 512,
    SRV_KEYS_MAX = 1000,
};

struct srv_api_keys;

struct srv_api_client {
    const char *name; /* borrowed from the keys */
    enum srv_role role;
};

/* Reads a regular file. M2C_IO_FAILED where it cannot be read; M2C_USAGE, field `api-key-file`,
 * with the line's number, for anything that is not as above, a key given twice, and a file without
 * a key. New; srv_api_keys_free ends it. */
M2C_MUST_USE enum m2c_status srv_api_keys_load(const char *path, struct srv_api_keys **out,
                                               struct m2c_error *err);

/* The same from the file's text[size]. */
M2C_MUST_USE enum m2c_status srv_api_keys_parse(const char *text, size_t size,
                                                struct srv_api_keys **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void srv_api_keys_free(struct srv_api_keys **keys);

size_t srv_api_keys_count(const struct srv_api_keys *keys);

/* Whose key it is. Every key of the file is compared, each in constant time, whatever is found:
 * how long it takes tells nothing. Any thread. */
bool srv_api_keys_find(const struct srv_api_keys *keys, const char *key,
                       struct srv_api_client *out);

#endif
