#include "model/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ATTEMPTS = 100, BUFFER_BYTES = 1 << 20 };

static enum m2c_status check_place(const char *path, struct m2c_error *err)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && !S_ISREG(facts.st_mode)) {
        (void)m2c_fail(err, M2C_IO_FAILED, "%s is there and not a regular file",
                       m2c_folder_base_name(path));
        return m2c_error_context(err, "%s", path);
    }
    return M2C_OK;
}

enum m2c_status m2c_whole_file_open(const char *path, struct m2c_whole_file *out,
                                    struct m2c_error *err)
{
    int fd = -1;
    *out = (struct m2c_whole_file){0};
    enum m2c_status status = check_place(path, err);
    if (status != M2C_OK)
        return status;
    for (int attempt = 0; fd < 0 && attempt < NAME_ATTEMPTS; attempt++) {
        int length = snprintf(out->temporary, sizeof out->temporary, "%s.%ld-%d.tmp", path,
                              (long)getpid(), attempt);
        if (length < 0 || (size_t)length >= sizeof out->temporary)
            return m2c_fail(err, M2C_IO_FAILED, "the path exceeds %d bytes", M2C_PATH_BYTES);
        fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0 && errno != EEXIST)
            break;
    }
    if (fd < 0)
        return m2c_fail_errno(err, "creating a file", path);
    (void)snprintf(out->path, sizeof out->path, "%s", path);
    out->stream = fdopen(fd, "wb");
    if (!out->stream) {
        (void)m2c_fail_errno(err, "opening a file", path);
        (void)close(fd);
        (void)unlink(out->temporary);
        return err->status;
    }
    (void)setvbuf(out->stream, NULL, _IOFBF, BUFFER_BYTES);
    return M2C_OK;
}

enum m2c_status m2c_whole_file_write(struct m2c_whole_file *file, const void *bytes, size_t size,
                                     struct m2c_error *err)
{
    if (size > 0 && fwrite(bytes, 1, size, file->stream) != size)
        return m2c_fail_errno(err, "writing a file", file->path);
    return M2C_OK;
}

/* A rename outlives a crash only once its folder is synced. Not every file system can. */
static void sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash)
        slash[1] = '\0';
    int fd = open(slash ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

enum m2c_status m2c_whole_file_finish(struct m2c_whole_file *file, struct m2c_error *err)
{
    bool written = fflush(file->stream) == 0 && fsync(fileno(file->stream)) == 0;
    if (!written)
        (void)m2c_fail_errno(err, "writing a file", file->path);
    bool closed = fclose(file->stream) == 0;
    file->stream = NULL;
    if (written && !closed)
        (void)m2c_fail_errno(err, "closing a file", file->path);
    if (!written || !closed || rename(file->temporary, file->path) != 0) {
        if (written && closed)
            (void)m2c_fail_errno(err, "renaming a file", file->path);
        (void)unlink(file->temporary);
        return err->status;
    }
    sync_folder(file->path);
    return M2C_OK;
}

void m2c_whole_file_abandon(struct m2c_whole_file *file)
{
    if (!file->stream)
        return;
    (void)fclose(file->stream);
    (void)unlink(file->temporary);
    file->stream = NULL;
}

enum m2c_status m2c_whole_file_put(const char *path, const void *bytes, size_t size,
                                   struct m2c_error *err)
{
    struct m2c_whole_file file;
    enum m2c_status status = m2c_whole_file_open(path, &file, err);
    if (status != M2C_OK)
        return status;
    status = m2c_whole_file_write(&file, bytes, size, err);
    if (status == M2C_OK)
        status = m2c_whole_file_finish(&file, err);
    m2c_whole_file_abandon(&file);
    return status;
}
