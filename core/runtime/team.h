/* The compute team: a fixed set of threads that run one function together.
 *
 * Rows are split over the team and every library call below is single-threaded, so one clip uses
 * all cores and nothing oversubscribes (docs/architecture.md, decision 2).
 */
#ifndef M2C_RUNTIME_TEAM_H
#define M2C_RUNTIME_TEAM_H

#include <stddef.h>

#include "runtime/cpu.h"
#include "status.h"

struct m2c_team;

/* Work done by every member: `member` is 0..size-1, 0 being the caller of m2c_team_run. */
typedef void (*m2c_team_work)(void *argument, int member, int size);

/* A new team of `size` >= 1 threads, the caller of m2c_team_run counted; the caller destroys it. */
M2C_MUST_USE enum m2c_status m2c_team_new(int size, struct m2c_team **out, struct m2c_error *err);

/* The same, its threads placed (NULL: as m2c_team_new); whoever calls m2c_team_run places itself.
 * What `placement` borrows must outlive the team. */
M2C_MUST_USE enum m2c_status m2c_team_new_placed(int size, const struct m2c_placement *placement,
                                                 struct m2c_team **out, struct m2c_error *err);

/* Ends the threads and frees the team; accepts NULL, nulls the pointer. Not while it runs. */
void m2c_team_free(struct m2c_team **team);

int m2c_team_size(const struct m2c_team *team);

/* Runs `work` on every member and returns when all have returned. One run at a time: the team
 * belongs to one thread (the scheduler's). Cannot fail, allocates nothing. */
void m2c_team_run(struct m2c_team *team, m2c_team_work work, void *argument);

/* Inside a run: returns when every member has arrived. Spins briefly, then sleeps, since decoders
 * share the cores. What was written before is visible to all after. */
void m2c_team_barrier(struct m2c_team *team);

struct m2c_range {
    size_t begin, end;
};

/* The part of `count` items that falls to `member` of `size`: contiguous, sizes differ by at most
 * one item, boundaries on multiples of `grain`. */
struct m2c_range m2c_team_share(size_t count, size_t grain, int member, int size);

#endif
