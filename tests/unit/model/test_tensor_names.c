#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <string.h>

#include "model/tensor_names.h"

static void each_hugging_face_name_has_its_canonical_one(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
        {"vision_model.embeddings.patch_embedding.weight", "visual.conv1.weight"},
        {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
        {"vision_model.pre_layrnorm.weight", "visual.ln_pre.weight"},
        {"vision_model.pre_layernorm.bias", "visual.ln_pre.bias"},
        {"vision_model.post_layernorm.bias", "visual.ln_post.bias"},
        {"vision_model.encoder.layers.0.self_attn.q_proj.weight",
         "visual.transformer.resblocks.0.attn.q_proj.weight"},
        {"vision_model.encoder.layers.11.self_attn.out_proj.bias",
         "visual.transformer.resblocks.11.attn.out_proj.bias"},
        {"vision_model.encoder.layers.3.layer_norm1.weight",
         "visual.transformer.resblocks.3.ln_1.weight"},
        {"vision_model.encoder.layers.3.layer_norm2.bias",
         "visual.transformer.resblocks.3.ln_2.bias"},
        {"vision_model.encoder.layers.3.mlp.fc1.weight",
         "visual.transformer.resblocks.3.mlp.c_fc.weight"},
        {"text_model.encoder.layers.3.mlp.fc2.weight", "transformer.resblocks.3.mlp.c_proj.weight"},
        {"text_model.encoder.layers.1.self_attn.k_proj.bias",
         "transformer.resblocks.1.attn.k_proj.bias"},
        {"text_model.embeddings.token_embedding.weight", "token_embedding.weight"},
        {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
        {"text_model.final_layer_norm.weight", "ln_final.weight"},
        /* as they are: transposed matrices, canonical names, what nobody knows */
        {"text_projection.weight", "text_projection.weight"},
        {"visual_projection.weight", "visual_projection.weight"},
        {"text_projection", "text_projection"},
        {"logit_scale", "logit_scale"},
        {"visual.transformer.resblocks.0.mlp.c_fc.bias",
         "visual.transformer.resblocks.0.mlp.c_fc.bias"},
        {"vision_model.embeddings.position_ids", "vision_model.embeddings.position_ids"},
        {"", ""},
    };
    char out[M2C_TENSOR_NAME_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(m2c_tensor_canonical_name(cases[i].from, out));
        assert_string_equal(out, cases[i].to);
    }
}

static void a_name_that_does_not_fit_is_told(void **state)
{
    (void)state;
    char name[400], out[M2C_TENSOR_NAME_BYTES];
    memset(name, 'x', sizeof name);
    name[M2C_TENSOR_NAME_BYTES - 1] = '\0';
    assert_true(m2c_tensor_canonical_name(name, out));
    name[M2C_TENSOR_NAME_BYTES - 1] = 'x';
    name[M2C_TENSOR_NAME_BYTES] = '\0';
    assert_false(m2c_tensor_canonical_name(name, out));
}

static void adapters_are_told_by_their_names(void **state)
{
    (void)state;
    assert_true(m2c_tensor_is_adapter("visual.adapter_fc.weight"));
    assert_true(m2c_tensor_is_adapter("mlm_adapter.decoder.weight"));
    assert_true(m2c_tensor_is_adapter("transformer.resblocks.2.adapter_pre_mlp.textad_fc1.weight"));
    assert_false(m2c_tensor_is_adapter("visual.proj"));
    assert_false(m2c_tensor_is_adapter("visual.transformer.resblocks.0.attn.in_proj_weight"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_hugging_face_name_has_its_canonical_one),
        cmocka_unit_test(a_name_that_does_not_fit_is_told),
        cmocka_unit_test(adapters_are_told_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
