/* One loaded model and the encoders that run it: what a request is answered by, from its first look
 * at the model to its answer.
 *
 * Every request and job under way holds one, so that a reload can put another in its place at any
 * moment: new work takes the new one, and the old is freed when its last holder lets go. Holding
 * and letting go are the loop thread's; encoders are the workers'.
 */
#ifndef SRV_ENGINE_SERVED_H
#define SRV_ENGINE_SERVED_H

#include <time.h>
#include <uv.h>

#include "m2clip.h"

struct srv_served;

/* A new one with one hold; takes the model, also on failure. Makes one encoder a team, `teams`
 * [workers] borrowed for its life. Any thread. */
M2C_MUST_USE enum m2c_status srv_served_new(struct m2c_model *model, struct m2c_team *const *teams,
                                            int workers, int max_frames, struct srv_served **out,
                                            struct m2c_error *err);

/* One hold more; one less (accepts NULL). The last one frees: on libuv's pool where `loop` is
 * given, since giving hundreds of megabytes back takes long, else here. Loop thread. */
struct srv_served *srv_served_ref(struct srv_served *served);
void srv_served_unref(struct srv_served *served, uv_loop_t *loop);

const struct m2c_model *srv_served_model(const struct srv_served *served);
time_t srv_served_loaded_at(const struct srv_served *served);

/* The encoder of one worker, for that worker's thread alone. */
struct m2c_encoder *srv_served_encoder(const struct srv_served *served, int worker);

#endif
