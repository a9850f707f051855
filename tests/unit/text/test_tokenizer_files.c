/* Files that are not a tokenizer are refused with a reason, and never worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/tokenizer.h"
#include "text_folder.h"

static struct small_bpe bpe;

static int make_bpe(void **state)
{
    (void)state;
    small_bpe_make(&bpe);
    return 0;
}

static int free_bpe(void **state)
{
    (void)state;
    small_bpe_free(&bpe);
    return 0;
}

static enum m2c_status open_pair(const char *vocab, const char *merges, struct m2c_error *err)
{
    struct m2c_tokenizer *tokenizer;
    const struct m2c_tokenizer_files files = {.vocab_json = vocab,
                                              .vocab_json_bytes = strlen(vocab),
                                              .merges_txt = merges,
                                              .merges_txt_bytes = strlen(merges)};
    enum m2c_status status = m2c_tokenizer_open_files(&files, &tokenizer, err);
    m2c_tokenizer_free(&tokenizer);
    return status;
}

static enum m2c_status open_json(const char *text, size_t size, struct m2c_error *err)
{
    struct m2c_tokenizer *tokenizer;
    const struct m2c_tokenizer_files files = {.tokenizer_json = text, .tokenizer_json_bytes = size};
    enum m2c_status status = m2c_tokenizer_open_files(&files, &tokenizer, err);
    m2c_tokenizer_free(&tokenizer);
    return status;
}

static enum m2c_status open_gzip(const unsigned char *bytes, size_t size, struct m2c_error *err)
{
    struct m2c_tokenizer *tokenizer;
    const struct m2c_tokenizer_files files = {.bpe_gzip = (const char *)bytes,
                                              .bpe_gzip_bytes = size};
    enum m2c_status status = m2c_tokenizer_open_files(&files, &tokenizer, err);
    m2c_tokenizer_free(&tokenizer);
    return status;
}

static void assert_refused(enum m2c_status status, const struct m2c_error *err, const char *reason)
{
    if (status != M2C_BAD_MODEL || strstr(err->detail, reason) == NULL)
        fail_msg("status %d, \"%s\" instead of \"%s\"", (int)status,
                 status == M2C_OK ? "" : err->detail, reason);
}

/* `text` with its first `from` replaced by `to`; the caller frees. */
static char *edited(const char *text, const char *from, const char *to)
{
    const char *found = strstr(text, from);
    size_t size = strlen(text) + strlen(to) + 1;
    char *out = malloc(size);
    assert_true(found != NULL && out != NULL);
    int before = (int)(found - text);
    (void)snprintf(out, size, "%.*s%s%s", before, text, to, found + strlen(from));
    return out;
}

static void check_vocab_edit(const char *from, const char *to, const char *reason)
{
    struct m2c_error err;
    char *vocab = edited(bpe.vocab_json, from, to);
    assert_refused(open_pair(vocab, bpe.merges_txt, &err), &err, reason);
    free(vocab);
}

static void a_vocabulary_that_does_not_fit_is_refused(void **state)
{
    struct m2c_error err;
    (void)state;
    assert_int_equal(open_pair(bpe.vocab_json, bpe.merges_txt, &err), M2C_OK);
    check_vocab_edit("\"a\": 64", "\"a\": 65", "two entries of the vocabulary have the id 65");
    check_vocab_edit("\"a\": 64", "\"a\": 70000", "but an id 70000");
    check_vocab_edit("\"a\": 64", "\"a\": -1", "an integer from 0 on is expected");
    check_vocab_edit("\"a\": 64", "\"a\": 64.5", "an integer from 0 on is expected");
    check_vocab_edit("\"a\": 64", "\"a\": 99999999999", "an integer is too large");
    check_vocab_edit("\"a\": 64", "\"b\": 64", "names the symbol of id 65 twice");
    check_vocab_edit("\"a\": 64", "\"aaa\": 64", "merge");
    check_vocab_edit("\"!\": 0", "\"!!!\": 0", "lacks the symbol of byte 0x21");
    check_vocab_edit("\"!</w>\"", "\"!!</w>\"", "byte 0x21 at a word's end");
    check_vocab_edit("<|endoftext|>", "<|end|>", "lacks <|endoftext|>");
    check_vocab_edit("<|startoftext|>", "<|start|>", "lacks <|startoftext|>");
    check_vocab_edit("\"the</w>\"", "\"thy</w>\"", "the result of merge 1");
    check_vocab_edit("{", "[", "an object is expected");
    check_vocab_edit("\"a\"", "\"\xFF\"", "vocab.json is not valid UTF-8");
    char *longer = edited(bpe.vocab_json, bpe.vocab_json, bpe.vocab_json);
    longer[strlen(longer) - 1] = 'x';
    assert_refused(open_pair(longer, bpe.merges_txt, &err), &err, "a comma or the end");
    free(longer);
    char *twice = edited(bpe.vocab_json, "{\"!\"", "{} {\"!\"");
    assert_refused(open_pair(twice, bpe.merges_txt, &err), &err, "goes on behind its object");
    free(twice);
}

static void check_merges(const char *merges, const char *reason)
{
    struct m2c_error err;
    assert_refused(open_pair(bpe.vocab_json, merges, &err), &err, reason);
}

static void merges_that_do_not_fit_are_refused(void **state)
{
    struct m2c_error err;
    (void)state;
    check_merges("#version: 0.2\nt h\nno th\n", "the left part of merge 1 is not in");
    check_merges("#version: 0.2\nt hh\n", "the right part of merge 0 is not in");
    check_merges("t z\n", "the result of merge 0 is not in");
    check_merges("#version: 0.2\nt h\n\nth e</w>\n", "line 3 of the merges is not two symbols");
    check_merges("th\n", "line 1 of the merges is not two symbols");
    check_merges("t h e\n", "is not two symbols");
    check_merges(" h\n", "is not two symbols");
    check_merges("t \n", "is not two symbols");
    check_merges("\xC3\x28 h\n", "merges.txt is not valid UTF-8 at byte 0");
    assert_int_equal(open_pair(bpe.vocab_json, "", &err), M2C_OK);
    assert_int_equal(open_pair(bpe.vocab_json, "#version: 0.2\r\nt h\r\nth e</w>\r\n\r\n", &err),
                     M2C_OK);
}

static void a_symbol_of_absurd_length_is_refused(void **state)
{
    struct m2c_error err;
    size_t size = strlen(bpe.vocab_json) + 4096;
    char *vocab = malloc(size);
    char symbol[2001];
    (void)state;
    assert_non_null(vocab);
    memset(symbol, 'x', 2000);
    symbol[2000] = '\0';
    (void)snprintf(vocab, size, "{\"%s\": 0}", symbol);
    assert_refused(open_pair(vocab, bpe.merges_txt, &err), &err, "has 2000 bytes, at most 1024");
    free(vocab);
}

static void check_json_edit(const char *from, const char *to, const char *reason)
{
    struct m2c_error err;
    char *text = edited(bpe.tokenizer_json_pairs, from, to);
    assert_refused(open_json(text, strlen(text), &err), &err, reason);
    free(text);
}

static void a_tokenizer_json_of_another_kind_is_refused(void **state)
{
    (void)state;
    check_json_edit("\"BPE\"", "\"WordPiece\"", "model.type other than \"BPE\"");
    check_json_edit("\"</w>\"", "\"\"", "end_of_word_suffix other than \"</w>\"");
    check_json_edit("\"end_of_word_suffix\"", "\"suffix\"", "no model.end_of_word_suffix");
    check_json_edit("\"vocab\"", "\"words\"", "no model.vocab");
    check_json_edit("\"merges\"", "\"joins\"", "no model.merges");
    check_json_edit("\"model\"", "\"other\"", "no model.vocab");
    check_json_edit("\"<|endoftext|>\"", "\"<|other|>\"", "have the id");
    check_json_edit("\"id\"", "\"number\"", "no id or no content");
    check_json_edit("\"t\",", "\"t\", \"u\",", "merge 0 of tokenizer.json is not two symbols");
    check_json_edit("\"t\",", "7,", "a string is expected");
    check_json_edit("{", "", "tokenizer.json");
    check_json_edit("\"version\": \"1.0\"", "\"model\": {}", "has two models");
    check_json_edit("\"<|startoftext|>\"", "\"a\"", "an added token of tokenizer.json has the ids");
    check_json_edit("\"id\": ", "\"id\": -", "an integer from 0 on is expected");
}

static void merges_may_stand_before_the_symbols(void **state)
{
    struct m2c_error err;
    (void)state;
    char *no_merges = edited(bpe.tokenizer_json_strings, "\"merges\"", "\"left_out\"");
    char *first = edited(no_merges, "\"type\": \"BPE\"",
                         "\"merges\": [\"t h\", [\"th\", \"e</w>\"]], \"type\": \"BPE\"");
    assert_int_equal(open_json(first, strlen(first), &err), M2C_OK);
    free(no_merges);
    free(first);
}

static void added_tokens_may_extend_the_vocabulary(void **state)
{
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    char id[64];
    (void)state;
    (void)snprintf(id, sizeof id, "\"added_tokens\": [{\"id\": %d, \"content\": \"<new>\"}, ",
                   bpe.vocabulary);
    char *text = edited(bpe.tokenizer_json_strings, "\"added_tokens\": [", id);
    const struct m2c_tokenizer_files files = {.tokenizer_json = text,
                                              .tokenizer_json_bytes = strlen(text)};
    assert_int_equal(m2c_tokenizer_open_files(&files, &tokenizer, &err), M2C_OK);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), bpe.vocabulary + 1);
    m2c_tokenizer_free(&tokenizer);
    free(text);
}

static void every_cut_of_a_form_is_refused(void **state)
{
    struct m2c_error err;
    (void)state;
    size_t size = strlen(bpe.tokenizer_json_pairs);
    for (size_t cut = 0; cut < size; cut += 1 + cut / 97)
        assert_refused(open_json(bpe.tokenizer_json_pairs, cut, &err), &err, "tokenizer.json");
    for (size_t cut = 0; cut < bpe.gzip_size; ++cut)
        assert_refused(open_gzip(bpe.gzip, cut, &err), &err, "the gzip of merges is cut off");
    for (size_t cut = 0; cut < strlen(bpe.vocab_json); cut += 1 + cut / 97) {
        char *vocab = strndup(bpe.vocab_json, cut);
        assert_non_null(vocab);
        assert_refused(open_pair(vocab, bpe.merges_txt, &err), &err, "vocab.json");
        free(vocab);
    }
}

static void every_changed_byte_of_the_gzip_is_noticed_or_harmless(void **state)
{
    struct m2c_error err;
    unsigned char *bytes = malloc(bpe.gzip_size + 1);
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, bpe.gzip, bpe.gzip_size);
    for (size_t i = 10; i < bpe.gzip_size; ++i) {
        bytes[i] ^= 0x55;
        assert_int_equal(open_gzip(bytes, bpe.gzip_size, &err), M2C_BAD_MODEL);
        bytes[i] ^= 0x55;
    }
    bytes[bpe.gzip_size] = 'x';
    assert_refused(open_gzip(bytes, bpe.gzip_size + 1, &err), &err, "is followed by 1 bytes");
    free(bytes);
}

static void a_gzip_that_inflates_without_end_is_refused(void **state)
{
    struct m2c_error err;
    size_t size = (size_t)65 << 20;
    size_t gzip_size;
    (void)state;
    char *zeros = calloc(size, 1);
    assert_non_null(zeros);
    unsigned char *gzip = text_gzip(zeros, size, &gzip_size);
    assert_refused(open_gzip(gzip, gzip_size, &err), &err, "inflates to more than");
    free(gzip);
    free(zeros);
}

static void changed_bytes_of_a_tokenizer_json_do_no_harm(void **state)
{
    struct m2c_error err;
    size_t size = strlen(bpe.tokenizer_json_strings);
    char *text = strdup(bpe.tokenizer_json_strings);
    uint32_t seed = 5;
    (void)state;
    assert_non_null(text);
    for (int round = 0; round < 2000; ++round) {
        seed = seed * 1664525U + 1013904223U;
        size_t at = seed % size;
        char kept = text[at];
        text[at] = "{}[]\",:\\0z"[(seed >> 20) % 10];
        enum m2c_status status = open_json(text, size, &err);
        assert_true(status == M2C_OK || status == M2C_BAD_MODEL);
        text[at] = kept;
    }
    free(text);
}

static enum m2c_status open_dir(const struct text_folder *folder, struct m2c_tokenizer **tokenizer,
                                struct m2c_error *err)
{
    return m2c_tokenizer_open(folder->path, tokenizer, err);
}

static void a_folder_without_tokenizer_is_no_error(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer = NULL;
    struct m2c_error err;
    (void)state;
    text_folder_make(&folder);
    assert_int_equal(open_dir(&folder, &tokenizer, &err), M2C_OK);
    assert_null(tokenizer);
    text_folder_remove(&folder);
}

static void a_folder_with_half_a_pair_is_refused(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    (void)state;
    text_folder_make(&folder);
    text_folder_write(&folder, "vocab.json", bpe.vocab_json, strlen(bpe.vocab_json));
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "has vocab.json, but no merges.txt");
    assert_string_equal(err.context, folder.path);
    text_folder_write(&folder, "bpe_simple_vocab_16e6.txt.gz", bpe.gzip, bpe.gzip_size);
    assert_int_equal(open_dir(&folder, &tokenizer, &err), M2C_OK);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), bpe.vocabulary);
    m2c_tokenizer_free(&tokenizer);
    text_folder_remove(&folder);
}

static void the_pair_goes_before_tokenizer_json(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    int vocabulary;
    (void)state;
    text_folder_make(&folder);
    text_folder_write(&folder, "tokenizer.json", "{}", 2);
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "tokenizer.json has no model.vocab");
    assert_int_equal(m2c_tokenizer_write_bytes(folder.path, &vocabulary, &err), M2C_OK);
    assert_int_equal(open_dir(&folder, &tokenizer, &err), M2C_OK);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), vocabulary);
    assert_int_equal(m2c_tokenizer_end_id(tokenizer), vocabulary - 1);
    m2c_tokenizer_free(&tokenizer);
    text_folder_remove(&folder);
}

static void what_is_not_a_regular_file_is_refused(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    char path[2 * TEXT_FOLDER_PATH];
    char target[2 * TEXT_FOLDER_PATH];
    (void)state;
    text_folder_make(&folder);
    (void)snprintf(path, sizeof path, "%s/vocab.json", folder.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "vocab.json is not a regular file");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/zero", path), 0);
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "vocab.json is not a regular file");
    assert_int_equal(unlink(path), 0);
    text_folder_write(&folder, "target", bpe.vocab_json, strlen(bpe.vocab_json));
    text_folder_write(&folder, "merges.txt", bpe.merges_txt, strlen(bpe.merges_txt));
    (void)snprintf(target, sizeof target, "%s/target", folder.path);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(open_dir(&folder, &tokenizer, &err), M2C_OK);
    assert_non_null(tokenizer);
    m2c_tokenizer_free(&tokenizer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "vocab.json is not a regular file");
    text_folder_remove(&folder);
}

static void a_file_beyond_the_limit_is_refused_unread(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    char path[2 * TEXT_FOLDER_PATH];
    (void)state;
    text_folder_make(&folder);
    text_folder_write(&folder, "merges.txt", "", 0);
    (void)snprintf(path, sizeof path, "%s/merges.txt", folder.path);
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_refused(open_dir(&folder, &tokenizer, &err), &err, "merges.txt has 1099511627776 bytes");
    text_folder_remove(&folder);
}

static void the_writer_says_when_it_cannot_write(void **state)
{
    struct m2c_error err;
    int vocabulary;
    (void)state;
    assert_int_equal(m2c_tokenizer_write_bytes("/nonexistent-folder", &vocabulary, &err),
                     M2C_IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vocabulary_that_does_not_fit_is_refused),
        cmocka_unit_test(merges_that_do_not_fit_are_refused),
        cmocka_unit_test(a_symbol_of_absurd_length_is_refused),
        cmocka_unit_test(a_tokenizer_json_of_another_kind_is_refused),
        cmocka_unit_test(merges_may_stand_before_the_symbols),
        cmocka_unit_test(added_tokens_may_extend_the_vocabulary),
        cmocka_unit_test(every_cut_of_a_form_is_refused),
        cmocka_unit_test(every_changed_byte_of_the_gzip_is_noticed_or_harmless),
        cmocka_unit_test(a_gzip_that_inflates_without_end_is_refused),
        cmocka_unit_test(changed_bytes_of_a_tokenizer_json_do_no_harm),
        cmocka_unit_test(a_folder_without_tokenizer_is_no_error),
        cmocka_unit_test(a_folder_with_half_a_pair_is_refused),
        cmocka_unit_test(the_pair_goes_before_tokenizer_json),
        cmocka_unit_test(what_is_not_a_regular_file_is_refused),
        cmocka_unit_test(a_file_beyond_the_limit_is_refused_unread),
        cmocka_unit_test(the_writer_says_when_it_cannot_write),
    };
    return cmocka_run_group_tests_name("tokenizer_files", tests, make_bpe, free_bpe);
}
