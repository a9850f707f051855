#include "server/http/body.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct srv_body {
    atomic_uint references;
    unsigned char *bytes;
    size_t capacity, size;
    struct m2c_digest *digest; /* NULL when not hashed */
};

static void body_free(struct srv_body *body)
{
    if (body->bytes)
        (void)munmap(body->bytes, body->capacity);
    m2c_digest_free(&body->digest);
    free(body);
}

enum m2c_status srv_body_new(size_t capacity_bytes, bool hashed, struct srv_body **out,
                             struct m2c_error *err)
{
    struct srv_body *body = calloc(1, sizeof *body);
    if (!body)
        return m2c_fail_memory(err, "a request body", sizeof *body);
    atomic_init(&body->references, 1);
    void *bytes = mmap(NULL, capacity_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED) {
        body_free(body);
        return m2c_fail_memory(err, "a request body", capacity_bytes);
    }
    body->bytes = bytes;
    body->capacity = capacity_bytes;
    enum m2c_status status = hashed ? m2c_digest_new(&body->digest, err) : M2C_OK;
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

enum m2c_status srv_body_append(struct srv_body *body, const void *data, size_t size,
                                struct m2c_error *err)
{
    if (size > body->capacity - body->size)
        return m2c_fail(err, M2C_TOO_LARGE, "the body exceeds %zu bytes", body->capacity);
    memcpy(body->bytes + body->size, data, size);
    body->size += size;
    if (body->digest)
        m2c_digest_add(body->digest, data, size);
    return M2C_OK;
}

const unsigned char *srv_body_data(const struct srv_body *body)
{
    return body->bytes;
}

size_t srv_body_size(const struct srv_body *body)
{
    return body->size;
}

enum m2c_status srv_body_hash(struct srv_body *body, char hex[M2C_DIGEST_HEX_BYTES],
                              struct m2c_error *err)
{
    unsigned char digest[M2C_DIGEST_BYTES];
    enum m2c_status status = m2c_digest_finish(body->digest, digest, err);
    if (status == M2C_OK)
        m2c_digest_hex(digest, hex);
    return status;
}
