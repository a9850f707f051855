#include "text_folder.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "text/tokenizer.h"

void text_folder_make(struct text_folder *folder)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(folder->path, sizeof folder->path, "%s/m2c-text-XXXXXX",
                          parent != NULL ? parent : "/tmp");
    assert_in_range(length, 1, sizeof folder->path - 1);
    assert_non_null(mkdtemp(folder->path));
}

static void path_of(const char *dir, const char *name, char path[2 * TEXT_FOLDER_PATH])
{
    int length = snprintf(path, 2 * TEXT_FOLDER_PATH, "%s/%s", dir, name);
    assert_in_range(length, 1, 2 * TEXT_FOLDER_PATH - 1);
}

void text_folder_remove(const struct text_folder *folder)
{
    char path[2 * TEXT_FOLDER_PATH];
    DIR *dir = opendir(folder->path);
    assert_non_null(dir);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] == '.')
            continue;
        path_of(folder->path, entry->d_name, path);
        assert_int_equal(remove(path), 0);
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(folder->path), 0);
}

void text_folder_write(const struct text_folder *folder, const char *name, const void *bytes,
                       size_t size)
{
    char path[2 * TEXT_FOLDER_PATH];
    path_of(folder->path, name, path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

char *text_folder_read(const char *dir, const char *name, size_t *size)
{
    char path[2 * TEXT_FOLDER_PATH];
    path_of(dir, name, path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long length = ftell(file);
    assert_true(length >= 0);
    rewind(file);
    char *bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, file), length);
    bytes[length] = '\0';
    assert_int_equal(fclose(file), 0);
    if (size != NULL)
        *size = (size_t)length;
    return bytes;
}

unsigned char *text_gzip(const char *bytes, size_t size, size_t *gzip_size)
{
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&stream, size) + 64;
    unsigned char *out = malloc(bound);
    char *in = malloc(size + 1);
    assert_true(out != NULL && in != NULL);
    memcpy(in, bytes, size);
    stream.next_in = (Bytef *)in;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    *gzip_size = bound - stream.avail_out;
    assert_int_equal(deflateEnd(&stream), Z_OK);
    free(in);
    return out;
}

/* merges.txt as a JSON array, of strings or of pairs. */
static json_t *merges_array(const char *merges_txt, bool as_pairs)
{
    json_t *array = json_array();
    char *copy = strdup(merges_txt);
    assert_true(array != NULL && copy != NULL);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *space = strchr(line, ' ');
        if (line[0] == '#')
            continue;
        assert_non_null(space);
        json_t *merge = as_pairs ? json_pack("[s#,s]", line, (int)(space - line), space + 1)
                                 : json_string(line);
        assert_int_equal(json_array_append_new(array, merge), 0);
    }
    free(copy);
    return array;
}

char *text_tokenizer_json(const struct small_bpe *bpe, bool as_pairs)
{
    json_t *vocab = json_loads(bpe->vocab_json, 0, NULL);
    assert_non_null(vocab);
    json_t *document = json_pack(
        "{s:s, s:[{s:i,s:s,s:b},{s:i,s:s,s:b}], s:{s:s,s:n}, s:{s:s,s:n,s:s,s:s,s:b,s:o,s:o}}",
        "version", "1.0", "added_tokens", "id", bpe->vocabulary - 2, "content", "<|startoftext|>",
        "special", 1, "id", bpe->vocabulary - 1, "content", "<|endoftext|>", "special", 1,
        "normalizer", "type", "Sequence", "truncation", "model", "type", "BPE", "dropout",
        "continuing_subword_prefix", "", "end_of_word_suffix", "</w>", "fuse_unk", 0, "vocab",
        vocab, "merges", merges_array(bpe->merges_txt, as_pairs));
    assert_non_null(document);
    char *text = json_dumps(document, JSON_INDENT(2));
    assert_non_null(text);
    json_decref(document);
    return text;
}

void small_bpe_make(struct small_bpe *bpe)
{
    struct text_folder folder;
    struct m2c_error err;
    text_folder_make(&folder);
    assert_int_equal(m2c_tokenizer_write_bytes(folder.path, &bpe->vocabulary, &err), M2C_OK);
    size_t merges_size;
    bpe->vocab_json = text_folder_read(folder.path, "vocab.json", NULL);
    bpe->merges_txt = text_folder_read(folder.path, "merges.txt", &merges_size);
    bpe->tokenizer_json_strings = text_tokenizer_json(bpe, false);
    bpe->tokenizer_json_pairs = text_tokenizer_json(bpe, true);
    bpe->gzip = text_gzip(bpe->merges_txt, merges_size, &bpe->gzip_size);
    text_folder_remove(&folder);
}

void small_bpe_free(struct small_bpe *bpe)
{
    free(bpe->vocab_json);
    free(bpe->merges_txt);
    free(bpe->tokenizer_json_strings);
    free(bpe->tokenizer_json_pairs);
    free(bpe->gzip);
}
