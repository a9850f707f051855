#include "video/clip_decoder.h"

#include "video/frame_converter.h"
#include "video/frame_search.h"

struct clip_decoder {
    const struct m2c_decode_plan *plan;
    struct m2c_clip_frames *out;
    struct m2c_frame_converter converter;
    size_t count; /* frames chosen */
};

static enum m2c_status choose(void *context, const struct m2c_timeline *timeline,
                              struct m2c_frame_choice *choice, struct m2c_error *err)
{
    struct clip_decoder *decoder = context;
    enum m2c_status status =
        m2c_frame_choice_make(timeline, decoder->plan, choice, decoder->out, err);
    decoder->count = choice->count;
    return status;
}

static enum m2c_status keep(void *context, const AVFrame *frame, size_t slot, bool concealed,
                            struct m2c_error *err)
{
    struct clip_decoder *decoder = context;
    enum m2c_status status = M2C_OK;
    if (concealed)
        decoder->out->warnings |= M2C_CLIP_DAMAGED;
    if (slot == 0 && decoder->out->pixels) /* a second pass, perhaps for another number of frames */
        status = m2c_clip_allocate(&decoder->converter, decoder->out, decoder->count, err);
    return status ? status
                  : m2c_frame_convert(&decoder->converter, frame, decoder->out, decoder->count,
                                      slot, err);
}

enum m2c_status m2c_clip_decode(const uint8_t *bytes, size_t size,
                                const struct m2c_decode_plan *plan, enum m2c_clip_strategy strategy,
                                struct m2c_clip_frames *out, struct m2c_clip_report *report,
                                struct m2c_error *err)
{
    struct clip_decoder decoder = {.plan = plan, .out = out, .converter.plan = plan};
    const struct m2c_frame_taker taker = {.context = &decoder, .choose = choose, .keep = keep};
    struct m2c_frame_search search = {.plan = plan, .strategy = strategy, .taker = &taker};
    enum m2c_status status = m2c_frame_search_open(&search, bytes, size, err);
    if (!status) {
        decoder.converter.rgb.orientation = m2c_orientation_of(search.container.stream);
        status = m2c_frame_search_run(&search, err);
    }
    if (!status) {
        out->facts = m2c_frame_search_facts(&search, &decoder.converter.rgb);
        out->decoded_pixels = search.budget.decoded_pixels;
        out->preprocess_ms = decoder.converter.spent_ms;
        *report = search.report;
    }
    m2c_frame_converter_destroy(&decoder.converter);
    m2c_frame_search_close(&search);
    return status;
}
