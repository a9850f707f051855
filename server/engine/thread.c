#include "server/engine/thread.h"

#include <signal.h>
#include <stddef.h>

enum { STACK_BYTES = 8 << 20 };

enum m2c_status srv_thread_start(pthread_t *thread, const char *name, void *(*run)(void *argument),
                                 void *argument, struct m2c_error *err)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    if (pthread_attr_init(&attributes) != 0)
        return m2c_fail(err, M2C_INTERNAL, "the thread %s cannot be started", name);
    /* Signals are the loop's business. */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (problem == 0)
        problem = pthread_create(thread, &attributes, run, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (problem != 0)
        return m2c_fail(err, M2C_INTERNAL, "the thread %s cannot be started", name);
    (void)pthread_setname_np(*thread, name);
    return M2C_OK;
}
