#include "server/content_hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct srv_content_hash {
    EVP_MD_CTX *context;
};

static enum m2c_status failed(struct m2c_error *err)
{
    return m2c_fail(err, M2C_INTERNAL, "the content hash failed");
}

void srv_content_hash_free(struct srv_content_hash **hash)
{
    if (!*hash)
        return;
    EVP_MD_CTX_free((*hash)->context);
    free(*hash);
    *hash = NULL;
}

enum m2c_status srv_content_hash_new(struct srv_content_hash **out, struct m2c_error *err)
{
    struct srv_content_hash *hash = calloc(1, sizeof *hash);
    if (!hash)
        return m2c_fail_memory(err, "a content hash", sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    if (!hash->context || EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) != 1) {
        srv_content_hash_free(&hash);
        return failed(err);
    }
    *out = hash;
    return M2C_OK;
}

enum m2c_status srv_content_hash_update(struct srv_content_hash *hash, const void *data,
                                        size_t size, struct m2c_error *err)
{
    return EVP_DigestUpdate(hash->context, data, size) == 1 ? M2C_OK : failed(err);
}

enum m2c_status srv_content_hash_finish(struct srv_content_hash **hash,
                                        char hex[SRV_CONTENT_HASH_HEX], struct m2c_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int done = EVP_DigestFinal_ex((*hash)->context, digest, &length);
    srv_content_hash_free(hash);
    if (done != 1 || length * 2 + 1 != SRV_CONTENT_HASH_HEX)
        return failed(err);
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[2 * length] = '\0';
    return M2C_OK;
}

enum m2c_status srv_content_hash_of(const void *data, size_t size, char hex[SRV_CONTENT_HASH_HEX],
                                    struct m2c_error *err)
{
    struct srv_content_hash *hash = NULL;
    enum m2c_status status = srv_content_hash_new(&hash, err);
    if (status == M2C_OK)
        status = srv_content_hash_update(hash, data, size, err);
    if (status == M2C_OK)
        status = srv_content_hash_finish(&hash, hex, err);
    srv_content_hash_free(&hash);
    return status;
}
