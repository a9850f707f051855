#include "model/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/folder_file.h"

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

/* Opens path.PID-N.tmp with the first N that is free; -1 with errno set otherwise. */
static int open_temporary(char *temporary, size_t room, const char *path)
{
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        (void)snprintf(temporary, room, "%s.%ld-%d.tmp", path, (long)getpid(), attempt);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

enum m2c_status m2c_whole_file_open(const char *path, struct m2c_whole_file *out,
                                    struct m2c_error *err)
{
    enum { SUFFIX_ROOM = 64 };
    *out = (struct m2c_whole_file){0};
    enum m2c_status status = check_place(path, err);
    if (status != M2C_OK)
        return status;
    size_t room = strlen(path) + SUFFIX_ROOM;
    out->path = strdup(path);
    out->temporary = malloc(room);
    if (!out->path || !out->temporary) {
        m2c_whole_file_abandon(out);
        (void)m2c_fail_memory(err, "a path", room);
        return M2C_NO_MEMORY;
    }
    int fd = open_temporary(out->temporary, room, path);
    out->stream = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (!out->stream) {
        (void)m2c_fail_errno(err, "creating a file", path);
        if (fd >= 0) {
            (void)close(fd);
            (void)unlink(out->temporary);
        }
        m2c_whole_file_abandon(out);
        return M2C_IO_FAILED;
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
    if (file->stream) {
        (void)fclose(file->stream);
        (void)unlink(file->temporary);
    }
    free(file->path);
    free(file->temporary);
    *file = (struct m2c_whole_file){0};
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
