/* What kind of file the bytes are, before any demuxer runs on them. */
#ifndef M2C_VIDEO_CONTAINER_FORMAT_H
#define M2C_VIDEO_CONTAINER_FORMAT_H

#include <libavformat/avformat.h>

#include "status.h"
#include "video/codecs.h"

/* Finds the demuxer by content alone. Errors: M2C_UNSUPPORTED_CODEC for a kind of file that is
 * known and not on the list (images, playlists, sound), M2C_UNDECODABLE_VIDEO for anything else,
 * M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_container_format_probe(const uint8_t *bytes, size_t size,
                                                        const AVInputFormat **demuxer,
                                                        const struct m2c_container_format **format,
                                                        struct m2c_error *err);

#endif
