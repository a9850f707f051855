/* Overflow-safe arithmetic for every size that comes from outside.
 * Each returns true and stores the result, or false and leaves `*out` unspecified. Any thread. */
#ifndef M2C_RUNTIME_CHECKED_H
#define M2C_RUNTIME_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

static inline bool m2c_checked_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool m2c_checked_multiply(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

/* out = a * b * c. */
static inline bool m2c_checked_multiply3(size_t a, size_t b, size_t c, size_t *out)
{
    size_t ab;
    return m2c_checked_multiply(a, b, &ab) && m2c_checked_multiply(ab, c, out);
}

#endif
