#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <string.h>

#include "model/adapter_config.h"
#include "scratch_folder.h"

#define DIGEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static enum m2c_status parse(const char *text, struct m2c_adapter_config *out,
                             struct m2c_error *err)
{
    *err = (struct m2c_error){0};
    return m2c_adapter_config_parse(text, strlen(text), out, err);
}

static void what_it_says_is_read(void **state)
{
    (void)state;
    struct m2c_adapter_config config;
    struct m2c_error err;
    assert_int_equal(parse("{\"num_frames\":16,\"num_classes\":4,\"mlm_head_len\":9,"
                           "\"cmlm_block\":12,\"base_digest\":\"" DIGEST "\",\"other\":1}",
                           &config, &err),
                     M2C_OK);
    assert_int_equal(config.num_frames, 16);
    assert_int_equal(config.num_classes, 4);
    assert_int_equal(config.mlm_head_len, 9);
    assert_int_equal(config.cmlm_block, 12);
    assert_true(config.has_base_digest);
    assert_int_equal(config.base_digest[1], 0x11);
    assert_int_equal(parse("{}", &config, &err), M2C_OK);
    assert_int_equal(config.num_frames, 0);
    assert_int_equal(config.cmlm_block, -1);
    assert_false(config.has_base_digest);
}

static void bad_members_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } cases[] = {
        {"", ""},
        {"[]", ""},
        {"{\"num_frames\":0}", "num_frames"},
        {"{\"num_classes\":-1}", "num_classes"},
        {"{\"mlm_head_len\":1.5}", "mlm_head_len"},
        {"{\"cmlm_block\":0}", "cmlm_block"},
        {"{\"base_digest\":\"00\"}", "base_digest"},
        {"{\"base_digest\":1}", "base_digest"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_adapter_config config;
        struct m2c_error err;
        assert_int_equal(parse(cases[i].text, &config, &err), M2C_BAD_MODEL);
        assert_string_equal(err.field, cases[i].field);
    }
}

static void a_set_must_fit_its_base(void **state)
{
    (void)state;
    struct m2c_adapter_config config;
    struct m2c_error err;
    unsigned char base[M2C_DIGEST_BYTES];
    assert_true(m2c_digest_from_hex(DIGEST, base));
    assert_int_equal(parse("{\"cmlm_block\":2,\"base_digest\":\"" DIGEST "\"}", &config, &err),
                     M2C_OK);
    assert_int_equal(m2c_adapter_config_check(&config, base, 2, &err), M2C_OK);
    assert_int_equal(m2c_adapter_config_check(&config, base, 3, &err), M2C_BAD_MODEL);
    assert_string_equal(err.field, "cmlm_block");
    base[31] ^= 1;
    assert_int_equal(m2c_adapter_config_check(&config, base, 2, &err), M2C_BAD_MODEL);
    assert_string_equal(err.field, "base_digest");
    assert_int_equal(parse("{}", &config, &err), M2C_OK);
    assert_int_equal(m2c_adapter_config_check(&config, base, 3, &err), M2C_OK);
}

static void a_set_without_a_config_says_nothing(void **state)
{
    (void)state;
    struct scratch scratch;
    struct m2c_adapter_config config;
    struct m2c_error err;
    scratch_make(&scratch);
    assert_int_equal(m2c_adapter_config_load(scratch.dir, &config, &err), M2C_OK);
    assert_int_equal(config.cmlm_block, -1);
    scratch_put_text(&scratch, "config.json", "{\"num_classes\":4}");
    assert_int_equal(m2c_adapter_config_load(scratch.dir, &config, &err), M2C_OK);
    assert_int_equal(config.num_classes, 4);
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_read),
        cmocka_unit_test(bad_members_are_refused),
        cmocka_unit_test(a_set_must_fit_its_base),
        cmocka_unit_test(a_set_without_a_config_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
