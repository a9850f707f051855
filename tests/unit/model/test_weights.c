#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/weights.h"
#include "scratch_folder.h"

#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"
#define INDEX "model.safetensors.index.json"

static struct scratch scratch;
static struct m2c_error err;

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    err = (struct m2c_error){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static struct m2c_weights *open_good(void)
{
    struct m2c_weights *weights = NULL;
    if (m2c_weights_open(scratch.dir, &weights, &err) != M2C_OK)
        fail_msg("%s (%s)", err.detail, err.context);
    return weights;
}

static void expect_refused(const char *detail)
{
    struct m2c_weights *weights = NULL;
    enum m2c_status status = m2c_weights_open(scratch.dir, &weights, &err);
    assert_null(weights);
    if (status != M2C_BAD_MODEL || !strstr(err.detail, detail))
        fail_msg("status %d, detail \"%s\"", (int)status, err.detail);
}

/* Fails with the expected text unless the tensor is refused in that way. */
static void expect_no_tensor(struct m2c_weights *weights, const char *name, int rank,
                             const size_t *shape, const char *detail)
{
    const struct m2c_tensor *tensor = NULL;
    assert_int_equal(m2c_weights_get(weights, name, rank, shape, &tensor, &err), M2C_BAD_MODEL);
    assert_string_equal(err.detail, detail);
    assert_null(tensor);
}

static void tensors_are_got_by_name_and_exact_shape(void **state)
{
    (void)state;
    scratch_put_safetensors(
        &scratch, "model.safetensors",
        "{" T("visual.proj", "F16", "[2,3]", "0", "12") "," T(
            "ids", "I64", "[1]", "12", "20") "," T("logit_scale", "BF16", "[]", "20", "22") "}",
        22);
    struct m2c_weights *weights = open_good();
    const struct m2c_tensor *tensor = NULL;
    const size_t good[2] = {2, 3}, turned[2] = {3, 2}, one[1] = {1};
    assert_int_equal(m2c_weights_get(weights, "visual.proj", 2, good, &tensor, &err), M2C_OK);
    assert_string_equal(tensor->name, "visual.proj");
    assert_int_equal(m2c_weights_get(weights, "logit_scale", 0, NULL, &tensor, &err), M2C_OK);
    tensor = NULL;
    expect_no_tensor(weights, "visual.proj", 2, turned,
                     "tensor visual.proj: expected [3, 2], found [2, 3]");
    expect_no_tensor(weights, "visual.proj", 1, one,
                     "tensor visual.proj: expected [1], found [2, 3]");
    expect_no_tensor(weights, "visual.pro", 2, good, "tensor visual.pro [2, 3] is missing");
    expect_no_tensor(weights, "ids", 1, one, "tensor ids: expected F32, F16 or BF16, found I64");
    m2c_weights_free(&weights);
    assert_null(weights);
}

static void what_was_not_looked_up_is_listed_as_unused(void **state)
{
    (void)state;
    scratch_put_safetensors(
        &scratch, "model.safetensors",
        "{" T("b", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}", 8);
    struct m2c_weights *weights = open_good();
    assert_int_equal(m2c_weights_count(weights), 2);
    assert_string_equal(m2c_weights_name_at(weights, 0), "a");
    assert_string_equal(m2c_weights_at(weights, 1)->name, "b");
    assert_true(m2c_weights_has(weights, "a")); /* marks nothing */
    assert_false(m2c_weights_used_at(weights, 0));
    assert_null(m2c_weights_find(weights, "c"));
    assert_ptr_equal(m2c_weights_find(weights, "b"), m2c_weights_at(weights, 1));
    assert_false(m2c_weights_used_at(weights, 0));
    assert_true(m2c_weights_used_at(weights, 1));
    m2c_weights_free(&weights);
}

static void hugging_face_names_become_canonical(void **state)
{
    (void)state;
    scratch_put_safetensors(
        &scratch, "model.safetensors",
        "{" T("vision_model.encoder.layers.0.mlp.fc1.bias", "F32", "[1]", "0",
              "4") "," T("text_projection.weight", "F32", "[1,1]", "4", "8") "}",
        8);
    struct m2c_weights *weights = open_good();
    assert_non_null(m2c_weights_find(weights, "visual.transformer.resblocks.0.mlp.c_fc.bias"));
    assert_non_null(m2c_weights_find(weights, "text_projection.weight"));
    assert_false(m2c_weights_has(weights, "text_projection"));
    assert_true(m2c_weights_has_prefix(weights, "visual.transformer."));
    assert_false(m2c_weights_has_prefix(weights, "vision_model."));
    assert_false(m2c_weights_has_prefix(weights, "zzz"));
    m2c_weights_free(&weights);
}

static void a_tensor_under_both_names_is_refused(void **state)
{
    (void)state;
    scratch_put_safetensors(&scratch, "model.safetensors",
                            "{" T("vision_model.post_layernorm.bias", "F32", "[1]", "0",
                                  "4") "," T("visual.ln_post.bias", "F32", "[1]", "4", "8") "}",
                            8);
    expect_refused("tensor visual.ln_post.bias is there twice");
}

static void put_shards(void)
{
    scratch_put_safetensors(
        &scratch, "m-1-of-2.safetensors",
        "{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "4", "8") "}", 8);
    scratch_put_safetensors(&scratch, "m-2-of-2.safetensors",
                            "{" T("c", "F32", "[2]", "0", "8") "}", 8);
}

static void shards_are_merged(void **state)
{
    (void)state;
    put_shards();
    scratch_put_text(&scratch, INDEX,
                     "{\"metadata\":{\"total_size\":16},\"weight_map\":{\"a\":"
                     "\"m-1-of-2.safetensors\",\"b\":\"m-1-of-2.safetensors\","
                     "\"c\":\"m-2-of-2.safetensors\"}}");
    struct m2c_weights *weights = open_good();
    assert_int_equal(m2c_weights_count(weights), 3);
    assert_int_equal(m2c_weights_find(weights, "c")->elements, 2);
    size_t total, adapters;
    m2c_weights_parameters(weights, &total, &adapters);
    assert_int_equal(total, 4);
    assert_int_equal(adapters, 0);
    m2c_weights_give_back(weights);
    assert_int_equal(((const unsigned char *)m2c_weights_find(weights, "c")->data)[1], 1);
    m2c_weights_free(&weights);
}

static void the_index_decides_between_copies(void **state)
{
    (void)state;
    put_shards();
    scratch_put_safetensors(
        &scratch, "m-2-of-2.safetensors",
        "{" T("c", "F32", "[2]", "0", "8") "," T("a", "F32", "[1]", "8",
                                                 "12") "," T("extra", "F32", "[1]", "12", "16") "}",
        16);
    scratch_put_text(&scratch, INDEX,
                     "{\"weight_map\":{\"a\":\"m-2-of-2.safetensors\",\"b\":\"m-1-of-2."
                     "safetensors\",\"c\":\"m-2-of-2.safetensors\"}}");
    struct m2c_weights *weights = open_good();
    assert_int_equal(m2c_weights_count(weights), 4); /* `extra` is listed, not refused */
    assert_int_equal(((const unsigned char *)m2c_weights_find(weights, "a")->data)[0], 8);
    m2c_weights_free(&weights);
}

static void bad_indices_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *index, *detail;
    } cases[] = {
        {"{", "not valid JSON"},
        {"[]", "not a JSON object"},
        {"{}", "weight_map is not an object"},
        {"{\"weight_map\":[]}", "weight_map is not an object"},
        {"{\"weight_map\":{\"a\":1}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"../m-1-of-2.safetensors\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"x/m\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"x\\\\m\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\".\"}}", "not in a file of the folder"},
        {"{\"weight_map\":{\"a\":\"missing.safetensors\"}}", "there is no missing.safetensors"},
        {"{\"weight_map\":{\"z\":\"m-1-of-2.safetensors\"}}", "tensor z is not in its shard"},
        {"{\"weight_map\":{\"c\":\"m-1-of-2.safetensors\"}}", "tensor c is not in its shard"},
    };
    put_shards();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_put_text(&scratch, INDEX, cases[i].index);
        expect_refused(cases[i].detail);
    }
}

static void a_folder_without_weights_is_refused(void **state)
{
    (void)state;
    expect_refused("there is no model.safetensors");
    scratch_subfolder(&scratch, "model.safetensors");
    expect_refused("not a regular file");
}

static void a_fifo_does_not_block(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(scratch_path(&scratch, "model.safetensors"), 0666), 0);
    expect_refused("not a regular file");
}

static void put_sums(const char *digest, const char *name)
{
    char line[512];
    (void)snprintf(line, sizeof line, "%s  %s\n", digest, name);
    scratch_put_text(&scratch, "SHA256SUMS", line);
}

static void file_digest(const char *name, char hex[M2C_DIGEST_HEX_BYTES])
{
    size_t size;
    unsigned char digest[M2C_DIGEST_BYTES];
    char *bytes = scratch_read(scratch_path(&scratch, name), &size);
    assert_int_equal(m2c_digest_bytes(bytes, size, digest, &err), M2C_OK);
    m2c_digest_hex(digest, hex);
    free(bytes);
}

static void checksums_are_compared(void **state)
{
    (void)state;
    char hex[M2C_DIGEST_HEX_BYTES], found_hex[M2C_DIGEST_HEX_BYTES];
    unsigned char found[M2C_DIGEST_BYTES];
    scratch_put_safetensors(&scratch, "model.safetensors", "{" T("a", "F32", "[1]", "0", "4") "}",
                            4);
    file_digest("model.safetensors", hex);
    put_sums(hex, "model.safetensors");
    struct m2c_weights *weights = open_good();
    assert_int_equal(m2c_weights_digest(weights, found, &err), M2C_OK);
    m2c_digest_hex(found, found_hex);
    assert_string_equal(found_hex, hex);
    m2c_weights_free(&weights);
    hex[0] = hex[0] == '0' ? '1' : '0';
    put_sums(hex, "model.safetensors");
    expect_refused("model.safetensors does not match its checksum");
    scratch_put_text(&scratch, "labels.csv", "one\n");
    put_sums(hex, "labels.csv"); /* other files of the list count too */
    expect_refused("labels.csv does not match its checksum");
    put_sums(hex, "none.json");
    expect_refused("SHA256SUMS lists none.json, which is not there");
    put_sums("12", "model.safetensors");
    expect_refused("line 1 is not a checksum");
}

static void the_digest_of_shards_covers_each(void **state)
{
    (void)state;
    unsigned char first[M2C_DIGEST_BYTES], second[M2C_DIGEST_BYTES];
    put_shards();
    scratch_put_text(&scratch, INDEX,
                     "{\"weight_map\":{\"a\":\"m-1-of-2.safetensors\",\"b\":"
                     "\"m-1-of-2.safetensors\",\"c\":\"m-2-of-2.safetensors\"}}");
    struct m2c_weights *weights = open_good();
    assert_int_equal(m2c_weights_digest(weights, first, &err), M2C_OK);
    m2c_weights_free(&weights);
    scratch_put_safetensors(&scratch, "m-2-of-2.safetensors",
                            "{" T("c", "F32", "[3]", "0", "12") "}", 12);
    weights = open_good();
    assert_int_equal(m2c_weights_digest(weights, second, &err), M2C_OK);
    m2c_weights_free(&weights);
    assert_memory_not_equal(first, second, M2C_DIGEST_BYTES);
}

static void base_digest_of(const char *header, size_t data_bytes,
                           unsigned char out[M2C_DIGEST_BYTES])
{
    struct m2c_weights *weights = NULL;
    size_t size;
    unsigned char *block = scratch_safetensors(header, data_bytes, &size);
    assert_int_equal(m2c_weights_open_bytes(block, size, "block", &weights, &err), M2C_OK);
    assert_int_equal(m2c_weights_base_digest(weights, out, &err), M2C_OK);
    m2c_weights_free(&weights);
    free(block);
}

static void the_base_digest_looks_through_names_and_adapters(void **state)
{
    (void)state;
    unsigned char plain[M2C_DIGEST_BYTES], other[M2C_DIGEST_BYTES];
    base_digest_of("{" T("visual.ln_post.bias", "F32", "[1]", "0", "4") "}", 4, plain);
    base_digest_of("{" T("vision_model.post_layernorm.bias", "F32", "[1]", "0", "4") "}", 4, other);
    assert_memory_equal(plain, other, M2C_DIGEST_BYTES);
    base_digest_of("{" T("visual.ln_post.bias", "F32", "[1]", "0",
                         "4") "," T("visual.adapter_fc.bias", "F32", "[1]", "4", "8") "}",
                   8, other);
    assert_memory_equal(plain, other, M2C_DIGEST_BYTES);
    base_digest_of("{" T("visual.ln_post.bias", "F32", "[1,1]", "0", "4") "}", 4, other);
    assert_memory_not_equal(plain, other, M2C_DIGEST_BYTES);
    base_digest_of("{" T("visual.ln_post.bias", "I32", "[1]", "0", "4") "}", 4, other);
    assert_memory_not_equal(plain, other, M2C_DIGEST_BYTES);
}

static void an_adapter_set_holds_adapters_alone(void **state)
{
    (void)state;
    struct m2c_weights *weights = NULL;
    const char *path = scratch_path(&scratch, "adapters.safetensors");
    scratch_put_safetensors(&scratch, "adapters.safetensors",
                            "{" T("visual.adapter_fc.bias", "F32", "[2]", "0",
                                  "8") "," T("mlm_adapter.bias", "F32", "[1]", "8", "12") "}",
                            12);
    assert_int_equal(m2c_weights_open_file(path, &weights, &err), M2C_OK);
    assert_int_equal(m2c_weights_require_adapters(weights, &err), M2C_OK);
    size_t total, adapters;
    m2c_weights_parameters(weights, &total, &adapters);
    assert_int_equal(total, 3);
    assert_int_equal(adapters, 3);
    m2c_weights_free(&weights);
    scratch_put_safetensors(&scratch, "adapters.safetensors",
                            "{" T("visual.adapter_fc.bias", "F32", "[2]", "0",
                                  "8") "," T("visual.proj", "F32", "[1]", "8", "12") "}",
                            12);
    assert_int_equal(m2c_weights_open_file(path, &weights, &err), M2C_OK);
    assert_int_equal(m2c_weights_require_adapters(weights, &err), M2C_BAD_MODEL);
    assert_string_equal(err.detail, "tensor visual.proj is no adapter");
    m2c_weights_free(&weights);
}

static void a_nan_in_use_is_named(void **state)
{
    (void)state;
    struct m2c_weights *weights = NULL;
    size_t size;
    unsigned char *block = scratch_safetensors(
        "{" T("a", "F32", "[1]", "0", "4") "," T("b", "F16", "[1]", "4",
                                                 "6") "," T("n", "I64", "[1]", "6", "14") "}",
        14, &size);
    memset(block + size - 10, 0xff, 10); /* b and n */
    assert_int_equal(m2c_weights_open_bytes(block, size, "block", &weights, &err), M2C_OK);
    assert_non_null(m2c_weights_find(weights, "a"));
    assert_non_null(m2c_weights_find(weights, "n"));
    assert_int_equal(m2c_weights_check_finite(weights, &err), M2C_OK); /* b is not in use */
    assert_non_null(m2c_weights_find(weights, "b"));
    assert_int_equal(m2c_weights_check_finite(weights, &err), M2C_BAD_MODEL);
    assert_string_equal(err.detail, "tensor b holds a NaN or an infinity");
    m2c_weights_free(&weights);
    free(block);
}

static void fixtures_open_under_one_set_of_names(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny-premlp", "tiny-preattn-premlp",
                                        "tiny-patch32-partial", "tiny-clip-hf"};
    static const char *const wanted[] = {
        "visual.class_embedding",
        "visual.conv1.weight",
        "visual.positional_embedding",
        "visual.ln_pre.weight",
        "visual.ln_post.bias",
        "visual.transformer.resblocks.1.attn.out_proj.weight",
        "visual.transformer.resblocks.1.mlp.c_proj.weight",
        "visual.transformer.resblocks.0.ln_2.bias",
        "transformer.resblocks.0.ln_1.weight",
        "transformer.resblocks.1.mlp.c_fc.weight",
        "token_embedding.weight",
        "positional_embedding",
        "ln_final.bias",
        "logit_scale",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct m2c_weights *weights = NULL;
        char dir[512];
        (void)snprintf(dir, sizeof dir, "%s/%s", M2C_TEST_FIXTURES, names[i]);
        assert_int_equal(m2c_weights_open(dir, &weights, &err), M2C_OK);
        for (size_t j = 0; j < sizeof wanted / sizeof wanted[0]; j++)
            if (!m2c_weights_find(weights, wanted[j]))
                fail_msg("%s lacks %s", names[i], wanted[j]);
        assert_int_equal(m2c_weights_check_finite(weights, &err), M2C_OK);
        m2c_weights_free(&weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tensors_are_got_by_name_and_exact_shape, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_looked_up_is_listed_as_unused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(hugging_face_names_become_canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tensor_under_both_names_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(shards_are_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(the_index_decides_between_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_indices_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_without_weights_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fifo_does_not_block, setup, teardown),
        cmocka_unit_test_setup_teardown(checksums_are_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(the_digest_of_shards_covers_each, setup, teardown),
        cmocka_unit_test_setup_teardown(the_base_digest_looks_through_names_and_adapters, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_adapter_set_holds_adapters_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_nan_in_use_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(fixtures_open_under_one_set_of_names, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
