#include "video/container_format.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_PROBE_BYTES = 2 << 10, LAST_PROBE_BYTES = 1 << 20 };

/* Playlists that libav knows by their file name only, or not at all. */
static bool is_playlist(const uint8_t *bytes, size_t size)
{
    static const char *const openings[] = {"#EXTM3U", "[playlist]", "<smil", "<SMIL",
                                           "[Reference]"};
    static const uint8_t bom[3] = {0xef, 0xbb, 0xbf};
    if (size >= sizeof bom && !memcmp(bytes, bom, sizeof bom)) {
        bytes += sizeof bom;
        size -= sizeof bom;
    }
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        size_t length = strlen(openings[i]);
        if (size >= length && !memcmp(bytes, openings[i], length))
            return true;
    }
    return false;
}

/* HEIF and AVIF pictures share MP4's boxes but have no movie in them. */
static bool is_picture(const uint8_t *bytes, size_t size)
{
    static const char *const brands[] = {"avif", "heic", "heix", "mif1"};
    if (size < 12 || memcmp(bytes + 4, "ftyp", 4) != 0)
        return false;
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (!memcmp(bytes + 8, brands[i], 4))
            return true;
    return false;
}

/* Looks at more and more of the file until the answer is sure, as libav's own probing does. */
static enum m2c_status probe(const uint8_t *bytes, size_t size, const AVInputFormat **demuxer,
                             int *score, struct m2c_error *err)
{
    size_t last = size < LAST_PROBE_BYTES ? size : LAST_PROBE_BYTES;
    unsigned char *copy = malloc(last + AVPROBE_PADDING_SIZE);
    if (!copy)
        return m2c_fail_memory(err, "the probe buffer", last + AVPROBE_PADDING_SIZE);
    *demuxer = NULL;
    for (size_t count = FIRST_PROBE_BYTES;; count *= 4) {
        if (count > last)
            count = last;
        memcpy(copy, bytes, count);
        memset(copy + count, 0, AVPROBE_PADDING_SIZE);
        AVProbeData data = {.filename = "", .buf = copy, .buf_size = (int)count};
        *demuxer = av_probe_input_format3(&data, 1, score);
        if ((*demuxer && *score > AVPROBE_SCORE_RETRY) || count == last)
            break;
    }
    free(copy);
    return M2C_OK;
}

enum m2c_status m2c_container_format_probe(const uint8_t *bytes, size_t size,
                                           const AVInputFormat **demuxer,
                                           const struct m2c_container_format **format,
                                           struct m2c_error *err)
{
    if (size == 0)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the video is empty");
    if (is_playlist(bytes, size))
        return m2c_fail(err, M2C_UNSUPPORTED_CODEC, "a playlist is not a video");
    if (is_picture(bytes, size))
        return m2c_fail(err, M2C_UNSUPPORTED_CODEC, "a picture is not a video");
    int score = 0;
    enum m2c_status status = probe(bytes, size, demuxer, &score, err);
    if (status)
        return status;
    *format = *demuxer ? m2c_container_format_find((*demuxer)->name) : NULL;
    if (*format)
        return M2C_OK;
    if (!*demuxer || score <= AVPROBE_SCORE_RETRY)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the bytes are no video container");
    (void)m2c_fail(err, M2C_UNSUPPORTED_CODEC,
                   "the container is none of mp4, mov, webm, mkv, avi, mpegts");
    return m2c_error_context(err, "libav probes it as %s", (*demuxer)->name);
}
