#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "scratch_folder.h"

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"

/* Parses an exact heap block, so that the address sanitizer sees each byte read past it. */
static enum m2c_status parse_block(const unsigned char *block, size_t size,
                                   struct m2c_safetensors **out, struct m2c_error *err)
{
    *out = NULL;
    *err = (struct m2c_error){0};
    return m2c_safetensors_parse(block, size, "x.safetensors", out, err);
}

struct header_case {
    const char *header;
    size_t data_bytes;
    const char *detail; /* part of the error; NULL: good */
};

static const struct header_case header_cases[] = {
    /* good */
    {"{}", 0, NULL},
    {"{" T("a", "F32", "[2]", "0", "8") "}", 8, NULL},
    {"  {" T("a", "F32", "[2]", "0", "8") "}   ", 8, NULL},
    {"{" T("a", "F32", "[]", "0", "4") "}", 4, NULL},
    {"{" T("a", "F32", "[0]", "0", "0") "}", 0, NULL},
    {"{" T("a", "F32", "[3,0,5]", "0", "0") "," T("b", "U8", "[1]", "0", "1") "}", 1, NULL},
    {"{" T("b", "U8", "[1]", "4", "5") "," T("a", "F32", "[1]", "0", "4") "}", 5, NULL},
    {"{\"__metadata__\":{\"format\":\"pt\"}," T("a", "I64", "[1]", "0", "8") "}", 8, NULL},
    {"{\"__metadata__\":{}}", 0, NULL},
    {"{" T("a", "F4", "[4]", "0", "2") "}", 2, NULL},
    {"{" T("a", "F6_E2M3", "[4]", "0", "3") "}", 3, NULL},
    {"{" T("a", "F32", "[1,1,1,1,1,1,1,1]", "0", "4") "}", 4, NULL},
    {"{" T("\\u00e4", "BOOL", "[1]", "0", "1") "}", 1, NULL},
    /* the header itself */
    {"", 0, "not valid JSON"},
    {"[]", 0, "not a JSON object"},
    {"1", 0, "not valid JSON"},
    {"x{}", 0, "not valid JSON"},
    {"{\"a\":1}", 0, "unknown dtype"},
    {"{" T("a", "F32", "[2]", "0", "8") "," T("a", "F32", "[2]", "8", "16") "}", 16,
     "not valid JSON"},
    {"{\"\xff\":1}", 0, "not valid JSON"},
    {"{\"\xc0\x80\":1}", 0, "not valid JSON"},
    {"{\"a\\u0000b\":1}", 0, "not valid JSON"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ holds more than texts"},
    {"{\"__metadata__\":{\"a\":null}}", 0, "__metadata__ holds more than texts"},
    {"{\"__metadata__\":[]}", 0, "__metadata__ is not an object"},
    {"{\"__metadata__\":\"a\"}", 0, "__metadata__ is not an object"},
    {"{\"__metadata__\":null}", 0, "__metadata__ is not an object"},
    /* dtype */
    {"{" T("a", "F33", "[2]", "0", "8") "}", 8, "unknown dtype"},
    {"{" T("a", "f32", "[2]", "0", "8") "}", 8, "unknown dtype"},
    {"{\"a\":{\"dtype\":3,\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype"},
    {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "unknown dtype"},
    /* shape */
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "shape is not an array"},
    {"{" T("a", "F32", "2", "0", "8") "}", 8, "shape is not an array"},
    {"{" T("a", "F32", "[-2]", "0", "8") "}", 8, "dimension is not"},
    {"{" T("a", "F32", "[2.0]", "0", "8") "}", 8, "dimension is not"},
    {"{" T("a", "F32", "[true]", "0", "8") "}", 8, "dimension is not"},
    {"{" T("a", "F32", "[\"2\"]", "0", "8") "}", 8, "dimension is not"},
    {"{" T("a", "F32", "[null]", "0", "8") "}", 8, "dimension is not"},
    {"{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "more than 8 dimensions"},
    {"{" T("a", "F32", "[2,18446744073709551614]", "0", "8") "}", 8, "not valid JSON"},
    {"{" T("a", "F32", "[2,9223372036854775807]", "0", "8") "}", 8, "product overflows"},
    {"{" T("a", "F32", "[4,9223372036854775807]", "0", "8") "}", 8, "product overflows"},
    {"{" T("a", "F32", "[4611686018427387904]", "0", "0") "}", 0, "product overflows"},
    {"{" T("a", "F32", "[3]", "0", "8") "}", 8, "do not make"},
    {"{" T("a", "F64", "[2]", "0", "8") "}", 8, "do not make"},
    {"{" T("a", "F4", "[3]", "0", "2") "}", 2, "do not make"},
    {"{" T("a", "F32", "[]", "0", "0") "}", 0, "do not make"},
    /* offsets */
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets are not"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", 8, "data_offsets are not"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}", 8,
     "data_offsets are not"},
    {"{" T("a", "F32", "[2]", "0.0", "8") "}", 8, "data_offsets are not"},
    {"{" T("a", "F32", "[2]", "-1", "8") "}", 8, "data_offsets are not"},
    {"{" T("a", "F32", "[2]", "0", "9223372036854775808") "}", 8, "not valid JSON"},
    {"{" T("a", "F32", "[2]", "8", "0") "}", 8, "ends before it begins"},
    {"{" T("a", "F32", "[2]", "0", "8") "}", 7, "ends behind the end"},
    {"{" T("a", "F32", "[2]", "1", "9") "}", 9, "a hole before"},
    {"{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "5", "9") "}", 9, "a hole before"},
    {"{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}", 12, "overlaps"},
    {"{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "0", "8") "}", 8, "overlaps"},
    {"{" T("a", "F32", "[2]", "0", "8") "}", 9, "1 bytes behind the last tensor"},
    {"{}", 1, "1 bytes behind the last tensor"},
};

static void every_rule_of_the_header_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof header_cases / sizeof header_cases[0]; i++) {
        const struct header_case *row = &header_cases[i];
        struct m2c_safetensors *file;
        struct m2c_error err;
        size_t size;
        unsigned char *block = scratch_safetensors(row->header, row->data_bytes, &size);
        enum m2c_status status = parse_block(block, size, &file, &err);
        if (status != (row->detail ? M2C_BAD_MODEL : M2C_OK) ||
            (row->detail && !strstr(err.detail, row->detail)))
            fail_msg("case %zu: status %d, detail \"%s\"\n%s", i, (int)status, err.detail,
                     row->header);
        m2c_safetensors_free(&file);
        free(block);
    }
}

static void ten_overlapping_tensors_are_refused(void **state)
{
    (void)state;
    char header[2048];
    size_t used = 0;
    for (int i = 0; i < 10; i++)
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "%s\"t%d\":{\"dtype\":\"F32\",\"shape\":[4],"
                                 "\"data_offsets\":[0,16]}",
                                 i > 0 ? "," : "{", i);
    (void)snprintf(header + used, sizeof header - used, "}");
    struct m2c_safetensors *file;
    struct m2c_error err;
    size_t size;
    unsigned char *block = scratch_safetensors(header, 16, &size);
    assert_int_equal(parse_block(block, size, &file, &err), M2C_BAD_MODEL);
    free(block);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *block = scratch_safetensors(
        "{" T("a", "F32", "[2]", "0", "8") "," T("b", "U8", "[3]", "8", "11") "}", 11, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct m2c_safetensors *file;
        struct m2c_error err;
        unsigned char *part = malloc(cut + 1);
        memcpy(part, block, cut);
        unsigned char *exact = realloc(part, cut > 0 ? cut : 1);
        assert_int_equal(parse_block(exact, cut, &file, &err), M2C_BAD_MODEL);
        assert_null(file);
        free(exact);
    }
    free(block);
}

/* Bytes of a good file are changed at random (a fixed seed): whatever comes of it is refused, or
 * every tensor lies inside the block. */
static void mutations_are_refused_or_stay_inside(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252U;
    size_t size, accepted = 0;
    unsigned char *good = scratch_safetensors(
        "{\"__metadata__\":{\"k\":\"v\"}," T("a", "F32", "[2,3]", "0", "24") "," T(
            "b", "BF16", "[]", "24", "26") "," T("c", "U8", "[0]", "26", "26") "}",
        26, &size);
    unsigned char *block = malloc(size);
    for (int round = 0; round < 20000; round++) {
        memcpy(block, good, size);
        for (int change = 0; change <= round % 3; change++) {
            random ^= random << 13; /* xorshift64 */
            random ^= random >> 7;
            random ^= random << 17;
            static const unsigned char likely[] = "0123456789[]{},:\"\\ F";
            unsigned char byte = round % 2 ? likely[(random >> 8) % (sizeof likely - 1)]
                                           : (unsigned char)(random >> 16);
            block[(random >> 32) % size] = byte;
        }
        struct m2c_safetensors *file;
        struct m2c_error err;
        enum m2c_status status = parse_block(block, size, &file, &err);
        assert_true(status == M2C_OK || status == M2C_BAD_MODEL);
        if (status != M2C_OK)
            continue;
        accepted++;
        for (size_t i = 0; i < m2c_safetensors_count(file); i++) {
            const struct m2c_tensor *tensor = m2c_safetensors_at(file, i);
            const unsigned char *data = tensor->data;
            assert_true(data >= block && data + tensor->bytes <= block + size);
            assert_int_equal(tensor->bytes * 8, tensor->elements * m2c_dtype_bits(tensor->dtype));
        }
        m2c_safetensors_free(&file);
    }
    assert_true(accepted > 0); /* data, names and texts may change */
    free(block);
    free(good);
}

static void stated_lengths_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint64_t stated;
        const char *detail;
    } cases[] = {
        {3, "ends behind the file"},           {100000000, "ends behind the file"},
        {100000001, "exceeds 100000000"},      {UINT64_MAX, "exceeds 100000000"},
        {UINT64_MAX - 7, "exceeds 100000000"}, {1, "not valid JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsigned char block[10] = {0};
        struct m2c_safetensors *file;
        struct m2c_error err;
        for (unsigned j = 0; j < 8; j++)
            block[j] = (unsigned char)(cases[i].stated >> (8 * j));
        memcpy(block + 8, "{}", 2);
        assert_int_equal(parse_block(block, sizeof block, &file, &err), M2C_BAD_MODEL);
        assert_non_null(strstr(err.detail, cases[i].detail));
    }
}

static void tensors_are_told_in_the_order_of_their_data(void **state)
{
    (void)state;
    struct m2c_safetensors *file;
    struct m2c_error err;
    size_t size;
    unsigned char *block = scratch_safetensors(
        "{\"__metadata__\":{\"k\":\"v\"}," T("late", "U8", "[2]", "8",
                                             "10") "," T("early", "F32", "[1,2]", "0", "8") "}",
        10, &size);
    assert_int_equal(parse_block(block, size, &file, &err), M2C_OK);
    assert_int_equal(m2c_safetensors_count(file), 2);
    const struct m2c_tensor *first = m2c_safetensors_at(file, 0);
    assert_string_equal(first->name, "early");
    assert_int_equal(first->dtype, M2C_DTYPE_F32);
    assert_int_equal(first->rank, 2);
    assert_int_equal(first->shape[0], 1);
    assert_int_equal(first->shape[1], 2);
    assert_int_equal(first->elements, 2);
    assert_int_equal(first->bytes, 8);
    assert_ptr_equal(first->data, block + size - 10);
    const struct m2c_tensor *late = m2c_safetensors_find(file, "late");
    assert_ptr_equal(late, m2c_safetensors_at(file, 1));
    assert_int_equal(((const unsigned char *)late->data)[0], 8);
    assert_null(m2c_safetensors_find(file, "none"));
    assert_string_equal(m2c_safetensors_metadata(file, "k"), "v");
    assert_null(m2c_safetensors_metadata(file, "other"));
    size_t whole;
    assert_ptr_equal(m2c_safetensors_bytes(file, &whole), block);
    assert_int_equal(whole, size);
    m2c_safetensors_free(&file);
    assert_null(file);
    free(block);
}

static void fifty_thousand_names_are_read_quickly(void **state)
{
    (void)state;
    /* The time limit of the test is the check. */
    enum { COUNT = 50000 };
    size_t room = COUNT * 80 + 16, used = 1;
    char *header = malloc(room);
    assert_non_null(header);
    header[0] = '{';
    for (int i = 0; i < COUNT; i++)
        used += (size_t)snprintf(header + used, room - used,
                                 "%s\"n%d\":{\"dtype\":\"U8\",\"shape\":[1],"
                                 "\"data_offsets\":[%d,%d]}",
                                 i > 0 ? "," : "", i, i, i + 1);
    (void)snprintf(header + used, room - used, "}");
    struct m2c_safetensors *file;
    struct m2c_error err;
    size_t size;
    unsigned char *block = scratch_safetensors(header, COUNT, &size);
    assert_int_equal(parse_block(block, size, &file, &err), M2C_OK);
    assert_int_equal(m2c_safetensors_count(file), COUNT);
    m2c_safetensors_free(&file);
    free(block);
    free(header);
}

static void names_in_messages_are_harmless(void **state)
{
    (void)state;
    char out[M2C_TENSOR_TEXT_BYTES];
    assert_string_equal(m2c_tensor_printable("a\n\x1b[31m\xc3\xa4", out), "a??[31m??");
    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(strlen(m2c_tensor_printable(longer, out)), 120);
    const size_t large[M2C_MAX_RANK] = {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX,
                                        SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
    const char *text = m2c_shape_text(M2C_MAX_RANK, large, out);
    assert_true(strlen(text) < M2C_TENSOR_TEXT_BYTES);
    assert_int_equal(text[strlen(text) - 1], ']');
    const size_t small[2] = {50, 128};
    assert_string_equal(m2c_shape_text(2, small, out), "[50, 128]");
    assert_string_equal(m2c_shape_text(0, NULL, out), "[]");
}

static void opening_needs_a_regular_file(void **state)
{
    (void)state;
    struct scratch scratch;
    struct m2c_safetensors *file = NULL;
    struct m2c_error err;
    scratch_make(&scratch);
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "none"), &file, &err),
                     M2C_BAD_MODEL);
    assert_string_equal(err.detail, "there is no none");
    assert_int_equal(m2c_safetensors_open(scratch.dir, &file, &err), M2C_BAD_MODEL);
    assert_non_null(strstr(err.detail, "not a regular file"));
    assert_int_equal(mkfifo(scratch_path(&scratch, "fifo"), 0666), 0);
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "fifo"), &file, &err),
                     M2C_BAD_MODEL);
    assert_non_null(strstr(err.detail, "not a regular file"));
    assert_int_equal(m2c_safetensors_open("/dev/zero", &file, &err), M2C_BAD_MODEL);
    assert_int_equal(m2c_safetensors_open("/dev/null", &file, &err), M2C_BAD_MODEL);
    assert_int_equal(symlink("/dev/zero", scratch_path(&scratch, "zero")), 0);
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "zero"), &file, &err),
                     M2C_BAD_MODEL);
    scratch_put(&scratch, "empty", "", 0);
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "empty"), &file, &err),
                     M2C_BAD_MODEL);
    assert_non_null(strstr(err.detail, "too few"));
    assert_null(file);
    scratch_put_safetensors(&scratch, "good", "{" T("a", "F32", "[2]", "0", "8") "}", 8);
    assert_int_equal(symlink("good", scratch_path(&scratch, "link")), 0);
    assert_int_equal(symlink("link", scratch_path(&scratch, "linklink")), 0);
    assert_int_equal(m2c_safetensors_open(scratch_path(&scratch, "linklink"), &file, &err), M2C_OK);
    const struct m2c_tensor *tensor = m2c_safetensors_find(file, "a");
    assert_int_equal(((const unsigned char *)tensor->data)[7], 7);
    m2c_safetensors_give_back(file);
    assert_int_equal(((const unsigned char *)tensor->data)[7], 7);
    m2c_safetensors_free(&file);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_of_the_header_holds),
        cmocka_unit_test(ten_overlapping_tensors_are_refused),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(mutations_are_refused_or_stay_inside),
        cmocka_unit_test(stated_lengths_are_checked),
        cmocka_unit_test(tensors_are_told_in_the_order_of_their_data),
        cmocka_unit_test(fifty_thousand_names_are_read_quickly),
        cmocka_unit_test(names_in_messages_are_harmless),
        cmocka_unit_test(opening_needs_a_regular_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
