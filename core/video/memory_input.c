#include "video/memory_input.h"

#include <string.h>

#include <libavutil/error.h>
#include <libavutil/mem.h>

enum { BUFFER_BYTES = 64 << 10 };

/* libav hardly asks its interrupt callback with an input like this one, and codecs never do: the
 * deadline is checked here, where every demuxer must pass. */
static int read_bytes(void *opaque, uint8_t *buffer, int capacity)
{
    struct m2c_memory_input *input = opaque;
    if (m2c_budget_state(input->budget) != M2C_OK)
        return AVERROR_EXIT;
    size_t left = input->size - input->position;
    if (left == 0)
        return AVERROR_EOF;
    size_t count = left < (size_t)capacity ? left : (size_t)capacity;
    memcpy(buffer, input->bytes + input->position, count);
    input->position += count;
    return (int)count;
}

static int64_t seek_bytes(void *opaque, int64_t offset, int whence)
{
    struct m2c_memory_input *input = opaque;
    int64_t size = (int64_t)input->size, base = 0;
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE)
        return size;
    if (whence == SEEK_CUR)
        base = (int64_t)input->position;
    else if (whence == SEEK_END)
        base = size;
    else if (whence != SEEK_SET)
        return AVERROR(EINVAL);
    int64_t target;
    if (__builtin_add_overflow(base, offset, &target) || target < 0 || target > size)
        return AVERROR(EINVAL);
    input->position = (size_t)target;
    return target;
}

enum m2c_status m2c_memory_input_open(struct m2c_memory_input *input, const uint8_t *bytes,
                                      size_t size, struct m2c_budget *budget, struct m2c_error *err)
{
    *input = (struct m2c_memory_input){.bytes = bytes, .size = size, .budget = budget};
    if (size > INT64_MAX)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "%zu bytes are too many", size);
    unsigned char *buffer = av_malloc(BUFFER_BYTES);
    if (!buffer)
        return m2c_fail_memory(err, "the input buffer", BUFFER_BYTES);
    input->avio = avio_alloc_context(buffer, BUFFER_BYTES, 0, input, read_bytes, NULL, seek_bytes);
    if (!input->avio) {
        av_free(buffer);
        return m2c_fail_memory(err, "the input", BUFFER_BYTES);
    }
    return M2C_OK;
}

void m2c_memory_input_close(struct m2c_memory_input *input)
{
    if (input->avio) {
        av_freep(&input->avio->buffer);
        avio_context_free(&input->avio);
    }
}
