#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/config.h"
#include "scratch_folder.h"

/* A whole flat config; the tests add to it or take from it. */
#define FLAT_WITHOUT_WIDTHS                                                                        \
    "\"embed_dim\":64,\"image_resolution\":64,\"vision_patch_size\":16,\"vision_layers\":2,"       \
    "\"context_length\":77,\"vocab_size\":256,\"transformer_heads\":2,\"transformer_layers\":3"
#define FLAT FLAT_WITHOUT_WIDTHS ",\"vision_width\":128,\"transformer_width\":64"

static enum m2c_status parse(const char *text, struct m2c_config *config, struct m2c_error *err)
{
    *err = (struct m2c_error){0};
    return m2c_config_parse(text, strlen(text), config, err);
}

static void flat_form_takes_its_defaults(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{" FLAT "}", &config, &err), M2C_OK);
    assert_false(config.huggingface_form);
    assert_int_equal(config.vision.width, 128);
    assert_int_equal(config.vision.heads, 2); /* width / 64 */
    assert_int_equal(config.vision.mlp_width, 512);
    assert_int_equal(config.vision.activation, M2C_ACT_QUICK_GELU);
    assert_true(config.vision.layer_norm_eps == 1e-5F);
    assert_int_equal(config.text.width, 64);
    assert_int_equal(config.text.heads, 2);
    assert_int_equal(config.text.layers, 3);
    assert_int_equal(config.text.mlp_width, 256);
    assert_true(config.text.layer_norm_eps == 1e-5F);
    assert_int_equal(config.stored_text_layers, 3);
    assert_int_equal(config.cmlm_block, -1);
    assert_int_equal(config.num_frames, 0);
    assert_int_equal(config.num_classes, 0);
    assert_int_equal(config.mlm_head_len, 0);
}

static void flat_form_reads_what_it_says(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{" FLAT
                           ",\"vision_heads\":4,\"hidden_act\":\"gelu\",\"layer_norm_eps\":"
                           "1e-6,\"num_frames\":16,\"num_classes\":7,\"mlm_head_len\":23,"
                           "\"cmlm_block\":2,\"of_no_interest\":[1]}",
                           &config, &err),
                     M2C_OK);
    assert_int_equal(config.vision.heads, 4);
    assert_int_equal(config.vision.activation, M2C_ACT_GELU);
    assert_int_equal(config.text.activation, M2C_ACT_GELU);
    assert_true(config.text.layer_norm_eps == 1e-6F);
    assert_int_equal(config.num_frames, 16);
    assert_int_equal(config.num_classes, 7);
    assert_int_equal(config.mlm_head_len, 23);
    assert_int_equal(config.cmlm_block, 2);
}

static void null_counts_as_absent(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{" FLAT ",\"vision_heads\":null,\"cmlm_block\":null}", &config, &err),
                     M2C_OK);
    assert_int_equal(config.vision.heads, 2);
    assert_int_equal(config.cmlm_block, -1);
}

static void an_empty_object_is_the_library_s_clip(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{}", &config, &err), M2C_OK);
    assert_true(config.huggingface_form);
    assert_int_equal(config.text.width, 512);
    assert_int_equal(config.text.layers, 12);
    assert_int_equal(config.text.heads, 8);
    assert_int_equal(config.text.mlp_width, 2048);
    assert_int_equal(config.vocabulary, 49408);
    assert_int_equal(config.context_length, 77);
    assert_int_equal(config.vision.width, 768);
    assert_int_equal(config.vision.layers, 12);
    assert_int_equal(config.vision.heads, 12);
    assert_int_equal(config.vision.mlp_width, 3072);
    assert_int_equal(config.image_px, 224);
    assert_int_equal(config.patch_px, 32);
    assert_int_equal(config.embed_dim, 512);
    assert_int_equal(config.vision.activation, M2C_ACT_QUICK_GELU);
    assert_true(config.text.layer_norm_eps == 1e-5F);
    assert_int_equal(config.stored_text_layers, 12);
}

static void towers_may_differ_in_activation_and_eps(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(
        parse(
            "{\"text_config\":{\"hidden_act\":\"gelu\",\"layer_norm_eps\":1e-6},"
            "\"vision_config\":{\"patch_size\":14,\"hidden_size\":1024,\"num_attention_heads\":16,"
            "\"intermediate_size\":4096,\"num_hidden_layers\":24}}",
            &config, &err),
        M2C_OK);
    assert_int_equal(config.text.activation, M2C_ACT_GELU);
    assert_int_equal(config.vision.activation, M2C_ACT_QUICK_GELU);
    assert_true(config.text.layer_norm_eps == 1e-6F);
    assert_int_equal(config.vision.width, 1024);
    assert_int_equal(config.vision.layers, 24);
    assert_int_equal(config.patch_px, 14);
}

static void top_level_projection_wins(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{\"projection_dim\":64,\"text_config\":{\"projection_dim\":32},"
                           "\"vision_config\":{\"projection_dim\":16}}",
                           &config, &err),
                     M2C_OK);
    assert_int_equal(config.embed_dim, 64);
    assert_int_equal(parse("{\"text_config\":{\"projection_dim\":32}}", &config, &err), M2C_OK);
    assert_int_equal(config.embed_dim, 32);
    assert_int_equal(parse("{\"vision_config\":{\"projection_dim\":32}}", &config, &err), M2C_OK);
    assert_int_equal(config.embed_dim, 32);
    assert_int_equal(parse("{\"text_config\":{\"projection_dim\":32},"
                           "\"vision_config\":{\"projection_dim\":16}}",
                           &config, &err),
                     M2C_BAD_MODEL);
    assert_string_equal(err.field, "projection_dim");
}

static void older_exports_name_their_towers_dict(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{\"text_config\":{\"hidden_size\":512},\"text_config_dict\":"
                           "{\"hidden_size\":768,\"num_attention_heads\":12},"
                           "\"vision_config\":{\"patch_size\":16},\"vision_config_dict\":null}",
                           &config, &err),
                     M2C_OK);
    assert_int_equal(config.text.width, 768);
    assert_int_equal(config.patch_px, 16);
}

struct bad_case {
    const char *text;
    const char *field;  /* of the error */
    const char *detail; /* part of it */
};

static void bad_configs_are_refused(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {"", "", "not valid JSON"},
        {"{", "", "not valid JSON"},
        {"[]", "", "not a JSON object"},
        {"{" FLAT ",}", "", "not valid JSON"},
        {"{" FLAT ",\"vision_width\":128}", "", "not valid JSON"}, /* twice */
        {"{" FLAT "} x", "", "not valid JSON"},
        {"{\"vision_width\":128}", "vision_layers", "is missing"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":128}", "transformer_width", "is missing"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":0,\"transformer_width\":64}", "vision_width",
         "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":16385,\"transformer_width\":64}",
         "vision_width", "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":128.0,\"transformer_width\":64}",
         "vision_width", "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":\"128\",\"transformer_width\":64}",
         "vision_width", "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":true,\"transformer_width\":64}", "vision_width",
         "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":4294967424,\"transformer_width\":64}",
         "vision_width", "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":-128,\"transformer_width\":64}", "vision_width",
         "integer 1..16384"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":100,\"transformer_width\":64}", "vision_heads",
         "is missing"},
        {"{" FLAT ",\"vision_heads\":3}", "", "do not divide the vision width 128"},
        {"{" FLAT_WITHOUT_WIDTHS ",\"vision_width\":128,\"transformer_width\":65}", "",
         "do not divide the text width 65"},
        {"{" FLAT ",\"hidden_act\":\"relu\"}", "hidden_act", "unknown activation"},
        {"{" FLAT ",\"hidden_act\":1}", "hidden_act", "must be a string"},
        {"{" FLAT ",\"layer_norm_eps\":0}", "layer_norm_eps", "must be a number"},
        {"{" FLAT ",\"layer_norm_eps\":1}", "layer_norm_eps", "must be a number"},
        {"{" FLAT ",\"layer_norm_eps\":\"1e-5\"}", "layer_norm_eps", "must be a number"},
        {"{" FLAT ",\"cmlm_block\":1}", "cmlm_block", "last of transformer_layers"},
        {"{" FLAT ",\"cmlm_block\":3}", "cmlm_block", "last of transformer_layers"},
        {"{" FLAT ",\"num_frames\":65}", "num_frames", "integer 1..64"},
        {"{" FLAT ",\"num_classes\":1048577}", "num_classes", "integer 0..1048576"},
        {"{\"text_config\":[]}", "text_config", "must be an object"},
        {"{\"vision_config\":{\"patch_size\":30}}", "", "no multiple of patches of 30 px"},
        {"{\"vision_config\":{\"hidden_size\":770}}", "", "do not divide the vision width"},
        {"{\"text_config\":{\"hidden_act\":\"swish\"}}", "hidden_act", "unknown activation"},
        {"{\"text_config\":{\"vocab_size\":4194305}}", "vocab_size", "integer 3..4194304"},
        {"{\"projection_dim\":0}", "projection_dim", "integer 1..16384"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_config config;
        struct m2c_error err;
        enum m2c_status status = parse(cases[i].text, &config, &err);
        if (status != M2C_BAD_MODEL || strcmp(err.field, cases[i].field) != 0 ||
            !strstr(err.detail, cases[i].detail))
            fail_msg("case %zu: status %d, field \"%s\", detail \"%s\"\n%s", i, (int)status,
                     err.field, err.detail, cases[i].text);
    }
}

static void the_first_mistake_is_the_one_told(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{\"text_config\":{\"hidden_size\":0},\"vision_config\":"
                           "{\"hidden_size\":0},\"projection_dim\":0}",
                           &config, &err),
                     M2C_BAD_MODEL);
    assert_string_equal(err.field, "hidden_size");
}

static void cmlm_block_lowers_the_text_layers(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    assert_int_equal(parse("{" FLAT "}", &config, &err), M2C_OK);
    m2c_config_settle(&config, false);
    assert_int_equal(config.text.layers, 3);
    assert_int_equal(config.cmlm_block, -1);
    m2c_config_settle(&config, true); /* found by the tensors */
    assert_int_equal(config.text.layers, 2);
    assert_int_equal(config.cmlm_block, 2);
    m2c_config_settle(&config, true); /* settling twice changes nothing */
    assert_int_equal(config.text.layers, 2);
    assert_int_equal(parse("{" FLAT ",\"cmlm_block\":2}", &config, &err), M2C_OK);
    m2c_config_settle(&config, false); /* named by the config */
    assert_int_equal(config.text.layers, 2);
    assert_int_equal(config.stored_text_layers, 3);
    assert_int_equal(parse("{}", &config, &err), M2C_OK);
    m2c_config_settle(&config, true); /* the Hugging Face form has none */
    assert_int_equal(config.text.layers, 12);
}

static void fixtures_are_read(void **state)
{
    (void)state;
    static const char *const names[] = {"tiny-premlp", "tiny-preattn-premlp",
                                        "tiny-patch32-partial", "tiny-clip-hf"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct m2c_config config;
        struct m2c_error err;
        char dir[512];
        (void)snprintf(dir, sizeof dir, "%s/%s", M2C_TEST_FIXTURES, names[i]);
        assert_int_equal(m2c_config_load(dir, &config, &err), M2C_OK);
        assert_int_equal(config.huggingface_form, strcmp(names[i], "tiny-clip-hf") == 0);
        assert_int_equal(config.vision.width, 128);
        assert_int_equal(config.text.width, 64);
        assert_int_equal(config.embed_dim, 64);
        assert_int_equal(config.vocabulary, 256);
    }
}

static void missing_and_oversized_files_are_refused(void **state)
{
    (void)state;
    struct m2c_config config;
    struct m2c_error err;
    struct scratch scratch;
    scratch_make(&scratch);
    assert_int_equal(m2c_config_load(scratch.dir, &config, &err), M2C_BAD_MODEL);
    assert_string_equal(err.detail, "there is no config.json");
    char *large = calloc(1, (1 << 20) + 1);
    memset(large, ' ', (1 << 20) + 1);
    large[0] = '{';
    large[1] = '}';
    scratch_put(&scratch, "config.json", large, 1 << 20);
    assert_int_equal(m2c_config_load(scratch.dir, &config, &err), M2C_OK);
    scratch_put(&scratch, "config.json", large, (1 << 20) + 1);
    assert_int_equal(m2c_config_load(scratch.dir, &config, &err), M2C_BAD_MODEL);
    free(large);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_form_takes_its_defaults),
        cmocka_unit_test(flat_form_reads_what_it_says),
        cmocka_unit_test(null_counts_as_absent),
        cmocka_unit_test(an_empty_object_is_the_library_s_clip),
        cmocka_unit_test(towers_may_differ_in_activation_and_eps),
        cmocka_unit_test(top_level_projection_wins),
        cmocka_unit_test(older_exports_name_their_towers_dict),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(the_first_mistake_is_the_one_told),
        cmocka_unit_test(cmlm_block_lowers_the_text_layers),
        cmocka_unit_test(fixtures_are_read),
        cmocka_unit_test(missing_and_oversized_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
