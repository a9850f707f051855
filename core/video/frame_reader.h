/* Decoding: frames of a container in presentation order. */
#ifndef M2C_VIDEO_FRAME_READER_H
#define M2C_VIDEO_FRAME_READER_H

#include <libavcodec/avcodec.h>

#include "video/container.h"
#include "video/timeline.h"

struct m2c_frame_reader {
    struct m2c_container *container; /* borrowed */
    AVCodecContext *decoder;
    AVPacket *packet;
    AVFrame *frame;
    const int64_t *wanted_pts; /* [wanted_count] ascending, borrowed; see below */
    size_t wanted_count;
    bool pending;  /* `packet` is read and not yet sent */
    bool draining; /* the container has ended */
    bool damaged;  /* the container broke or the decoder refused something */
};

/* Opens the one decoder of the container's codec, on one thread, under the limits. The caller
 * closes it; `container` outlives it. `reorder_delay`: as the timeline says, 0 if unknown.
 * Errors: M2C_UNDECODABLE_VIDEO, M2C_INTERNAL (libav lacks the decoder), M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_frame_reader_open(struct m2c_frame_reader *reader,
                                                   struct m2c_container *container,
                                                   int reorder_delay, struct m2c_error *err);

/* Only frames with these pts are asked for: others that nothing refers to need not come out. */
void m2c_frame_reader_want(struct m2c_frame_reader *reader, const int64_t *pts, size_t count);

/* The next frame, borrowed until the next call, or *frame = NULL at the end. What cannot be decoded
 * is passed over (`damaged`). Errors: M2C_TOO_LONG, M2C_DEADLINE, M2C_CANCELLED. */
M2C_MUST_USE enum m2c_status m2c_frame_reader_next(struct m2c_frame_reader *reader,
                                                   const AVFrame **frame, struct m2c_error *err);

/* Goes to a key packet of the container's timeline: the next frame is the key frame or, in an open
 * group of pictures, shown shortly before it. Seeks where the container can, else walks there from
 * its start. Errors: M2C_UNDECODABLE_VIDEO (the packet is not found again), M2C_DEADLINE,
 * M2C_CANCELLED, and those of opening a container. */
M2C_MUST_USE enum m2c_status m2c_frame_reader_restart(struct m2c_frame_reader *reader,
                                                      const struct m2c_key_packet *key,
                                                      struct m2c_error *err);

/* Goes back to the first packet of the walk, `first`, by a seek where that is certain to find it,
 * else by opening the container anew. Errors as m2c_frame_reader_restart. */
M2C_MUST_USE enum m2c_status m2c_frame_reader_rewind(struct m2c_frame_reader *reader,
                                                     const struct m2c_key_packet *first,
                                                     struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_frame_reader_close(struct m2c_frame_reader *reader);

#endif
