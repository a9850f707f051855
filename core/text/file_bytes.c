#include "text/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void m2c_file_bytes_free(struct m2c_file_bytes *file)
{
    free(file->bytes);
    file->bytes = NULL;
    file->size = 0;
}

static enum m2c_status read_all(int fd, const char *path, struct m2c_file_bytes *out,
                                struct m2c_error *err)
{
    size_t done = 0;
    while (done < out->size) {
        ssize_t got = read(fd, out->bytes + done, out->size - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return m2c_fail_errno(err, "reading a tokenizer file", path);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    if (done < out->size)
        return m2c_fail(err, M2C_BAD_MODEL, "a tokenizer file became shorter while it was read");
    out->bytes[done] = '\0';
    return M2C_OK;
}

/* Opened without blocking, so that a FIFO is refused instead of waited for. */
static enum m2c_status read_open(int fd, const char *path, const char *name, size_t limit_bytes,
                                 struct m2c_file_bytes *out, struct m2c_error *err)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return m2c_fail_errno(err, "looking at a tokenizer file", path);
    if (!S_ISREG(facts.st_mode))
        return m2c_fail(err, M2C_BAD_MODEL, "%s is not a regular file", name);
    if (facts.st_size < 0 || (size_t)facts.st_size > limit_bytes)
        return m2c_fail(err, M2C_BAD_MODEL, "%s has %lld bytes, at most %zu", name,
                        (long long)facts.st_size, limit_bytes);
    out->size = (size_t)facts.st_size;
    out->bytes = malloc(out->size + 1);
    if (out->bytes == NULL)
        return m2c_fail_memory(err, name, out->size);
    return read_all(fd, path, out, err);
}

enum m2c_status m2c_file_bytes_read(const char *dir, const char *name, size_t limit_bytes,
                                    struct m2c_file_bytes *out, struct m2c_error *err)
{
    char path[PATH_MAX];
    *out = (struct m2c_file_bytes){0};
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return m2c_fail(err, M2C_IO_FAILED, "the path of %s is too long", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? M2C_OK : m2c_fail_errno(err, "opening a tokenizer file", path);
    enum m2c_status status = read_open(fd, path, name, limit_bytes, out, err);
    (void)close(fd);
    if (status != M2C_OK)
        m2c_file_bytes_free(out);
    return status;
}
