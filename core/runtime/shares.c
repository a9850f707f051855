#include "runtime/shares.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    LINE_BYTES = 64,
    LEAST_PART = 8, /* of a piece: less is not worth another member's while */
};

/* What is left of one member's share: begin in the low half, end in the high one, so that both
 * change in one step. A line of its own, since its owner writes it all the time. */
struct slot {
    _Alignas(LINE_BYTES) _Atomic uint64_t left;
};

struct m2c_shares {
    int size;
    bool fixed;
    struct slot *slots; /* [2, size]: of even and of odd phases */
};

static uint64_t pack(struct m2c_range range)
{
    return (uint64_t)range.end << 32 | (uint64_t)range.begin;
}

static struct m2c_range unpack(uint64_t left)
{
    return (struct m2c_range){.begin = (size_t)(left & UINT32_MAX), .end = (size_t)(left >> 32)};
}

enum m2c_status m2c_shares_new(int size, struct m2c_shares **out, struct m2c_error *err)
{
    size_t bytes = 2 * (size_t)size * sizeof(struct slot);
    struct m2c_shares *shares = calloc(1, sizeof *shares);
    *out = shares;
    if (shares)
        shares->slots = aligned_alloc(LINE_BYTES, bytes);
    if (!shares || !shares->slots) {
        m2c_shares_free(out);
        return m2c_fail_memory(err, "shares", bytes);
    }
    shares->size = size;
    for (size_t i = 0; i < 2 * (size_t)size; i++)
        atomic_init(&shares->slots[i].left, 0);
    return M2C_OK;
}

void m2c_shares_free(struct m2c_shares **shares)
{
    if (*shares)
        free((*shares)->slots);
    free(*shares);
    *shares = NULL;
}

void m2c_shares_fix(struct m2c_shares *shares, bool fixed)
{
    shares->fixed = fixed;
}

static struct slot *slot_of(const struct m2c_shares *shares, unsigned phase, int member)
{
    return &shares->slots[phase % 2 * (size_t)shares->size + (size_t)member];
}

static void deal(struct m2c_shares *shares, unsigned phase, int member, size_t count)
{
    struct m2c_range range = m2c_team_share(count, 1, member, shares->size);
    atomic_store_explicit(&slot_of(shares, phase, member)->left, pack(range), memory_order_relaxed);
}

void m2c_shares_begin(struct m2c_shares *shares, size_t count)
{
    for (int member = 0; member < shares->size; member++)
        deal(shares, 0, member, count);
}

void m2c_shares_deal(struct m2c_shares *shares, unsigned phase, int member, size_t count)
{
    deal(shares, phase + 1, member, count);
}

/* Pieces of even sizes: a last one of a few rows would read all weights for them. */
static size_t even_piece(size_t left, size_t piece)
{
    size_t pieces = (left + piece - 1) / piece;
    return (left + pieces - 1) / pieces;
}

static bool take_own(struct slot *slot, size_t piece, struct m2c_range *out)
{
    uint64_t seen = atomic_load_explicit(&slot->left, memory_order_relaxed);
    for (;;) {
        struct m2c_range left = unpack(seen);
        if (left.begin == left.end)
            return false;
        size_t count = even_piece(left.end - left.begin, piece);
        struct m2c_range rest = {.begin = left.begin + count, .end = left.end};
        if (atomic_compare_exchange_weak_explicit(&slot->left, &seen, pack(rest),
                                                  memory_order_relaxed, memory_order_relaxed)) {
            *out = (struct m2c_range){.begin = left.begin, .end = left.begin + count};
            return true;
        }
    }
}

/* At most half of what is left, from the back: the owner goes on at the front. */
static bool take_from(struct slot *slot, size_t piece, struct m2c_range *out)
{
    uint64_t seen = atomic_load_explicit(&slot->left, memory_order_relaxed);
    for (;;) {
        struct m2c_range left = unpack(seen);
        if ((left.end - left.begin) * LEAST_PART < piece || left.begin == left.end)
            return false;
        size_t count = (left.end - left.begin + 1) / 2;
        if (count > piece)
            count = piece;
        struct m2c_range rest = {.begin = left.begin, .end = left.end - count};
        if (atomic_compare_exchange_weak_explicit(&slot->left, &seen, pack(rest),
                                                  memory_order_relaxed, memory_order_relaxed)) {
            *out = (struct m2c_range){.begin = rest.end, .end = left.end};
            return true;
        }
    }
}

bool m2c_shares_take(struct m2c_shares *shares, unsigned phase, int member, size_t piece,
                     struct m2c_range *out)
{
    if (take_own(slot_of(shares, phase, member), piece, out))
        return true;
    for (int i = 1; i < shares->size && !shares->fixed; i++)
        if (take_from(slot_of(shares, phase, (member + i) % shares->size), piece, out))
            return true;
    return false;
}
