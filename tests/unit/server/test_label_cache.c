/* The table of label vectors, and the hash below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/container.h"
#include "server/engine/keyed_hash.h"
#include "server/engine/label_cache.h"

enum { DIM = 4 };

static struct m2c_error err;

static struct srv_label_cache *cache_of(size_t bytes)
{
    struct srv_label_cache *cache = NULL;
    assert_int_equal(srv_label_cache_new(bytes, &cache, &err), M2C_OK);
    return cache;
}

static struct srv_label_key key_of(const char *version, const char *template_text, const char *text)
{
    return (struct srv_label_key){version, template_text, text, false};
}

static void put(struct srv_label_cache *cache, struct srv_label_key key, float value)
{
    float vector[DIM] = {value, value, value, value};
    struct srv_label_waiter waiter = {0};
    enum srv_label_claim claim;
    struct srv_label_entry *entry = srv_label_cache_claim(cache, &key, DIM, &waiter, &claim);
    assert_non_null(entry);
    assert_int_equal(claim, SRV_LABEL_LEADS);
    srv_label_cache_fill(cache, entry, vector);
    srv_label_entry_release(entry);
}

/* The first value of the entry, or -1. */
static float get(struct srv_label_cache *cache, struct srv_label_key key)
{
    struct srv_label_waiter waiter = {0};
    enum srv_label_claim claim;
    struct srv_label_entry *entry = srv_label_cache_claim(cache, &key, DIM, &waiter, &claim);
    assert_non_null(entry);
    if (claim == SRV_LABEL_LEADS) {
        srv_label_cache_abandon(cache, entry);
        return -1.0f;
    }
    assert_int_equal(claim, SRV_LABEL_READY);
    float value = srv_label_entry_vector(entry)[0];
    srv_label_entry_release(entry);
    return value;
}

static void hash_is_siphash(void **state)
{
    /* Aumasson and Bernstein's own example: key 00..0f, message 00..0e. */
    struct srv_hash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    unsigned char message[15];
    (void)state;
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (unsigned char)i;
    assert_true(srv_keyed_hash(&key, message, sizeof message) == UINT64_C(0xa129ca6149be45e5));
    assert_true(srv_keyed_hash(&key, message, 0) == UINT64_C(0x726fdb47dd0e0e31));
}

static void every_part_of_the_key_counts(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    (void)state;
    put(cache, key_of("v1", "a {}", "x"), 1.0f);
    put(cache, key_of("v1", NULL, "x"), 2.0f);
    put(cache, key_of("v1", "", "x"), 3.0f);
    put(cache, key_of("v2", "a {}", "x"), 4.0f);
    put(cache, key_of("v1", "a {}x", ""), 5.0f);
    assert_true(get(cache, key_of("v1", "a {}", "x")) == 1.0f);
    assert_true(get(cache, key_of("v1", NULL, "x")) == 2.0f);
    assert_true(get(cache, key_of("v1", "", "x")) == 3.0f);
    assert_true(get(cache, key_of("v2", "a {}", "x")) == 4.0f);
    assert_true(get(cache, key_of("v1", "a {}x", "")) == 5.0f);
    assert_true(get(cache, key_of("v1", "a {}", "y")) == -1.0f);
    struct srv_label_key truncated = key_of("v1", "a {}", "x");
    truncated.truncate = true;
    assert_true(get(cache, truncated) == -1.0f);
    struct srv_label_cache_counts counts = srv_label_cache_counts(cache);
    assert_int_equal(counts.hits, 5);
    assert_int_equal(counts.misses, 5 + 2);
    assert_int_equal(counts.entries, 5);
    srv_label_cache_free(&cache);
    assert_null(cache);
}

static void least_recently_used_leaves_first_and_the_bound_holds(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    (void)state;
    put(cache, key_of("v", NULL, "text 0000"), 1.0f);
    size_t one = srv_label_cache_counts(cache).bytes;
    srv_label_cache_free(&cache);
    cache = cache_of(3 * one);
    put(cache, key_of("v", NULL, "text 0000"), 0.0f);
    put(cache, key_of("v", NULL, "text 0001"), 1.0f);
    put(cache, key_of("v", NULL, "text 0002"), 2.0f);
    assert_true(get(cache, key_of("v", NULL, "text 0000")) == 0.0f);
    put(cache, key_of("v", NULL, "text 0003"), 3.0f);
    assert_true(get(cache, key_of("v", NULL, "text 0001")) == -1.0f);
    assert_true(get(cache, key_of("v", NULL, "text 0000")) == 0.0f);
    assert_true(srv_label_cache_counts(cache).bytes <= 3 * one);
    assert_int_equal(srv_label_cache_counts(cache).evictions, 1);
    srv_label_cache_free(&cache);
}

static void held_entries_outlive_eviction_and_the_table(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    put(cache, key_of("v", NULL, "kept"), 7.0f);
    size_t one = srv_label_cache_counts(cache).bytes;
    srv_label_cache_free(&cache);
    cache = cache_of(one);
    struct srv_label_key key = key_of("v", NULL, "kept");
    (void)state;
    put(cache, key, 7.0f);
    struct srv_label_waiter waiter = {0};
    enum srv_label_claim claim;
    struct srv_label_entry *entry = srv_label_cache_claim(cache, &key, DIM, &waiter, &claim);
    assert_int_equal(claim, SRV_LABEL_READY);
    put(cache, key_of("v", NULL, "next"), 8.0f);
    assert_true(get(cache, key) == -1.0f);
    srv_label_cache_free(&cache);
    assert_true(srv_label_entry_vector(entry)[DIM - 1] == 7.0f);
    srv_label_entry_release(entry);
}

static void many_entries_are_all_found(void **state)
{
    struct srv_label_cache *cache = cache_of(64 << 20);
    char text[32];
    (void)state;
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(text, sizeof text, "label %d", i);
        put(cache, key_of("v", "a {}", text), (float)i);
    }
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(text, sizeof text, "label %d", i);
        assert_true(get(cache, key_of("v", "a {}", text)) == (float)i);
    }
    srv_label_cache_free(&cache);
}

static void cache_of_no_bytes_remembers_nothing(void **state)
{
    struct srv_label_cache *cache = cache_of(0);
    (void)state;
    put(cache, key_of("v", NULL, "x"), 1.0f);
    assert_true(get(cache, key_of("v", NULL, "x")) == -1.0f);
    srv_label_cache_free(&cache);
}

/* Somebody who waits, and what became of it. */
struct waiting {
    struct srv_label_waiter waiter;
    int woken;
    bool filled;
};

static void on_wake(struct srv_label_waiter *waiter, bool filled)
{
    struct waiting *waiting = SRV_CONTAINER(waiter, struct waiting, waiter);
    waiting->woken++;
    waiting->filled = filled;
}

static struct srv_label_entry *claim_as(struct srv_label_cache *cache, struct waiting *waiting,
                                        const char *text, enum srv_label_claim expected)
{
    struct srv_label_key key = key_of("v", NULL, text);
    enum srv_label_claim claim;
    waiting->waiter.wake = on_wake;
    struct srv_label_entry *entry =
        srv_label_cache_claim(cache, &key, DIM, &waiting->waiter, &claim);
    assert_non_null(entry);
    assert_int_equal(claim, expected);
    return entry;
}

static void one_encodes_and_the_others_wait(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    struct waiting leader = {0}, first = {0}, second = {0}, gone = {0};
    const float vector[DIM] = {1, 2, 3, 4};
    (void)state;
    struct srv_label_entry *led = claim_as(cache, &leader, "x", SRV_LABEL_LEADS);
    assert_false(srv_label_entry_awaited(led));
    (void)claim_as(cache, &first, "x", SRV_LABEL_WAITS);
    (void)claim_as(cache, &gone, "x", SRV_LABEL_WAITS);
    (void)claim_as(cache, &second, "x", SRV_LABEL_WAITS);
    srv_label_waiter_leave(&gone.waiter);
    srv_label_waiter_leave(&gone.waiter);
    assert_true(srv_label_entry_awaited(led));
    srv_label_cache_fill(cache, led, vector);
    assert_int_equal(first.woken, 1);
    assert_int_equal(second.woken, 1);
    assert_int_equal(gone.woken, 0);
    assert_true(first.filled && second.filled);
    assert_true(srv_label_entry_vector(led)[2] == 3.0f);
    struct srv_label_cache_counts counts = srv_label_cache_counts(cache);
    assert_int_equal(counts.misses, 1);
    assert_int_equal(counts.joins, 3);
    assert_int_equal(counts.fills, 1);
    for (int i = 0; i < 3; i++) /* the leader and those it was filled for */
        srv_label_entry_release(led);
    srv_label_cache_free(&cache);
}

static void what_is_given_up_can_be_claimed_anew(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    struct waiting leader = {0}, first = {0}, second = {0};
    const float vector[DIM] = {1, 2, 3, 4};
    (void)state;
    struct srv_label_entry *led = claim_as(cache, &leader, "x", SRV_LABEL_LEADS);
    (void)claim_as(cache, &first, "x", SRV_LABEL_WAITS);
    (void)claim_as(cache, &second, "x", SRV_LABEL_WAITS);
    srv_label_cache_abandon(cache, led);
    assert_true(first.woken == 1 && !first.filled && second.woken == 1 && !second.filled);
    led = claim_as(cache, &first, "x", SRV_LABEL_LEADS);
    (void)claim_as(cache, &second, "x", SRV_LABEL_WAITS);
    srv_label_cache_fill(cache, led, vector);
    assert_true(second.woken == 2 && second.filled);
    srv_label_entry_release(led);
    srv_label_entry_release(led);
    srv_label_cache_free(&cache);
}

static void waiters_are_served_where_nothing_can_be_kept(void **state)
{
    struct srv_label_cache *cache = cache_of(0);
    struct waiting leader = {0}, first = {0};
    const float vector[DIM] = {5, 6, 7, 8};
    (void)state;
    struct srv_label_entry *led = claim_as(cache, &leader, "x", SRV_LABEL_LEADS);
    struct srv_label_entry *shared = claim_as(cache, &first, "x", SRV_LABEL_WAITS);
    srv_label_cache_fill(cache, led, vector);
    assert_true(first.filled);
    assert_true(srv_label_entry_vector(shared)[3] == 8.0f);
    srv_label_entry_release(led);
    srv_label_entry_release(shared);
    assert_int_equal(srv_label_cache_counts(cache).entries, 0);
    srv_label_cache_free(&cache);
}

static void entry_of_another_width_is_not_used(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20);
    struct srv_label_key key = key_of("v", NULL, "x");
    struct waiting waiting = {0};
    enum srv_label_claim claim;
    (void)state;
    put(cache, key, 1.0f);
    struct srv_label_entry *entry =
        srv_label_cache_claim(cache, &key, 2 * DIM, &waiting.waiter, &claim);
    assert_int_equal(claim, SRV_LABEL_LEADS);
    srv_label_cache_abandon(cache, entry);
    srv_label_cache_free(&cache);
}

static void snapshots_come_back_in_the_order_of_use(void **state)
{
    struct srv_label_cache *cache = cache_of(1 << 20), *other = cache_of(1 << 20);
    size_t count = 0;
    (void)state;
    put(cache, key_of("v", NULL, "old"), 1.0f);
    put(cache, key_of("v", "a {}", "new"), 2.0f);
    assert_true(get(cache, key_of("v", NULL, "old")) == 1.0f);
    struct srv_label_entry **entries = srv_label_cache_snapshot(cache, &count);
    assert_int_equal(count, 2);
    srv_label_cache_free(&cache);
    for (size_t i = 0; i < count; i++) {
        struct srv_label_record record = srv_label_entry_record(entries[i]);
        assert_true(record.vector[0] == (i == 0 ? 2.0f : 1.0f));
        srv_label_cache_restore(other, &record);
        srv_label_cache_restore(other, &record);
        srv_label_entry_release(entries[i]);
    }
    free(entries);
    assert_int_equal(srv_label_cache_counts(other).entries, 2);
    assert_true(get(other, key_of("v", NULL, "old")) == 1.0f);
    assert_true(get(other, key_of("v", "a {}", "new")) == 2.0f);
    srv_label_cache_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_siphash),
        cmocka_unit_test(every_part_of_the_key_counts),
        cmocka_unit_test(least_recently_used_leaves_first_and_the_bound_holds),
        cmocka_unit_test(held_entries_outlive_eviction_and_the_table),
        cmocka_unit_test(many_entries_are_all_found),
        cmocka_unit_test(cache_of_no_bytes_remembers_nothing),
        cmocka_unit_test(one_encodes_and_the_others_wait),
        cmocka_unit_test(what_is_given_up_can_be_claimed_anew),
        cmocka_unit_test(waiters_are_served_where_nothing_can_be_kept),
        cmocka_unit_test(entry_of_another_width_is_not_used),
        cmocka_unit_test(snapshots_come_back_in_the_order_of_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
