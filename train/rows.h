/* Work over rows or columns, shared out over the compute team: one fork and join a call. */
#ifndef TRN_ROWS_H
#define TRN_ROWS_H

#include <stddef.h>

#include "runtime/team.h"

/* Does items begin..end; `member` names whose scratch may be used. */
typedef void (*trn_rows_work)(void *argument, struct m2c_range items, int member);

/* Calls `work` once a member with its contiguous part of `count` items, boundaries on multiples of
 * `grain`; fewer than two grains stay on the calling thread. The team must not be running. */
void trn_for_rows(struct m2c_team *team, size_t count, size_t grain, trn_rows_work work,
                  void *argument);

#endif
