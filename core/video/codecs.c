#include "video/codecs.h"

#include <string.h>

static const struct m2c_container_format formats[] = {
    {"mov,mp4,m4a,3gp,3g2,mj2", "mp4", .header_is_enough = true},
    {"matroska,webm", "matroska", .header_is_enough = true, .seeks_by_pts = true},
    {"avi", "avi", .header_is_enough = false},
    {"mpegts", "mpegts", .seeks_by_byte = true},
};

static const struct m2c_codec codecs[] = {
    {"h264", "h264", AV_CODEC_ID_H264, .needs_extradata = true, .skips_nonref = true},
    /* HEVC's "sub-layer non-reference" pictures may be referred to from a higher sub-layer. */
    {"hevc", "hevc", AV_CODEC_ID_HEVC, .needs_extradata = true},
    {"vp8", "vp8", AV_CODEC_ID_VP8, .needs_extradata = false},
    {"vp9", "vp9", AV_CODEC_ID_VP9, .needs_extradata = false},
    {"av1", "libdav1d", AV_CODEC_ID_AV1, .needs_extradata = false},
    {"mpeg4", "mpeg4", AV_CODEC_ID_MPEG4, .needs_extradata = true, .skips_nonref = true},
};

const struct m2c_container_format *m2c_container_format_find(const char *libav_name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!strcmp(formats[i].libav_name, libav_name))
            return &formats[i];
    return NULL;
}

const struct m2c_codec *m2c_codec_find(enum AVCodecID id)
{
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (codecs[i].id == id)
            return &codecs[i];
    return NULL;
}

static int vp8_shown_frames(const uint8_t *data, size_t size)
{
    return size ? (data[0] >> 4) & 1 : -1; /* show_frame of the frame tag (RFC 6386, 9.1) */
}

/* The uncompressed header of one VP9 frame (VP9 bitstream specification, 6.2). */
static int vp9_frame_is_shown(uint8_t first)
{
    int bit = 3; /* after frame_marker(2), profile(2) */
    bool profile_3 = (first & 0x30) == 0x30;
    if (profile_3)
        bit--; /* reserved_zero */
    bool show_existing = (first >> bit) & 1;
    bool show = (first >> (bit - 2)) & 1; /* after frame_type */
    return show_existing || show;
}

/* The superframe index at the packet's end lists the sizes of the frames in it (annex B). */
static int vp9_shown_frames(const uint8_t *data, size_t size)
{
    if (size == 0)
        return -1;
    uint8_t marker = data[size - 1];
    if ((marker & 0xe0) != 0xc0)
        return vp9_frame_is_shown(data[0]);
    size_t frames = (marker & 7u) + 1, width = ((marker >> 3) & 3u) + 1;
    size_t index_bytes = 2 + frames * width;
    if (size < index_bytes || data[size - index_bytes] != marker)
        return vp9_frame_is_shown(data[0]);
    const uint8_t *entry = data + size - index_bytes + 1;
    size_t end = size - index_bytes, offset = 0;
    int shown = 0;
    for (size_t i = 0; i < frames; i++) {
        size_t frame_bytes = 0;
        for (size_t byte = 0; byte < width; byte++)
            frame_bytes |= (size_t)*entry++ << (8 * byte);
        if (frame_bytes == 0)
            continue;
        if (frame_bytes > end - offset)
            return -1;
        shown += vp9_frame_is_shown(data[offset]);
        offset += frame_bytes;
    }
    return shown;
}

int m2c_codec_shown_frames(const struct m2c_codec *codec, const uint8_t *data, size_t size)
{
    enum { LARGEST_EMPTY_VOP = 19 }; /* MPEG-4 writes "nothing new" as a few bytes */
    if (codec->id == AV_CODEC_ID_VP8)
        return vp8_shown_frames(data, size);
    if (codec->id == AV_CODEC_ID_VP9)
        return vp9_shown_frames(data, size);
    if (codec->id == AV_CODEC_ID_MPEG4 && size <= LARGEST_EMPTY_VOP)
        return -1;
    return 1;
}

/* The position after the next start code 00 00 01, or `size`. */
static size_t after_start_code(const uint8_t *data, size_t size, size_t position)
{
    for (; position + 3 < size; position++)
        if (data[position] == 0 && data[position + 1] == 0 && data[position + 2] == 1)
            return position + 3;
    return size;
}

enum h264_unit { H264_SLICE = 1, H264_IDR_SLICE = 5 }; /* ISO/IEC 14496-10, 7.4.1 */

/* The type of the first slice of an access unit made of units behind 4-byte lengths; 0 if it is
 * not made so. */
static int first_slice_by_length(const uint8_t *data, size_t size)
{
    int slice = 0;
    size_t at = 0;
    while (size - at > 4) {
        size_t length = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 |
                        (size_t)data[at + 2] << 8 | data[at + 3];
        int type = data[at + 4] & 31;
        if (length == 0 || length > size - at - 4)
            return 0;
        if (!slice && type >= H264_SLICE && type <= H264_IDR_SLICE)
            slice = type;
        at += 4 + length;
    }
    return at == size ? slice : 0;
}

/* The same of units behind start codes. */
static int first_slice_by_start_code(const uint8_t *data, size_t size)
{
    for (size_t at = after_start_code(data, size, 0); at < size;
         at = after_start_code(data, size, at)) {
        int type = data[at] & 31;
        if (type >= H264_SLICE && type <= H264_IDR_SLICE)
            return type;
    }
    return 0;
}

bool m2c_codec_is_entry_point(const struct m2c_codec *codec, const uint8_t *data, size_t size)
{
    if (codec->id == AV_CODEC_ID_H264) {
        int slice = first_slice_by_length(data, size);
        return (slice ? slice : first_slice_by_start_code(data, size)) == H264_IDR_SLICE;
    }
    return codec->id == AV_CODEC_ID_MPEG4;
}

bool m2c_codec_is_bidirectional(const struct m2c_codec *codec, const uint8_t *data, size_t size)
{
    enum { VOP = 0xb6, B_VOP = 2 }; /* vop_start_code, vop_coding_type (ISO/IEC 14496-2, 6.2.5) */
    if (codec->id != AV_CODEC_ID_MPEG4)
        return false;
    for (size_t at = after_start_code(data, size, 0); at < size;
         at = after_start_code(data, size, at))
        if (data[at] == VOP)
            return at + 1 < size && data[at + 1] >> 6 == B_VOP;
    return false;
}
