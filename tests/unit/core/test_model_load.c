/* Whole folders: several adapter sets on one base, and folders that must be refused with a reason.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "m2clip.h"
#include "model/encoder.h"
#include "model/safetensors_writer.h"
#include "model/weights.h"

enum { PATH_BYTES = 512 };

/* A new folder under /tmp; the test leaves it to `remove_folder`. */
static void new_folder(char path[PATH_BYTES])
{
    (void)snprintf(path, PATH_BYTES, "/tmp/m2clip-test-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static void remove_folder(const char *path)
{
    char command[2 * PATH_BYTES + 16];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static void put(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void put_text(const char *folder, const char *name, const char *text)
{
    put(folder, name, text, strlen(text));
}

/* The bytes of a fixture's file; new. */
static unsigned char *read_fixture(const char *fixture, const char *name, size_t *size)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s/%s", M2C_TEST_FIXTURES, fixture, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    (void)fclose(file);
    return bytes;
}

/* A folder with the fixture's config and weights, the weights changed by `change`. */
static void copy_fixture(char folder[PATH_BYTES], void (*change)(unsigned char *bytes, size_t size))
{
    size_t size;
    new_folder(folder);
    unsigned char *config = read_fixture("tiny-premlp", "config.json", &size);
    put(folder, "config.json", config, size);
    free(config);
    unsigned char *weights = read_fixture("tiny-premlp", "model.safetensors", &size);
    if (change)
        change(weights, size);
    put(folder, "model.safetensors", weights, size);
    free(weights);
}

static enum m2c_status load(const char *folder, const char *set, struct m2c_model **model,
                            struct m2c_error *err)
{
    struct m2c_model_options options = {
        .dir = folder, .default_set = set, .precision = M2C_PRECISION_F32};
    return m2c_model_load(&options, model, err);
}

static void assert_refused(const char *folder, const char *word)
{
    struct m2c_model *model;
    struct m2c_error err;
    assert_int_equal(load(folder, NULL, &model, &err), M2C_BAD_MODEL);
    assert_null(model);
    if (!strstr(err.detail, word))
        fail_msg("\"%s\" does not speak of \"%s\"", err.detail, word);
}

/* The last four bytes are the last value of the last tensor. */
static void end_with_nan(unsigned char *bytes, size_t size)
{
    const unsigned char nan[4] = {0, 0, 0xC0, 0x7F};
    memcpy(bytes + size - sizeof nan, nan, sizeof nan);
}

static void rename_in_header(unsigned char *bytes, size_t size, const char *from, const char *to)
{
    unsigned char *place = memmem(bytes, size, from, strlen(from));
    assert_non_null(place);
    memcpy(place, to, strlen(to));
}

static void rename_a_needed_tensor(unsigned char *bytes, size_t size)
{
    rename_in_header(bytes, size, "\"visual.ln_post.weight\"", "\"visual.ln_pots.weight\"");
}

static void turn_a_shape(unsigned char *bytes, size_t size)
{
    rename_in_header(bytes, size, "[384, 128]", "[128, 384]");
}

static void weights_with_a_nan_are_refused(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    copy_fixture(folder, end_with_nan);
    assert_refused(folder, "NaN");
    remove_folder(folder);
}

static void a_missing_tensor_is_named(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    copy_fixture(folder, rename_a_needed_tensor);
    assert_refused(folder, "visual.ln_post.weight");
    remove_folder(folder);
}

static void a_wrong_shape_is_named(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    copy_fixture(folder, turn_a_shape);
    assert_refused(folder, "128");
    remove_folder(folder);
}

static void a_vocabulary_larger_than_the_embedding_is_refused(void **state)
{
    char folder[PATH_BYTES];
    struct m2c_error err;
    int entries;
    (void)state;
    copy_fixture(folder, NULL); /* 256 rows */
    assert_int_equal(m2c_tokenizer_write_bytes(folder, &entries, &err), M2C_OK);
    assert_true(entries > 256);
    assert_refused(folder, "256 rows");
    remove_folder(folder);
}

static void more_labels_than_classes_are_refused(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    copy_fixture(folder, NULL); /* K = 7 */
    put_text(folder, "labels.csv", "a\nb\nc\n");
    assert_refused(folder, "7 outputs");
    remove_folder(folder);
}

static void a_folder_without_weights_is_refused(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    new_folder(folder);
    put_text(folder, "config.json", "{\"vision_width\": 128}");
    struct m2c_model *model;
    struct m2c_error err;
    assert_int_not_equal(load(folder, NULL, &model, &err), M2C_OK);
    assert_null(model);
    remove_folder(folder);
}

/* Writes adapters/<name> with the fixture's own adapter tensors, and its config. */
static void add_set(const char *folder, const char *name, const char *config)
{
    char path[2 * PATH_BYTES];
    struct m2c_weights *weights;
    struct m2c_error err;
    struct m2c_safetensors_writer *writer;
    (void)snprintf(path, sizeof path, "%s/adapters", folder);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/adapters/%s", folder, name);
    assert_int_equal(mkdir(path, 0700), 0);
    put_text(path, "config.json", config);
    assert_int_equal(m2c_weights_open(folder, &weights, &err), M2C_OK);
    (void)snprintf(path, sizeof path, "%s/adapters/%s/adapters.safetensors", folder, name);
    assert_int_equal(m2c_safetensors_writer_new(path, &writer, &err), M2C_OK);
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        const struct m2c_tensor *tensor = m2c_weights_at(weights, i);
        const char *canonical = m2c_weights_name_at(weights, i);
        if (m2c_tensor_is_adapter(canonical))
            assert_int_equal(m2c_safetensors_writer_declare(writer, canonical, tensor->dtype,
                                                            tensor->rank, tensor->shape, &err),
                             M2C_OK);
    }
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        const struct m2c_tensor *tensor = m2c_weights_at(weights, i);
        if (m2c_tensor_is_adapter(m2c_weights_name_at(weights, i)))
            assert_int_equal(
                m2c_safetensors_writer_write(writer, tensor->data, tensor->bytes, &err), M2C_OK);
    }
    assert_int_equal(m2c_safetensors_writer_finish(writer, &err), M2C_OK);
    m2c_safetensors_writer_free(&writer);
    m2c_weights_free(&weights);
}

static void several_sets_stand_on_one_base(void **state)
{
    char folder[PATH_BYTES];
    struct m2c_model *model;
    struct m2c_error err;
    (void)state;
    copy_fixture(folder, NULL);
    add_set(folder, "pets", "{\"num_frames\": 6, \"num_classes\": 7}");
    add_set(folder, "sports", "{}");
    assert_int_equal(load(folder, NULL, &model, &err), M2C_OK);
    assert_int_equal(m2c_model_set_count(model), 4);
    assert_string_equal(m2c_set_info(m2c_model_find_set(model, NULL))->name, "default");
    const struct m2c_set_info *pets = m2c_set_info(m2c_model_find_set(model, "pets"));
    const struct m2c_set_info *base = m2c_set_info(m2c_model_find_set(model, "base"));
    assert_int_equal(pets->preprocess->frames, 6);
    assert_true(pets->has_vc);
    assert_false(base->has_vc);
    assert_string_not_equal(pets->version, base->version);
    assert_null(m2c_model_find_set(model, "nobody"));
    m2c_model_free(&model);
    assert_int_equal(load(folder, "sports", &model, &err), M2C_OK);
    assert_string_equal(m2c_set_info(m2c_model_find_set(model, NULL))->name, "sports");
    m2c_model_free(&model);
    assert_int_equal(load(folder, "nobody", &model, &err), M2C_MODEL_NOT_FOUND);
    remove_folder(folder);
}

static void a_set_of_another_base_is_refused(void **state)
{
    char folder[PATH_BYTES];
    (void)state;
    copy_fixture(folder, NULL);
    add_set(folder, "stray",
            "{\"base_digest\": "
            "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}");
    assert_refused(folder, "base");
    remove_folder(folder);
}

static enum m2c_status load_beside(const char *folder, const struct m2c_model *share,
                                   struct m2c_model **model, struct m2c_error *err)
{
    struct m2c_model_options options = {
        .dir = folder, .precision = M2C_PRECISION_F32, .share = share};
    return m2c_model_load(&options, model, err);
}

static void sets_come_and_go_while_the_base_stays(void **state)
{
    char folder[PATH_BYTES], path[2 * PATH_BYTES];
    struct m2c_model *first, *second, *third;
    struct m2c_error err;
    (void)state;
    copy_fixture(folder, NULL);
    assert_int_equal(load(folder, NULL, &first, &err), M2C_OK);
    add_set(folder, "pets", "{\"num_classes\": 7}");
    assert_int_equal(load_beside(folder, first, &second, &err), M2C_OK);
    assert_ptr_equal(m2c_model_weights(first), m2c_model_weights(second));
    assert_ptr_equal(m2c_model_base(first)->vision, m2c_model_base(second)->vision);
    assert_non_null(m2c_model_find_set(second, "pets"));
    assert_null(m2c_model_find_set(first, "pets"));
    assert_string_equal(m2c_set_info(m2c_model_find_set(first, "default"))->version,
                        m2c_set_info(m2c_model_find_set(second, "default"))->version);
    /* The lender may go first. */
    m2c_model_free(&first);
    (void)snprintf(path, sizeof path, "%s/adapters", folder);
    remove_folder(path);
    assert_int_equal(load_beside(folder, second, &third, &err), M2C_OK);
    assert_ptr_equal(m2c_model_weights(third), m2c_model_weights(second));
    assert_int_equal(m2c_model_set_count(third), 2);
    m2c_model_free(&second);
    m2c_model_free(&third);
    remove_folder(folder);
}

static void a_base_whose_file_was_replaced_is_loaded_anew(void **state)
{
    char folder[PATH_BYTES];
    struct m2c_model *first, *second;
    struct m2c_error err;
    size_t size;
    (void)state;
    copy_fixture(folder, NULL);
    assert_int_equal(load(folder, NULL, &first, &err), M2C_OK);
    unsigned char *weights = read_fixture("tiny-premlp", "model.safetensors", &size);
    weights[size - 3] ^= 1;
    put(folder, "new", weights, size);
    char from[2 * PATH_BYTES], to[2 * PATH_BYTES];
    (void)snprintf(from, sizeof from, "%s/new", folder);
    (void)snprintf(to, sizeof to, "%s/model.safetensors", folder);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(load_beside(folder, first, &second, &err), M2C_OK);
    assert_ptr_not_equal(m2c_model_weights(first), m2c_model_weights(second));
    assert_string_not_equal(m2c_set_info(m2c_model_find_set(first, NULL))->version,
                            m2c_set_info(m2c_model_find_set(second, NULL))->version);
    m2c_model_free(&second);
    end_with_nan(weights, size);
    put(folder, "model.safetensors", weights, size);
    assert_int_equal(load_beside(folder, first, &second, &err), M2C_BAD_MODEL);
    assert_null(second);
    free(weights);
    m2c_model_free(&first);
    remove_folder(folder);
}

static void a_shared_base_does_not_excuse_a_wrong_checksum(void **state)
{
    char folder[PATH_BYTES];
    struct m2c_model *first, *second;
    struct m2c_error err;
    unsigned char digest[M2C_DIGEST_BYTES];
    char hex[M2C_DIGEST_HEX_BYTES], line[256];
    (void)state;
    copy_fixture(folder, NULL);
    add_set(folder, "pets", "{}");
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/adapters/pets", folder);
    assert_int_equal(m2c_digest_bytes("{}", 2, digest, &err), M2C_OK);
    m2c_digest_hex(digest, hex);
    int length = snprintf(line, sizeof line, "%s  adapters/pets/config.json\n", hex);
    assert_true(length > 0 && (size_t)length < sizeof line);
    put_text(folder, "SHA256SUMS", line);
    assert_int_equal(load(folder, NULL, &first, &err), M2C_OK);
    put_text(path, "config.json", "{ }");
    assert_int_equal(load_beside(folder, first, &second, &err), M2C_BAD_MODEL);
    m2c_model_free(&first);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_with_a_nan_are_refused),
        cmocka_unit_test(a_missing_tensor_is_named),
        cmocka_unit_test(a_wrong_shape_is_named),
        cmocka_unit_test(a_vocabulary_larger_than_the_embedding_is_refused),
        cmocka_unit_test(more_labels_than_classes_are_refused),
        cmocka_unit_test(a_folder_without_weights_is_refused),
        cmocka_unit_test(several_sets_stand_on_one_base),
        cmocka_unit_test(a_set_of_another_base_is_refused),
        cmocka_unit_test(sets_come_and_go_while_the_base_stays),
        cmocka_unit_test(a_base_whose_file_was_replaced_is_loaded_anew),
        cmocka_unit_test(a_shared_base_does_not_excuse_a_wrong_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
