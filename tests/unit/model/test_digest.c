#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "model/digest.h"
#include "scratch_folder.h"

/* FIPS 180-4's example for "abc". */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static void known_digests_come_out(void **state)
{
    (void)state;
    unsigned char digest[M2C_DIGEST_BYTES], back[M2C_DIGEST_BYTES];
    char hex[M2C_DIGEST_HEX_BYTES];
    struct m2c_error err;
    assert_int_equal(m2c_digest_bytes("abc", 3, digest, &err), M2C_OK);
    m2c_digest_hex(digest, hex);
    assert_string_equal(hex, ABC);
    assert_true(m2c_digest_from_hex(hex, back));
    assert_memory_equal(back, digest, M2C_DIGEST_BYTES);
    assert_int_equal(m2c_digest_bytes(NULL, 0, digest, &err), M2C_OK);
    m2c_digest_hex(digest, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void pieces_make_the_whole(void **state)
{
    (void)state;
    unsigned char digest[M2C_DIGEST_BYTES];
    char hex[M2C_DIGEST_HEX_BYTES];
    struct m2c_digest *running = NULL;
    struct m2c_error err;
    assert_int_equal(m2c_digest_new(&running, &err), M2C_OK);
    m2c_digest_add(running, "a", 1);
    m2c_digest_add(running, "", 0);
    m2c_digest_add(running, "bc", 2);
    assert_int_equal(m2c_digest_finish(running, digest, &err), M2C_OK);
    m2c_digest_free(&running);
    assert_null(running);
    m2c_digest_hex(digest, hex);
    assert_string_equal(hex, ABC);
}

static void texts_do_not_run_into_each_other(void **state)
{
    (void)state;
    unsigned char digests[2][M2C_DIGEST_BYTES];
    static const char *const pairs[2][2] = {{"ab", "c"}, {"a", "bc"}};
    for (int i = 0; i < 2; i++) {
        struct m2c_digest *running = NULL;
        struct m2c_error err;
        assert_int_equal(m2c_digest_new(&running, &err), M2C_OK);
        m2c_digest_add_text(running, pairs[i][0]);
        m2c_digest_add_text(running, pairs[i][1]);
        assert_int_equal(m2c_digest_finish(running, digests[i], &err), M2C_OK);
        m2c_digest_free(&running);
    }
    assert_memory_not_equal(digests[0], digests[1], M2C_DIGEST_BYTES);
}

static void only_64_digits_are_a_digest(void **state)
{
    (void)state;
    unsigned char digest[M2C_DIGEST_BYTES];
    assert_true(m2c_digest_from_hex(
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD", digest));
    assert_int_equal(digest[0], 0xba);
    assert_false(m2c_digest_from_hex("", digest));
    assert_false(m2c_digest_from_hex(ABC "0", digest));
    assert_false(m2c_digest_from_hex(
        "za7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", digest));
    assert_false(m2c_digest_from_hex(
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a", digest));
}

static void checksum_lists_are_verified(void **state)
{
    (void)state;
    struct scratch scratch;
    struct m2c_checksums *sums = NULL;
    struct m2c_error err;
    scratch_make(&scratch);
    assert_int_equal(m2c_checksums_load(scratch.dir, &sums, &err), M2C_OK);
    assert_null(sums); /* no list: nothing to compare */
    assert_int_equal(m2c_checksums_verify(sums, scratch.dir, &err), M2C_OK);
    assert_false(m2c_checksums_lists(sums, "x"));
    scratch_subfolder(&scratch, "sub");
    scratch_put_text(&scratch, "x", "abc");
    scratch_put_text(&scratch, "sub/y", "abc");
    scratch_put_text(&scratch, "SHA256SUMS", ABC "  x\r\n\n" ABC " *./sub/y");
    assert_int_equal(m2c_checksums_load(scratch.dir, &sums, &err), M2C_OK);
    assert_true(m2c_checksums_lists(sums, "x"));
    assert_true(m2c_checksums_lists(sums, "sub/y"));
    assert_int_equal(m2c_checksums_verify(sums, scratch.dir, &err), M2C_OK);
    m2c_checksums_free(&sums);
    scratch_put_text(&scratch, "sub/y", "abd");
    assert_int_equal(m2c_checksums_load(scratch.dir, &sums, &err), M2C_OK);
    assert_int_equal(m2c_checksums_verify(sums, scratch.dir, &err), M2C_BAD_MODEL);
    assert_string_equal(err.detail, "sub/y does not match its checksum in SHA256SUMS");
    m2c_checksums_free(&sums);
    scratch_remove(&scratch);
}

static void malformed_lists_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "x",
        ABC,
        ABC "  ",
        ABC " x",
        ABC "\tx",
        ABC "   \n" ABC,
        ABC "  /etc/passwd",
        ABC "  ../x",
        ABC "  a/../../x",
        ABC "  a/..",
        ABC "  ..",
        "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  x",
    };
    struct scratch scratch;
    scratch_make(&scratch);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct m2c_checksums *sums = NULL;
        struct m2c_error err;
        scratch_put_text(&scratch, "SHA256SUMS", texts[i]);
        if (m2c_checksums_load(scratch.dir, &sums, &err) != M2C_BAD_MODEL)
            fail_msg("accepted: %s", texts[i]);
        assert_null(sums);
    }
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests_come_out),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(texts_do_not_run_into_each_other),
        cmocka_unit_test(only_64_digits_are_a_digest),
        cmocka_unit_test(checksum_lists_are_verified),
        cmocka_unit_test(malformed_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
