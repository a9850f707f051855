/* What a request asks of the machine, as far as it is known: first by its headers, then by what it
 * turned out to be. Loop thread. */
#ifndef SRV_HANDLERS_WORK_COST_H
#define SRV_HANDLERS_WORK_COST_H

#include "proto/options.h"
#include "server/handlers/handlers.h"

struct m2c_sampling;
struct m2c_set;

/* A guess from path, query and Content-Length; options that do not parse are as if they were not
 * given. */
struct srv_cost srv_cost_of_headers(const struct srv_handlers *handlers,
                                    const struct srv_request *request);

/* Of `videos` with `bytes` in all, each sampled like this, and of texts to encode. */
struct srv_cost srv_cost_of_videos(const struct m2c_set *set, const struct m2c_sampling *sampling,
                                   size_t videos, size_t bytes, size_t texts);

/* Of a video looked at window by window: it holds as much of the budget as the windows that are
 * under way at a time. */
struct srv_cost srv_cost_of_timeline(const struct m2c_set *set, const struct m2c_sampling *sampling,
                                     size_t texts);

#endif
