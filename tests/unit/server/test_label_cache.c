/* The table of label vectors, and the hash below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

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
    srv_label_cache_put(cache, &key, vector, DIM);
}

/* The first value of the entry, or -1. */
static float get(struct srv_label_cache *cache, struct srv_label_key key)
{
    struct srv_label_entry *entry = srv_label_cache_find(cache, &key);
    float value = entry ? srv_label_entry_vector(entry)[0] : -1.0f;
    if (entry)
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
    assert_int_equal(counts.misses, 2);
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
    struct srv_label_cache *cache = cache_of(150);
    struct srv_label_key key = key_of("v", NULL, "kept");
    (void)state;
    put(cache, key, 7.0f);
    struct srv_label_entry *entry = srv_label_cache_find(cache, &key);
    assert_non_null(entry);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_is_siphash),
        cmocka_unit_test(every_part_of_the_key_counts),
        cmocka_unit_test(least_recently_used_leaves_first_and_the_bound_holds),
        cmocka_unit_test(held_entries_outlive_eviction_and_the_table),
        cmocka_unit_test(many_entries_are_all_found),
        cmocka_unit_test(cache_of_no_bytes_remembers_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
