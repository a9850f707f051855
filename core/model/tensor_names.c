#include "model/tensor_names.h"

#include <stdio.h>
#include <string.h>

struct renaming {
    const char *from, *to;
};

/* Tensors outside the blocks: prefixes, so that .weight and .bias share a line. */
static const struct renaming whole_names[] = {
    {"vision_model.embeddings.class_embedding", "visual.class_embedding"},
    {"vision_model.embeddings.patch_embedding.", "visual.conv1."},
    {"vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"},
    {"vision_model.pre_layrnorm.", "visual.ln_pre."}, /* the library's own spelling */
    {"vision_model.pre_layernorm.", "visual.ln_pre."},
    {"vision_model.post_layernorm.", "visual.ln_post."},
    {"text_model.embeddings.token_embedding.", "token_embedding."},
    {"text_model.embeddings.position_embedding.weight", "positional_embedding"},
    {"text_model.final_layer_norm.", "ln_final."},
};

static const struct renaming towers[] = {
    {"vision_model.encoder.layers.", "visual.transformer.resblocks."},
    {"text_model.encoder.layers.", "transformer.resblocks."},
};

static const struct renaming block_parts[] = {
    {".self_attn.", ".attn."},   {".layer_norm1.", ".ln_1."},   {".layer_norm2.", ".ln_2."},
    {".mlp.fc1.", ".mlp.c_fc."}, {".mlp.fc2.", ".mlp.c_proj."},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* The row whose `from` begins `name`, or NULL. */
static const struct renaming *match(const struct renaming *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, rows[i].from, strlen(rows[i].from)) == 0)
            return &rows[i];
    return NULL;
}

bool m2c_tensor_canonical_name(const char *name, char out[M2C_TENSOR_NAME_BYTES])
{
    int length = 0;
    const struct renaming *whole = match(whole_names, COUNT_OF(whole_names), name);
    const struct renaming *tower = match(towers, COUNT_OF(towers), name);
    if (whole) {
        length =
            snprintf(out, M2C_TENSOR_NAME_BYTES, "%s%s", whole->to, name + strlen(whole->from));
    } else if (tower) {
        const char *number = name + strlen(tower->from);
        size_t digits = strspn(number, "0123456789");
        const char *rest = number + digits;
        const struct renaming *part = match(block_parts, COUNT_OF(block_parts), rest);
        length = snprintf(out, M2C_TENSOR_NAME_BYTES, "%s%.*s%s%s", tower->to, (int)digits, number,
                          part ? part->to : "", part ? rest + strlen(part->from) : rest);
    } else {
        length = snprintf(out, M2C_TENSOR_NAME_BYTES, "%s", name);
    }
    return length >= 0 && length < M2C_TENSOR_NAME_BYTES;
}

bool m2c_tensor_is_adapter(const char *name)
{
    return strstr(name, "adapter") != NULL;
}
