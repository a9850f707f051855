/* Ids of texts: against CLIP's own, and between the file forms. */
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "text/tokenizer.h"
#include "text_folder.h"

enum { ROOM = 512, CLIP_VOCABULARY = 49408, CLIP_START = 49406, CLIP_END = 49407 };

#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static const bool figures_count = true;
#else
static const bool figures_count = false;
#endif

/* Rows of golden.jsonl whose clean-up goes beyond the normal form C that it was made with. */
static const struct {
    const char *text;
    const char *same_as; /* what the row's text is after ftfy's repair */
    const char *reason;
} beyond_nfc[] = {
    {"ﬁligature ＡＢＣ", "filigature abc",
     "ftfy takes the ligature apart and folds the full-width letters"},
};

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct m2c_tokenizer *open_folder(const char *dir)
{
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err = {0};
    if (m2c_tokenizer_open(dir, &tokenizer, &err) != M2C_OK)
        fail_msg("%s: %s", dir, err.detail);
    assert_non_null(tokenizer);
    return tokenizer;
}

static struct m2c_tokenizer *open_files(const struct m2c_tokenizer_files *files)
{
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err = {0};
    if (m2c_tokenizer_open_files(files, &tokenizer, &err) != M2C_OK)
        fail_msg("%s", err.detail);
    assert_non_null(tokenizer);
    return tokenizer;
}

static size_t encoded(const struct m2c_tokenizer *tokenizer, const char *text, int32_t ids[ROOM])
{
    struct m2c_error err = {0};
    size_t count;
    if (m2c_tokenizer_encode(tokenizer, text, strlen(text), ids, ROOM, &count, &err) != M2C_OK)
        fail_msg("%s: %s", text, err.detail);
    return count;
}

static void assert_same_ids(const struct m2c_tokenizer *a, const char *text_a,
                            const struct m2c_tokenizer *b, const char *text_b)
{
    int32_t ids_a[ROOM];
    int32_t ids_b[ROOM];
    size_t count = encoded(a, text_a, ids_a);
    assert_int_equal(encoded(b, text_b, ids_b), count);
    assert_memory_equal(ids_a, ids_b, count * sizeof ids_a[0]);
}

/* NULL, the test being skipped, where the shared folder is not there. */
static const char *clip_folder(void)
{
    static const char path[] = M2C_TEST_SHARED "/clip-tokenizer";
    if (access(path, R_OK) == 0)
        return path;
    print_message("skipped: CLIP's vocabulary is not here\n");
    return NULL;
}

static const char *beyond_nfc_twin(const char *text)
{
    for (size_t i = 0; i < sizeof beyond_nfc / sizeof beyond_nfc[0]; ++i) {
        if (strcmp(beyond_nfc[i].text, text) == 0)
            return beyond_nfc[i].same_as;
    }
    return NULL;
}

static bool row_agrees(const struct m2c_tokenizer *tokenizer, const json_t *row)
{
    int32_t ids[ROOM];
    const json_t *expected = json_object_get(row, "ids");
    size_t count = encoded(tokenizer, json_string_value(json_object_get(row, "text")), ids);
    bool same = count == json_array_size(expected);
    for (size_t i = 0; same && i < count; ++i)
        same = json_integer_value(json_array_get(expected, i)) == ids[i];
    return same;
}

static void check_golden(const struct m2c_tokenizer *tokenizer)
{
    size_t rows = 0;
    size_t apart = 0;
    FILE *file = fopen(M2C_TEST_FIXTURES "/tokenizer/golden.jsonl", "re");
    assert_non_null(file);
    json_t *row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    for (; row != NULL; row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) {
        const char *text = json_string_value(json_object_get(row, "text"));
        const char *twin = beyond_nfc_twin(text);
        bool agrees = row_agrees(tokenizer, row);
        if (agrees != (twin == NULL))
            fail_msg("row \"%s\" %s", text, agrees ? "agrees after all" : "differs");
        if (twin != NULL) {
            assert_string_equal(json_string_value(json_object_get(row, "kind")), "tricky");
            assert_same_ids(tokenizer, text, tokenizer, twin);
        }
        apart += twin != NULL;
        ++rows;
        json_decref(row);
    }
    (void)fclose(file);
    assert_int_equal(rows, 1471);
    assert_int_equal(apart, sizeof beyond_nfc / sizeof beyond_nfc[0]);
}

static void clips_vocabulary_gives_the_golden_ids(void **state)
{
    (void)state;
    const char *dir = clip_folder();
    if (dir == NULL)
        skip();
    double before = cpu_ms();
    struct m2c_tokenizer *tokenizer = open_folder(dir);
    double open_ms = cpu_ms() - before;
    print_message("vocab.json and merges.txt opened in %.1f ms\n", open_ms);
    assert_true(!figures_count || open_ms < 50);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), CLIP_VOCABULARY);
    assert_int_equal(m2c_tokenizer_start_id(tokenizer), CLIP_START);
    assert_int_equal(m2c_tokenizer_end_id(tokenizer), CLIP_END);
    check_golden(tokenizer);
    m2c_tokenizer_free(&tokenizer);
    assert_null(tokenizer);
}

static void clips_gzip_gives_the_golden_ids(void **state)
{
    (void)state;
    const char *dir = clip_folder();
    if (dir == NULL)
        skip();
    struct m2c_tokenizer_files files = {0};
    char *gzip = text_folder_read(dir, "bpe_simple_vocab_16e6.txt.gz", &files.bpe_gzip_bytes);
    files.bpe_gzip = gzip;
    double before = cpu_ms();
    struct m2c_tokenizer *tokenizer = open_files(&files);
    double open_ms = cpu_ms() - before;
    print_message("the gzip opened in %.1f ms\n", open_ms);
    assert_true(!figures_count || open_ms < 50);
    assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), CLIP_VOCABULARY);
    assert_int_equal(m2c_tokenizer_start_id(tokenizer), CLIP_START);
    assert_int_equal(m2c_tokenizer_end_id(tokenizer), CLIP_END);
    check_golden(tokenizer);
    m2c_tokenizer_free(&tokenizer);
    free(gzip);
}

/* tokenizer.json of CLIP's size, from its vocab.json and merges.txt. */
static char *clip_tokenizer_json(const char *dir, bool as_pairs, size_t *size)
{
    struct small_bpe clip = {.vocabulary = CLIP_VOCABULARY};
    clip.vocab_json = text_folder_read(dir, "vocab.json", NULL);
    clip.merges_txt = text_folder_read(dir, "merges.txt", NULL);
    char *text = text_tokenizer_json(&clip, as_pairs);
    *size = strlen(text);
    free(clip.vocab_json);
    free(clip.merges_txt);
    return text;
}

static void clips_tokenizer_json_gives_the_golden_ids(void **state)
{
    (void)state;
    const char *dir = clip_folder();
    if (dir == NULL)
        skip();
    for (int as_pairs = 0; as_pairs < 2; ++as_pairs) {
        struct m2c_tokenizer_files files = {0};
        char *text = clip_tokenizer_json(dir, as_pairs != 0, &files.tokenizer_json_bytes);
        files.tokenizer_json = text;
        double before = cpu_ms();
        struct m2c_tokenizer *tokenizer = open_files(&files);
        double open_ms = cpu_ms() - before;
        print_message("tokenizer.json with merges as %s opened in %.1f ms\n",
                      as_pairs ? "pairs" : "strings", open_ms);
        assert_true(!figures_count || open_ms < 50);
        check_golden(tokenizer);
        m2c_tokenizer_free(&tokenizer);
        free(text);
    }
}

static void ten_thousand_labels_take_under_100_ms(void **state)
{
    static char text[1 << 16];
    (void)state;
    const char *dir = clip_folder();
    if (dir == NULL)
        skip();
    struct m2c_tokenizer *tokenizer = open_folder(dir);
    struct m2c_error err;
    int32_t ids[ROOM];
    size_t tokens = 0;
    double before = cpu_ms();
    for (int i = 0; i < 10000; ++i) {
        size_t count;
        int length = snprintf(text, sizeof text, "A video of playing squash or racquetball %d", i);
        assert_int_equal(
            m2c_tokenizer_encode(tokenizer, text, (size_t)length, ids, ROOM, &count, &err), M2C_OK);
        tokens += count;
    }
    double spent_ms = cpu_ms() - before;
    print_message("10,000 labels, %zu tokens, in %.1f ms\n", tokens, spent_ms);
    assert_true(!figures_count || spent_ms < 100);
    m2c_tokenizer_free(&tokenizer);
}

struct forms {
    struct small_bpe bpe;
    struct m2c_tokenizer *tokenizers[4];
};

static void forms_open(struct forms *forms)
{
    small_bpe_make(&forms->bpe);
    const struct small_bpe *bpe = &forms->bpe;
    const struct m2c_tokenizer_files files[4] = {
        {.vocab_json = bpe->vocab_json,
         .vocab_json_bytes = strlen(bpe->vocab_json),
         .merges_txt = bpe->merges_txt,
         .merges_txt_bytes = strlen(bpe->merges_txt)},
        {.tokenizer_json = bpe->tokenizer_json_strings,
         .tokenizer_json_bytes = strlen(bpe->tokenizer_json_strings)},
        {.tokenizer_json = bpe->tokenizer_json_pairs,
         .tokenizer_json_bytes = strlen(bpe->tokenizer_json_pairs)},
        {.bpe_gzip = (const char *)bpe->gzip, .bpe_gzip_bytes = bpe->gzip_size},
    };
    for (size_t i = 0; i < 4; ++i)
        forms->tokenizers[i] = open_files(&files[i]);
}

static void forms_close(struct forms *forms)
{
    for (size_t i = 0; i < 4; ++i)
        m2c_tokenizer_free(&forms->tokenizers[i]);
    small_bpe_free(&forms->bpe);
}

static void all_file_forms_agree(void **state)
{
    static const char *const texts[] = {
        "A video of playing the drums",
        "the then other",
        "naïve café",
        "it's the dog's ball",
        "3 men, 22 women",
        "",
        "русский",
        "\U0001F600!!",
        "<|startoftext|>a<|endoftext|>",
    };
    struct forms forms;
    (void)state;
    forms_open(&forms);
    for (size_t i = 0; i < 4; ++i) {
        const struct m2c_tokenizer *tokenizer = forms.tokenizers[i];
        assert_int_equal(m2c_tokenizer_vocabulary(tokenizer), forms.bpe.vocabulary);
        assert_int_equal(m2c_tokenizer_start_id(tokenizer), forms.bpe.vocabulary - 2);
        assert_int_equal(m2c_tokenizer_end_id(tokenizer), forms.bpe.vocabulary - 1);
        for (size_t t = 0; t < sizeof texts / sizeof texts[0]; ++t)
            assert_same_ids(forms.tokenizers[0], texts[t], tokenizer, texts[t]);
    }
    forms_close(&forms);
}

/* Ids by CLIP's order: '!' is 0, the same at a word's end 256, the first merge 512. */
static void pieces_and_merges_are_as_in_clip(void **state)
{
    struct forms forms;
    int32_t ids[ROOM];
    (void)state;
    forms_open(&forms);
    const struct m2c_tokenizer *tokenizer = forms.tokenizers[0];
    assert_int_equal(encoded(tokenizer, "The", ids), 1);
    assert_int_equal(ids[0], 513);
    assert_int_equal(encoded(tokenizer, "th", ids), 2);
    assert_int_equal(ids[0], 't' - '!');
    assert_int_equal(ids[1], 256 + 'h' - '!');
    assert_int_equal(encoded(tokenizer, "it's", ids), 4);
    assert_int_equal(ids[2], '\'' - '!');
    assert_int_equal(ids[3], 256 + 's' - '!');
    assert_int_equal(encoded(tokenizer, "22", ids), 2);
    assert_int_equal(ids[0], 256 + '2' - '!');
    assert_int_equal(encoded(tokenizer, "?!", ids), 2);
    assert_int_equal(encoded(tokenizer, "a<|EndOfText|>b", ids), 3);
    assert_int_equal(ids[1], m2c_tokenizer_end_id(tokenizer));
    assert_int_equal(encoded(tokenizer, "[MASK]", ids), 6);
    forms_close(&forms);
}

static void the_pattern_is_blind_to_case_as_in_python(void **state)
{
    struct forms forms;
    int32_t ids[ROOM];
    (void)state;
    forms_open(&forms);
    const struct m2c_tokenizer *tokenizer = forms.tokenizers[0];
    assert_int_equal(encoded(tokenizer, "'\u017Fa", ids), 4); /* "'" and two bytes, then "a" */
    assert_int_equal(ids[0], '\'' - '!');
    assert_int_equal(ids[3], 256 + 'a' - '!');
    assert_int_equal(encoded(tokenizer, "a\u0345b", ids), 2);
    assert_int_equal(ids[0], 256 + 'a' - '!');
    assert_true(encoded(tokenizer, "<|\u017Ftartoftext|>", ids) > 5);
    forms_close(&forms);
}

static void a_text_that_is_too_long_names_its_length(void **state)
{
    struct forms forms;
    struct m2c_error err;
    int32_t ids[3] = {-1, -1, -1};
    size_t count;
    (void)state;
    forms_open(&forms);
    const struct m2c_tokenizer *tokenizer = forms.tokenizers[0];
    assert_int_equal(m2c_tokenizer_encode(tokenizer, "1 2 3", 5, ids, 3, &count, &err), M2C_OK);
    assert_int_equal(count, 3);
    assert_int_equal(m2c_tokenizer_encode(tokenizer, "1 2 3 4", 7, ids, 3, &count, &err),
                     M2C_INVALID_REQUEST);
    assert_int_equal(count, 4);
    assert_string_equal(err.detail, "the text is 4 tokens long, at most 3 fit");
    assert_int_equal(m2c_tokenizer_encode_truncated(tokenizer, "1 2 3 4", 7, ids, 2, &count, &err),
                     M2C_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ids[1], 256 + '2' - '!');
    assert_int_equal(m2c_tokenizer_encode(tokenizer, " ", 1, NULL, 0, &count, &err), M2C_OK);
    assert_int_equal(count, 0);
    forms_close(&forms);
}

static void hostile_texts_end_in_an_answer(void **state)
{
    static char text[M2C_TOKENIZER_MAX_TEXT_BYTES + 1];
    static int32_t ids[M2C_TOKENIZER_MAX_TEXT_BYTES];
    struct forms forms;
    struct m2c_error err;
    size_t count;
    const size_t bytes = M2C_TOKENIZER_MAX_TEXT_BYTES;
    (void)state;
    forms_open(&forms);
    const struct m2c_tokenizer *tokenizer = forms.tokenizers[3];
    memset(text, 'e', bytes + 1);
    double before = cpu_ms();
    assert_int_equal(m2c_tokenizer_encode(tokenizer, text, bytes, ids, bytes, &count, &err),
                     M2C_OK);
    print_message("a word of %zu letters in %.0f ms\n", bytes, cpu_ms() - before);
    assert_true(cpu_ms() - before < 10000);
    assert_int_equal(m2c_tokenizer_encode(tokenizer, text, bytes + 1, ids, bytes, &count, &err),
                     M2C_INVALID_REQUEST);
    assert_int_equal(m2c_tokenizer_encode(tokenizer, "a\xFF", 2, ids, bytes, &count, &err),
                     M2C_INVALID_REQUEST);
    assert_string_equal(err.detail, "the text is not valid UTF-8 at byte 1");
    assert_int_equal(m2c_tokenizer_encode(tokenizer, "a\0b", 3, ids, bytes, &count, &err), M2C_OK);
    assert_int_equal(count, 2);
    forms_close(&forms);
}

static void random_bytes_end_in_an_answer(void **state)
{
    struct forms forms;
    uint32_t seed = 99;
    (void)state;
    forms_open(&forms);
    for (int round = 0; round < 5000; ++round) {
        char text[64];
        int32_t ids[ROOM];
        struct m2c_error err;
        size_t count;
        for (size_t i = 0; i < sizeof text; ++i) {
            seed = seed * 1664525U + 1013904223U;
            text[i] = (char)(round % 2 ? seed >> 24 : (seed >> 24) & 0x7F);
        }
        enum m2c_status status =
            m2c_tokenizer_encode(forms.tokenizers[0], text, sizeof text, ids, ROOM, &count, &err);
        assert_true(status == M2C_OK || status == M2C_INVALID_REQUEST);
    }
    forms_close(&forms);
}

static void *encode_often(void *tokenizer)
{
    int32_t ids[64];
    struct m2c_error err;
    size_t count = 0;
    for (int i = 0; i < 500; ++i) {
        enum m2c_status status = m2c_tokenizer_encode(tokenizer, "A video of playing the drums", 28,
                                                      ids, 64, &count, &err);
        if (status != M2C_OK || ids[0] != 256 + 'a' - '!')
            return tokenizer;
    }
    return NULL;
}

static void many_threads_share_one_tokenizer(void **state)
{
    struct forms forms;
    pthread_t threads[4];
    (void)state;
    forms_open(&forms);
    for (size_t i = 0; i < 4; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, forms.tokenizers[0]), 0);
    for (size_t i = 0; i < 4; ++i) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    forms_close(&forms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clips_vocabulary_gives_the_golden_ids),
        cmocka_unit_test(clips_gzip_gives_the_golden_ids),
        cmocka_unit_test(clips_tokenizer_json_gives_the_golden_ids),
        cmocka_unit_test(ten_thousand_labels_take_under_100_ms),
        cmocka_unit_test(all_file_forms_agree),
        cmocka_unit_test(pieces_and_merges_are_as_in_clip),
        cmocka_unit_test(the_pattern_is_blind_to_case_as_in_python),
        cmocka_unit_test(a_text_that_is_too_long_names_its_length),
        cmocka_unit_test(hostile_texts_end_in_an_answer),
        cmocka_unit_test(random_bytes_end_in_an_answer),
        cmocka_unit_test(many_threads_share_one_tokenizer),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
