#include "video/container.h"

#include <libavutil/dict.h>

#include "video/container_format.h"
#include "video/libav_setup.h"

/* Budget first: a read that our deadline stopped must not be blamed on the video. */
static enum m2c_status fail_open(const struct m2c_container *container, int code,
                                 struct m2c_error *err)
{
    enum m2c_status status = m2c_budget_check(container->input.budget, err);
    if (status)
        return status;
    (void)m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the %s container cannot be read",
                   container->format->name);
    return m2c_libav_context(err, code);
}

static int interrupted(void *opaque)
{
    const struct m2c_budget *budget = opaque;
    return m2c_budget_state(budget) != M2C_OK;
}

static int set_demuxer_options(AVDictionary **options)
{
    static const char *const pairs[][2] = {
        {"format_whitelist", M2C_CONTAINER_WHITELIST},
        {"protocol_whitelist", "none"},
        {"codec_whitelist", M2C_CODEC_WHITELIST},
        {"probesize", "5000000"},
        {"analyzeduration", "5000000"},
        {"max_streams", "8"},
        {"max_probe_packets", "500"},
        {"enable_drefs", "0"},
        {"use_absolute_path", "0"},
        {"ignore_chapters", "1"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        int code = av_dict_set(options, pairs[i][0], pairs[i][1], 0);
        if (code < 0)
            return code;
    }
    return 0;
}

static enum m2c_status open_demuxer(struct m2c_container *container, const AVInputFormat *demuxer,
                                    struct m2c_error *err)
{
    AVDictionary *options = NULL;
    AVFormatContext *context = avformat_alloc_context();
    if (!context || set_demuxer_options(&options) < 0) {
        avformat_free_context(context);
        av_dict_free(&options);
        return m2c_fail_memory(err, "the demuxer", sizeof *context);
    }
    context->pb = container->input.avio;
    context->interrupt_callback =
        (AVIOInterruptCB){.callback = interrupted, .opaque = container->input.budget};
    int code = avformat_open_input(&context, NULL, demuxer, &options);
    av_dict_free(&options);
    if (code < 0)
        return fail_open(container, code, err);
    container->demuxer = context;
    return M2C_OK;
}

static bool is_cover(const AVStream *stream)
{
    return stream->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);
}

/* The first video stream of a codec on the list, else the first of any codec; NULL if none. All
 * other streams are discarded where the demuxer meets them. */
static AVStream *choose_stream(AVFormatContext *demuxer)
{
    AVStream *chosen = NULL;
    for (unsigned i = 0; i < demuxer->nb_streams; i++) {
        AVStream *stream = demuxer->streams[i];
        stream->discard = AVDISCARD_ALL;
        if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO || is_cover(stream))
            continue;
        if (!chosen || (!m2c_codec_find(chosen->codecpar->codec_id) &&
                        m2c_codec_find(stream->codecpar->codec_id)))
            chosen = stream;
    }
    if (chosen)
        chosen->discard = AVDISCARD_DEFAULT;
    return chosen;
}

/* Whether frames can be decoded and timed by what the header said, so that libav need not decode
 * the beginning to find out. */
static bool header_is_enough(const struct m2c_container *container, const AVStream *stream)
{
    const AVCodecParameters *parameters = stream ? stream->codecpar : NULL;
    const struct m2c_codec *codec = parameters ? m2c_codec_find(parameters->codec_id) : NULL;
    return container->format->header_is_enough && codec && parameters->width > 0 &&
           parameters->height > 0 && (parameters->extradata_size > 0 || !codec->needs_extradata);
}

/* libav decodes the beginning here: the decoders that it opens must obey our limits too. */
static enum m2c_status find_stream_info(struct m2c_container *container, struct m2c_error *err)
{
    enum { MAX_STREAMS = 8 };
    AVDictionary *options[MAX_STREAMS] = {NULL};
    unsigned count = container->demuxer->nb_streams;
    if (count > MAX_STREAMS)
        return fail_open(container, AVERROR(EINVAL), err);
    int code = 0;
    for (unsigned i = 0; i < count && code >= 0; i++) {
        code = av_dict_set(&options[i], "threads", "1", 0);
        if (code >= 0)
            code = av_dict_set_int(&options[i], "max_pixels",
                                   container->input.budget->limits->max_pixels, 0);
    }
    if (code >= 0)
        code = avformat_find_stream_info(container->demuxer, options);
    for (unsigned i = 0; i < count; i++)
        av_dict_free(&options[i]);
    return code < 0 ? fail_open(container, code, err)
                    : m2c_budget_check(container->input.budget, err);
}

enum m2c_status m2c_frame_size_check(int64_t width, int64_t height,
                                     const struct m2c_decode_limits *limits, struct m2c_error *err)
{
    if (width <= 0 || height <= 0)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the frame size is %lldx%lld", (long long)width,
                        (long long)height);
    if (width * height > limits->max_pixels)
        return m2c_fail(err, M2C_FRAME_TOO_LARGE, "frames of %lldx%lld exceed %lld pixels",
                        (long long)width, (long long)height, (long long)limits->max_pixels);
    int64_t longest = width > height ? width : height, shortest = width + height - longest;
    if (longest > shortest * limits->max_side_ratio)
        return m2c_fail(err, M2C_UNSUPPORTED_ASPECT, "frames of %lldx%lld exceed sides of %d:1",
                        (long long)width, (long long)height, limits->max_side_ratio);
    return M2C_OK;
}

static enum m2c_status settle_stream(struct m2c_container *container, struct m2c_error *err)
{
    AVStream *stream = choose_stream(container->demuxer);
    if (!stream)
        return m2c_fail(err, M2C_NO_VIDEO, "the %s container has no video stream",
                        container->format->name);
    container->stream = stream;
    container->codec = m2c_codec_find(stream->codecpar->codec_id);
    if (!container->codec) {
        (void)m2c_fail(err, M2C_UNSUPPORTED_CODEC,
                       "the codec is none of h264, hevc, vp8, vp9, av1, mpeg4");
        return m2c_error_context(err, "libav's codec is %s",
                                 avcodec_get_name(stream->codecpar->codec_id));
    }
    if (stream->codecpar->width == 0 && stream->codecpar->height == 0)
        return M2C_OK; /* the decoder will tell */
    return m2c_frame_size_check(stream->codecpar->width, stream->codecpar->height,
                                container->input.budget->limits, err);
}

static enum m2c_status open_stream(struct m2c_container *container, const AVInputFormat *demuxer,
                                   struct m2c_error *err)
{
    enum m2c_status status = open_demuxer(container, demuxer, err);
    if (!status && !header_is_enough(container, choose_stream(container->demuxer)))
        status = find_stream_info(container, err);
    return status ? status : settle_stream(container, err);
}

enum m2c_status m2c_container_open(struct m2c_container *container, const uint8_t *bytes,
                                   size_t size, struct m2c_budget *budget, struct m2c_error *err)
{
    *container = (struct m2c_container){0};
    const AVInputFormat *demuxer;
    enum m2c_status status =
        m2c_container_format_probe(bytes, size, &demuxer, &container->format, err);
    if (!status)
        status = m2c_memory_input_open(&container->input, bytes, size, budget, err);
    if (!status)
        status = open_stream(container, demuxer, err);
    if (status)
        m2c_container_close(container);
    return status;
}

enum m2c_status m2c_container_reopen(struct m2c_container *container, struct m2c_error *err)
{
    const uint8_t *bytes = container->input.bytes;
    size_t size = container->input.size;
    struct m2c_budget *budget = container->input.budget;
    m2c_container_close(container);
    return m2c_container_open(container, bytes, size, budget, err);
}

void m2c_container_close(struct m2c_container *container)
{
    avformat_close_input(&container->demuxer);
    m2c_memory_input_close(&container->input);
    container->stream = NULL;
}

enum m2c_status m2c_container_read(struct m2c_container *container, AVPacket *packet, bool *more,
                                   bool *broken, struct m2c_error *err)
{
    *more = false;
    for (;;) {
        int code = av_read_frame(container->demuxer, packet);
        enum m2c_status status = m2c_budget_check(container->input.budget, err);
        if (status) {
            av_packet_unref(packet);
            return status;
        }
        if (code < 0) {
            *broken |= code != AVERROR_EOF;
            return M2C_OK;
        }
        if (packet->stream_index == container->stream->index) {
            *more = true;
            return M2C_OK;
        }
        av_packet_unref(packet);
    }
}
