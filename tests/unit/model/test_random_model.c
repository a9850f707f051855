#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/random_model.h"
#include "model/weights.h"
#include "scratch_folder.h"
#include "text/tokenizer.h"

static struct scratch scratch;
static struct m2c_error err;

static int setup(void **state)
{
    (void)state;
    scratch_make(&scratch);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

static void write_model(const struct m2c_random_spec *spec, const char *name)
{
    if (m2c_random_model_write(spec, scratch_path(&scratch, name), &err) != M2C_OK)
        fail_msg("%s (%s)", err.detail, err.context);
}

static void a_tiny_folder_is_whole(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    write_model(&spec, "model");
    const char *dir = scratch_path(&scratch, "model");
    struct m2c_config config;
    struct m2c_weights *weights = NULL;
    struct m2c_tokenizer *tokenizer = NULL;
    assert_int_equal(m2c_config_load(dir, &config, &err), M2C_OK);
    assert_false(config.huggingface_form);
    assert_int_equal(config.num_classes, 400);
    assert_int_equal(config.mlm_head_len, 500);
    assert_int_equal(config.num_frames, 8);
    assert_true(config.vision.layer_norm_eps == 1e-5F);
    assert_int_equal(m2c_tokenizer_open(dir, &tokenizer, &err), M2C_OK);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), config.vocabulary);
    m2c_tokenizer_free(&tokenizer);
    assert_int_equal(m2c_weights_open(dir, &weights, &err), M2C_OK);
    assert_true(m2c_weights_has_prefix(weights, "mlm_adapter."));
    m2c_config_settle(&config, true);
    assert_int_equal(config.text.layers, 2);
    assert_int_equal(config.cmlm_block, 2);
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        assert_int_equal(m2c_weights_at(weights, i)->dtype, M2C_DTYPE_F16);
        assert_non_null(m2c_weights_find(weights, m2c_weights_name_at(weights, i)));
    }
    assert_int_equal(m2c_weights_check_finite(weights, &err), M2C_OK);
    m2c_weights_free(&weights);
}

static void adapters_stand_where_the_recipe_puts_them(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    spec.classes = 7;
    write_model(&spec, "model");
    static const struct {
        const char *name;
        int rank;
        size_t shape[5];
    } wanted[] = {
        {"visual.transformer.resblocks.0.adapter_pre_mlp.fc1.weight", 2, {64, 128}},
        {"visual.transformer.resblocks.1.adapter_pre_mlp.conv.weight", 3, {64, 1, 3}},
        {"visual.transformer.resblocks.1.adapter_pre_mlp.offset_adapter.conv.weight",
         5,
         {64, 1, 1, 3, 3}},
        {"transformer.resblocks.1.adapter_pre_mlp.textad_fc1.weight", 2, {64, 128}},
        {"transformer.resblocks.2.adapter_pre_mlp.textad_fc2.weight", 2, {128, 64}},
        {"visual.t_adapter.fc1.weight", 2, {64, 128}},
        {"visual.adapter_fc.weight", 2, {7, 128}},
        {"mlm_adapter.decoder.weight", 2, {500, 128}},
        {"visual.proj", 2, {128, 128}},
        {"visual.conv1.weight", 4, {128, 3, 32, 32}},
        {"visual.positional_embedding", 2, {50, 128}},
        {"logit_scale", 0, {0}},
    };
    struct m2c_weights *weights = NULL;
    assert_int_equal(m2c_weights_open(scratch_path(&scratch, "model"), &weights, &err), M2C_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct m2c_tensor *tensor;
        if (m2c_weights_get(weights, wanted[i].name, wanted[i].rank, wanted[i].shape, &tensor,
                            &err) != M2C_OK)
            fail_msg("%s", err.detail);
    }
    assert_false(m2c_weights_has_prefix(weights, "transformer.resblocks.0.adapter"));
    assert_false(m2c_weights_has_prefix(weights, "transformer.resblocks.3."));
    assert_false(
        m2c_weights_has_prefix(weights, "visual.transformer.resblocks.0.adapter_pre_attn"));
    m2c_weights_free(&weights);
}

static void the_seed_decides_the_bytes(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    size_t sizes[3];
    char *bytes[3];
    static const char *const names[3] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        char file[64];
        spec.seed = i == 2 ? 1 : 0;
        write_model(&spec, names[i]);
        (void)snprintf(file, sizeof file, "%s/model.safetensors", names[i]);
        bytes[i] = scratch_read(scratch_path(&scratch, file), &sizes[i]);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_int_equal(sizes[0], sizes[2]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    assert_memory_not_equal(bytes[0], bytes[2], sizes[0]);
    for (int i = 0; i < 3; i++)
        free(bytes[i]);
}

static void weights_are_as_wide_as_clip_s(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    write_model(&spec, "model");
    static const struct {
        const char *name;
        double mean, deviation;
    } wanted[] = {
        {"visual.transformer.resblocks.0.attn.in_proj_weight", 0.0, 0.08838834764},
        {"visual.transformer.resblocks.0.mlp.c_proj.weight", 0.0, 0.04419417382},
        {"token_embedding.weight", 0.0, 0.02},
        {"visual.conv1.weight", 0.0, 0.01804219592},
        {"visual.ln_post.weight", 1.0, 0.05},
    };
    struct m2c_weights *weights = NULL;
    assert_int_equal(m2c_weights_open(scratch_path(&scratch, "model"), &weights, &err), M2C_OK);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct m2c_tensor *tensor = m2c_weights_find(weights, wanted[i].name);
        assert_non_null(tensor);
        float *values = malloc(tensor->elements * sizeof *values);
        m2c_tensor_to_f32(tensor, 0, tensor->elements, values);
        double sum = 0.0, squares = 0.0, n = (double)tensor->elements;
        for (size_t j = 0; j < tensor->elements; j++) {
            double off = (double)values[j] - wanted[i].mean;
            sum += off;
            squares += off * off;
        }
        free(values);
        assert_true(fabs(sum / n) < 5.0 * wanted[i].deviation / sqrt(n));
        assert_true(fabs(sqrt(squares / n) / wanted[i].deviation - 1.0) < 5.0 / sqrt(2.0 * n));
    }
    m2c_weights_free(&weights);
}

static void a_tokenizer_is_copied_and_sizes_the_embedding(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    int vocabulary = 0;
    scratch_subfolder(&scratch, "words");
    assert_int_equal(m2c_tokenizer_write_bytes(scratch_path(&scratch, "words"), &vocabulary, &err),
                     M2C_OK);
    char from[256];
    (void)snprintf(from, sizeof from, "%s", scratch_path(&scratch, "words"));
    spec.tokenizer_dir = from;
    write_model(&spec, "model");
    struct m2c_config config;
    assert_int_equal(m2c_config_load(scratch_path(&scratch, "model"), &config, &err), M2C_OK);
    assert_int_equal(config.vocabulary, vocabulary);
    size_t sizes[2];
    char *first = scratch_read(scratch_path(&scratch, "words/merges.txt"), &sizes[0]);
    char *second = scratch_read(scratch_path(&scratch, "model/merges.txt"), &sizes[1]);
    assert_string_equal(first, second);
    free(first);
    free(second);
    scratch_subfolder(&scratch, "none");
    (void)snprintf(from, sizeof from, "%s", scratch_path(&scratch, "none"));
    assert_int_equal(m2c_random_model_write(&spec, scratch_path(&scratch, "other"), &err),
                     M2C_USAGE);
}

static void the_whole_clip_vocabulary_is_copied(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    if (access(M2C_TEST_SHARED "/clip-tokenizer/vocab.json", R_OK) != 0)
        skip();
    spec.tokenizer_dir = M2C_TEST_SHARED "/clip-tokenizer";
    write_model(&spec, "model");
    struct m2c_config config;
    assert_int_equal(m2c_config_load(scratch_path(&scratch, "model"), &config, &err), M2C_OK);
    assert_int_equal(config.vocabulary, 49408);
}

/* The published count, from the shapes alone: 168.9 M parameters, 16.1 M of them adapters. */
static void vit_b16_has_the_published_size(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_VIT_B16);
    struct m2c_config config;
    m2c_random_model_config(&spec, 49408, &config);
    assert_int_equal(config.stored_text_layers, 13);
    size_t total, adapters;
    m2c_random_weights_count(&config, &total, &adapters);
    assert_int_equal(total, 168900997);
    assert_int_equal(adapters, 16127876);
}

static void what_is_counted_is_written(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    struct m2c_config config;
    struct m2c_weights *weights = NULL;
    size_t counted[2], written[2];
    m2c_random_model_config(&spec, 100, &config);
    const char *path = scratch_path(&scratch, "x.safetensors");
    assert_int_equal(m2c_random_weights_write(&config, 0, path, &err), M2C_OK);
    assert_int_equal(m2c_weights_open_file(path, &weights, &err), M2C_OK);
    m2c_random_weights_count(&config, &counted[0], &counted[1]);
    m2c_weights_parameters(weights, &written[0], &written[1]);
    assert_int_equal(counted[0], written[0]);
    assert_int_equal(counted[1], written[1]);
    m2c_weights_free(&weights);
}

static void other_archs_are_known_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"vit-b16", "vit-b32", "vit-l14", "tiny"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        enum m2c_arch arch;
        assert_int_equal(m2c_arch_parse(names[i], &arch, &err), M2C_OK);
        assert_string_equal(m2c_arch_name(arch), names[i]);
        struct m2c_random_spec spec = m2c_random_spec_defaults(arch);
        struct m2c_config config;
        m2c_random_model_config(&spec, 49408, &config);
        assert_int_equal(config.image_px % config.patch_px, 0);
        assert_int_equal(config.vision.width / config.vision.heads, 64);
        assert_int_equal(config.text.width / config.text.heads, 64);
        assert_int_equal(config.embed_dim, config.text.width); /* the CMLM head reads frames */
    }
    enum m2c_arch arch;
    assert_int_equal(m2c_arch_parse("vit-h14", &arch, &err), M2C_USAGE);
    assert_string_equal(err.field, "arch");
}

static void bad_specs_are_refused(void **state)
{
    (void)state;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    spec.classes = 0;
    assert_int_equal(m2c_random_model_write(&spec, scratch_path(&scratch, "model"), &err),
                     M2C_USAGE);
    assert_string_equal(err.field, "classes");
    spec.classes = 1;
    assert_int_equal(m2c_random_model_write(&spec, scratch_path(&scratch, "no/model"), &err),
                     M2C_IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_tiny_folder_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(adapters_stand_where_the_recipe_puts_them, setup, teardown),
        cmocka_unit_test_setup_teardown(the_seed_decides_the_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(weights_are_as_wide_as_clip_s, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tokenizer_is_copied_and_sizes_the_embedding, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_whole_clip_vocabulary_is_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(vit_b16_has_the_published_size, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_counted_is_written, setup, teardown),
        cmocka_unit_test_setup_teardown(other_archs_are_known_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_specs_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
