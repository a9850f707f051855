#include "video/frame_reader.h"

#include "video/libav_setup.h"

static enum m2c_status configure(AVCodecContext *decoder, const struct m2c_container *container,
                                 int reorder_delay, struct m2c_error *err)
{
    int code = avcodec_parameters_to_context(decoder, container->stream->codecpar);
    if (code < 0) {
        (void)m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the stream's parameters are not valid");
        return m2c_libav_context(err, code);
    }
    decoder->pkt_timebase = container->stream->time_base;
    decoder->thread_count = 1;
    decoder->max_pixels = container->input.budget->limits->max_pixels;
    if (decoder->has_b_frames < reorder_delay)
        decoder->has_b_frames = reorder_delay;
    return M2C_OK;
}

static enum m2c_status open_decoder(struct m2c_frame_reader *reader, int reorder_delay,
                                    struct m2c_error *err)
{
    const struct m2c_codec *codec = reader->container->codec;
    const AVCodec *implementation = avcodec_find_decoder_by_name(codec->decoder);
    if (!implementation)
        return m2c_fail(err, M2C_INTERNAL, "this build has no %s decoder", codec->name);
    reader->decoder = avcodec_alloc_context3(implementation);
    if (!reader->decoder)
        return m2c_fail_memory(err, "the decoder", sizeof *reader->decoder);
    enum m2c_status status = configure(reader->decoder, reader->container, reorder_delay, err);
    if (status)
        return status;
    int code = avcodec_open2(reader->decoder, implementation, NULL);
    if (code < 0) {
        (void)m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the %s decoder refuses the stream",
                       codec->name);
        return m2c_libav_context(err, code);
    }
    return M2C_OK;
}

enum m2c_status m2c_frame_reader_open(struct m2c_frame_reader *reader,
                                      struct m2c_container *container, int reorder_delay,
                                      struct m2c_error *err)
{
    *reader = (struct m2c_frame_reader){.container = container};
    reader->packet = av_packet_alloc();
    reader->frame = av_frame_alloc();
    enum m2c_status status = reader->packet && reader->frame
                                 ? open_decoder(reader, reorder_delay, err)
                                 : m2c_fail_memory(err, "a frame", sizeof *reader->frame);
    if (status)
        m2c_frame_reader_close(reader);
    return status;
}

void m2c_frame_reader_close(struct m2c_frame_reader *reader)
{
    avcodec_free_context(&reader->decoder);
    av_packet_free(&reader->packet);
    av_frame_free(&reader->frame);
}

void m2c_frame_reader_want(struct m2c_frame_reader *reader, const int64_t *pts, size_t count)
{
    reader->wanted_pts = pts;
    reader->wanted_count = count;
}

static bool is_wanted(const struct m2c_frame_reader *reader, int64_t pts)
{
    size_t low = 0, high = reader->wanted_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->wanted_pts[middle] < pts)
            low = middle + 1;
        else
            high = middle;
    }
    return low < reader->wanted_count && reader->wanted_pts[low] == pts;
}

static enum m2c_status send_packet(struct m2c_frame_reader *reader, struct m2c_error *err)
{
    AVCodecContext *decoder = reader->decoder;
    decoder->skip_frame = AVDISCARD_DEFAULT;
    if (reader->wanted_pts && reader->container->codec->skips_nonref &&
        !is_wanted(reader, reader->packet->pts))
        decoder->skip_frame = AVDISCARD_NONREF;
    int64_t pixels = (int64_t)decoder->width * decoder->height;
    int code = avcodec_send_packet(decoder, reader->packet);
    av_packet_unref(reader->packet);
    reader->pending = false;
    reader->damaged |= code < 0;
    return m2c_budget_pixels(reader->container->input.budget, pixels, err);
}

/* Gives the decoder its next packet, or the end. */
static enum m2c_status feed(struct m2c_frame_reader *reader, struct m2c_error *err)
{
    if (!reader->pending) {
        bool broken = false;
        enum m2c_status status =
            m2c_container_read(reader->container, reader->packet, &reader->pending, &broken, err);
        reader->damaged |= broken;
        if (status)
            return status;
    }
    if (reader->pending)
        return send_packet(reader, err);
    reader->draining = true;
    reader->damaged |= avcodec_send_packet(reader->decoder, NULL) < 0;
    return M2C_OK;
}

enum m2c_status m2c_frame_reader_next(struct m2c_frame_reader *reader, const AVFrame **frame,
                                      struct m2c_error *err)
{
    enum { MAX_ERRORS_IN_A_ROW = 64 };
    *frame = NULL;
    int errors = 0;
    while (errors < MAX_ERRORS_IN_A_ROW) {
        int code = avcodec_receive_frame(reader->decoder, reader->frame);
        if (code == 0) {
            *frame = reader->frame;
            return M2C_OK;
        }
        if (code == AVERROR_EOF)
            return M2C_OK;
        if (code != AVERROR(EAGAIN)) {
            reader->damaged = true;
            errors++;
            continue;
        }
        if (reader->draining)
            return M2C_OK;
        errors = 0;
        enum m2c_status status = feed(reader, err);
        if (status)
            return status;
    }
    return M2C_OK;
}

/* Key packets are known by their pts, in a container without them by dts and position. */
static bool is_packet(const AVPacket *packet, const struct m2c_key_packet *key)
{
    if (!(packet->flags & AV_PKT_FLAG_KEY) || packet->pts != key->pts)
        return false;
    return key->pts != AV_NOPTS_VALUE || (packet->dts == key->dts && packet->pos == key->position);
}

/* Reads on until `key` is the pending packet. */
static enum m2c_status walk_to(struct m2c_frame_reader *reader, const struct m2c_key_packet *key,
                               struct m2c_error *err)
{
    const AVPacket *packet = reader->packet;
    for (;;) {
        bool more, broken = false;
        enum m2c_status status =
            m2c_container_read(reader->container, reader->packet, &more, &broken, err);
        if (status || !more)
            return status;
        reader->pending = is_packet(packet, key);
        if (reader->pending)
            return M2C_OK;
        bool beyond =
            packet->flags & AV_PKT_FLAG_KEY &&
            (packet->pts == AV_NOPTS_VALUE ? packet->dts > key->dts : packet->pts > key->pts);
        av_packet_unref(reader->packet);
        if (beyond)
            return M2C_OK;
    }
}

static int seek(const struct m2c_container *container, const struct m2c_key_packet *key)
{
    const struct m2c_container_format *format = container->format;
    int64_t time = format->seeks_by_pts || key->dts == AV_NOPTS_VALUE ? key->pts : key->dts;
    if (format->seeks_by_byte)
        return key->position < 0 ? AVERROR(EINVAL)
                                 : av_seek_frame(container->demuxer, container->stream->index,
                                                 key->position, AVSEEK_FLAG_BYTE);
    return av_seek_frame(container->demuxer, container->stream->index, time, AVSEEK_FLAG_BACKWARD);
}

static void forget(struct m2c_frame_reader *reader)
{
    av_packet_unref(reader->packet);
    reader->pending = reader->draining = false;
    avcodec_flush_buffers(reader->decoder);
}

enum m2c_status m2c_frame_reader_restart(struct m2c_frame_reader *reader,
                                         const struct m2c_key_packet *key, struct m2c_error *err)
{
    forget(reader);
    enum m2c_status status = M2C_OK;
    if (seek(reader->container, key) >= 0)
        status = walk_to(reader, key, err);
    if (!status && !reader->pending) {
        status = m2c_container_reopen(reader->container, err);
        if (!status)
            status = walk_to(reader, key, err);
    }
    if (!status && !reader->pending)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "a key frame is not found again");
    return status;
}

enum m2c_status m2c_frame_reader_rewind(struct m2c_frame_reader *reader,
                                        const struct m2c_key_packet *first, struct m2c_error *err)
{
    forget(reader);
    if (seek(reader->container, first) >= 0) {
        const AVPacket *packet = reader->packet;
        bool broken = false;
        enum m2c_status status =
            m2c_container_read(reader->container, reader->packet, &reader->pending, &broken, err);
        if (status)
            return status;
        if (reader->pending && packet->pts == first->pts && packet->dts == first->dts &&
            packet->pos == first->position)
            return M2C_OK;
        forget(reader);
    }
    return m2c_container_reopen(reader->container, err);
}
