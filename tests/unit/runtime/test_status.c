#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "status.h"

static void every_status_has_code_title_and_http_status(void **state)
{
    (void)state;
    for (int i = 0; i < M2C_STATUS_COUNT; i++) {
        enum m2c_status status = (enum m2c_status)i;
        const char *code = m2c_status_code(status);
        assert_true(strlen(code) > 0);
        assert_int_equal(strspn(code, "abcdefghijklmnopqrstuvwxyz_"), strlen(code));
        assert_true(strlen(m2c_status_title(status)) > 0);
        int http = m2c_status_http(status);
        if (status == M2C_OK)
            assert_int_equal(http, 200);
        else
            assert_true(http >= 400 && http <= 599);
    }
}

/* A code means one thing, but for `internal`, behind which the server's own failures hide. */
static void codes_are_unique(void **state)
{
    (void)state;
    for (int a = 0; a < M2C_STATUS_COUNT; a++) {
        for (int b = a + 1; b < M2C_STATUS_COUNT; b++) {
            const char *code = m2c_status_code((enum m2c_status)a);
            if (strcmp(code, m2c_status_code((enum m2c_status)b)) == 0) {
                assert_string_equal(code, "internal");
                assert_int_equal(m2c_status_http((enum m2c_status)b), 500);
            }
        }
    }
}

static void unknown_status_is_internal(void **state)
{
    (void)state;
    assert_string_equal(m2c_status_code(M2C_STATUS_COUNT), "internal");
    assert_int_equal(m2c_status_http((enum m2c_status)9999), 500);
    assert_string_equal(m2c_status_title((enum m2c_status) - 1), m2c_status_title(M2C_INTERNAL));
}

static void fail_fills_the_error_and_returns_the_status(void **state)
{
    (void)state;
    struct m2c_error err;
    memset(&err, 'x', sizeof err);
    assert_int_equal(m2c_fail(&err, M2C_TOO_LARGE, "%d bytes exceed %d", 7, 5), M2C_TOO_LARGE);
    assert_int_equal(err.status, M2C_TOO_LARGE);
    assert_string_equal(err.detail, "7 bytes exceed 5");
    assert_string_equal(err.field, "");
    assert_string_equal(err.context, "");
}

static void fail_field_names_the_field(void **state)
{
    (void)state;
    struct m2c_error err;
    assert_int_equal(m2c_fail_field(&err, M2C_INVALID_REQUEST, "frames", "%d is no count", -1),
                     M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "frames");
    assert_string_equal(err.detail, "-1 is no count");
    assert_string_equal(err.context, "");
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    struct m2c_error err;
    char text[1000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    (void)m2c_fail_field(&err, M2C_INTERNAL, text, "%s", text);
    (void)m2c_error_context(&err, "%s", text);
    assert_int_equal(strlen(err.field), sizeof err.field - 1);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
    assert_int_equal(strlen(err.context), sizeof err.context - 1);
    assert_int_equal(err.status, M2C_INTERNAL);
}

static void context_leaves_the_detail_alone(void **state)
{
    (void)state;
    struct m2c_error err;
    (void)m2c_fail(&err, M2C_BAD_MODEL, "tensor 3 overlaps");
    assert_int_equal(m2c_error_context(&err, "in %s", "a.safetensors"), M2C_BAD_MODEL);
    assert_string_equal(err.detail, "tensor 3 overlaps");
    assert_string_equal(err.context, "in a.safetensors");
}

/* What a client may read holds no path. */
static void errno_and_path_go_to_the_context(void **state)
{
    (void)state;
    struct m2c_error err;
    errno = ENOENT;
    assert_int_equal(m2c_fail_errno(&err, "opening the file", "some/where"), M2C_IO_FAILED);
    assert_string_equal(err.detail, "opening the file failed");
    assert_non_null(strstr(err.context, "some/where"));
    assert_non_null(strstr(err.context, strerror(ENOENT)));
    errno = ENOSPC;
    (void)m2c_fail_errno(&err, "writing", NULL);
    assert_string_equal(err.context, strerror(ENOSPC));
}

static void memory_failure_tells_size_and_purpose(void **state)
{
    (void)state;
    struct m2c_error err;
    assert_int_equal(m2c_fail_memory(&err, "the weights", 12345), M2C_NO_MEMORY);
    assert_non_null(strstr(err.detail, "12345"));
    assert_non_null(strstr(err.detail, "the weights"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_code_title_and_http_status),
        cmocka_unit_test(codes_are_unique),
        cmocka_unit_test(unknown_status_is_internal),
        cmocka_unit_test(fail_fills_the_error_and_returns_the_status),
        cmocka_unit_test(fail_field_names_the_field),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(context_leaves_the_detail_alone),
        cmocka_unit_test(errno_and_path_go_to_the_context),
        cmocka_unit_test(memory_failure_tells_size_and_purpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
