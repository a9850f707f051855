/* Work dealt evenly to the members of a team, that changes hands when a member falls behind.
 *
 * Decoders and strangers take the cores now and then; a member that waits for its core would hold
 * up all the others at the next barrier. So each member takes its own share piece by piece from the
 * front, and who has finished takes up to half of what another has left, from the back.
 * Undisturbed, everybody does about his own.
 *
 * A pass is a sequence of phases with a barrier between. The shares of the next phase are dealt
 * before that barrier, so that a member that arrives late finds its work under way.
 */
#ifndef M2C_RUNTIME_SHARES_H
#define M2C_RUNTIME_SHARES_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/team.h"
#include "status.h"

struct m2c_shares;

/* Shares for a team of `size`. New; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_shares_new(int size, struct m2c_shares **out,
                                            struct m2c_error *err);
void m2c_shares_free(struct m2c_shares **shares); /* accepts NULL, nulls the pointer */

/* Whether shares may change hands (they may at first). Not during a pass. */
void m2c_shares_fix(struct m2c_shares *shares, bool fixed);

/* Deals `count` < 2^32 items of phase 0 to all members. Before the run, on the calling thread. */
void m2c_shares_begin(struct m2c_shares *shares, size_t count);

/* A member's share of `count` items of phase `phase` + 1, told before the barrier that ends phase
 * `phase`. Every member tells the same count. */
void m2c_shares_deal(struct m2c_shares *shares, unsigned phase, int member, size_t count);

/* The next items for a member in its phase, at most `piece` >= 1 of them; false when none are left
 * for it. */
bool m2c_shares_take(struct m2c_shares *shares, unsigned phase, int member, size_t piece,
                     struct m2c_range *out);

#endif
