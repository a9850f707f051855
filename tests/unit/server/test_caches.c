/* The table below the caches, and what is kept of label lists and videos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/container.h"
#include "server/engine/label_matrix.h"
#include "server/engine/lru_table.h"
#include "server/engine/video_cache.h"

static struct m2c_error err;

/* ---- the table ---- */

struct item {
    struct srv_lru_entry place;
    char key[8];
    int evicted;
};

static void on_evicted(struct srv_lru_entry *place)
{
    struct item *item = SRV_CONTAINER(place, struct item, place);
    assert_false(place->listed);
    item->evicted++;
}

/* A key of two letters, the first of which is its group. */
static void make_item(struct item *item, const char *key, size_t bytes)
{
    *item = (struct item){.place = {.key_size = 2, .group_size = 1, .bytes = bytes}};
    memcpy(item->key, key, 2);
    item->place.key = item->key;
}

static struct srv_lru_table table_of(size_t max_bytes)
{
    struct srv_lru_table table;
    assert_int_equal(srv_lru_table_init(&table, max_bytes, on_evicted, &err), M2C_OK);
    return table;
}

static void what_was_used_last_stays_longest(void **state)
{
    struct srv_lru_table table = table_of(30);
    struct item a, b, c, d;
    (void)state;
    make_item(&a, "xa", 10);
    make_item(&b, "xb", 10);
    make_item(&c, "yc", 10);
    make_item(&d, "yd", 20);
    struct item *first[] = {&a, &b, &c};
    for (size_t i = 0; i < 3; i++) {
        srv_lru_table_list(&table, &first[i]->place);
        assert_true(srv_lru_table_rank(&table, &first[i]->place));
    }
    srv_lru_table_touch(&table, &a.place);
    srv_lru_table_list(&table, &d.place);
    assert_true(srv_lru_table_rank(&table, &d.place));
    assert_true(a.evicted == 0 && b.evicted == 1 && c.evicted == 1);
    assert_int_equal(table.bytes, 30);
    assert_int_equal(table.evictions, 2);
    assert_ptr_equal(srv_lru_table_find(&table, "xa", 2, 1), &a.place);
    assert_null(srv_lru_table_find(&table, "xb", 2, 1));
    srv_lru_table_destroy(&table);
    assert_true(a.evicted == 1 && d.evicted == 1 && b.evicted == 1);
}

static void what_is_listed_alone_is_found_but_never_evicted(void **state)
{
    struct srv_lru_table table = table_of(10);
    struct item pending, big, small;
    (void)state;
    make_item(&pending, "xa", 10);
    make_item(&big, "xb", 11);
    make_item(&small, "xc", 10);
    srv_lru_table_list(&table, &pending.place);
    srv_lru_table_list(&table, &small.place);
    assert_true(srv_lru_table_rank(&table, &small.place));
    assert_int_equal(table.bytes, 10);
    assert_ptr_equal(srv_lru_table_find(&table, "xa", 2, 1), &pending.place);
    srv_lru_table_list(&table, &big.place);
    assert_false(srv_lru_table_rank(&table, &big.place));
    assert_false(big.place.listed);
    assert_int_equal(big.evicted, 0);
    assert_true(small.place.ranked);
    srv_lru_table_remove(&table, &pending.place);
    assert_null(srv_lru_table_find(&table, "xa", 2, 1));
    srv_lru_table_destroy(&table);
    assert_true(pending.evicted == 0 && small.evicted == 1);
}

enum { MANY = 5000 };

static void groups_are_walked_whole_however_the_table_grows(void **state)
{
    struct srv_lru_table table = table_of(SIZE_MAX);
    struct item *items = calloc(MANY, sizeof *items);
    (void)state;
    assert_non_null(items);
    for (int i = 0; i < MANY; i++) {
        items[i].place = (struct srv_lru_entry){
            .key = items[i].key, .key_size = sizeof items[i].key, .group_size = 1, .bytes = 1};
        items[i].key[0] = (char)('a' + i % 5);
        memcpy(items[i].key + 1, &i, sizeof i);
        srv_lru_table_list(&table, &items[i].place);
        assert_true(srv_lru_table_rank(&table, &items[i].place));
    }
    int seen = 0;
    struct srv_lru_entry *place = srv_lru_table_group(&table, "c", 1);
    for (; place; place = srv_lru_table_group_next(place)) {
        assert_int_equal(((const char *)place->key)[0], 'c');
        seen++;
    }
    assert_int_equal(seen, MANY / 5);
    assert_null(srv_lru_table_group(&table, "z", 1));
    srv_lru_table_destroy(&table);
    free(items);
}

/* ---- label matrices ---- */

static void matrices_are_found_by_digest_and_outlive_the_cache(void **state)
{
    struct srv_matrix_cache *cache = NULL;
    unsigned char one[M2C_DIGEST_BYTES] = {1}, two[M2C_DIGEST_BYTES] = {2};
    (void)state;
    struct srv_label_matrix *matrix = srv_label_matrix_new(3, 4);
    assert_non_null(matrix);
    srv_label_matrix_values(matrix)[11] = 7.0f;
    size_t bytes = srv_label_matrix_bytes(matrix);
    assert_int_equal(srv_matrix_cache_new(bytes + 200, &cache, &err), M2C_OK);
    assert_null(srv_matrix_cache_find(cache, one));
    srv_matrix_cache_put(cache, one, matrix);
    srv_matrix_cache_put(cache, one, matrix);
    struct srv_label_matrix *found = srv_matrix_cache_find(cache, one);
    assert_ptr_equal(found, matrix);
    srv_label_matrix_unref(found);
    struct srv_label_matrix *other = srv_label_matrix_new(3, 4);
    srv_matrix_cache_put(cache, two, other);
    srv_label_matrix_unref(other);
    assert_null(srv_matrix_cache_find(cache, one));
    struct srv_matrix_cache_counts counts = srv_matrix_cache_counts(cache);
    assert_int_equal(counts.entries, 1);
    assert_int_equal(counts.evictions, 1);
    assert_int_equal(counts.hits, 1);
    assert_int_equal(counts.misses, 2);
    srv_matrix_cache_free(&cache);
    assert_true(srv_label_matrix_rows(matrix)[11] == 7.0f);
    assert_int_equal(srv_label_matrix_row_count(matrix), 3);
    srv_label_matrix_unref(matrix);
    assert_null(srv_label_matrix_new(SIZE_MAX / 8, 4));
}

/* ---- videos ---- */

/* A result as a run leaves it, with one value to know it by. */
static struct srv_kept_video *video_of(float value)
{
    struct srv_kept_video *video = calloc(1, sizeof *video);
    assert_non_null(video);
    video->holders = 1;
    video->bytes = 1000;
    video->result.embedding.video = malloc(sizeof value);
    assert_non_null(video->result.embedding.video);
    video->result.embedding.video[0] = value;
    return video;
}

static struct srv_video_key key_of(const char *scope, const char *content, int frames)
{
    struct srv_video_key key = {.scope = scope, .content = content, .version = "v1"};
    key.sampling = m2c_sampling_defaults();
    key.sampling.frames = frames;
    return key;
}

static void put(struct srv_video_cache *cache, struct srv_video_key key, float value)
{
    struct srv_kept_video *video = video_of(value);
    srv_video_cache_put(cache, &key, video);
    srv_kept_video_unref(video);
}

static float get(struct srv_video_cache *cache, struct srv_video_key key)
{
    struct srv_kept_video *video = srv_video_cache_find(cache, &key);
    float value = video ? video->result.embedding.video[0] : -1.0f;
    srv_kept_video_unref(video);
    return value;
}

static struct srv_video_cache *videos_of(size_t bytes)
{
    struct srv_video_cache *cache = NULL;
    assert_int_equal(srv_video_cache_new(bytes, &cache, &err), M2C_OK);
    return cache;
}

static void every_part_of_a_videos_key_counts(void **state)
{
    struct srv_video_cache *cache = videos_of(1 << 20);
    struct srv_video_key key = key_of("", "abc", 8), other = key;
    (void)state;
    put(cache, key, 1.0f);
    assert_true(get(cache, key) == 1.0f);
    put(cache, key, 2.0f);
    assert_true(get(cache, key) == 1.0f);
    assert_true(get(cache, key_of("alice", "abc", 8)) == -1.0f);
    assert_true(get(cache, key_of("a", "bc", 8)) == -1.0f);
    assert_true(get(cache, key_of("", "abd", 8)) == -1.0f);
    assert_true(get(cache, key_of("", "abc", 9)) == -1.0f);
    other.sampling.start_s = 0.5;
    assert_true(get(cache, other) == -1.0f);
    other.sampling.start_s = -3.0; /* from the start, as not a number is */
    assert_true(get(cache, other) == 1.0f);
    (void)snprintf(other.version, sizeof other.version, "v2");
    assert_true(get(cache, other) == -1.0f);
    srv_video_cache_free(&cache);
}

static void count_values(const struct srv_kept_video *video, void *argument)
{
    float *sum = argument;
    *sum += video->result.embedding.video[0];
}

static void one_content_is_looked_at_and_forgotten_in_its_scope(void **state)
{
    struct srv_video_cache *cache = videos_of(1 << 20);
    float sum = 0.0f;
    (void)state;
    for (int frames = 1; frames <= 20; frames++)
        put(cache, key_of("alice", "abc", frames), (float)frames);
    put(cache, key_of("alice", "other", 1), 1000.0f);
    put(cache, key_of("bob", "abc", 1), 2000.0f);
    assert_int_equal(srv_video_cache_visit(cache, "alice", "abc", count_values, &sum), 20);
    assert_true(sum == 210.0f);
    assert_int_equal(srv_video_cache_visit(cache, "", "abc", count_values, &sum), 0);
    struct srv_video_key key = key_of("alice", "abc", 3);
    struct srv_kept_video *held = srv_video_cache_find(cache, &key);
    assert_int_equal(srv_video_cache_forget(cache, "alice", "abc"), 20);
    assert_int_equal(srv_video_cache_forget(cache, "alice", "abc"), 0);
    assert_true(held->result.embedding.video[0] == 3.0f);
    srv_kept_video_unref(held);
    assert_true(get(cache, key_of("alice", "other", 1)) == 1000.0f);
    assert_true(get(cache, key_of("bob", "abc", 1)) == 2000.0f);
    srv_video_cache_free(&cache);
}

static void videos_are_bounded_in_bytes(void **state)
{
    struct srv_video_cache *cache = videos_of(5000);
    (void)state;
    for (int frames = 1; frames <= 20; frames++)
        put(cache, key_of("", "abc", frames), (float)frames);
    struct srv_video_cache_counts counts = srv_video_cache_counts(cache);
    assert_true(counts.bytes <= 5000 && counts.entries >= 3);
    assert_int_equal(counts.evictions, 20 - counts.entries);
    assert_true(get(cache, key_of("", "abc", 20)) == 20.0f);
    assert_true(get(cache, key_of("", "abc", 1)) == -1.0f);
    srv_video_cache_free(&cache);
    cache = videos_of(0);
    put(cache, key_of("", "abc", 1), 1.0f);
    assert_int_equal(srv_video_cache_counts(cache).entries, 0);
    srv_video_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_used_last_stays_longest),
        cmocka_unit_test(what_is_listed_alone_is_found_but_never_evicted),
        cmocka_unit_test(groups_are_walked_whole_however_the_table_grows),
        cmocka_unit_test(matrices_are_found_by_digest_and_outlive_the_cache),
        cmocka_unit_test(every_part_of_a_videos_key_counts),
        cmocka_unit_test(one_content_is_looked_at_and_forgotten_in_its_scope),
        cmocka_unit_test(videos_are_bounded_in_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
