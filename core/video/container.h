/* Demuxing: a container in memory, opened under our whitelists and limits, and its one video
 * stream.
 *
 * Nothing outside the bytes given is ever opened: no file name is known to libav, no protocol is
 * allowed, and only four demuxers are.
 */
#ifndef M2C_VIDEO_CONTAINER_H
#define M2C_VIDEO_CONTAINER_H

#include <libavformat/avformat.h>

#include "video/codecs.h"
#include "video/memory_input.h"

struct m2c_container {
    const struct m2c_container_format *format;
    const struct m2c_codec *codec;
    AVFormatContext *demuxer;
    AVStream *stream; /* of `demuxer` */
    struct m2c_memory_input input;
};

/* Opens bytes[size] (borrowed until closed) and chooses the first video stream of a codec on the
 * list that is no cover picture. `container` must not move while open; the caller closes it.
 * Errors: M2C_UNDECODABLE_VIDEO, M2C_UNSUPPORTED_CODEC, M2C_NO_VIDEO, M2C_FRAME_TOO_LARGE,
 * M2C_UNSUPPORTED_ASPECT, M2C_DEADLINE, M2C_CANCELLED, M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_container_open(struct m2c_container *container,
                                                const uint8_t *bytes, size_t size,
                                                struct m2c_budget *budget, struct m2c_error *err);

/* Closes and opens anew, for a second walk from the first packet. */
M2C_MUST_USE enum m2c_status m2c_container_reopen(struct m2c_container *container,
                                                  struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_container_close(struct m2c_container *container);

/* The next packet of the video stream into `packet` (a new reference: the caller unrefs), or
 * *more = false at the end or where the container breaks (*broken set). Errors: M2C_DEADLINE,
 * M2C_CANCELLED. */
M2C_MUST_USE enum m2c_status m2c_container_read(struct m2c_container *container, AVPacket *packet,
                                                bool *more, bool *broken, struct m2c_error *err);

/* Whether a frame of this size is within the limits: M2C_FRAME_TOO_LARGE, M2C_UNSUPPORTED_ASPECT,
 * M2C_UNDECODABLE_VIDEO for an empty one. */
M2C_MUST_USE enum m2c_status m2c_frame_size_check(int64_t width, int64_t height,
                                                  const struct m2c_decode_limits *limits,
                                                  struct m2c_error *err);

#endif
