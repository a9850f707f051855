#include "runtime/arena.h"

#include <assert.h>
#include <sys/mman.h>

enum m2c_status m2c_arena_init(struct m2c_arena *arena, size_t capacity_bytes,
                               struct m2c_error *err)
{
    *arena = (struct m2c_arena){0};
    if (capacity_bytes == 0)
        return M2C_OK;
    void *base =
        mmap(NULL, capacity_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return m2c_fail_memory(err, "an arena", capacity_bytes);
    /* Huge pages spare the products most of their TLB misses; a refusal costs only speed. */
    (void)madvise(base, capacity_bytes, MADV_HUGEPAGE);
    arena->base = base;
    arena->capacity_bytes = capacity_bytes;
    return M2C_OK;
}

void m2c_arena_destroy(struct m2c_arena *arena)
{
    if (arena->base)
        (void)munmap(arena->base, arena->capacity_bytes);
    *arena = (struct m2c_arena){0};
}

size_t m2c_arena_floats_bytes(size_t count)
{
    size_t bytes = count * sizeof(float);
    return (bytes + M2C_ARENA_ALIGN - 1) / M2C_ARENA_ALIGN * M2C_ARENA_ALIGN;
}

float *m2c_arena_floats(struct m2c_arena *arena, size_t count)
{
    size_t bytes = m2c_arena_floats_bytes(count);
    assert(bytes <= arena->capacity_bytes - arena->used_bytes);
    float *floats = (float *)(void *)(arena->base + arena->used_bytes);
    arena->used_bytes += bytes;
    return floats;
}

void m2c_arena_reset(struct m2c_arena *arena)
{
    arena->used_bytes = 0;
}
