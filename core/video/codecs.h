/* The containers and codecs that are decoded; everything else is refused. */
#ifndef M2C_VIDEO_CODECS_H
#define M2C_VIDEO_CODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavcodec/codec_id.h>

/* For libav's own whitelists. */
#define M2C_CONTAINER_WHITELIST "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts"
#define M2C_CODEC_WHITELIST "h264,hevc,vp8,vp9,libdav1d,mpeg4"

struct m2c_container_format {
    const char *libav_name; /* of the demuxer */
    const char *name;       /* for people */
    bool header_is_enough;  /* sizes and codec data are in the header, times in every packet */
    bool seeks_by_byte;     /* has no index of its own */
    bool seeks_by_pts;      /* its index holds presentation times, others decoding times */
};

struct m2c_codec {
    const char *name;    /* as in facts.codec */
    const char *decoder; /* libav's name of the one decoder used */
    enum AVCodecID id;
    bool needs_extradata; /* in containers whose header is enough */
    bool skips_nonref;    /* skip_frame = NONREF drops only frames that nothing refers to */
};

/* NULL if not on the list. Static storage. */
const struct m2c_container_format *m2c_container_format_find(const char *libav_name);
const struct m2c_codec *m2c_codec_find(enum AVCodecID id);

/* How many frames the packet shows: VP8 and VP9 code frames that are only referred to. -1: cannot
 * be told without decoding. */
int m2c_codec_shown_frames(const struct m2c_codec *codec, const uint8_t *data, size_t size);

/* For streams without presentation times, whose order must be read from the pictures themselves
 * (AVI with B-frames). Whether everything coded before the key packet is also shown before it, and
 * whether the packet is shown before the picture coded ahead of it. */
bool m2c_codec_is_entry_point(const struct m2c_codec *codec, const uint8_t *data, size_t size);
bool m2c_codec_is_bidirectional(const struct m2c_codec *codec, const uint8_t *data, size_t size);

#endif
