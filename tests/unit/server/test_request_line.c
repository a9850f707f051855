/* Targets, content types, routes and request ids: the pure pieces around the guard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/media_type.h"
#include "server/http/request_id.h"
#include "server/http/request_target.h"
#include "server/http/router.h"

static struct m2c_error err;

static enum m2c_status parse(const char *text, struct srv_target *out)
{
    static char buffer[256];
    (void)strncpy(buffer, text, sizeof buffer - 1);
    return srv_target_parse(buffer, out, &err);
}

static void targets_are_split_and_decoded(void **state)
{
    struct srv_target target;
    (void)state;
    assert_int_equal(parse("/v1/label-sets/caf%C3%A9?top_k=1&x=%2F", &target), M2C_OK);
    assert_string_equal(target.path, "/v1/label-sets/caf\xc3\xa9");
    assert_string_equal(target.query, "top_k=1&x=%2F");
    assert_int_equal(parse("/", &target), M2C_OK);
    assert_string_equal(target.query, "");
    assert_int_equal(parse("/a?", &target), M2C_OK);
    assert_int_equal(target.query_size, 0);
    assert_int_equal(parse("/a.b/..c/...", &target), M2C_OK);
}

static void doubtful_targets_are_refused(void **state)
{
    static const char *const wrong[] = {
        "",       "a",    "*",     "/a%00b", "/%2e%2e/x", "/%2E",  "/a/../b", "/.",
        "/a/./b", "//",   "/a//b", "/%zz",   "/%4",       "/%",    "/a%2fb",  "/a%5cb",
        "/a\\b",  "/a#b", "/a b",  "/\x80",  "/a%0ab",    "/a%7f", "/a?\x01", "/..%2f",
    };
    struct srv_target target;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (parse(wrong[i], &target) != M2C_INVALID_REQUEST)
            fail_msg("%s was accepted", wrong[i]);
    }
}

static enum m2c_status media(const char *value, struct srv_media_type *out)
{
    return srv_media_type_parse(value, out, &err);
}

static void content_types_are_told_apart(void **state)
{
    struct srv_media_type type;
    (void)state;
    assert_int_equal(media("video/mp4", &type), M2C_OK);
    assert_int_equal(type.kind, SRV_MEDIA_RAW);
    assert_int_equal(media("Application/Octet-Stream ; x=\"a;b\"", &type), M2C_OK);
    assert_int_equal(type.kind, SRV_MEDIA_RAW);
    assert_int_equal(media("application/json; charset=UTF-8", &type), M2C_OK);
    assert_int_equal(type.kind, SRV_MEDIA_JSON);
    assert_int_equal(media("text/plain", &type), M2C_OK);
    assert_int_equal(type.kind, SRV_MEDIA_OTHER);
    assert_int_equal(media(NULL, &type), M2C_OK);
    assert_int_equal(type.kind, SRV_MEDIA_NONE);
    assert_int_equal(media("multipart/form-data; boundary=\"a b\"", &type), M2C_OK);
    assert_string_equal(type.boundary, "a b");
    assert_int_equal(media("multipart/form-data; boundary=x", &type), M2C_OK);
    assert_string_equal(type.boundary, "x");
}

static void wrong_content_types_are_refused(void **state)
{
    struct srv_media_type type;
    char longest[120] = "multipart/form-data; boundary=";
    size_t head = strlen(longest);
    (void)state;
    assert_int_equal(media("application/json; charset=utf-16", &type), M2C_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(media("video", &type), M2C_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(media("video/mp4 x", &type), M2C_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(media("video/mp4; =x", &type), M2C_UNSUPPORTED_MEDIA_TYPE);
    assert_int_equal(media("video/mp4; a=\"x", &type), M2C_UNSUPPORTED_MEDIA_TYPE);
    static const char *const boundaries[] = {"multipart/form-data",
                                             "multipart/form-data; boundary=",
                                             "multipart/form-data; boundary=\"\"",
                                             "multipart/form-data; boundary=a; boundary=b",
                                             "multipart/form-data; boundary=\"a \"",
                                             "multipart/form-data; boundary=\"a\x01\""};
    for (size_t i = 0; i < sizeof boundaries / sizeof boundaries[0]; i++)
        assert_int_equal(media(boundaries[i], &type), M2C_INVALID_REQUEST);
    memset(longest + head, 'b', SRV_BOUNDARY_MAX);
    assert_int_equal(media(longest, &type), M2C_OK);
    longest[head + SRV_BOUNDARY_MAX] = 'b';
    assert_int_equal(media(longest, &type), M2C_INVALID_REQUEST);
}

static const struct srv_route routes[] = {
    {.method = "GET", .path = "/a", .listeners = SRV_ON_MAIN | SRV_ON_PROBE},
    {.method = "POST", .path = "/a", .listeners = SRV_ON_MAIN},
    {.method = "PUT", .path = "/sets/{name}", .listeners = SRV_ON_MAIN},
    {.method = "GET", .path = "/sets", .listeners = SRV_ON_MAIN},
};
static const struct srv_router router = {.routes = routes,
                                         .count = sizeof routes / sizeof routes[0]};

static enum m2c_status find(const char *method, const char *path, unsigned listener,
                            struct srv_match *match, char allow[64])
{
    return srv_router_find(&router, listener, method, path, match, allow, 64, &err);
}

static void routes_are_found_by_method_and_path(void **state)
{
    struct srv_match match;
    char allow[64];
    (void)state;
    assert_int_equal(find("GET", "/a", SRV_ON_PROBE, &match, allow), M2C_OK);
    assert_ptr_equal(match.route, &routes[0]);
    assert_null(match.parameter);
    assert_int_equal(find("HEAD", "/a", SRV_ON_MAIN, &match, allow), M2C_OK);
    assert_int_equal(find("POST", "/a", SRV_ON_MAIN, &match, allow), M2C_OK);
    assert_ptr_equal(match.route, &routes[1]);
    assert_int_equal(find("PUT", "/sets/k400", SRV_ON_MAIN, &match, allow), M2C_OK);
    assert_string_equal(match.parameter, "k400");
}

static void what_is_not_found_says_what_is_allowed(void **state)
{
    struct srv_match match;
    char allow[64];
    (void)state;
    assert_int_equal(find("GET", "/b", SRV_ON_MAIN, &match, allow), M2C_ROUTE_NOT_FOUND);
    assert_int_equal(find("GET", "/a/", SRV_ON_MAIN, &match, allow), M2C_ROUTE_NOT_FOUND);
    assert_int_equal(find("PUT", "/sets/", SRV_ON_MAIN, &match, allow), M2C_ROUTE_NOT_FOUND);
    assert_int_equal(find("PUT", "/sets/a/b", SRV_ON_MAIN, &match, allow), M2C_ROUTE_NOT_FOUND);
    assert_int_equal(find("DELETE", "/a", SRV_ON_MAIN, &match, allow), M2C_METHOD_NOT_ALLOWED);
    assert_string_equal(allow, "GET, HEAD, POST");
    assert_int_equal(find("POST", "/a", SRV_ON_PROBE, &match, allow), M2C_METHOD_NOT_ALLOWED);
    assert_string_equal(allow, "GET, HEAD");
    assert_int_equal(find("get", "/a", SRV_ON_MAIN, &match, allow), M2C_NOT_IMPLEMENTED);
}

static void request_ids_are_kept_or_made(void **state)
{
    char id[SRV_REQUEST_ID_MAX + 1], other[SRV_REQUEST_ID_MAX + 1];
    char longest[SRV_REQUEST_ID_MAX + 2];
    (void)state;
    srv_request_id_make("A-1._z", id);
    assert_string_equal(id, "A-1._z");
    memset(longest, 'a', sizeof longest);
    longest[SRV_REQUEST_ID_MAX] = '\0';
    srv_request_id_make(longest, id);
    assert_string_equal(id, longest);
    longest[SRV_REQUEST_ID_MAX] = 'a';
    longest[SRV_REQUEST_ID_MAX + 1] = '\0';
    srv_request_id_make("a\nb", id);
    assert_int_equal(strlen(id), 32);
    srv_request_id_make("", other);
    assert_string_not_equal(id, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_split_and_decoded),
        cmocka_unit_test(doubtful_targets_are_refused),
        cmocka_unit_test(content_types_are_told_apart),
        cmocka_unit_test(wrong_content_types_are_refused),
        cmocka_unit_test(routes_are_found_by_method_and_path),
        cmocka_unit_test(what_is_not_found_says_what_is_allowed),
        cmocka_unit_test(request_ids_are_kept_or_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
