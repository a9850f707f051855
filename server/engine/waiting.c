#include "server/engine/waiting.h"

#include <time.h>

/* On the clock that m2c_clock_ms reads, which no change of the time of day moves. */
static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int problem = pthread_condattr_init(&attributes);
    if (problem != 0)
        return problem;
    problem = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (problem == 0)
        problem = pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return problem;
}

enum m2c_status srv_waiting_init(struct srv_waiting *waiting, struct m2c_error *err)
{
    if (pthread_mutex_init(&waiting->lock, NULL) != 0)
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    if (init_condition(&waiting->changed) != 0) {
        (void)pthread_mutex_destroy(&waiting->lock);
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    }
    return M2C_OK;
}

void srv_waiting_destroy(struct srv_waiting *waiting)
{
    (void)pthread_cond_destroy(&waiting->changed);
    (void)pthread_mutex_destroy(&waiting->lock);
}

void srv_waiting_lock(struct srv_waiting *waiting)
{
    (void)pthread_mutex_lock(&waiting->lock);
}

void srv_waiting_unlock(struct srv_waiting *waiting)
{
    (void)pthread_mutex_unlock(&waiting->lock);
}

void srv_waiting_sleep(struct srv_waiting *waiting)
{
    (void)pthread_cond_wait(&waiting->changed, &waiting->lock);
}

void srv_waiting_sleep_until(struct srv_waiting *waiting, double until_ms)
{
    double whole_s = (double)(long)(until_ms / 1000.0);
    struct timespec until = {.tv_sec = (time_t)whole_s,
                             .tv_nsec = (long)((until_ms - whole_s * 1000.0) * 1e6)};
    (void)pthread_cond_timedwait(&waiting->changed, &waiting->lock, &until);
}

void srv_waiting_wake(struct srv_waiting *waiting)
{
    (void)pthread_cond_signal(&waiting->changed);
}

void srv_waiting_wake_all(struct srv_waiting *waiting)
{
    (void)pthread_cond_broadcast(&waiting->changed);
}
