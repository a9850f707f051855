#include "server/engine/label_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/digest.h"
#include "model/whole_file.h"

enum { FORM = 1, MAX_DIM = 1 << 16 };

#define BYTE_ORDER_MARK UINT32_C(0x01020304)

struct header {
    char magic[8];
    uint32_t byte_order, form;
    uint64_t records, bytes;
};

struct record_header {
    uint32_t key_size, dim;
};

static const char magic[8] = {'M', '2', 'C', 'L', 'A', 'B', 'E', 'L'};

/* ---- writing ---- */

struct writing {
    struct m2c_whole_file file;
    struct m2c_digest *digest;
};

static enum m2c_status put(struct writing *writing, const void *bytes, size_t size,
                           struct m2c_error *err)
{
    m2c_digest_add(writing->digest, bytes, size);
    return m2c_whole_file_write(&writing->file, bytes, size, err);
}

static enum m2c_status put_record(struct writing *writing, const struct srv_label_record *record,
                                  struct m2c_error *err)
{
    const struct record_header header = {(uint32_t)record->key_size, (uint32_t)record->dim};
    enum m2c_status status = put(writing, &header, sizeof header, err);
    if (status == M2C_OK)
        status = put(writing, record->vector, record->dim * sizeof *record->vector, err);
    if (status == M2C_OK)
        status = put(writing, record->key, record->key_size, err);
    return status;
}

static enum m2c_status put_all(struct writing *writing, struct srv_label_entry *const *entries,
                               size_t count, struct m2c_error *err)
{
    struct header header = {.byte_order = BYTE_ORDER_MARK, .form = FORM, .records = count};
    unsigned char digest[M2C_DIGEST_BYTES];
    memcpy(header.magic, magic, sizeof magic);
    for (size_t i = 0; i < count; i++) {
        struct srv_label_record record = srv_label_entry_record(entries[i]);
        header.bytes +=
            sizeof(struct record_header) + record.dim * sizeof *record.vector + record.key_size;
    }
    enum m2c_status status = put(writing, &header, sizeof header, err);
    for (size_t i = 0; i < count && status == M2C_OK; i++) {
        struct srv_label_record record = srv_label_entry_record(entries[i]);
        status = put_record(writing, &record, err);
    }
    if (status == M2C_OK)
        status = m2c_digest_finish(writing->digest, digest, err);
    if (status == M2C_OK)
        status = m2c_whole_file_write(&writing->file, digest, sizeof digest, err);
    return status;
}

enum m2c_status srv_label_file_write(const char *path, struct srv_label_entry *const *entries,
                                     size_t count, struct m2c_error *err)
{
    struct writing writing = {.digest = NULL};
    enum m2c_status status = m2c_digest_new(&writing.digest, err);
    if (status == M2C_OK)
        status = m2c_whole_file_open(path, &writing.file, err);
    if (status == M2C_OK)
        status = put_all(&writing, entries, count, err);
    if (status == M2C_OK)
        status = m2c_whole_file_finish(&writing.file, err);
    m2c_whole_file_abandon(&writing.file);
    m2c_digest_free(&writing.digest);
    return status;
}

/* ---- reading ---- */

static enum m2c_status unsound(const char *path, const char *why, struct m2c_error *err)
{
    (void)m2c_fail(err, M2C_IO_FAILED, "the file of label vectors %s", why);
    return m2c_error_context(err, "%s", path);
}

/* The whole file: new bytes; none where there is no file. */
static enum m2c_status read_whole(const char *path, size_t max_bytes, unsigned char **bytes,
                                  size_t *size, struct m2c_error *err)
{
    struct stat facts;
    *bytes = NULL;
    *size = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return errno == ENOENT ? M2C_OK : m2c_fail_errno(err, "open", path);
    enum m2c_status status = M2C_OK;
    if (fstat(descriptor, &facts) != 0)
        status = m2c_fail_errno(err, "fstat", path);
    else if (!S_ISREG(facts.st_mode))
        status = unsound(path, "is not a regular file", err);
    else if ((size_t)facts.st_size > max_bytes)
        status = unsound(path, "is larger than the cache", err);
    else if (!(*bytes = malloc((size_t)facts.st_size + 1)))
        status = m2c_fail_memory(err, "a file of label vectors", (size_t)facts.st_size);
    ssize_t taken = 1;
    while (status == M2C_OK && *size < (size_t)facts.st_size && taken > 0) {
        taken = read(descriptor, *bytes + *size, (size_t)facts.st_size - *size);
        if (taken < 0 && errno != EINTR)
            status = m2c_fail_errno(err, "read", path);
        *size += taken > 0 ? (size_t)taken : 0;
        taken = taken < 0 ? 1 : taken;
    }
    (void)close(descriptor);
    return status;
}

static enum m2c_status check_frame(const char *path, const unsigned char *bytes, size_t size,
                                   struct header *header, struct m2c_error *err)
{
    unsigned char digest[M2C_DIGEST_BYTES];
    if (size < sizeof *header + M2C_DIGEST_BYTES)
        return unsound(path, "is too short", err);
    memcpy(header, bytes, sizeof *header);
    if (memcmp(header->magic, magic, sizeof magic) != 0)
        return unsound(path, "is none of ours", err);
    if (header->byte_order != BYTE_ORDER_MARK || header->form != FORM)
        return unsound(path, "has a form that this program does not know", err);
    if (header->bytes != size - sizeof *header - M2C_DIGEST_BYTES)
        return unsound(path, "has another length than it says", err);
    enum m2c_status status = m2c_digest_bytes(bytes, size - M2C_DIGEST_BYTES, digest, err);
    if (status == M2C_OK && memcmp(digest, bytes + size - M2C_DIGEST_BYTES, sizeof digest) != 0)
        status = unsound(path, "is damaged", err);
    return status;
}

/* The record at `*at`, which moves on; its vector is copied to `vector`. False where it does not
 * fit. */
static bool next_record(const unsigned char *bytes, size_t size, size_t *at, float *vector,
                        struct srv_label_record *record)
{
    struct record_header header;
    if (size - *at < sizeof header)
        return false;
    memcpy(&header, bytes + *at, sizeof header);
    *at += sizeof header;
    size_t vector_bytes = (size_t)header.dim * sizeof(float);
    if (header.dim > MAX_DIM || size - *at < vector_bytes ||
        size - *at - vector_bytes < header.key_size || header.key_size == 0)
        return false;
    memcpy(vector, bytes + *at, vector_bytes);
    *record = (struct srv_label_record){
        .key = bytes + *at + vector_bytes,
        .key_size = header.key_size,
        .vector = vector,
        .dim = header.dim,
    };
    *at += vector_bytes + header.key_size;
    return true;
}

static enum m2c_status walk(const char *path, const unsigned char *bytes, size_t size,
                            uint64_t records,
                            void (*take)(const struct srv_label_record *record, void *argument),
                            void *argument, struct m2c_error *err)
{
    struct srv_label_record record;
    float *vector = malloc(MAX_DIM * sizeof *vector);
    if (!vector)
        return m2c_fail_memory(err, "a label vector", MAX_DIM * sizeof *vector);
    enum m2c_status status = M2C_OK;
    size_t at = sizeof(struct header);
    for (uint64_t i = 0; i < records && status == M2C_OK; i++) {
        if (!next_record(bytes, size, &at, vector, &record))
            status = unsound(path, "holds a record that does not fit", err);
        else if (take)
            take(&record, argument);
    }
    free(vector);
    return status;
}

enum m2c_status srv_label_file_read(const char *path, size_t max_bytes,
                                    void (*take)(const struct srv_label_record *record,
                                                 void *argument),
                                    void *argument, struct m2c_error *err)
{
    struct header header = {0};
    unsigned char *bytes = NULL;
    size_t size = 0;
    enum m2c_status status = read_whole(path, max_bytes, &bytes, &size, err);
    if (status != M2C_OK || !bytes)
        goto out;
    status = check_frame(path, bytes, size, &header, err);
    if (status != M2C_OK)
        goto out;
    size_t end = size - M2C_DIGEST_BYTES;
    /* Twice: nothing is taken from a file whose last record does not fit. */
    status = walk(path, bytes, end, header.records, NULL, NULL, err);
    if (status == M2C_OK)
        status = walk(path, bytes, end, header.records, take, argument, err);
out:
    free(bytes);
    return status;
}
