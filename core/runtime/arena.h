/* A bump allocator over one block that is sized once: forward passes allocate nothing. */
#ifndef M2C_RUNTIME_ARENA_H
#define M2C_RUNTIME_ARENA_H

#include <stddef.h>

#include "status.h"

enum { M2C_ARENA_ALIGN = 64 }; /* one cache line, one AVX-512 register */

struct m2c_arena {
    unsigned char *base;
    size_t capacity_bytes;
    size_t used_bytes;
};

/* Maps `capacity_bytes` (zero pages until touched). The caller destroys it. */
M2C_MUST_USE enum m2c_status m2c_arena_init(struct m2c_arena *arena, size_t capacity_bytes,
                                            struct m2c_error *err);

/* Unmaps; safe on a zeroed struct. */
void m2c_arena_destroy(struct m2c_arena *arena);

/* `count` floats, aligned to M2C_ARENA_ALIGN, borrowed until the mark before it is restored.
 * Asking for more than the capacity is a programmer's mistake and asserts: sizes are computed from
 * the same plan as the capacity (m2c_arena_floats_bytes). */
float *m2c_arena_floats(struct m2c_arena *arena, size_t count);

/* The bytes that m2c_arena_floats(count) takes, padding included. */
size_t m2c_arena_floats_bytes(size_t count);

/* Forgets everything handed out. */
void m2c_arena_reset(struct m2c_arena *arena);

#endif
