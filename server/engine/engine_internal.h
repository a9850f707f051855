/* What the files of this room share. */
#ifndef SRV_ENGINE_ENGINE_INTERNAL_H
#define SRV_ENGINE_ENGINE_INTERNAL_H

#include "server/engine/decoder_pool.h"
#include "server/engine/engine.h"
#include "server/engine/film_decoder.h"
#include "server/engine/label_matrix.h"
#include "server/engine/label_store.h"
#include "server/engine/loader.h"
#include "server/engine/mailbox.h"
#include "server/engine/scheduler.h"
#include "server/engine/video_cache.h"

struct srv_video_flight;

struct srv_engine {
    uv_loop_t *loop;
    struct srv_engine_options options;
    struct srv_mailbox mailbox;
    struct srv_served *served;
    struct srv_loader *loader;                     /* while a load runs */
    struct srv_served *lender;                     /* what that load shares its base with */
    struct srv_reload *reload_next, *reload_waits; /* for the next load, for the running one */
    struct srv_reload_counts reload_counts;
    struct srv_decoder_pool *decoders;
    struct srv_film_decoder *films;
    struct srv_scheduler *scheduler;
    struct srv_label_cache *labels;
    struct srv_matrix_cache *matrices;
    struct srv_label_store *store; /* NULL without a folder */
    struct srv_video_cache *videos;
    struct srv_video_flight *flights; /* that may be joined */

    struct srv_admission admission;
    size_t jobs;
    void (*on_closed)(void *argument);
    void *on_closed_argument;
};

/* What work has taken of the machine, for admission to expect it of the next. `texts` were asked
 * for, known ones counted. Loop thread. */
void srv_engine_learn_encode(struct srv_engine *engine, const struct srv_work *work);
void srv_engine_learn_decode(struct srv_engine *engine, const struct srv_decode *decode);
void srv_engine_learn_texts(struct srv_engine *engine, size_t texts, double ms);

#endif
