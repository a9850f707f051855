/* From bytes to the frames asked for, one after the other in presentation order, by the cheapest
 * way that is exact: container, timeline, seeks, and a count by decoding where packets do not tell.
 */
#ifndef M2C_VIDEO_FRAME_SEARCH_H
#define M2C_VIDEO_FRAME_SEARCH_H

#include "video/clip_decoder.h"
#include "video/frame_choice.h"
#include "video/frame_reader.h"
#include "video/rgb_image.h"

/* Who asks for frames and takes them. */
struct m2c_frame_taker {
    void *context;

    /* What was kept is handed on and not taken back: a sign of damage behind it changes nothing,
     * and a stream too long to be counted is read on as well as it can be. */
    bool streams;

    /* Chooses from a settled timeline. Called again with another timeline where the first proved
     * wrong: frames kept until then that are chosen again will come again. `choice` is empty; on
     * failure it is destroyed all the same. */
    enum m2c_status (*choose)(void *context, const struct m2c_timeline *timeline,
                              struct m2c_frame_choice *choice, struct m2c_error *err);

    /* Takes frame choice->index[slot], borrowed for the call; `concealed` says that the decoder
     * filled in what it could not read. */
    enum m2c_status (*keep)(void *context, const AVFrame *frame, size_t slot, bool concealed,
                            struct m2c_error *err);
};

struct m2c_frame_search {
    const struct m2c_decode_plan *plan; /* limits and cancellation; borrowed */
    enum m2c_clip_strategy strategy;
    const struct m2c_frame_taker *taker; /* borrowed */
    struct m2c_clip_report report;
    struct m2c_budget budget;
    struct m2c_container container;
    struct m2c_timeline timeline;
    struct m2c_frame_choice choice;
    struct m2c_frame_reader reader;
    int64_t rank;                         /* of the last frame that came out, -1 before the first */
    const struct m2c_key_packet *entered; /* where a count restarted; NULL once it is confirmed */
};

/* Starts the budget and opens bytes[size] (borrowed until closed). `search` has plan, strategy and
 * taker set and the rest zeroed; it must not move while open; the caller closes it. Errors as
 * m2c_container_open. */
M2C_MUST_USE enum m2c_status m2c_frame_search_open(struct m2c_frame_search *search,
                                                   const uint8_t *bytes, size_t size,
                                                   struct m2c_error *err);

/* Gives the taker all its frames. Errors: as m2c_video_decode, and the taker's. */
M2C_MUST_USE enum m2c_status m2c_frame_search_run(struct m2c_frame_search *search,
                                                  struct m2c_error *err);

/* Facts of the stream as the timeline tells them and `rgb`, which has converted a frame, sees it.
 */
struct m2c_video_facts m2c_frame_search_facts(const struct m2c_frame_search *search,
                                              const struct m2c_rgb_converter *rgb);

/* Safe on a zeroed struct. */
void m2c_frame_search_close(struct m2c_frame_search *search);

#endif
