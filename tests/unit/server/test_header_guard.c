/* The first-call guard: what passes, and why the rest does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/header_guard.h"
#include "server/limits.h"

struct header {
    const char *name, *value;
};

#define HOST                                                                                       \
    {                                                                                              \
        "Host", "example"                                                                          \
    }

static struct m2c_error err;
static bool allow_chunked;

static enum m2c_status judge(const char *method, const char *version, const struct header *headers,
                             size_t count)
{
    struct srv_guard guard;
    struct srv_guard_line line = {method, "/v1/x", version, 1000, allow_chunked};
    srv_guard_init(&guard);
    for (size_t i = 0; i < count; i++)
        srv_guard_header(&guard, headers[i].name, strlen(headers[i].name), headers[i].value,
                         strlen(headers[i].value));
    memset(&err, 0, sizeof err);
    return srv_guard_settle(&guard, &line, &err);
}

#define JUDGE(method, version, ...)                                                                \
    judge(method, version, (const struct header[]){__VA_ARGS__},                                   \
          sizeof((const struct header[]){__VA_ARGS__}) / sizeof(struct header))
#define POST(...) JUDGE("POST", "HTTP/1.1", __VA_ARGS__)

static void ordinary_requests_pass(void **state)
{
    (void)state;
    assert_int_equal(JUDGE("GET", "HTTP/1.1", HOST), M2C_OK);
    assert_int_equal(JUDGE("GET", "HTTP/1.0", HOST), M2C_OK);
    assert_int_equal(JUDGE("GET", "HTTP/1.1", HOST, {"Content-Length", "0"}), M2C_OK);
    assert_int_equal(POST(HOST, {"content-length", "1000"}, {"Expect", "100-Continue"}), M2C_OK);
    assert_int_equal(POST({"host", "[::1]:8080"}, {"X-A_b.c", "any\tvalue \xc3\xa9"}), M2C_OK);
    assert_int_equal(POST(HOST, {"Content-Encoding", "identity"}, {"Expect", ""}), M2C_OK);
}

static void chunks_pass_where_they_are_allowed_and_still_stand_alone(void **state)
{
    (void)state;
    allow_chunked = true;
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}), M2C_OK);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "Chunked"}), M2C_OK);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "gzip, chunked"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(JUDGE("POST", "HTTP/1.0", HOST, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(JUDGE("GET", "HTTP/1.1", HOST, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
    allow_chunked = false;
}

static void length_beside_encoding_is_refused(void **state)
{
    (void)state;
    assert_int_equal(POST(HOST, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}),
                     M2C_INVALID_REQUEST);
}

static void encodings_are_refused_each_in_its_way(void **state)
{
    (void)state;
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}), M2C_LENGTH_REQUIRED);
    assert_int_equal(POST(HOST, {"transfer-encoding", "Chunked"}), M2C_LENGTH_REQUIRED);
    static const char *const wrong[] = {"xchunked", "identity",  "gzip, chunked",
                                        "",         "\vchunked", "chunked, gzip"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(POST(HOST, {"Transfer-Encoding", wrong[i]}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(JUDGE("POST", "HTTP/1.0", HOST, {"Transfer-Encoding", "chunked"}),
                     M2C_INVALID_REQUEST);
}

static void folded_framing_names_are_refused(void **state)
{
    (void)state;
    assert_int_equal(POST(HOST, {"Transfer-Encodingchunked", ""}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Content-Length5", ""}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"HostX", "a"}), M2C_INVALID_REQUEST);
}

static void lengths_are_plain_digits_given_once(void **state)
{
    (void)state;
    static const char *const wrong[] = {"+5", "-5", "0x5", "5, 5", "", "5 ", " 5", "5a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(POST(HOST, {"Content-Length", wrong[i]}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Content-Length", "5"}, {"Content-Length", "5"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"Content-Length", "5"}, {"Content-Length", "6"}),
                     M2C_INVALID_REQUEST);
}

static void body_at_the_limit_passes_and_one_more_gets_413(void **state)
{
    (void)state;
    assert_int_equal(POST(HOST, {"Content-Length", "1000"}), M2C_OK);
    static const char *const large[] = {"1001", "9223372036854775808", "18446744073709551615",
                                        "18446744073709551616", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        assert_int_equal(POST(HOST, {"Content-Length", large[i]}), M2C_TOO_LARGE);
}

static void host_is_given_exactly_once(void **state)
{
    (void)state;
    assert_int_equal(POST({"X", "y"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, HOST), M2C_INVALID_REQUEST);
    assert_int_equal(POST({"Host", ""}), M2C_INVALID_REQUEST);
    assert_int_equal(POST({"Host", "a b"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST({"Host", "a/b"}), M2C_INVALID_REQUEST);
}

static void names_and_values_keep_to_the_grammar(void **state)
{
    (void)state;
    static const char *const names[] = {"", " X", "X ", "X\t", "X(y)", "X\x80", "a b"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(POST(HOST, {names[i], "v"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"X", "a\rb"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"X", "a\x01"}), M2C_INVALID_REQUEST);
    assert_int_equal(POST(HOST, {"X", "a\x7f"}), M2C_INVALID_REQUEST);
}

static void hundred_headers_pass_and_one_more_gets_431(void **state)
{
    struct srv_guard guard;
    struct srv_guard_line line = {"GET", "/", "HTTP/1.1", 0, false};
    (void)state;
    srv_guard_init(&guard);
    srv_guard_header(&guard, "Host", 4, "x", 1);
    for (int i = 1; i < SRV_MAX_HEADERS; i++)
        srv_guard_header(&guard, "X", 1, "y", 1);
    assert_int_equal(srv_guard_settle(&guard, &line, &err), M2C_OK);
    srv_guard_header(&guard, "X", 1, "y", 1);
    assert_int_equal(srv_guard_settle(&guard, &line, &err), M2C_HEADERS_TOO_LARGE);
}

static void sizes_of_headers_and_targets_have_bounds(void **state)
{
    static char value[SRV_MAX_HEADER_BYTES], target[SRV_MAX_TARGET_BYTES + 2];
    struct srv_guard guard;
    struct srv_guard_line line = {"GET", target, "HTTP/1.1", 0, false};
    (void)state;
    memset(target, '/', SRV_MAX_TARGET_BYTES);
    memset(value, 'v', sizeof value);
    srv_guard_init(&guard);
    srv_guard_header(&guard, "Host", 4, "x", 1);
    srv_guard_header(&guard, "X", 1, value, sizeof value - 9 - 5);
    assert_int_equal(srv_guard_settle(&guard, &line, &err), M2C_OK);
    target[SRV_MAX_TARGET_BYTES] = '/';
    assert_int_equal(srv_guard_settle(&guard, &line, &err), M2C_URI_TOO_LONG);
    target[SRV_MAX_TARGET_BYTES] = '\0';
    srv_guard_header(&guard, "Y", 1, "", 0);
    assert_int_equal(srv_guard_settle(&guard, &line, &err), M2C_HEADERS_TOO_LARGE);
}

static void lines_that_are_not_ours_are_refused(void **state)
{
    struct srv_guard guard;
    (void)state;
    srv_guard_init(&guard);
    srv_guard_header(&guard, "Host", 4, "x", 1);
    const struct srv_guard_line lines[] = {
        {"GET", "http://x/", "HTTP/1.1", 0, false}, {"OPTIONS", "*", "HTTP/1.1", 0, false},
        {"G(T", "/", "HTTP/1.1", 0, false},         {"", "/", "HTTP/1.1", 0, false},
        {"GET", "/", "HTTP/1.9", 0, false},         {"PRI", "*", "HTTP/2.0", 0, false},
        {"GET", "/", "HTTP/0.9", 0, false},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(srv_guard_settle(&guard, &lines[i], &err), M2C_INVALID_REQUEST);
}

static void expectations_codings_and_stray_bodies_are_refused(void **state)
{
    (void)state;
    assert_int_equal(POST(HOST, {"Expect", "foo"}), M2C_EXPECTATION_FAILED);
    assert_int_equal(POST(HOST, {"Expect", "100-continue"}, {"Expect", "100-continue"}),
                     M2C_EXPECTATION_FAILED);
    assert_int_equal(POST(HOST, {"Content-Encoding", "gzip"}), M2C_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(POST(HOST, {"Content-Type", "a/b"}, {"Content-Type", "a/b"}),
                     M2C_INVALID_REQUEST);
    assert_int_equal(JUDGE("GET", "HTTP/1.1", HOST, {"Content-Length", "1"}), M2C_INVALID_REQUEST);
    assert_int_equal(JUDGE("HEAD", "HTTP/1.1", HOST, {"Content-Length", "1"}), M2C_INVALID_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_requests_pass),
        cmocka_unit_test(chunks_pass_where_they_are_allowed_and_still_stand_alone),
        cmocka_unit_test(length_beside_encoding_is_refused),
        cmocka_unit_test(encodings_are_refused_each_in_its_way),
        cmocka_unit_test(folded_framing_names_are_refused),
        cmocka_unit_test(lengths_are_plain_digits_given_once),
        cmocka_unit_test(body_at_the_limit_passes_and_one_more_gets_413),
        cmocka_unit_test(host_is_given_exactly_once),
        cmocka_unit_test(names_and_values_keep_to_the_grammar),
        cmocka_unit_test(hundred_headers_pass_and_one_more_gets_431),
        cmocka_unit_test(sizes_of_headers_and_targets_have_bounds),
        cmocka_unit_test(lines_that_are_not_ours_are_refused),
        cmocka_unit_test(expectations_codings_and_stray_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
