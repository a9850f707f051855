#include "server/http/body.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/limits.h"

enum { BLOCK_ROOM = SRV_SPOOL_BLOCK_BYTES + SRV_SPOOL_SLACK_BYTES };

struct srv_body {
    atomic_uint references;
    struct srv_storage *storage; /* held; NULL of a part */
    struct srv_body *whole;      /* held: what this is a part of, or NULL */
    size_t offset;               /* in it */
    int fd;
    bool spooled;
    const unsigned char *map; /* [size]; NULL until complete, and when empty */
    size_t capacity, size;
    unsigned char *block; /* [BLOCK_ROOM], of a spooled one: the last `pending` bytes of size */
    size_t pending;
    uint64_t memory_taken, spool_taken;
    struct m2c_digest *digest; /* NULL when not hashed, and once complete */
    char hex[M2C_DIGEST_HEX_BYTES];
};

static void release_room(struct srv_body *body)
{
    if (body->spooled && body->fd >= 0) {
        srv_storage_close(body->storage, body->fd, body->map, body->size, body->spool_taken);
        body->spool_taken = 0;
    } else {
        if (body->map)
            (void)munmap((void *)(uintptr_t)body->map, body->size);
        if (body->fd >= 0)
            (void)close(body->fd);
    }
    srv_storage_give(body->storage, body->memory_taken, body->spool_taken);
}

static void body_free(struct srv_body *body)
{
    if (body->storage) {
        release_room(body);
        srv_storage_unref(body->storage);
    }
    srv_body_unref(body->whole);
    m2c_digest_free(&body->digest);
    free(body->block);
    free(body);
}

static struct srv_body *body_alloc(void)
{
    struct srv_body *body = calloc(1, sizeof *body);
    if (!body)
        return NULL;
    atomic_init(&body->references, 1);
    body->fd = -1;
    return body;
}

static enum m2c_status take(struct srv_body *body, struct m2c_error *err)
{
    uint64_t memory = body->spooled ? BLOCK_ROOM : body->capacity;
    uint64_t spool = body->spooled ? body->capacity : 0;
    enum m2c_status status = srv_storage_take(body->storage, memory, spool, err);
    if (status != M2C_OK)
        return status;
    body->memory_taken = memory;
    body->spool_taken = spool;
    return M2C_OK;
}

static enum m2c_status open_room(struct srv_body *body, struct m2c_error *err)
{
    if (!body->spooled) {
        body->fd = memfd_create("m2clip-body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (body->fd >= 0)
            return M2C_OK;
        int reason = errno;
        (void)m2c_fail(err, M2C_STORAGE, "there is no room for a body");
        return m2c_error_context(err, "memfd_create: %s", strerror(reason));
    }
    body->block = malloc(BLOCK_ROOM);
    if (!body->block)
        return m2c_fail_memory(err, "a block of a body", BLOCK_ROOM);
    return srv_storage_open(body->storage, body->capacity, &body->fd, err);
}

enum m2c_status srv_body_new(struct srv_storage *storage, size_t capacity_bytes, bool hashed,
                             struct srv_body **out, struct m2c_error *err)
{
    struct srv_body *body = body_alloc();
    if (!body)
        return m2c_fail_memory(err, "a request body", sizeof *body);
    body->storage = srv_storage_ref(storage);
    body->capacity = capacity_bytes;
    body->spooled = capacity_bytes > SRV_MEMORY_BODY_BYTES;
    enum m2c_status status = take(body, err);
    if (status == M2C_OK)
        status = open_room(body, err);
    if (status == M2C_OK && hashed)
        status = m2c_digest_new(&body->digest, err);
    if (status != M2C_OK) {
        body_free(body);
        return status;
    }
    *out = body;
    return M2C_OK;
}

struct srv_body *srv_body_ref(struct srv_body *body)
{
    atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
    return body;
}

void srv_body_unref(struct srv_body *body)
{
    if (body && atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) == 1)
        body_free(body);
}

static enum m2c_status write_at(const struct srv_body *body, size_t offset, const void *data,
                                size_t size, struct m2c_error *err)
{
    const unsigned char *bytes = data;
    while (size > 0) {
        ssize_t written = pwrite(body->fd, bytes, size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            int reason = written < 0 ? errno : ENOSPC;
            (void)m2c_fail(err, M2C_STORAGE, "the body cannot be stored");
            return m2c_error_context(err, "writing a body: %s", strerror(reason));
        }
        bytes += written;
        offset += (size_t)written;
        size -= (size_t)written;
    }
    return M2C_OK;
}

enum m2c_status srv_body_append(struct srv_body *body, const void *data, size_t size,
                                struct m2c_error *err)
{
    if (size > body->capacity - body->size)
        return m2c_fail(err, M2C_TOO_LARGE, "the body exceeds %zu bytes", body->capacity);
    if (!body->spooled) {
        enum m2c_status status = write_at(body, body->size, data, size, err);
        if (status != M2C_OK)
            return status;
        if (body->digest)
            m2c_digest_add(body->digest, data, size);
    } else if (size <= BLOCK_ROOM - body->pending) {
        memcpy(body->block + body->pending, data, size);
        body->pending += size;
    } else {
        return m2c_fail(err, M2C_INTERNAL, "a block of the body overflows");
    }
    body->size += size;
    return M2C_OK;
}

bool srv_body_wants_store(const struct srv_body *body, bool at_end)
{
    return body->pending > 0 && (at_end || body->pending >= SRV_SPOOL_BLOCK_BYTES);
}

enum m2c_status srv_body_store(struct srv_body *body, struct m2c_error *err)
{
    enum m2c_status status =
        write_at(body, body->size - body->pending, body->block, body->pending, err);
    if (status != M2C_OK)
        return status;
    if (body->digest)
        m2c_digest_add(body->digest, body->block, body->pending);
    body->pending = 0;
    return M2C_OK;
}

/* A private mapping: a shared one, even for reading alone, would stand against the seal. */
static enum m2c_status map(struct srv_body *body, struct m2c_error *err)
{
    if (body->size == 0)
        return M2C_OK;
    void *bytes = mmap(NULL, body->size, PROT_READ, MAP_PRIVATE, body->fd, 0);
    if (bytes == MAP_FAILED)
        return m2c_fail_memory(err, "the map of a body", body->size);
    body->map = bytes;
    return M2C_OK;
}

static enum m2c_status finish_hash(struct srv_body *body, struct m2c_error *err)
{
    unsigned char digest[M2C_DIGEST_BYTES];
    if (!body->digest)
        return M2C_OK;
    enum m2c_status status = m2c_digest_finish(body->digest, digest, err);
    m2c_digest_free(&body->digest);
    if (status == M2C_OK)
        m2c_digest_hex(digest, body->hex);
    return status;
}

/* Gives back what the announced length took beyond the real one. */
static void trim(struct srv_body *body)
{
    uint64_t memory = body->spooled ? 0 : body->size, spool = body->spooled ? body->size : 0;
    free(body->block);
    body->block = NULL;
    srv_storage_give(body->storage, body->memory_taken - memory, body->spool_taken - spool);
    body->memory_taken = memory;
    body->spool_taken = spool;
}

enum m2c_status srv_body_complete(struct srv_body *body, struct m2c_error *err)
{
    enum m2c_status status = body->pending > 0 ? srv_body_store(body, err) : M2C_OK;
    if (status == M2C_OK)
        status = finish_hash(body, err);
    if (status == M2C_OK)
        status = map(body, err);
    if (status == M2C_OK)
        trim(body);
    return status;
}

enum m2c_status srv_body_overwrite(struct srv_body *body, size_t offset, const void *data,
                                   size_t size, struct m2c_error *err)
{
    if (offset > body->size || size > body->size - offset)
        return m2c_fail(err, M2C_INTERNAL, "a write beyond the body");
    return write_at(body, offset, data, size, err);
}

enum m2c_status srv_body_seal(struct srv_body *body, struct m2c_error *err)
{
    if (body->spooled)
        return M2C_OK; /* only memory can be; the file has no name that others could open */
    if (fcntl(body->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
        return m2c_fail_errno(err, "sealing a body", NULL);
    return M2C_OK;
}

enum m2c_status srv_body_slice(struct srv_body *whole, size_t offset, size_t size,
                               const unsigned char digest[M2C_DIGEST_BYTES], struct srv_body **out,
                               struct m2c_error *err)
{
    if (offset > whole->size || size > whole->size - offset)
        return m2c_fail(err, M2C_INTERNAL, "a part beyond the body");
    struct srv_body *part = body_alloc();
    if (!part)
        return m2c_fail_memory(err, "a part of a body", sizeof *part);
    part->whole = srv_body_ref(whole);
    part->offset = offset;
    part->size = size;
    part->fd = whole->fd;
    part->map = whole->map ? whole->map + offset : NULL;
    m2c_digest_hex(digest, part->hex);
    *out = part;
    return M2C_OK;
}

const unsigned char *srv_body_data(const struct srv_body *body)
{
    static const unsigned char none[1];
    return body->map ? body->map : none;
}

size_t srv_body_size(const struct srv_body *body)
{
    return body->size;
}

int srv_body_fd(const struct srv_body *body)
{
    return body->fd;
}

size_t srv_body_fd_offset(const struct srv_body *body)
{
    return body->offset;
}

enum m2c_status srv_body_hash(const struct srv_body *body, char hex[M2C_DIGEST_HEX_BYTES],
                              struct m2c_error *err)
{
    if (body->hex[0] == '\0')
        return m2c_fail(err, M2C_INTERNAL, "the body was not hashed");
    memcpy(hex, body->hex, M2C_DIGEST_HEX_BYTES);
    return M2C_OK;
}
