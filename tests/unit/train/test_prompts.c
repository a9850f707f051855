/* Texts of a run: labels under the first template, clips under any of them, words from labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch_folder.h"
#include "train/prompts.h"
#include "train/text.h"

enum { CONTEXT = 77, TEMPLATES = 2, APART = 8 };

static char opening[] = "Opening a door", closing[] = "closing  the (Door)!";
static char *label_names[] = {opening, closing};
static const struct m2c_label_list labels = {.names = label_names, .count = 2};
static char long_template[] = "A video of {} now", bare_template[] = "{}";
static char *template_texts[] = {long_template, bare_template};
static const struct m2c_text_list templates = {.texts = template_texts, .count = TEMPLATES};

struct prompts_case {
    struct scratch scratch;
    struct m2c_tokenizer *tokenizer;
    struct m2c_label_list words;
    struct trn_prompts prompts;
    struct m2c_error err;
};

static int set_up(void **state)
{
    static struct prompts_case test;
    int vocabulary;
    test = (struct prompts_case){0};
    scratch_make(&test.scratch);
    assert_int_equal(m2c_tokenizer_write_bytes(test.scratch.dir, &vocabulary, &test.err), M2C_OK);
    assert_int_equal(m2c_tokenizer_open(test.scratch.dir, &test.tokenizer, &test.err), M2C_OK);
    assert_int_equal(trn_prompts_words(&labels, &test.words, &test.err), M2C_OK);
    const struct trn_word_masker masker = {
        .tokenizer = test.tokenizer, .words = &test.words, .context = CONTEXT, .share = 0.4};
    assert_int_equal(trn_prompts_init(&test.prompts, &labels, &templates, &masker, &test.err),
                     M2C_OK);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct prompts_case *test = *state;
    trn_prompts_destroy(&test->prompts);
    m2c_label_list_destroy(&test->words);
    m2c_tokenizer_free(&test->tokenizer);
    scratch_remove(&test->scratch);
    return 0;
}

static void words_of_labels_are_listed_once(void **state)
{
    static const char *const expected[] = {"opening", "a", "door", "closing", "the"};
    struct prompts_case *test = *state;
    assert_int_equal(test->words.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < test->words.count; i++)
        assert_string_equal(test->words.names[i], expected[i]);
}

static void labels_without_a_word_give_no_list(void **state)
{
    struct prompts_case *test = *state;
    char dashes[] = " -- ";
    char *names[] = {dashes};
    const struct m2c_label_list none = {.names = names, .count = 1};
    struct m2c_label_list words;
    assert_int_equal(trn_prompts_words(&none, &words, &test->err), M2C_OK);
    assert_int_equal(words.count, 0);
}

static void assert_text(struct prompts_case *test, const int32_t *ids, const char *text)
{
    int32_t expected[CONTEXT] = {0};
    size_t count = 0;
    expected[0] = m2c_tokenizer_start_id(test->tokenizer);
    assert_int_equal(m2c_tokenizer_encode(test->tokenizer, text, strlen(text), expected + 1,
                                          CONTEXT - 2, &count, &test->err),
                     M2C_OK);
    expected[count + 1] = m2c_tokenizer_end_id(test->tokenizer);
    assert_memory_equal(ids, expected, sizeof expected);
}

static void labels_stand_whole_in_the_first_template(void **state)
{
    struct prompts_case *test = *state;
    assert_text(test, test->prompts.label_tokens, "A video of Opening a door now");
    assert_text(test, test->prompts.label_tokens + CONTEXT, "A video of closing  the (Door)! now");
}

static void clips_meet_every_template_and_lose_words(void **state)
{
    struct prompts_case *test = *state;
    int32_t ids[CONTEXT], targets[CONTEXT], again[CONTEXT];
    size_t shortest = CONTEXT, longest = 0;
    for (uint64_t seed = 0; seed < 32; seed++) {
        size_t masked = 0, end = 0;
        assert_int_equal(trn_prompts_clip(&test->prompts, 0, seed, ids, targets, &test->err),
                         M2C_OK);
        for (size_t i = 0; i < CONTEXT; i++)
            masked += targets[i] != TRN_NO_TARGET;
        while (ids[end] != m2c_tokenizer_end_id(test->tokenizer))
            end++;
        assert_true(masked > 0);
        shortest = end < shortest ? end : shortest;
        longest = end > longest ? end : longest;
        assert_int_equal(trn_prompts_clip(&test->prompts, 0, seed, again, targets, &test->err),
                         M2C_OK);
        assert_memory_equal(ids, again, sizeof ids);
    }
    assert_true(longest > shortest + APART);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_labels_are_listed_once),
        cmocka_unit_test(labels_without_a_word_give_no_list),
        cmocka_unit_test(labels_stand_whole_in_the_first_template),
        cmocka_unit_test(clips_meet_every_template_and_lose_words),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
