#include "model/adapter_config.h"

#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/json_members.h"

enum { CONFIG_LIMIT_BYTES = 1 << 20, CLIP_FRAMES_MAX = 64 };

static void read_digest(struct m2c_members *reader, struct m2c_adapter_config *out)
{
    const char *text = NULL;
    if (!m2c_members_text(reader, "base_digest", &text))
        return;
    out->has_base_digest = m2c_digest_from_hex(text, out->base_digest);
    if (!out->has_base_digest)
        m2c_members_fail(reader, "base_digest", "must be 64 hexadecimal digits");
}

enum m2c_status m2c_adapter_config_parse(const char *bytes, size_t size,
                                         struct m2c_adapter_config *out, struct m2c_error *err)
{
    json_t *root = NULL;
    *out = (struct m2c_adapter_config){.cmlm_block = -1};
    enum m2c_status status = m2c_members_parse("config.json", bytes, size, &root, err);
    if (status != M2C_OK)
        return status;
    struct m2c_members reader = {.object = root, .file = "config.json", .err = err};
    (void)m2c_members_int(&reader, "num_frames", 1, CLIP_FRAMES_MAX, &out->num_frames);
    (void)m2c_members_int(&reader, "num_classes", 0, M2C_MAX_CLASSES, &out->num_classes);
    (void)m2c_members_int(&reader, "mlm_head_len", 0, M2C_MAX_VOCABULARY, &out->mlm_head_len);
    (void)m2c_members_int(&reader, "cmlm_block", 1, M2C_MAX_LAYERS, &out->cmlm_block);
    read_digest(&reader, out);
    json_decref(root);
    return reader.status;
}

enum m2c_status m2c_adapter_config_load(const char *set_dir, struct m2c_adapter_config *out,
                                        struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    char *bytes = NULL;
    size_t size = 0;
    *out = (struct m2c_adapter_config){.cmlm_block = -1};
    enum m2c_status status = m2c_folder_path(path, set_dir, "config.json", err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(path, CONFIG_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK && bytes)
        status = m2c_adapter_config_parse(bytes, size, out, err);
    free(bytes);
    return status;
}

enum m2c_status m2c_adapter_config_check(const struct m2c_adapter_config *config,
                                         const unsigned char base_digest[M2C_DIGEST_BYTES],
                                         int encoding_blocks, struct m2c_error *err)
{
    if (config->has_base_digest && memcmp(config->base_digest, base_digest, M2C_DIGEST_BYTES) != 0)
        return m2c_fail_field(err, M2C_BAD_MODEL, "base_digest",
                              "the adapter set was trained on another base");
    if (config->cmlm_block >= 0 && config->cmlm_block != encoding_blocks)
        return m2c_fail_field(err, M2C_BAD_MODEL, "cmlm_block",
                              "cmlm_block is %d, but the base encodes with %d text blocks",
                              config->cmlm_block, encoding_blocks);
    return M2C_OK;
}
