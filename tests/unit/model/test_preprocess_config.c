#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <string.h>

#include "model/preprocess_config.h"
#include "scratch_folder.h"

static const struct m2c_config config = {.image_px = 224, .num_frames = 0};

static enum m2c_status parse(const char *set, const char *folder, const char *preprocessor,
                             bool has_adapters, struct m2c_preprocess *out, struct m2c_error *err)
{
    struct m2c_preprocess_texts texts = {
        .set = set, .folder = folder, .preprocessor = preprocessor};
    struct m2c_preprocess_sources sources = {
        .dir = ".", .config = &config, .has_adapters = has_adapters};
    *err = (struct m2c_error){0};
    return m2c_preprocess_parse(&texts, &sources, out, err);
}

static void defaults_are_those_of_clip(void **state)
{
    (void)state;
    struct m2c_preprocess found;
    struct m2c_error err;
    assert_int_equal(parse(NULL, NULL, NULL, true, &found, &err), M2C_OK);
    assert_int_equal(found.frames, 8);
    assert_int_equal(found.from.frames, M2C_FROM_DEFAULT);
    assert_int_equal(found.stride, 0);
    assert_int_equal(found.size_px, 224);
    assert_int_equal(found.from.size, M2C_FROM_CONFIG);
    assert_true(found.mean[0] == 0.48145466F && found.mean[2] == 0.40821073F);
    assert_true(found.std[1] == 0.26130258F);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC);
    assert_int_equal(found.templates.count, 1);
    assert_string_equal(found.templates.texts[0], "A video of {}");
    assert_int_equal(found.background.count, 0);
    m2c_preprocess_destroy(&found);
    assert_int_equal(parse(NULL, NULL, NULL, false, &found, &err), M2C_OK);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC_ANTIALIAS); /* plain CLIP */
    assert_int_equal(found.from.resize, M2C_FROM_DEFAULT);
    m2c_preprocess_destroy(&found);
}

static void frames_come_from_the_config_of_the_set_or_the_base(void **state)
{
    (void)state;
    struct m2c_preprocess_texts none = {0};
    struct m2c_config trained = {.image_px = 224, .num_frames = 16};
    struct m2c_preprocess_sources sources = {.dir = ".", .config = &trained, .has_adapters = true};
    struct m2c_preprocess found;
    struct m2c_error err;
    assert_int_equal(m2c_preprocess_parse(&none, &sources, &found, &err), M2C_OK);
    assert_int_equal(found.frames, 16);
    assert_int_equal(found.from.frames, M2C_FROM_CONFIG);
    m2c_preprocess_destroy(&found);
    sources.set_frames = 4;
    assert_int_equal(m2c_preprocess_parse(&none, &sources, &found, &err), M2C_OK);
    assert_int_equal(found.frames, 4);
    m2c_preprocess_destroy(&found);
}

static void the_set_wins_over_the_folder_over_the_preprocessor(void **state)
{
    (void)state;
    struct m2c_preprocess found;
    struct m2c_error err;
    assert_int_equal(
        parse("{\"frames\":16,\"templates\":[\"set {}\"]}",
              "{\"frames\":4,\"stride\":16,\"std\":[1,1,1],\"templates\":[\"folder {}\",\"{}\"],"
              "\"background\":[\"nothing\",\"someone\"],\"resize\":\"bicubic-antialias\"}",
              "{\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5],\"size\":224}", true,
              &found, &err),
        M2C_OK);
    assert_int_equal(found.frames, 16);
    assert_int_equal(found.from.frames, M2C_FROM_SET);
    assert_int_equal(found.stride, 16);
    assert_int_equal(found.from.stride, M2C_FROM_FOLDER);
    assert_true(found.mean[1] == 0.5F);
    assert_int_equal(found.from.mean, M2C_FROM_PREPROCESSOR);
    assert_true(found.std[1] == 1.0F);
    assert_int_equal(found.from.std, M2C_FROM_FOLDER);
    assert_int_equal(found.from.size, M2C_FROM_PREPROCESSOR);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC_ANTIALIAS);
    assert_int_equal(found.from.resize, M2C_FROM_FOLDER);
    assert_int_equal(found.templates.count, 1);
    assert_string_equal(found.templates.texts[0], "set {}");
    assert_int_equal(found.background.count, 2);
    assert_string_equal(found.background.texts[1], "someone");
    assert_int_equal(found.from.background, M2C_FROM_FOLDER);
    m2c_preprocess_destroy(&found);
}

static void the_preprocessor_s_resize_counts_for_base_alone(void **state)
{
    (void)state;
    static const char text[] = "{\"resample\":3,\"size\":{\"shortest_edge\":224},"
                               "\"crop_size\":{\"height\":224,\"width\":224}}";
    struct m2c_preprocess found;
    struct m2c_error err;
    assert_int_equal(parse(NULL, NULL, text, false, &found, &err), M2C_OK);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC_ANTIALIAS);
    assert_int_equal(found.from.resize, M2C_FROM_PREPROCESSOR);
    m2c_preprocess_destroy(&found);
    assert_int_equal(parse(NULL, NULL, text, true, &found, &err), M2C_OK);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC);
    assert_int_equal(found.from.resize, M2C_FROM_DEFAULT);
    m2c_preprocess_destroy(&found);
    assert_int_equal(parse(NULL, "{\"resize\":\"bicubic\"}", text, false, &found, &err), M2C_OK);
    assert_int_equal(found.resize, M2C_RESIZE_BICUBIC);
    assert_int_equal(found.from.resize, M2C_FROM_FOLDER);
    m2c_preprocess_destroy(&found);
    assert_int_equal(parse(NULL, NULL, "{\"resample\":2}", true, &found, &err), M2C_OK);
    m2c_preprocess_destroy(&found);
    assert_int_equal(parse(NULL, NULL, "{\"resample\":2}", false, &found, &err), M2C_BAD_MODEL);
    assert_string_equal(err.field, "resample");
}

static void stride_is_uniform_or_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int stride;
    } cases[] = {{"{\"stride\":\"uniform\"}", 0},
                 {"{\"stride\":0}", 0},
                 {"{\"stride\":256}", 256},
                 {"{\"stride\":null}", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_preprocess found;
        struct m2c_error err;
        assert_int_equal(parse(NULL, cases[i].text, NULL, true, &found, &err), M2C_OK);
        assert_int_equal(found.stride, cases[i].stride);
        m2c_preprocess_destroy(&found);
    }
}

static void bad_values_are_refused_by_member(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *preprocessor, *field;
    } cases[] = {
        {"{", NULL, ""},
        {"[]", NULL, ""},
        {"{\"frames\":0}", NULL, "frames"},
        {"{\"frames\":65}", NULL, "frames"},
        {"{\"frames\":8.0}", NULL, "frames"},
        {"{\"stride\":257}", NULL, "stride"},
        {"{\"stride\":\"dense\"}", NULL, "stride"},
        {"{\"size\":256}", NULL, "size"},
        {"{\"size\":0}", NULL, "size"},
        {"{\"mean\":[0,0]}", NULL, "mean"},
        {"{\"mean\":[0,0,\"0\"]}", NULL, "mean"},
        {"{\"mean\":0.5}", NULL, "mean"},
        {"{\"std\":[1,1,0]}", NULL, "std"},
        {"{\"std\":[1,1,-1]}", NULL, "std"},
        {"{\"resize\":\"bilinear\"}", NULL, "resize"},
        {"{\"resize\":3}", NULL, "resize"},
        {"{\"templates\":[]}", NULL, "templates"},
        {"{\"templates\":\"{}\"}", NULL, "templates"},
        {"{\"templates\":[\"no place\"]}", NULL, "templates"},
        {"{\"templates\":[\"{} and {}\"]}", NULL, "templates"},
        {"{\"templates\":[1]}", NULL, "templates"},
        {"{\"templates\":[\"{}\",\"\"]}", NULL, "templates"},
        {"{\"background\":[\" \"]}", NULL, "background"},
        {"{\"background\":{}}", NULL, "background"},
        {NULL, "{\"size\":256,\"crop_size\":224}", "crop_size"},
        {NULL, "{\"size\":{\"height\":224,\"width\":225}}", "size"},
        {NULL, "{\"size\":{\"height\":224}}", "width"},
        {NULL, "{\"size\":336}", "size"},
        {NULL, "{\"image_mean\":[0,0,99]}", "image_mean"},
        {NULL, "{\"image_std\":[0,0,0]}", "image_std"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_preprocess found;
        struct m2c_error err;
        enum m2c_status status =
            parse(NULL, cases[i].folder, cases[i].preprocessor, false, &found, &err);
        if (status != M2C_BAD_MODEL || strcmp(err.field, cases[i].field) != 0)
            fail_msg("case %zu: status %d, field \"%s\", %s", i, (int)status, err.field,
                     err.detail);
        assert_null(found.templates.texts);
    }
}

static void what_the_preprocessor_gets_wrong_a_file_of_ours_corrects(void **state)
{
    (void)state;
    struct m2c_preprocess found;
    struct m2c_error err;
    assert_int_equal(parse(NULL, "{\"size\":224}", "{\"size\":336}", false, &found, &err), M2C_OK);
    assert_int_equal(found.size_px, 224);
    m2c_preprocess_destroy(&found);
}

static void files_are_found_in_their_folders(void **state)
{
    (void)state;
    struct scratch scratch;
    struct m2c_preprocess found;
    struct m2c_error err;
    scratch_make(&scratch);
    scratch_subfolder(&scratch, "set");
    const char *set_dir = scratch_path(&scratch, "set");
    struct m2c_preprocess_sources sources = {
        .dir = scratch.dir, .set_dir = set_dir, .config = &config, .has_adapters = true};
    assert_int_equal(m2c_preprocess_load(&sources, &found, &err), M2C_OK);
    m2c_preprocess_destroy(&found);
    scratch_put_text(&scratch, "preprocessor_config.json", "{\"image_mean\":[0,0,0]}");
    scratch_put_text(&scratch, "preprocess.json", "{\"frames\":4,\"stride\":2}");
    scratch_put_text(&scratch, "set/preprocess.json", "{\"frames\":5}");
    assert_int_equal(m2c_preprocess_load(&sources, &found, &err), M2C_OK);
    assert_int_equal(found.frames, 5);
    assert_int_equal(found.stride, 2);
    assert_true(found.mean[0] == 0.0F);
    m2c_preprocess_destroy(&found);
    sources.set_dir = NULL;
    assert_int_equal(m2c_preprocess_load(&sources, &found, &err), M2C_OK);
    assert_int_equal(found.frames, 4);
    m2c_preprocess_destroy(&found);
    scratch_put(&scratch, "preprocess.json", "{}\0", 3);
    assert_int_equal(m2c_preprocess_load(&sources, &found, &err), M2C_BAD_MODEL);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_clip),
        cmocka_unit_test(frames_come_from_the_config_of_the_set_or_the_base),
        cmocka_unit_test(the_set_wins_over_the_folder_over_the_preprocessor),
        cmocka_unit_test(the_preprocessor_s_resize_counts_for_base_alone),
        cmocka_unit_test(stride_is_uniform_or_a_number),
        cmocka_unit_test(bad_values_are_refused_by_member),
        cmocka_unit_test(what_the_preprocessor_gets_wrong_a_file_of_ours_corrects),
        cmocka_unit_test(files_are_found_in_their_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
