/* Segments as WebVTT: a file of cues that a video player shows beside the video. */
#ifndef PROTO_WEBVTT_H
#define PROTO_WEBVTT_H

#include "proto/answer.h"

#define PROTO_WEBVTT_CONTENT_TYPE "text/vtt; charset=utf-8"

/* Writes the header and a cue a segment: its times, then label and score. Segments are in the order
 * of their starts, as WebVTT asks. Markup in labels is escaped. */
void proto_webvtt_write(struct proto_writer *writer, const struct proto_segment *segments,
                        size_t count);

#endif
