/* Bodies: where their bytes are kept, what they cost, what can still be done to them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/http/body.h"
#include "server/limits.h"

static struct srv_storage *new_storage(uint64_t memory, uint64_t spool, const char *dir)
{
    const struct srv_storage_options options = {
        .memory_bytes = memory, .spool_bytes = spool, .spool_dir = dir};
    struct srv_storage *storage;
    struct m2c_error err;
    assert_int_equal(srv_storage_new(&options, &storage, &err), M2C_OK);
    return storage;
}

/* What bodies take once those that are given up are closed, which happens off the thread. */
static struct srv_storage_facts settled(const struct srv_storage *storage, uint64_t spool_bytes)
{
    for (int i = 0; i < 5000 && srv_storage_facts(storage).spool_bytes != spool_bytes; i++)
        (void)usleep(1000);
    return srv_storage_facts(storage);
}

static unsigned char *made_bytes(size_t size)
{
    unsigned char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    return bytes;
}

/* Appends in pieces as they come from a socket, storing blocks when they are full. */
static void fill(struct srv_body *body, const unsigned char *bytes, size_t size)
{
    enum { PIECE = 30011 };
    struct m2c_error err;
    for (size_t at = 0; at < size; at += PIECE) {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        assert_int_equal(srv_body_append(body, bytes + at, piece, &err), M2C_OK);
        if (srv_body_wants_store(body, false))
            assert_int_equal(srv_body_store(body, &err), M2C_OK);
    }
}

static void bytes_and_hash_come_back_from_memory_and_from_disk(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, SRV_MEMORY_BODY_BYTES, SRV_MEMORY_BODY_BYTES + 1, 20000000};
    struct srv_storage *storage = new_storage(64 << 20, 64 << 20, NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t size = sizes[i];
        bool spooled = size > SRV_MEMORY_BODY_BYTES;
        unsigned char *bytes = made_bytes(size), digest[M2C_DIGEST_BYTES];
        char wanted[M2C_DIGEST_HEX_BYTES], hex[M2C_DIGEST_HEX_BYTES];
        struct srv_body *body;
        struct m2c_error err;
        assert_int_equal(srv_body_new(storage, size, true, &body, &err), M2C_OK);
        fill(body, bytes, size);
        assert_int_equal(srv_body_complete(body, &err), M2C_OK);
        assert_int_equal(srv_body_seal(body, &err), M2C_OK);
        assert_int_equal(srv_body_size(body), size);
        assert_memory_equal(srv_body_data(body), bytes, size);
        assert_int_equal(m2c_digest_bytes(bytes, size, digest, &err), M2C_OK);
        m2c_digest_hex(digest, wanted);
        assert_int_equal(srv_body_hash(body, hex, &err), M2C_OK);
        assert_string_equal(hex, wanted);
        struct srv_storage_facts facts = srv_storage_facts(storage);
        assert_int_equal(facts.memory_bytes, spooled ? 0 : size);
        assert_int_equal(facts.spool_bytes, spooled ? size : 0);
        struct stat about;
        assert_int_equal(fstat(srv_body_fd(body), &about), 0);
        assert_int_equal(about.st_size, size);
        assert_int_equal(about.st_nlink, 0);
        srv_body_unref(body);
        free(bytes);
        facts = settled(storage, 0);
        assert_int_equal(facts.memory_bytes + facts.spool_bytes, 0);
    }
    srv_storage_unref(storage);
}

static void sealed_memory_can_be_changed_by_nobody(void **state)
{
    (void)state;
    struct srv_storage *storage = new_storage(1 << 20, 0, NULL);
    struct srv_body *body;
    struct m2c_error err;
    assert_int_equal(srv_body_new(storage, 100, true, &body, &err), M2C_OK);
    assert_int_equal(srv_body_append(body, "hello", 5, &err), M2C_OK);
    assert_int_equal(srv_body_complete(body, &err), M2C_OK);
    assert_int_equal(srv_body_overwrite(body, 1, "a", 1, &err), M2C_OK);
    assert_memory_equal(srv_body_data(body), "hallo", 5);
    assert_int_equal(srv_body_seal(body, &err), M2C_OK);
    assert_int_equal(srv_body_overwrite(body, 1, "e", 1, &err), M2C_STORAGE);
    assert_int_equal(pwrite(srv_body_fd(body), "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(srv_body_fd(body), 0), -1);
    assert_memory_equal(srv_body_data(body), "hallo", 5);
    srv_body_unref(body);
    srv_storage_unref(storage);
}

static void part_holds_the_whole(void **state)
{
    (void)state;
    struct srv_storage *storage = new_storage(1 << 20, 0, NULL);
    struct srv_body *whole, *part;
    struct m2c_error err;
    unsigned char digest[M2C_DIGEST_BYTES] = {0xab};
    char hex[M2C_DIGEST_HEX_BYTES], bytes[4];
    assert_int_equal(srv_body_new(storage, 100, false, &whole, &err), M2C_OK);
    assert_int_equal(srv_body_append(whole, "one two three", 13, &err), M2C_OK);
    assert_int_equal(srv_body_complete(whole, &err), M2C_OK);
    assert_int_equal(srv_body_hash(whole, hex, &err), M2C_INTERNAL);
    assert_int_equal(srv_body_slice(whole, 10, 4, digest, &part, &err), M2C_INTERNAL);
    assert_int_equal(srv_body_slice(whole, 4, 3, digest, &part, &err), M2C_OK);
    srv_body_unref(whole);
    assert_int_equal(srv_body_size(part), 3);
    assert_memory_equal(srv_body_data(part), "two", 3);
    assert_int_equal(pread(srv_body_fd(part), bytes, 3, (off_t)srv_body_fd_offset(part)), 3);
    assert_memory_equal(bytes, "two", 3);
    assert_int_equal(srv_body_hash(part, hex, &err), M2C_OK);
    assert_memory_equal(hex, "ab00", 4);
    srv_body_unref(part);
    assert_int_equal(srv_storage_facts(storage).memory_bytes, 0);
    srv_storage_unref(storage);
}

static void budgets_refuse_what_does_not_fit_and_recover(void **state)
{
    (void)state;
    enum { LONG = 6 << 20 };
    struct srv_storage *storage = new_storage(2 << 20, 2 * LONG, NULL);
    struct srv_body *bodies[3];
    struct m2c_error err;
    assert_int_equal(srv_body_new(storage, (2 << 20) + 1, true, &bodies[0], &err), M2C_QUEUE_FULL);
    assert_int_equal(srv_body_new(storage, LONG, true, &bodies[0], &err), M2C_OK);
    assert_int_equal(srv_body_new(storage, LONG, true, &bodies[1], &err), M2C_OK);
    assert_int_equal(srv_body_new(storage, LONG, true, &bodies[2], &err), M2C_STORAGE);
    assert_true(srv_storage_is_tight(storage));
    assert_int_equal(srv_body_new(storage, 1 << 20, true, &bodies[2], &err), M2C_QUEUE_FULL);
    srv_body_unref(bodies[1]);
    assert_int_equal(srv_body_new(storage, 1 << 20, true, &bodies[1], &err), M2C_OK);
    assert_int_equal(srv_body_append(bodies[1], "x", 1, &err), M2C_OK);
    assert_int_equal(srv_body_complete(bodies[1], &err), M2C_OK);
    /* What was announced and did not come (the frame of a form) is given back. */
    assert_true(srv_storage_facts(storage).memory_bytes < 1 << 20);
    srv_body_unref(bodies[0]);
    srv_body_unref(bodies[1]);
    assert_int_equal(settled(storage, 0).memory_bytes, 0);
    assert_int_equal(srv_storage_facts(storage).spool_bytes, 0);
    srv_storage_unref(storage);
}

static void folder_that_cannot_be_written_is_told_as_storage(void **state)
{
    (void)state;
    static const char *const folders[] = {"/nowhere/at/all", "/proc", "/dev/null"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct srv_storage *storage = new_storage(8 << 20, 8 << 20, folders[i]);
        struct srv_body *body;
        struct m2c_error err;
        assert_int_equal(srv_body_new(storage, 5 << 20, true, &body, &err), M2C_STORAGE);
        assert_null(strstr(err.detail, folders[i]));
        assert_int_equal(srv_body_new(storage, 1000, true, &body, &err), M2C_OK);
        srv_body_unref(body);
        assert_int_equal(srv_storage_facts(storage).spool_bytes, 0);
        srv_storage_unref(storage);
    }
}

static void disk_that_is_too_full_is_told_before_the_first_byte(void **state)
{
    (void)state;
    struct srv_storage *storage = new_storage(8 << 20, UINT64_MAX, NULL);
    struct srv_body *body;
    struct m2c_error err;
    assert_int_equal(srv_body_new(storage, (size_t)1 << 60, true, &body, &err), M2C_STORAGE);
    assert_int_equal(srv_storage_facts(storage).spool_bytes, 0);
    srv_storage_unref(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_hash_come_back_from_memory_and_from_disk),
        cmocka_unit_test(sealed_memory_can_be_changed_by_nobody),
        cmocka_unit_test(part_holds_the_whole),
        cmocka_unit_test(budgets_refuse_what_does_not_fit_and_recover),
        cmocka_unit_test(folder_that_cannot_be_written_is_told_as_storage),
        cmocka_unit_test(disk_that_is_too_full_is_told_before_the_first_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
