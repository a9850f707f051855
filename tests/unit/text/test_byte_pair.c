/* The heap against CLIP's own loop, on random vocabularies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "text/byte_pair.h"

enum { LETTERS = 4, MERGES = 40, LONGEST = 48, ROUNDS = 400, PIECES = 20, LONG_PIECE = 200000 };

/* xorshift: the same numbers in every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Letters 0..3 inside a piece, 4..7 at its end, then a symbol a merge. Ranks are shuffled, so that
 * a merge can come due before the one that makes its part. */
static void make_vocabulary(struct m2c_vocabulary *vocabulary, uint32_t *seed)
{
    struct m2c_error err;
    memset(vocabulary, 0, sizeof *vocabulary);
    for (int i = 0; i < 256; ++i) {
        vocabulary->byte_ids[i] = i % LETTERS;
        vocabulary->byte_end_ids[i] = LETTERS + i % LETTERS;
    }
    for (int i = 0; i < MERGES; ++i) {
        int32_t known = 2 * LETTERS + i;
        struct m2c_merge merge = {
            .left = (int32_t)(next_random(seed) % (uint32_t)known),
            .right = (int32_t)(next_random(seed) % (uint32_t)known),
            .rank = (i * 7 + 3) % MERGES,
            .result = known,
        };
        assert_int_equal(m2c_merge_table_put(&vocabulary->merges, merge, &err), M2C_OK);
    }
}

/* Replaces all places of the merge from left to right. */
static size_t apply(const struct m2c_merge *merge, int32_t *word, size_t count)
{
    size_t written = 0;
    for (size_t i = 0; i < count; ++i) {
        if (i + 1 < count && word[i] == merge->left && word[i + 1] == merge->right) {
            word[written++] = merge->result;
            ++i;
        } else {
            word[written++] = word[i];
        }
    }
    return written;
}

static size_t plain_merge(const struct m2c_vocabulary *vocabulary, int32_t *word, size_t count)
{
    for (;;) {
        const struct m2c_merge *best = NULL;
        for (size_t i = 0; i + 1 < count; ++i) {
            const struct m2c_merge *merge =
                m2c_merge_table_find(&vocabulary->merges, word[i], word[i + 1]);
            if (merge != NULL && (best == NULL || merge->rank < best->rank))
                best = merge;
        }
        if (best == NULL)
            return count;
        count = apply(best, word, count);
    }
}

static void merges_agree_with_the_plain_loop(void **state)
{
    uint32_t seed = 20240607;
    struct m2c_byte_pair_room room = {0};
    struct m2c_error err;
    (void)state;
    assert_int_equal(m2c_byte_pair_reserve(&room, LONGEST, &err), M2C_OK);
    for (int round = 0; round < ROUNDS; ++round) {
        struct m2c_vocabulary vocabulary;
        make_vocabulary(&vocabulary, &seed);
        for (int piece = 0; piece < PIECES; ++piece) {
            int32_t word[LONGEST];
            size_t count = 1 + next_random(&seed) % LONGEST;
            for (size_t i = 0; i < count; ++i) {
                room.bytes[i] = (uint8_t)next_random(&seed);
                word[i] = i + 1 < count ? vocabulary.byte_ids[room.bytes[i]]
                                        : vocabulary.byte_end_ids[room.bytes[i]];
            }
            size_t expected = plain_merge(&vocabulary, word, count);
            assert_int_equal(m2c_byte_pair_merge(&vocabulary, &room, count), expected);
            assert_memory_equal(room.symbols, word, expected * sizeof word[0]);
        }
        m2c_vocabulary_free(&vocabulary);
    }
    m2c_byte_pair_free(&room);
}

static void a_long_piece_takes_time_in_proportion(void **state)
{
    uint32_t seed = 7;
    struct m2c_vocabulary vocabulary;
    struct m2c_byte_pair_room room = {0};
    struct m2c_error err;
    struct timespec start;
    struct timespec end;
    (void)state;
    make_vocabulary(&vocabulary, &seed);
    assert_int_equal(m2c_byte_pair_reserve(&room, LONG_PIECE, &err), M2C_OK);
    for (size_t i = 0; i < LONG_PIECE; ++i)
        room.bytes[i] = (uint8_t)next_random(&seed);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    size_t count = m2c_byte_pair_merge(&vocabulary, &room, LONG_PIECE);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_in_range(count, 1, LONG_PIECE - 1);
    assert_true(end.tv_sec - start.tv_sec < 5);
    m2c_byte_pair_free(&room);
    m2c_vocabulary_free(&vocabulary);
}

static void a_piece_without_merges_stays_bytes(void **state)
{
    struct m2c_vocabulary vocabulary = {0};
    struct m2c_byte_pair_room room = {0};
    struct m2c_error err;
    (void)state;
    for (int i = 0; i < 256; ++i) {
        vocabulary.byte_ids[i] = i;
        vocabulary.byte_end_ids[i] = 256 + i;
    }
    assert_int_equal(m2c_byte_pair_reserve(&room, 3, &err), M2C_OK);
    memcpy(room.bytes, "abc", 3);
    assert_int_equal(m2c_byte_pair_merge(&vocabulary, &room, 3), 3);
    assert_int_equal(room.symbols[0], 'a');
    assert_int_equal(room.symbols[1], 'b');
    assert_int_equal(room.symbols[2], 256 + 'c');
    m2c_byte_pair_free(&room);
}

static void a_pair_put_twice_has_the_later_rank(void **state)
{
    struct m2c_merge_table table = {0};
    struct m2c_error err;
    struct m2c_merge merge = {.left = 1, .right = 2, .rank = 0, .result = 3};
    (void)state;
    assert_null(m2c_merge_table_find(&table, 1, 2));
    assert_int_equal(m2c_merge_table_put(&table, merge, &err), M2C_OK);
    merge.rank = 9;
    assert_int_equal(m2c_merge_table_put(&table, merge, &err), M2C_OK);
    assert_int_equal(table.count, 1);
    assert_int_equal(m2c_merge_table_find(&table, 1, 2)->rank, 9);
    assert_null(m2c_merge_table_find(&table, 2, 1));
    m2c_merge_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_agree_with_the_plain_loop),
        cmocka_unit_test(a_long_piece_takes_time_in_proportion),
        cmocka_unit_test(a_piece_without_merges_stays_bytes),
        cmocka_unit_test(a_pair_put_twice_has_the_later_rank),
    };
    return cmocka_run_group_tests_name("byte_pair", tests, NULL, NULL);
}
