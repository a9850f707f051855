/* Label vectors in a file: what comes back, what is refused, and when it is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/engine/label_file.h"
#include "server/engine/label_store.h"

enum { DIM = 4, ENTRIES = 500 };

static struct m2c_error err;
static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/m2clip-labels-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/labels.cache", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(folder);
}

static void fill(struct srv_label_cache *cache, int first, int count)
{
    for (int i = first; i < first + count; i++) {
        char text[32];
        float vector[DIM] = {(float)i, 1, 2, 3};
        struct srv_label_waiter waiter = {0};
        enum srv_label_claim claim;
        (void)snprintf(text, sizeof text, "label %d", i);
        const struct srv_label_key key = {"v", "a {}", text, false};
        struct srv_label_entry *entry = srv_label_cache_claim(cache, &key, DIM, &waiter, &claim);
        assert_int_equal(claim, SRV_LABEL_LEADS);
        srv_label_cache_fill(cache, entry, vector);
        srv_label_entry_release(entry);
    }
}

static struct srv_label_cache *cache_with(int count)
{
    struct srv_label_cache *cache = NULL;
    assert_int_equal(srv_label_cache_new(1 << 20, &cache, &err), M2C_OK);
    fill(cache, 0, count);
    return cache;
}

static enum m2c_status write_cache(struct srv_label_cache *cache, const char *to)
{
    size_t count;
    struct srv_label_entry **entries = srv_label_cache_snapshot(cache, &count);
    enum m2c_status status = srv_label_file_write(to, entries, count, &err);
    for (size_t i = 0; i < count; i++)
        srv_label_entry_release(entries[i]);
    free(entries);
    return status;
}

static void count_and_compare(const struct srv_label_record *record, void *argument)
{
    int *seen = argument;
    assert_int_equal(record->dim, DIM);
    assert_true(record->vector[0] == (float)*seen && record->vector[3] == 3.0f);
    ++*seen;
}

static void what_is_written_comes_back_in_order(void **state)
{
    struct srv_label_cache *cache = cache_with(ENTRIES);
    int seen = 0;
    (void)state;
    assert_int_equal(srv_label_file_read(path, 1 << 20, count_and_compare, &seen, &err), M2C_OK);
    assert_int_equal(seen, 0);
    assert_int_equal(write_cache(cache, path), M2C_OK);
    assert_int_equal(srv_label_file_read(path, 1 << 20, count_and_compare, &seen, &err), M2C_OK);
    assert_int_equal(seen, ENTRIES);
    assert_int_equal(srv_label_file_read(path, 100, count_and_compare, &seen, &err), M2C_IO_FAILED);
    srv_label_cache_free(&cache);
}

static long size_of(const char *name)
{
    struct stat facts;
    assert_int_equal(stat(name, &facts), 0);
    return (long)facts.st_size;
}

static void patch(long at, unsigned char flip)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ flip, file), EOF);
    assert_int_equal(fclose(file), 0);
}

static void no_damaged_byte_passes(void **state)
{
    struct srv_label_cache *cache = cache_with(20);
    int seen = 0;
    (void)state;
    assert_int_equal(write_cache(cache, path), M2C_OK);
    long size = size_of(path);
    for (long at = 0; at < size; at++) {
        patch(at, 0x10);
        assert_int_equal(srv_label_file_read(path, 1 << 20, count_and_compare, &seen, &err),
                         M2C_IO_FAILED);
        patch(at, 0x10);
    }
    assert_int_equal(seen, 0);
    for (long cut = size - 1; cut >= 0; cut -= 7) {
        assert_int_equal(truncate(path, cut), 0);
        assert_int_equal(srv_label_file_read(path, 1 << 20, count_and_compare, &seen, &err),
                         M2C_IO_FAILED);
    }
    assert_int_equal(seen, 0);
    srv_label_cache_free(&cache);
}

/* ---- the store ---- */

struct place {
    uv_loop_t loop;
    struct srv_mailbox mailbox;
    struct srv_label_cache *cache;
    struct srv_label_store *store;
    int troubles;
};

static void on_trouble(const struct m2c_error *trouble, void *context)
{
    struct place *place = context;
    assert_int_not_equal(trouble->status, M2C_OK);
    place->troubles++;
}

static void open_place(struct place *place, unsigned period_ms)
{
    memset(place, 0, sizeof *place);
    assert_int_equal(uv_loop_init(&place->loop), 0);
    assert_int_equal(srv_mailbox_open(&place->mailbox, &place->loop, &err), M2C_OK);
    assert_int_equal(srv_label_cache_new(1 << 20, &place->cache, &err), M2C_OK);
    struct srv_label_store_options options = {.loop = &place->loop,
                                              .mailbox = &place->mailbox,
                                              .cache = place->cache,
                                              .dir = folder,
                                              .max_bytes = 1 << 20,
                                              .period_ms = period_ms,
                                              .on_trouble = on_trouble,
                                              .context = place};
    assert_int_equal(srv_label_store_new(&options, &place->store, &err), M2C_OK);
}

static void close_place(struct place *place)
{
    srv_label_store_free(&place->store);
    srv_mailbox_deliver(&place->mailbox);
    srv_label_cache_free(&place->cache);
    srv_mailbox_close(&place->mailbox, NULL);
    assert_int_equal(uv_run(&place->loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&place->loop), 0);
}

static void next_store_knows_what_the_last_one_knew(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, 60000);
    fill(place.cache, 0, ENTRIES);
    close_place(&place);
    open_place(&place, 60000);
    assert_int_equal(srv_label_cache_counts(place.cache).entries, ENTRIES);
    close_place(&place);
    assert_int_equal(place.troubles, 0);
}

static void written_while_the_loop_turns_and_only_what_changed(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, 1);
    fill(place.cache, 0, 10);
    while (srv_label_store_saves(place.store) == 0)
        (void)uv_run(&place.loop, UV_RUN_ONCE);
    for (int i = 0; i < 20; i++) {
        (void)uv_run(&place.loop, UV_RUN_NOWAIT);
        srv_label_store_save(place.store);
    }
    assert_int_equal(srv_label_store_saves(place.store), 1);
    fill(place.cache, 10, 10);
    srv_label_store_save(place.store); /* under way when the store is closed */
    close_place(&place);
    open_place(&place, 60000);
    assert_int_equal(srv_label_cache_counts(place.cache).entries, 20);
    close_place(&place);
}

static void damaged_file_is_told_of_and_replaced(void **state)
{
    struct place place;
    (void)state;
    open_place(&place, 60000);
    fill(place.cache, 0, 10);
    close_place(&place);
    patch(size_of(path) / 2, 1);
    open_place(&place, 60000);
    assert_int_equal(place.troubles, 1);
    assert_int_equal(srv_label_cache_counts(place.cache).entries, 0);
    fill(place.cache, 0, 5);
    close_place(&place);
    open_place(&place, 60000);
    assert_int_equal(place.troubles, 0);
    assert_int_equal(srv_label_cache_counts(place.cache).entries, 5);
    close_place(&place);
}

static void folder_that_cannot_be_made_is_refused(void **state)
{
    struct srv_label_cache *cache = cache_with(1);
    struct srv_label_store *store = NULL;
    struct srv_label_store_options options = {.cache = cache, .dir = "/dev/null/labels"};
    (void)state;
    assert_int_equal(srv_label_store_new(&options, &store, &err), M2C_IO_FAILED);
    assert_null(store);
    srv_label_cache_free(&cache);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(what_is_written_comes_back_in_order),
        IN_A_FOLDER(no_damaged_byte_passes),
        IN_A_FOLDER(next_store_knows_what_the_last_one_knew),
        IN_A_FOLDER(written_while_the_loop_turns_and_only_what_changed),
        IN_A_FOLDER(damaged_file_is_told_of_and_replaced),
        cmocka_unit_test(folder_that_cannot_be_made_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
