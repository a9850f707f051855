#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/inputs.h"

enum { FIRST_CAPACITY = 1 << 20, MAX_STREAM_BYTES = 512 << 20 };

/* Reads a descriptor to its end: stdin or a pipe. */
static enum m2c_status read_stream(int descriptor, const char *input, struct cli_video_file *file,
                                   struct m2c_error *err)
{
    size_t capacity = 0;
    for (;;) {
        if (file->size == capacity) {
            capacity = capacity ? 2 * capacity : FIRST_CAPACITY;
            uint8_t *bigger = realloc(file->heap, capacity);
            if (!bigger)
                return m2c_fail_memory(err, "a video", capacity);
            file->heap = bigger;
        }
        ssize_t got = read(descriptor, file->heap + file->size, capacity - file->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return m2c_fail_errno(err, "reading", input);
        if (got == 0)
            break;
        file->size += (size_t)got;
        if (file->size > MAX_STREAM_BYTES)
            return m2c_fail(err, M2C_TOO_LARGE, "the stream is larger than %d bytes",
                            (int)MAX_STREAM_BYTES);
    }
    file->bytes = file->heap;
    return M2C_OK;
}

static enum m2c_status map_file(int descriptor, size_t size, const char *input,
                                struct cli_video_file *file, struct m2c_error *err)
{
    file->size = size;
    if (size == 0)
        return M2C_OK;
    void *mapping = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (mapping == MAP_FAILED) {
        file->size = 0;
        return m2c_fail_errno(err, "mapping", input);
    }
    file->mapping = mapping;
    file->bytes = mapping;
    return M2C_OK;
}

static enum m2c_status open_path(const char *input, struct cli_video_file *file,
                                 struct m2c_error *err)
{
    struct stat facts;
    int descriptor = open(input, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return m2c_fail_errno(err, "opening", input);
    enum m2c_status status;
    if (fstat(descriptor, &facts) != 0)
        status = m2c_fail_errno(err, "opening", input);
    else if (S_ISDIR(facts.st_mode))
        status = m2c_fail(err, M2C_IO_FAILED, "the folder holds no video file");
    else if (S_ISREG(facts.st_mode))
        status = map_file(descriptor, (size_t)facts.st_size, input, file, err);
    else
        status = read_stream(descriptor, input, file, err);
    (void)close(descriptor);
    return status;
}

enum m2c_status cli_video_file_open(const char *input, struct cli_video_file *file,
                                    struct m2c_error *err)
{
    *file = (struct cli_video_file){0};
    if (strcmp(input, "-") == 0)
        return read_stream(STDIN_FILENO, "stdin", file, err);
    if (cli_is_url(input))
        return m2c_fail(err, M2C_URL_FETCH_DISABLED,
                        "fetching a video by its URL is not available in this program");
    return open_path(input, file, err);
}

void cli_video_file_close(struct cli_video_file *file)
{
    if (file->mapping)
        (void)munmap(file->mapping, file->size);
    free(file->heap);
    *file = (struct cli_video_file){0};
}
