#include "model/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"

enum { SUMS_LIMIT_BYTES = 1 << 20 };

struct m2c_digest {
    EVP_MD_CTX *context;
    bool failed;
};

enum m2c_status m2c_digest_new(struct m2c_digest **out, struct m2c_error *err)
{
    struct m2c_digest *digest = calloc(1, sizeof *digest);
    if (!digest) {
        (void)m2c_fail_memory(err, "a digest", sizeof *digest);
        return M2C_NO_MEMORY;
    }
    digest->context = EVP_MD_CTX_new();
    if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        m2c_digest_free(&digest);
        (void)m2c_fail(err, M2C_INTERNAL, "SHA-256 is not available");
        return M2C_INTERNAL;
    }
    *out = digest;
    return M2C_OK;
}

void m2c_digest_add(struct m2c_digest *digest, const void *bytes, size_t size)
{
    if (size > 0 && EVP_DigestUpdate(digest->context, bytes, size) != 1)
        digest->failed = true;
}

void m2c_digest_add_text(struct m2c_digest *digest, const char *text)
{
    size_t size = strlen(text);
    unsigned char prefix[8];
    for (unsigned i = 0; i < sizeof prefix; i++)
        prefix[i] = (unsigned char)((unsigned long long)size >> (8 * i));
    m2c_digest_add(digest, prefix, sizeof prefix);
    m2c_digest_add(digest, text, size);
}

enum m2c_status m2c_digest_finish(struct m2c_digest *digest, unsigned char out[M2C_DIGEST_BYTES],
                                  struct m2c_error *err)
{
    if (digest->failed || EVP_DigestFinal_ex(digest->context, out, NULL) != 1)
        return m2c_fail(err, M2C_INTERNAL, "SHA-256 failed");
    return M2C_OK;
}

void m2c_digest_free(struct m2c_digest **digest)
{
    if (*digest)
        EVP_MD_CTX_free((*digest)->context);
    free(*digest);
    *digest = NULL;
}

enum m2c_status m2c_digest_bytes(const void *bytes, size_t size,
                                 unsigned char out[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    struct m2c_digest *digest = NULL;
    enum m2c_status status = m2c_digest_new(&digest, err);
    if (status != M2C_OK)
        return status;
    m2c_digest_add(digest, bytes, size);
    status = m2c_digest_finish(digest, out, err);
    m2c_digest_free(&digest);
    return status;
}

void m2c_digest_hex(const unsigned char digest[M2C_DIGEST_BYTES], char out[M2C_DIGEST_HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < M2C_DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[2 * M2C_DIGEST_BYTES] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The first 64 characters of `text` as bytes; false unless all are hexadecimal digits. */
static bool read_hex(const char *text, unsigned char out[M2C_DIGEST_BYTES])
{
    for (size_t i = 0; i < M2C_DIGEST_BYTES; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

bool m2c_digest_from_hex(const char *text, unsigned char out[M2C_DIGEST_BYTES])
{
    return strlen(text) == M2C_DIGEST_HEX_BYTES - 1 && read_hex(text, out);
}

struct checksum {
    const char *name; /* inside `text` */
    unsigned char digest[M2C_DIGEST_BYTES];
    bool checked;
};

struct m2c_checksums {
    char *text;
    struct checksum *rows;
    size_t count;
};

static bool stays_inside(const char *name)
{
    if (name[0] == '\0' || name[0] == '/')
        return false;
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return false;
    }
    return true;
}

/* Parses one NUL-terminated line in place; false when it is malformed. */
static bool parse_line(char *line, struct checksum *out)
{
    if (strlen(line) < M2C_DIGEST_HEX_BYTES + 2 || !read_hex(line, out->digest))
        return false;
    const char *rest = line + 2 * M2C_DIGEST_BYTES;
    if (rest[0] != ' ' || (rest[1] != ' ' && rest[1] != '*'))
        return false;
    out->name = rest + 2;
    if (strncmp(out->name, "./", 2) == 0)
        out->name += 2;
    return stays_inside(out->name);
}

static enum m2c_status parse_sums(struct m2c_checksums *sums, size_t size, struct m2c_error *err)
{
    size_t lines = 1, number = 0;
    for (size_t i = 0; i < size; i++)
        lines += sums->text[i] == '\n';
    sums->rows = calloc(lines, sizeof *sums->rows);
    if (!sums->rows)
        return m2c_fail_memory(err, "SHA256SUMS", lines * sizeof *sums->rows);
    char *end = sums->text + size;
    for (char *line = sums->text; line < end; number++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop ? stop : end;
        *stop = '\0';
        if (stop > line && stop[-1] == '\r')
            stop[-1] = '\0';
        if (*line != '\0' && !parse_line(line, &sums->rows[sums->count++]))
            return m2c_fail(err, M2C_BAD_MODEL, "SHA256SUMS: line %zu is not a checksum and a name",
                            number + 1);
        line = stop + 1;
    }
    return M2C_OK;
}

enum m2c_status m2c_checksums_load(const char *dir, struct m2c_checksums **out,
                                   struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    char *text = NULL;
    size_t size = 0;
    *out = NULL;
    enum m2c_status status = m2c_folder_path(path, dir, "SHA256SUMS", err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(path, SUMS_LIMIT_BYTES, &text, &size, err);
    if (status != M2C_OK || !text)
        return status;
    struct m2c_checksums *sums = calloc(1, sizeof *sums);
    if (!sums) {
        free(text);
        return m2c_fail_memory(err, "SHA256SUMS", sizeof *sums);
    }
    sums->text = text;
    status = parse_sums(sums, size, err);
    if (status != M2C_OK)
        m2c_checksums_free(&sums);
    *out = sums;
    return status;
}

void m2c_checksums_free(struct m2c_checksums **sums)
{
    if (*sums) {
        free((*sums)->rows);
        free((*sums)->text);
    }
    free(*sums);
    *sums = NULL;
}

bool m2c_checksums_lists(const struct m2c_checksums *sums, const char *name)
{
    for (size_t i = 0; sums && i < sums->count; i++)
        if (strcmp(sums->rows[i].name, name) == 0)
            return true;
    return false;
}

enum m2c_status m2c_checksums_compare(struct m2c_checksums *sums, const char *name,
                                      const unsigned char digest[M2C_DIGEST_BYTES],
                                      struct m2c_error *err)
{
    for (size_t i = 0; sums && i < sums->count; i++) {
        struct checksum *row = &sums->rows[i];
        if (strcmp(row->name, name) != 0)
            continue;
        if (memcmp(digest, row->digest, M2C_DIGEST_BYTES) != 0)
            return m2c_fail(err, M2C_BAD_MODEL, "%s does not match its checksum in SHA256SUMS",
                            name);
        row->checked = true;
    }
    return M2C_OK;
}

static enum m2c_status verify_file(struct m2c_checksums *sums, const char *name, const char *dir,
                                   struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    unsigned char found[M2C_DIGEST_BYTES];
    struct m2c_mapped_file file = {0};
    enum m2c_status status = m2c_folder_path(path, dir, name, err);
    if (status != M2C_OK)
        return status;
    if (!m2c_folder_has(path))
        return m2c_fail(err, M2C_BAD_MODEL, "SHA256SUMS lists %s, which is not there", name);
    status = m2c_mapped_file_open(path, &file, err);
    if (status == M2C_OK)
        status = m2c_digest_bytes(file.bytes, file.size_bytes, found, err);
    if (status == M2C_OK)
        status = m2c_checksums_compare(sums, name, found, err);
    m2c_mapped_file_close(&file);
    return status;
}

enum m2c_status m2c_checksums_verify(struct m2c_checksums *sums, const char *dir,
                                     struct m2c_error *err)
{
    for (size_t i = 0; sums && i < sums->count; i++) {
        if (sums->rows[i].checked)
            continue;
        enum m2c_status status = verify_file(sums, sums->rows[i].name, dir, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}
