/* A model folder's tokenizer files (m2c_tokenizer_open). */
#include "text/file_bytes.h"
#include "text/tokenizer.h"

enum {
    MAX_JSON_BYTES = 64 << 20,
    MAX_MERGES_BYTES = 32 << 20,
    MAX_GZIP_BYTES = 16 << 20,
};

struct folder_files {
    struct m2c_file_bytes vocab, merges, tokenizer, gzip;
};

/* Reads no more than the form that will be taken. */
static enum m2c_status read_folder(const char *dir, struct folder_files *files,
                                   struct m2c_error *err)
{
    enum m2c_status status =
        m2c_file_bytes_read(dir, "vocab.json", MAX_JSON_BYTES, &files->vocab, err);
    if (status == M2C_OK)
        status = m2c_file_bytes_read(dir, "merges.txt", MAX_MERGES_BYTES, &files->merges, err);
    if (status != M2C_OK || (files->vocab.bytes != NULL && files->merges.bytes != NULL))
        return status;
    status = m2c_file_bytes_read(dir, "tokenizer.json", MAX_JSON_BYTES, &files->tokenizer, err);
    if (status != M2C_OK || files->tokenizer.bytes != NULL)
        return status;
    return m2c_file_bytes_read(dir, "bpe_simple_vocab_16e6.txt.gz", MAX_GZIP_BYTES, &files->gzip,
                               err);
}

enum m2c_status m2c_tokenizer_open(const char *dir, struct m2c_tokenizer **out,
                                   struct m2c_error *err)
{
    struct folder_files files = {0};
    *out = NULL;
    enum m2c_status status = read_folder(dir, &files, err);
    if (status == M2C_OK) {
        struct m2c_tokenizer_files ranges = {
            .vocab_json = files.vocab.bytes,
            .vocab_json_bytes = files.vocab.size,
            .merges_txt = files.merges.bytes,
            .merges_txt_bytes = files.merges.size,
            .tokenizer_json = files.tokenizer.bytes,
            .tokenizer_json_bytes = files.tokenizer.size,
            .bpe_gzip = files.gzip.bytes,
            .bpe_gzip_bytes = files.gzip.size,
        };
        status = m2c_tokenizer_open_files(&ranges, out, err);
    }
    if (status == M2C_BAD_MODEL)
        (void)m2c_error_context(err, "%s", dir);
    m2c_file_bytes_free(&files.vocab);
    m2c_file_bytes_free(&files.merges);
    m2c_file_bytes_free(&files.tokenizer);
    m2c_file_bytes_free(&files.gzip);
    return status;
}
