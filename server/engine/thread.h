/* Threads of our own, with a stack that does not depend on the process's limits. */
#ifndef SRV_ENGINE_THREAD_H
#define SRV_ENGINE_THREAD_H

#include <pthread.h>

#include "status.h"

/* Starts `run(argument)` on an 8 MiB stack, named `name` (15 characters at most). The caller
 * joins. */
M2C_MUST_USE enum m2c_status srv_thread_start(pthread_t *thread, const char *name,
                                              void *(*run)(void *argument), void *argument,
                                              struct m2c_error *err);

#endif
