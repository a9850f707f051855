#include "proto/webvtt.h"

#include <math.h>
#include <stdio.h>

static void write_time(struct proto_writer *writer, double seconds)
{
    char text[48];
    long long ms = seconds > 0 ? llround(seconds * 1000.0) : 0;
    (void)snprintf(text, sizeof text, "%02lld:%02lld:%02lld.%03lld", ms / 3600000, ms / 60000 % 60,
                   ms / 1000 % 60, ms % 1000);
    proto_writer_raw(writer, text);
}

/* A cue's text is one line without markup: what would begin or end a tag, an entity or the cue is
 * written as an entity or a space. */
static void write_label(struct proto_writer *writer, const char *label)
{
    char byte[2] = "";
    for (; *label; label++) {
        byte[0] = (unsigned char)*label < 0x20 || *label == 0x7f ? ' ' : *label;
        if (byte[0] == '&')
            proto_writer_raw(writer, "&amp;");
        else if (byte[0] == '<')
            proto_writer_raw(writer, "&lt;");
        else if (byte[0] == '>')
            proto_writer_raw(writer, "&gt;");
        else
            proto_writer_raw(writer, byte);
    }
}

void proto_webvtt_write(struct proto_writer *writer, const struct proto_segment *segments,
                        size_t count)
{
    proto_writer_raw(writer, "WEBVTT\n");
    for (size_t i = 0; i < count; i++) {
        const struct proto_segment *segment = &segments[i];
        int hundredths = (int)lround((double)segment->score * 100.0);
        char score[32];
        proto_writer_raw(writer, "\n");
        write_time(writer, segment->start_s);
        proto_writer_raw(writer, " --> ");
        write_time(writer, segment->end_s);
        proto_writer_raw(writer, "\n");
        write_label(writer, segment->label);
        (void)snprintf(score, sizeof score, " %d.%02d\n", hundredths / 100, hundredths % 100);
        proto_writer_raw(writer, score);
    }
}
