#include "server/clients/api_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/model/digest.h"
#include "server/clients/address.h"

enum { MAX_FILE_BYTES = 1 << 20 };

static const char option[] = "api-key-file";

struct api_key {
    char name[SRV_CLIENT_NAME_MAX + 1];
    enum srv_role role;
    unsigned char digest[M2C_DIGEST_BYTES];
};

struct srv_api_keys {
    size_t count, capacity;
    struct api_key *items;
};

/* A piece of a line. */
struct piece {
    const char *text;
    size_t size;
};

static bool piece_is(struct piece piece, const char *word)
{
    return piece.size == strlen(word) && memcmp(piece.text, word, piece.size) == 0;
}

/* Cuts the piece in front of the next colon off `rest`; false without a colon. */
static bool cut(struct piece *rest, struct piece *out)
{
    const char *colon = memchr(rest->text, ':', rest->size);
    if (!colon)
        return false;
    *out = (struct piece){rest->text, (size_t)(colon - rest->text)};
    rest->size -= out->size + 1;
    rest->text = colon + 1;
    return true;
}

static bool is_name(struct piece name)
{
    struct srv_address address;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.size > 0 && name.size <= SRV_CLIENT_NAME_MAX &&
           !srv_address_parse(name.text, name.size, &address);
}

static bool is_visible(struct piece key)
{
    for (size_t i = 0; i < key.size; i++)
        if (key.text[i] < '!' || key.text[i] > '~')
            return false;
    return true;
}

static enum m2c_status parse_line(struct piece line, size_t number, struct api_key *out,
                                  struct piece *key, struct m2c_error *err)
{
    struct piece name, role;
    *key = line;
    if (!cut(key, &name) || !cut(key, &role))
        return m2c_fail_field(err, M2C_USAGE, option, "line %zu is not NAME:infer|admin:KEY",
                              number);
    if (!is_name(name))
        return m2c_fail_field(err, M2C_USAGE, option,
                              "line %zu: a name is 1 to %d characters of A-Z a-z 0-9 . _ - and no "
                              "address",
                              number, (int)SRV_CLIENT_NAME_MAX);
    if (!piece_is(role, "infer") && !piece_is(role, "admin"))
        return m2c_fail_field(err, M2C_USAGE, option,
                              "line %zu: the role is neither infer nor "
                              "admin",
                              number);
    if (key->size < SRV_KEY_MIN || key->size > SRV_KEY_MAX || !is_visible(*key))
        return m2c_fail_field(err, M2C_USAGE, option,
                              "line %zu: a key is %d to %d visible ASCII characters", number,
                              (int)SRV_KEY_MIN, (int)SRV_KEY_MAX);
    memcpy(out->name, name.text, name.size);
    out->name[name.size] = '\0';
    out->role = piece_is(role, "admin") ? SRV_ROLE_ADMIN : SRV_ROLE_INFER;
    return M2C_OK;
}

static const struct api_key *find_digest(const struct srv_api_keys *keys,
                                         const unsigned char digest[M2C_DIGEST_BYTES])
{
    const struct api_key *found = NULL;
    for (size_t i = 0; i < keys->count; i++)
        if (CRYPTO_memcmp(digest, keys->items[i].digest, M2C_DIGEST_BYTES) == 0)
            found = &keys->items[i];
    return found;
}

static enum m2c_status grow(struct srv_api_keys *keys, struct m2c_error *err)
{
    if (keys->count >= SRV_KEYS_MAX)
        return m2c_fail_field(err, M2C_USAGE, option, "there are more than %d keys",
                              (int)SRV_KEYS_MAX);
    if (keys->count < keys->capacity)
        return M2C_OK;
    size_t capacity = keys->capacity ? keys->capacity * 2 : 16;
    struct api_key *items = realloc(keys->items, capacity * sizeof *items);
    if (!items)
        return m2c_fail_memory(err, "the API keys", capacity * sizeof *items);
    keys->items = items;
    keys->capacity = capacity;
    return M2C_OK;
}

static enum m2c_status add_line(struct srv_api_keys *keys, struct piece line, size_t number,
                                struct m2c_error *err)
{
    struct piece key;
    while (line.size > 0 && strchr(" \t\r", line.text[line.size - 1]))
        line.size--;
    while (line.size > 0 && strchr(" \t", line.text[0])) {
        line.text++;
        line.size--;
    }
    if (line.size == 0 || line.text[0] == '#')
        return M2C_OK;
    enum m2c_status status = grow(keys, err);
    if (status != M2C_OK)
        return status;
    struct api_key *item = &keys->items[keys->count];
    status = parse_line(line, number, item, &key, err);
    if (status == M2C_OK)
        status = m2c_digest_bytes(key.text, key.size, item->digest, err);
    if (status == M2C_OK && find_digest(keys, item->digest))
        status =
            m2c_fail_field(err, M2C_USAGE, option, "line %zu: this key was given before", number);
    keys->count += status == M2C_OK;
    return status;
}

enum m2c_status srv_api_keys_parse(const char *text, size_t size, struct srv_api_keys **out,
                                   struct m2c_error *err)
{
    struct srv_api_keys *keys = calloc(1, sizeof *keys);
    enum m2c_status status = M2C_OK;
    if (!keys)
        return m2c_fail_memory(err, "the API keys", sizeof *keys);
    for (size_t number = 1; status == M2C_OK && size > 0; number++) {
        const char *end = memchr(text, '\n', size);
        size_t line = end ? (size_t)(end - text) : size;
        status = memchr(text, '\0', line)
                     ? m2c_fail_field(err, M2C_USAGE, option, "line %zu holds a NUL", number)
                     : add_line(keys, (struct piece){text, line}, number, err);
        size_t used = line + (end ? 1 : 0);
        text += used;
        size -= used;
    }
    if (status == M2C_OK && keys->count == 0)
        status = m2c_fail_field(err, M2C_USAGE, option, "the file holds no key");
    if (status != M2C_OK)
        srv_api_keys_free(&keys);
    *out = keys;
    return status;
}

/* Reads until the end, or until `capacity` bytes are there. */
static bool read_all(int fd, char *buffer, size_t capacity, size_t *size)
{
    *size = 0;
    while (*size < capacity) {
        ssize_t got = read(fd, buffer + *size, capacity - *size);
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return false;
        *size += got > 0 ? (size_t)got : 0;
    }
    return true;
}

static enum m2c_status load_open(int fd, const char *path, struct srv_api_keys **out,
                                 struct m2c_error *err)
{
    struct stat facts;
    size_t size;
    if (fstat(fd, &facts) != 0)
        return m2c_fail_errno(err, "fstat", path);
    if (!S_ISREG(facts.st_mode) || facts.st_size > MAX_FILE_BYTES) {
        (void)m2c_fail_field(err, M2C_USAGE, option,
                             "this is not a regular file of at most %d "
                             "bytes",
                             (int)MAX_FILE_BYTES);
        return m2c_error_context(err, "%s", path);
    }
    char *buffer = malloc((size_t)MAX_FILE_BYTES + 1);
    if (!buffer)
        return m2c_fail_memory(err, "the API key file", MAX_FILE_BYTES);
    enum m2c_status status = read_all(fd, buffer, MAX_FILE_BYTES, &size)
                                 ? srv_api_keys_parse(buffer, size, out, err)
                                 : m2c_fail_errno(err, "reading", path);
    OPENSSL_cleanse(buffer, size);
    free(buffer);
    if (status != M2C_OK && !err->context[0])
        (void)m2c_error_context(err, "%s", path);
    return status;
}

enum m2c_status srv_api_keys_load(const char *path, struct srv_api_keys **out,
                                  struct m2c_error *err)
{
    /* Not blocking: a pipe in the file's place must not stop a reload. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    *out = NULL;
    if (fd < 0)
        return m2c_fail_errno(err, "open", path);
    enum m2c_status status = load_open(fd, path, out, err);
    (void)close(fd);
    return status;
}

void srv_api_keys_free(struct srv_api_keys **keys)
{
    if (*keys)
        free((*keys)->items);
    free(*keys);
    *keys = NULL;
}

size_t srv_api_keys_count(const struct srv_api_keys *keys)
{
    return keys->count;
}

bool srv_api_keys_find(const struct srv_api_keys *keys, const char *key, struct srv_api_client *out)
{
    unsigned char digest[M2C_DIGEST_BYTES];
    struct m2c_error ignored;
    if (m2c_digest_bytes(key, strlen(key), digest, &ignored) != M2C_OK)
        return false;
    const struct api_key *found = find_digest(keys, digest);
    if (!found)
        return false;
    *out = (struct srv_api_client){.name = found->name, .role = found->role};
    return true;
}
