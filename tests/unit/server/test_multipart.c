/* Forms in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/http/multipart.h"
#include "server/http/storage.h"
#include "server/http/upload.h"

static struct m2c_error err;

/* What the parser found, written down as "name=data;" for each part. */
struct notes {
    char text[4096];
    size_t size;
};

static void note(struct notes *notes, const char *data, size_t size)
{
    assert_true(notes->size + size < sizeof notes->text);
    memcpy(notes->text + notes->size, data, size);
    notes->size += size;
    notes->text[notes->size] = '\0';
}

static enum m2c_status begin(void *argument, const char *name, struct m2c_error *e)
{
    (void)e;
    note(argument, name, strlen(name));
    note(argument, "=", 1);
    return M2C_OK;
}

static enum m2c_status data(void *argument, const char *bytes, size_t size, struct m2c_error *e)
{
    (void)e;
    note(argument, bytes, size);
    return M2C_OK;
}

static enum m2c_status end(void *argument, struct m2c_error *e)
{
    (void)e;
    note(argument, ";", 1);
    return M2C_OK;
}

static enum m2c_status parse(const char *body, size_t size, size_t piece, struct notes *notes)
{
    struct srv_multipart parser;
    struct srv_multipart_sink sink = {notes, begin, data, end};
    notes->size = 0;
    notes->text[0] = '\0';
    srv_multipart_init(&parser, "Bo", &sink);
    for (size_t at = 0; at < size; at += piece) {
        enum m2c_status status =
            srv_multipart_feed(&parser, body + at, size - at < piece ? size - at : piece, &err);
        if (status != M2C_OK)
            return status;
    }
    return srv_multipart_finish(&parser, &err);
}

static enum m2c_status parse_text(const char *body, struct notes *notes)
{
    return parse(body, strlen(body), strlen(body) + 1, notes);
}

#define PART(name, value)                                                                          \
    "--Bo\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define END "--Bo--\r\n"

static void any_piece_size_gives_the_same_parts(void **state)
{
    static const char body[] = PART("top_k", "3") PART("video", "\r\n--B\r\r\n--\r\n--Bx\r")
        PART("empty", "") "--Bo \t\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION: form-data; "
                          "filename=\"a;b\"; name=last\r\n\r\nx\r\n" END "epilogue --Bo\r\n";
    static const char expected[] = "top_k=3;video=\r\n--B\r\r\n--\r\n--Bx\r;empty=;last=x;";
    struct notes notes;
    (void)state;
    for (size_t piece = 1; piece < sizeof body; piece++) {
        assert_int_equal(parse(body, sizeof body - 1, piece, &notes), M2C_OK);
        assert_string_equal(notes.text, expected);
    }
}

static void line_ends_before_the_first_boundary_are_allowed(void **state)
{
    struct notes notes;
    (void)state;
    assert_int_equal(parse_text("\r\n" PART("a", "1") END, &notes), M2C_OK);
    assert_string_equal(notes.text, "a=1;");
    assert_int_equal(parse_text("--Bo--", &notes), M2C_OK);
    assert_string_equal(notes.text, "");
}

static void truncation_anywhere_is_refused(void **state)
{
    static const char body[] = PART("a", "1") PART("b", "2") "--Bo--";
    struct notes notes;
    (void)state;
    for (size_t size = 0; size < sizeof body - 1; size++)
        assert_int_equal(parse(body, size, 7, &notes), M2C_INVALID_REQUEST);
    assert_int_equal(parse(body, sizeof body - 1, 7, &notes), M2C_OK);
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const wrong[] = {
        "preamble\r\n" PART("a", "1") END,
        "--Bo\nContent-Disposition: form-data; name=\"a\"\n\n1\n--Bo--\n",
        "--Bo\r\n\r\nno header\r\n" END,
        "--Bo\r\nContent-Type: text/plain\r\n\r\nno name\r\n" END,
        "--Bo\r\nContent-Disposition: form-data\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; "
        "name=b\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=a\r\nContent-Type: multipart/mixed; "
        "boundary=x\r\n\r\nx\r\n" END,
        "--Bo\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: "
        "base64\r\n\r\nx\r\n" END,
        "--Bo\r\n folded\r\n\r\nx\r\n" END,
        "--Bo\r\nno colon\r\n\r\nx\r\n" END,
        "--Box\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n" END,
    };
    struct notes notes;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (parse_text(wrong[i], &notes) != M2C_INVALID_REQUEST)
            fail_msg("accepted: %s", wrong[i]);
    }
}

static void part_header_has_a_bound(void **state)
{
    static char body[3 * 4096];
    struct notes notes;
    (void)state;
    int head =
        snprintf(body, sizeof body, "--Bo\r\nContent-Disposition: form-data; name=a; filename=\"");
    for (size_t extra = 3900; extra <= 4200; extra += 300) {
        memset(body + head, 'f', extra);
        (void)snprintf(body + head + extra, sizeof body - (size_t)head - extra,
                       "\"\r\n\r\nx\r\n" END);
        assert_int_equal(parse_text(body, &notes), extra < 4000 ? M2C_OK : M2C_INVALID_REQUEST);
    }
}

static struct srv_storage *storage;

static int make_storage(void **state)
{
    const struct srv_storage_options options = {.memory_bytes = 1 << 20};
    (void)state;
    return srv_storage_new(&options, &storage, &err) == M2C_OK ? 0 : -1;
}

/* Every body has given its room back. */
static int end_storage(void **state)
{
    struct srv_storage_facts facts = srv_storage_facts(storage);
    (void)state;
    srv_storage_unref(storage);
    return facts.memory_bytes == 0 ? 0 : -1;
}

static const struct srv_media_type form_type = {.kind = SRV_MEDIA_FORM, .boundary = "Bo"};

static enum m2c_status upload(const char *body, struct srv_upload *out)
{
    memset(out, 0, sizeof *out);
    enum m2c_status status = srv_upload_begin(out, storage, &form_type, strlen(body), &err);
    if (status == M2C_OK)
        status = srv_upload_feed(out, body, strlen(body), &err);
    if (status == M2C_OK)
        status = srv_upload_finish(out, &err);
    return status;
}

static void fields_and_video_go_where_they_belong(void **state)
{
    struct srv_upload out;
    (void)state;
    assert_int_equal(
        upload(PART("labels", "a") PART("video", "bytes") PART("labels", "b") END, &out), M2C_OK);
    assert_int_equal(srv_body_size(out.body), 5);
    assert_memory_equal(srv_body_data(out.body), "bytes", 5);
    assert_int_equal(out.form.count, 2);
    assert_string_equal(out.form.fields[1].name, "labels");
    assert_memory_equal(out.form.fields[1].value, "b", 1);
    srv_upload_destroy(&out);
    assert_int_equal(upload(PART("video", "1") PART("video", "2") END, &out), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "video");
    srv_upload_destroy(&out);
    assert_int_equal(upload(PART("video", "") END, &out), M2C_INVALID_REQUEST);
    srv_upload_destroy(&out);
}

static void fields_have_bounds_in_number_and_size(void **state)
{
    struct srv_form form = {0};
    char *block = calloc(1, SRV_MAX_FORM_BYTES);
    (void)state;
    assert_int_equal(srv_form_open(&form, "big", &err), M2C_OK);
    assert_int_equal(srv_form_append(&form, block, SRV_MAX_FORM_BYTES, &err), M2C_OK);
    assert_int_equal(srv_form_append(&form, block, 1, &err), M2C_TOO_LARGE);
    assert_string_equal(err.field, "big");
    for (int i = 1; i < SRV_MAX_PARAMETERS; i++)
        assert_int_equal(srv_form_open(&form, "x", &err), M2C_OK);
    assert_int_equal(srv_form_open(&form, "x", &err), M2C_INVALID_REQUEST);
    srv_form_destroy(&form);
    free(block);
}

static void bodies_hold_what_was_announced(void **state)
{
    static const struct srv_media_type raw = {.kind = SRV_MEDIA_RAW};
    struct srv_upload out = {0};
    char hex[M2C_DIGEST_HEX_BYTES];
    (void)state;
    assert_int_equal(srv_upload_begin(&out, storage, &raw, 5, &err), M2C_OK);
    assert_int_equal(srv_upload_feed(&out, "hel", 3, &err), M2C_OK);
    assert_int_equal(srv_upload_finish(&out, &err), M2C_INVALID_REQUEST);
    assert_int_equal(srv_upload_feed(&out, "lo", 2, &err), M2C_OK);
    assert_int_equal(srv_upload_finish(&out, &err), M2C_OK);
    assert_int_equal(srv_body_hash(out.body, hex, &err), M2C_OK);
    assert_string_equal(hex, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_int_equal(srv_upload_feed(&out, "x", 1, &err), M2C_TOO_LARGE);
    srv_upload_destroy(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_piece_size_gives_the_same_parts),
        cmocka_unit_test(line_ends_before_the_first_boundary_are_allowed),
        cmocka_unit_test(truncation_anywhere_is_refused),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(part_header_has_a_bound),
        cmocka_unit_test(fields_and_video_go_where_they_belong),
        cmocka_unit_test(fields_have_bounds_in_number_and_size),
        cmocka_unit_test(bodies_hold_what_was_announced),
    };
    return cmocka_run_group_tests(tests, make_storage, end_storage);
}
