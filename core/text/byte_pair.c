#include "text/byte_pair.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"

enum { LEAST_ROOM = 64 };

void m2c_byte_pair_free(struct m2c_byte_pair_room *room)
{
    free(room->block);
    memset(room, 0, sizeof *room);
}

enum m2c_status m2c_byte_pair_reserve(struct m2c_byte_pair_room *room, size_t capacity,
                                      struct m2c_error *err)
{
    size_t place_bytes =
        sizeof(void *) + 3 * sizeof *room->heap + 4 * sizeof *room->symbols + sizeof *room->bytes;
    size_t bytes;
    if (capacity <= room->capacity)
        return M2C_OK;
    if (capacity < LEAST_ROOM)
        capacity = LEAST_ROOM;
    if (!m2c_checked_multiply(capacity, place_bytes, &bytes) || capacity > INT32_MAX / 4)
        return m2c_fail(err, M2C_NO_MEMORY, "a piece of %zu bytes is too long", capacity);
    m2c_byte_pair_free(room);
    room->block = malloc(bytes);
    if (room->block == NULL)
        return m2c_fail_memory(err, "a piece of a text", bytes);
    room->capacity = capacity;
    room->merges = room->block;
    room->heap = (void *)(room->merges + capacity);
    room->symbols = (void *)(room->heap + 3 * capacity);
    room->next = room->symbols + capacity;
    room->previous = room->next + capacity;
    room->changed = room->previous + capacity;
    room->bytes = (void *)(room->changed + capacity);
    return M2C_OK;
}

static bool comes_before(struct m2c_heap_entry a, struct m2c_heap_entry b)
{
    return a.rank < b.rank || (a.rank == b.rank && a.place < b.place);
}

static void heap_push(struct m2c_byte_pair_room *room, struct m2c_heap_entry entry)
{
    size_t at = room->heap_count++;
    while (at > 0 && comes_before(entry, room->heap[(at - 1) / 2])) {
        room->heap[at] = room->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    room->heap[at] = entry;
}

static struct m2c_heap_entry heap_pop(struct m2c_byte_pair_room *room)
{
    struct m2c_heap_entry top = room->heap[0];
    struct m2c_heap_entry last = room->heap[--room->heap_count];
    size_t at = 0;
    for (size_t child = 1; child < room->heap_count; child = 2 * at + 1) {
        if (child + 1 < room->heap_count && comes_before(room->heap[child + 1], room->heap[child]))
            ++child;
        if (!comes_before(room->heap[child], last))
            break;
        room->heap[at] = room->heap[child];
        at = child;
    }
    room->heap[at] = last;
    return top;
}

/* Looks up the merge of `place` with what follows it, unless that is known. */
static void consider(const struct m2c_vocabulary *vocabulary, struct m2c_byte_pair_room *room,
                     int32_t place)
{
    if (place < 0 || room->next[place] < 0 || room->merges[place] != NULL)
        return;
    const struct m2c_merge *merge = m2c_merge_table_find(&vocabulary->merges, room->symbols[place],
                                                         room->symbols[room->next[place]]);
    room->merges[place] = merge;
    if (merge != NULL)
        heap_push(room, (struct m2c_heap_entry){.rank = merge->rank, .place = place});
}

static void spread_bytes(const struct m2c_vocabulary *vocabulary, struct m2c_byte_pair_room *room,
                         size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        bool last = i + 1 == count;
        room->symbols[i] =
            last ? vocabulary->byte_end_ids[room->bytes[i]] : vocabulary->byte_ids[room->bytes[i]];
        room->next[i] = last ? -1 : (int32_t)i + 1;
        room->previous[i] = (int32_t)i - 1;
        room->merges[i] = NULL;
    }
    room->heap_count = 0;
    for (size_t i = 0; i < count; ++i)
        consider(vocabulary, room, (int32_t)i);
}

/* Joins `place` with what follows; the pairs that this breaks are looked up after the round. */
static void join(struct m2c_byte_pair_room *room, int32_t place)
{
    int32_t gone = room->next[place];
    int32_t after = room->next[gone];
    room->symbols[place] = room->merges[place]->result;
    room->merges[place] = NULL;
    room->merges[gone] = NULL;
    room->next[place] = after;
    if (after >= 0)
        room->previous[after] = place;
    if (room->previous[place] >= 0)
        room->merges[room->previous[place]] = NULL;
}

/* All places of the merge that is due, from left to right. A heap entry is stale when its place has
 * no merge of that rank any more. */
static void merge_round(const struct m2c_vocabulary *vocabulary, struct m2c_byte_pair_room *room)
{
    int32_t rank = room->heap[0].rank;
    size_t changed = 0;
    while (room->heap_count > 0 && room->heap[0].rank == rank) {
        int32_t place = heap_pop(room).place;
        if (room->merges[place] == NULL || room->merges[place]->rank != rank)
            continue;
        join(room, place);
        room->changed[changed++] = place;
    }
    for (size_t i = 0; i < changed; ++i) {
        consider(vocabulary, room, room->previous[room->changed[i]]);
        consider(vocabulary, room, room->changed[i]);
    }
}

size_t m2c_byte_pair_merge(const struct m2c_vocabulary *vocabulary, struct m2c_byte_pair_room *room,
                           size_t count)
{
    size_t written = 0;
    spread_bytes(vocabulary, room, count);
    while (room->heap_count > 0)
        merge_round(vocabulary, room);
    for (int32_t place = 0; place >= 0; place = room->next[place])
        room->symbols[written++] = room->symbols[place];
    return written;
}
