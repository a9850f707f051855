#include "runtime/team.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SPIN_ROUNDS = 4000, /* tens of microseconds: a layer's imbalance, less than a time slice */
    STACK_BYTES = 8 << 20,
};

/* A word that waiters watch, and how many of them sleep: a wake-up nobody needs costs a system
 * call. Both are sequentially consistent, so that either the sleeper sees the new epoch or the
 * waker sees the sleeper. */
struct signal {
    _Atomic unsigned epoch;
    _Atomic unsigned sleepers;
};

struct member {
    struct m2c_team *team;
    pthread_t thread;
    int index;
};

struct m2c_team {
    int size;
    struct m2c_placement placement;
    /* Bumped to start a run (and to stop the threads); members sleep on it between runs. */
    struct signal run;
    _Atomic bool stopping;
    m2c_team_work work;
    void *argument;
    /* Sense-reversing barrier: the last to arrive bumps the epoch that the others watch. */
    _Atomic int arrived;
    struct signal barrier;
    int started; /* threads to join, member 0 not counted */
    struct member members[];
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Waits until the epoch is no longer `seen`: first by spinning, then asleep. */
static void wait_change(struct signal *signal, unsigned seen)
{
    for (int round = 0; round < SPIN_ROUNDS; round++) {
        if (atomic_load_explicit(&signal->epoch, memory_order_acquire) != seen)
            return;
        relax();
    }
    (void)atomic_fetch_add(&signal->sleepers, 1);
    while (atomic_load(&signal->epoch) == seen)
        (void)syscall(SYS_futex, &signal->epoch, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    (void)atomic_fetch_sub(&signal->sleepers, 1);
}

static void bump_and_wake(struct signal *signal)
{
    (void)atomic_fetch_add(&signal->epoch, 1);
    if (atomic_load(&signal->sleepers) > 0)
        (void)syscall(SYS_futex, &signal->epoch, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *member_main(void *argument)
{
    const struct member *self = argument;
    struct m2c_team *team = self->team;
    unsigned seen = 0;
    m2c_cpu_place_thread(&team->placement);
    for (;;) {
        wait_change(&team->run, seen);
        seen++;
        if (atomic_load(&team->stopping))
            return NULL;
        team->work(team->argument, self->index, team->size);
        m2c_team_barrier(team);
    }
}

static int start_member(struct m2c_team *team, int index)
{
    pthread_attr_t attributes;
    struct member *self = &team->members[index];
    *self = (struct member){.team = team, .index = index};
    int code = pthread_attr_init(&attributes);
    if (code != 0)
        return code;
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    code = pthread_create(&self->thread, &attributes, member_main, self);
    (void)pthread_attr_destroy(&attributes);
    return code;
}

enum m2c_status m2c_team_new(int size, struct m2c_team **out, struct m2c_error *err)
{
    return m2c_team_new_placed(size, NULL, out, err);
}

enum m2c_status m2c_team_new_placed(int size, const struct m2c_placement *placement,
                                    struct m2c_team **out, struct m2c_error *err)
{
    assert(size >= 1);
    size_t bytes = sizeof(struct m2c_team) + (size_t)size * sizeof(struct member);
    struct m2c_team *team = calloc(1, bytes);
    *out = NULL;
    if (!team)
        return m2c_fail_memory(err, "a compute team", bytes);
    team->size = size;
    if (placement)
        team->placement = *placement;
    for (int index = 1; index < size; index++) {
        int code = start_member(team, index);
        if (code != 0) {
            errno = code;
            (void)m2c_fail_errno(err, "starting a compute thread", NULL);
            m2c_team_free(&team);
            return err->status;
        }
        team->started++;
    }
    *out = team;
    return M2C_OK;
}

void m2c_team_free(struct m2c_team **team_pointer)
{
    struct m2c_team *team = *team_pointer;
    *team_pointer = NULL;
    if (!team)
        return;
    atomic_store(&team->stopping, true);
    bump_and_wake(&team->run);
    for (int index = 1; index <= team->started; index++)
        (void)pthread_join(team->members[index].thread, NULL);
    free(team);
}

int m2c_team_size(const struct m2c_team *team)
{
    return team->size;
}

void m2c_team_run(struct m2c_team *team, m2c_team_work work, void *argument)
{
    if (team->size == 1) {
        work(argument, 0, 1);
        return;
    }
    team->work = work;
    team->argument = argument;
    bump_and_wake(&team->run);
    work(argument, 0, team->size);
    m2c_team_barrier(team);
}

void m2c_team_barrier(struct m2c_team *team)
{
    if (team->size == 1)
        return;
    unsigned seen = atomic_load_explicit(&team->barrier.epoch, memory_order_acquire);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1 < team->size) {
        wait_change(&team->barrier, seen);
        return;
    }
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    bump_and_wake(&team->barrier);
}

struct m2c_range m2c_team_share(size_t count, size_t grain, int member, int size)
{
    size_t grains = (count + grain - 1) / grain;
    size_t members = (size_t)size;
    size_t index = (size_t)member;
    size_t each = grains / members;
    size_t extra = grains % members;
    size_t first = index * each + (index < extra ? index : extra);
    size_t last = first + each + (index < extra ? 1 : 0);
    struct m2c_range range = {.begin = first * grain, .end = last * grain};
    if (range.begin > count)
        range.begin = count;
    if (range.end > count)
        range.end = count;
    return range;
}
