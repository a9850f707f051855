/* What the scheduler computes: the views of a decoded video, the texts of labels, or the masks of a
 * text beside a video. Embedded in what asks for it. */
#ifndef SRV_ENGINE_WORK_H
#define SRV_ENGINE_WORK_H

#include "fill_mask.h"
#include "pipeline.h"
#include "server/engine/lanes.h"
#include "server/engine/mailbox.h"
#include "server/engine/served.h"

enum srv_work_kind { SRV_WORK_VIEWS, SRV_WORK_TEXTS, SRV_WORK_MASKS };

struct srv_work {
    enum srv_work_kind kind;
    enum srv_lane lane;
    const struct srv_served *served;     /* held by the asker until done */
    const struct m2c_set *set;           /* of that model */
    double deadline_ms;                  /* m2c_clock_ms: not begun after it; 0: none */
    void (*done)(struct srv_work *work); /* loop thread */

    /* SRV_WORK_VIEWS: all views of `frames` into `embedding`, both the asker's. */
    const struct m2c_clip_frames *frames;
    struct m2c_video_embedding *embedding;

    /* SRV_WORK_TEXTS: unit vectors [text_count, E] of texts under one template (NULL: verbatim). A
     * text at fault is named `text[i]` in err.field. */
    const char *template_text;
    const char *const *texts;
    size_t text_count;
    bool truncate;
    float *vectors;

    /* SRV_WORK_MASKS: the words for each mask beside `embedding`: predictions [masks, M]. */
    const struct m2c_masked_text *masked;
    struct m2c_prediction *predictions;

    /* Set when done is called. err.status: the outcome. */
    struct m2c_error err;
    double run_ms;        /* of all passes that had a piece of it */
    double share_ms;      /* its part of them, by the pieces in each */
    size_t largest_batch; /* pieces in the fullest of them */
    double wait_ms;       /* the rest of the time since it was submitted */
    double flop;          /* needed by its views */

    /* The scheduler's own, under its lock. */
    struct srv_letter letter;
    struct srv_place place;
    double queued_ms;
    size_t taken;   /* pieces that passes have taken */
    size_t running; /* pieces in passes under way */
    bool waiting;   /* in a lane */
    bool dropped;   /* nobody wants the rest */
};

/* How many pieces it has: views, texts or masks. */
size_t srv_work_pieces(const struct srv_work *work);

#endif
