#include "model/folder_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum m2c_status m2c_folder_path(char out[M2C_PATH_BYTES], const char *dir, const char *name,
                                struct m2c_error *err)
{
    int length = snprintf(out, M2C_PATH_BYTES, "%s/%s", dir, name);
    if (length < 0 || length >= M2C_PATH_BYTES)
        return m2c_fail(err, M2C_IO_FAILED, "the path of a model's file exceeds %d bytes",
                        M2C_PATH_BYTES);
    return M2C_OK;
}

const char *m2c_folder_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool m2c_folder_has(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Opens a regular file. *absent tells a missing file from other failures. */
static enum m2c_status open_regular(const char *path, int *fd, size_t *size, bool *absent,
                                    struct m2c_error *err)
{
    const char *name = m2c_folder_base_name(path);
    *absent = false;
    /* Without O_NONBLOCK, opening a FIFO waits for a writer. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (*fd < 0) {
        *absent = errno == ENOENT || errno == ENOTDIR;
        if (errno == ENXIO) { /* a socket or a device without a driver */
            (void)m2c_fail(err, M2C_BAD_MODEL, "%s is not a regular file", name);
            return m2c_error_context(err, "%s", path);
        }
        return m2c_fail_errno(err, "opening a file", path);
    }
    struct stat facts;
    if (fstat(*fd, &facts) != 0) {
        (void)m2c_fail_errno(err, "fstat", path);
        goto fail;
    }
    if (!S_ISREG(facts.st_mode)) {
        (void)m2c_fail(err, M2C_BAD_MODEL, "%s is not a regular file", name);
        (void)m2c_error_context(err, "%s", path);
        goto fail;
    }
    if (facts.st_size < 0 || (uintmax_t)facts.st_size > SIZE_MAX / 2) {
        (void)m2c_fail(err, M2C_BAD_MODEL, "%s has an impossible size", name);
        goto fail;
    }
    *size = (size_t)facts.st_size;
    return M2C_OK;
fail:
    (void)close(*fd);
    *fd = -1;
    return err->status;
}

static enum m2c_status fail_absent(const char *path, struct m2c_error *err)
{
    (void)m2c_fail(err, M2C_BAD_MODEL, "there is no %s", m2c_folder_base_name(path));
    return m2c_error_context(err, "%s", path);
}

enum m2c_status m2c_mapped_file_open(const char *path, struct m2c_mapped_file *out,
                                     struct m2c_error *err)
{
    int fd = -1;
    size_t size = 0;
    bool absent;
    *out = (struct m2c_mapped_file){0};
    enum m2c_status status = open_regular(path, &fd, &size, &absent, err);
    if (status != M2C_OK)
        return absent ? fail_absent(path, err) : status;
    if (size > 0) {
        void *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (bytes == MAP_FAILED)
            status = m2c_fail_errno(err, "mapping a file", path);
        else
            *out = (struct m2c_mapped_file){.bytes = bytes, .size_bytes = size};
    }
    (void)close(fd);
    return status;
}

/* munmap and madvise take a plain pointer; the mapping itself stays read-only. */
static void *mapping_of(const struct m2c_mapped_file *file)
{
    return (void *)(uintptr_t)file->bytes;
}

void m2c_mapped_file_close(struct m2c_mapped_file *file)
{
    if (file->bytes)
        (void)munmap(mapping_of(file), file->size_bytes);
    *file = (struct m2c_mapped_file){0};
}

void m2c_mapped_file_give_back(const struct m2c_mapped_file *file)
{
    if (file->bytes)
        (void)madvise(mapping_of(file), file->size_bytes, MADV_DONTNEED);
}

static enum m2c_status read_all(int fd, const char *path, size_t size, char **bytes,
                                struct m2c_error *err)
{
    char *buffer = malloc(size + 1);
    if (!buffer)
        return m2c_fail_memory(err, m2c_folder_base_name(path), size + 1);
    size_t got = 0;
    while (got < size) {
        ssize_t n = read(fd, buffer + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n < 0)
                (void)m2c_fail_errno(err, "reading a file", path);
            else
                (void)m2c_fail(err, M2C_IO_FAILED, "%s became shorter while it was read",
                               m2c_folder_base_name(path));
            free(buffer);
            return err->status;
        }
        got += (size_t)n;
    }
    buffer[size] = '\0';
    *bytes = buffer;
    return M2C_OK;
}

static enum m2c_status read_whole(const char *path, size_t limit_bytes, bool optional, char **bytes,
                                  size_t *size_bytes, struct m2c_error *err)
{
    int fd = -1;
    bool absent;
    *bytes = NULL;
    *size_bytes = 0;
    enum m2c_status status = open_regular(path, &fd, size_bytes, &absent, err);
    if (status != M2C_OK) {
        if (!absent)
            return status;
        if (optional)
            return M2C_OK;
        return fail_absent(path, err);
    }
    if (*size_bytes > limit_bytes)
        status = m2c_fail(err, M2C_BAD_MODEL, "%s has %zu bytes, at most %zu are read",
                          m2c_folder_base_name(path), *size_bytes, limit_bytes);
    else
        status = read_all(fd, path, *size_bytes, bytes, err);
    (void)close(fd);
    return status;
}

enum m2c_status m2c_folder_read(const char *path, size_t limit_bytes, char **bytes,
                                size_t *size_bytes, struct m2c_error *err)
{
    return read_whole(path, limit_bytes, false, bytes, size_bytes, err);
}

enum m2c_status m2c_folder_read_optional(const char *path, size_t limit_bytes, char **bytes,
                                         size_t *size_bytes, struct m2c_error *err)
{
    return read_whole(path, limit_bytes, true, bytes, size_bytes, err);
}
