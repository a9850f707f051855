/* Stored label sets: tags, conditions, files, pins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/container.h"
#include "server/handlers/etag.h"
#include "server/handlers/label_registry.h"

static struct m2c_error err;

static void tags_are_named_as_the_rfc_says(void **state)
{
    (void)state;
    assert_true(srv_etag_named("*", "\"a\"", false));
    assert_false(srv_etag_named("*", NULL, false));
    assert_true(srv_etag_named("\"a\"", "\"a\"", false));
    assert_true(srv_etag_named("\"b\" , \"a\"", "\"a\"", false));
    assert_true(srv_etag_named(",\"x,y\",W/\"a\"", "\"a\"", true));
    assert_false(srv_etag_named("W/\"a\"", "\"a\"", false));
    assert_false(srv_etag_named("\"aa\"", "\"a\"", true));
    assert_false(srv_etag_named("a", "\"a\"", true));
    assert_false(srv_etag_named("\"a", "\"a\"", true));
    assert_false(srv_etag_named("", "\"a\"", true));
}

static struct srv_stored_labels *labels_of(const char *name, const char *json)
{
    const struct proto_limits limits = proto_limits_default();
    struct srv_stored_labels *labels = NULL;
    assert_int_equal(
        srv_stored_labels_new(name, json, strlen(json), 1 << 20, &limits, &labels, &err), M2C_OK);
    return labels;
}

static void one_content_has_one_tag(void **state)
{
    struct srv_stored_labels *a = labels_of("a", "{\"labels\":[\"x\",{\"name\":\"y\"}]}");
    struct srv_stored_labels *b = labels_of("b", " {\"labels\" : [ {\"name\":\"x\"}, \"y\" ] }");
    struct srv_stored_labels *c =
        labels_of("c", "{\"labels\":[\"x\",{\"name\":\"y\",\"id\":\"1\"}]}");
    (void)state;
    assert_string_equal(a->etag, b->etag);
    assert_string_equal(a->text, "{\"labels\": [\"x\", \"y\"]}");
    assert_string_not_equal(a->etag, c->etag);
    assert_string_equal(c->names[1], "y");
    assert_string_equal(c->ids[1], "1");
    srv_stored_labels_unref(a);
    srv_stored_labels_unref(b);
    srv_stored_labels_unref(c);
}

static void pins_are_few_and_the_newest(void **state)
{
    struct srv_stored_labels *labels = labels_of("a", "{\"labels\":[\"x\"]}");
    char version[16];
    (void)state;
    for (int i = 0; i < SRV_MAX_PINS + 2; i++) {
        struct srv_label_matrix *matrix = srv_label_matrix_new(1, 4);
        (void)snprintf(version, sizeof version, "v%d", i);
        srv_stored_labels_pin(labels, version, matrix);
        srv_stored_labels_pin(labels, version, matrix);
        assert_ptr_equal(srv_stored_labels_pinned(labels, version), matrix);
        srv_label_matrix_unref(matrix);
    }
    assert_null(srv_stored_labels_pinned(labels, "v1"));
    assert_non_null(srv_stored_labels_pinned(labels, "v2"));
    assert_true(srv_stored_labels_pinned_bytes(labels) > 0);
    srv_stored_labels_unref(labels);
}

/* ---- the registry ---- */

static char folder[64];
static uv_loop_t loop;

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/m2clip-sets-XXXXXX");
    return mkdtemp(folder) && uv_loop_init(&loop) == 0 ? 0 : -1;
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    (void)remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    remove_file("label-sets/a.json");
    remove_file("label-sets/b.json");
    remove_file("label-sets");
    return rmdir(folder) == 0 && uv_loop_close(&loop) == 0 ? 0 : -1;
}

static struct srv_label_registry *open_registry(const char *store, size_t max_pinned_bytes)
{
    const struct srv_label_registry_options options = {.loop = &loop,
                                                       .store_dir = store,
                                                       .limits = proto_limits_default(),
                                                       .max_json_bytes = 1 << 20,
                                                       .max_pinned_bytes = max_pinned_bytes};
    struct srv_label_registry *registry = NULL;
    assert_int_equal(srv_label_registry_new(&options, &registry, &err), M2C_OK);
    return registry;
}

struct wish {
    struct srv_label_change change;
    struct srv_label_registry *registry;
    struct wish *then; /* wished when this one is done */
    int done;
    enum m2c_status status;
};

static void on_done(struct srv_label_change *change, const struct m2c_error *outcome)
{
    struct wish *wish = SRV_CONTAINER(change, struct wish, change);
    wish->done++;
    wish->status = outcome->status;
    if (wish->then)
        srv_label_registry_change(wish->registry, &wish->then->change);
}

static struct wish wish_for(struct srv_label_registry *registry, const char *name,
                            struct srv_stored_labels *labels)
{
    return (struct wish){.change = {.name = name, .labels = labels, .done = on_done},
                         .registry = registry};
}

static void changes_wait_for_each_other_and_reach_the_folder(void **state)
{
    struct srv_label_registry *registry = open_registry(folder, SIZE_MAX);
    struct srv_stored_labels *a = labels_of("a", "{\"labels\":[\"x\"]}");
    struct srv_stored_labels *other = labels_of("a", "{\"labels\":[\"y\"]}");
    struct srv_stored_labels *b = labels_of("b", "{\"labels\":[\"z\"]}");
    struct wish first = wish_for(registry, "a", a), second = wish_for(registry, "a", other);
    struct wish third = wish_for(registry, "b", b), fourth = wish_for(registry, "a", NULL);
    (void)state;
    second.change.if_match = a->etag;
    second.then = &fourth; /* from within the registry's own work */
    fourth.change.if_match = a->etag;
    srv_label_registry_change(registry, &first.change);
    srv_label_registry_change(registry, &second.change);
    srv_label_registry_change(registry, &third.change);
    assert_null(srv_label_registry_find(registry, "a"));
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_true(first.done == 1 && first.status == M2C_OK && first.change.created);
    assert_true(second.done == 1 && second.status == M2C_OK && !second.change.created);
    assert_true(third.done == 1 && third.status == M2C_OK && third.change.created);
    assert_true(fourth.done == 1 && fourth.status == M2C_ETAG_MISMATCH);
    assert_ptr_equal(srv_label_registry_find(registry, "a"), other);
    srv_label_registry_free(&registry);
    registry = open_registry(folder, SIZE_MAX);
    assert_string_equal(srv_label_registry_find(registry, "a")->etag, other->etag);
    assert_string_equal(srv_label_registry_first(registry)->next->etag, b->etag);
    struct wish fifth = wish_for(registry, "a", NULL);
    srv_label_registry_change(registry, &fifth.change);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(fifth.status, M2C_OK);
    srv_label_registry_free(&registry);
    registry = open_registry(folder, SIZE_MAX);
    assert_null(srv_label_registry_find(registry, "a"));
    srv_label_registry_free(&registry);
    srv_stored_labels_unref(a);
    srv_stored_labels_unref(other);
    srv_stored_labels_unref(b);
}

static void vectors_of_all_sets_are_bounded(void **state)
{
    struct srv_stored_labels *a = labels_of("a", "{\"labels\":[\"x\"]}");
    struct srv_stored_labels *b = labels_of("b", "{\"labels\":[\"y\"]}");
    struct srv_label_matrix *matrix = srv_label_matrix_new(100, 4);
    struct srv_label_registry *registry =
        open_registry(NULL, srv_label_matrix_bytes(matrix) * 3 / 2);
    struct wish first = wish_for(registry, "a", a), second = wish_for(registry, "b", b);
    struct wish again = wish_for(registry, "a", a);
    (void)state;
    srv_stored_labels_pin(a, "v", matrix);
    srv_stored_labels_pin(b, "v", matrix);
    srv_label_registry_change(registry, &first.change);
    srv_label_registry_change(registry, &second.change);
    srv_label_registry_change(registry, &again.change);
    assert_int_equal(first.status, M2C_OK);
    assert_int_equal(second.status, M2C_TOO_LARGE);
    assert_int_equal(again.status, M2C_OK);
    srv_label_registry_free(&registry);
    srv_label_matrix_unref(matrix);
    srv_stored_labels_unref(a);
    srv_stored_labels_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_named_as_the_rfc_says),
        cmocka_unit_test(one_content_has_one_tag),
        cmocka_unit_test(pins_are_few_and_the_newest),
        cmocka_unit_test_setup_teardown(changes_wait_for_each_other_and_reach_the_folder,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(vectors_of_all_sets_are_bounded, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
