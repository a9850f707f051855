#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch_folder.h"
#include "train/text.h"
#include "train/word_mask.h"

enum { CONTEXT = 77 };

static char playing[] = "playing", guitar[] = "guitar", a_word[] = "a", piano[] = "piano";
static char *names[] = {playing, guitar, a_word, piano};
static const struct m2c_label_list words = {.names = names, .count = 4};

struct mask_case {
    struct scratch scratch;
    struct m2c_tokenizer *tokenizer;
    struct trn_word_masker masker;
    struct m2c_error err;
    int32_t ids[CONTEXT], targets[CONTEXT];
};

static int set_up(void **state)
{
    static struct mask_case test;
    int vocabulary;
    test = (struct mask_case){0};
    scratch_make(&test.scratch);
    assert_int_equal(m2c_tokenizer_write_bytes(test.scratch.dir, &vocabulary, &test.err), M2C_OK);
    assert_int_equal(m2c_tokenizer_open(test.scratch.dir, &test.tokenizer, &test.err), M2C_OK);
    test.masker = (struct trn_word_masker){
        .tokenizer = test.tokenizer, .words = &words, .context = CONTEXT, .share = 0.5};
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct mask_case *test = *state;
    m2c_tokenizer_free(&test->tokenizer);
    scratch_remove(&test->scratch);
    return 0;
}

static void mask(struct mask_case *test, const char *text, uint64_t seed)
{
    for (size_t i = 0; i < CONTEXT; i++)
        test->ids[i] = test->targets[i] = 12345;
    assert_int_equal(
        trn_mask_words(&test->masker, text, seed, test->ids, test->targets, &test->err), M2C_OK);
}

/* The ids that a text has between start and end token. */
static size_t check_text(const struct mask_case *test, const char *text)
{
    struct m2c_error err;
    int32_t expected[CONTEXT];
    size_t count;
    assert_int_equal(
        m2c_tokenizer_encode(test->tokenizer, text, strlen(text), expected, CONTEXT, &count, &err),
        M2C_OK);
    assert_int_equal(test->ids[0], m2c_tokenizer_start_id(test->tokenizer));
    assert_memory_equal(test->ids + 1, expected, count * sizeof *expected);
    assert_int_equal(test->ids[count + 1], m2c_tokenizer_end_id(test->tokenizer));
    for (size_t i = count + 2; i < CONTEXT; i++)
        assert_int_equal(test->ids[i], 0);
    return count;
}

static size_t tokens_of(const struct mask_case *test, const char *text)
{
    struct m2c_error err;
    int32_t ids[CONTEXT];
    size_t count;
    assert_int_equal(
        m2c_tokenizer_encode(test->tokenizer, text, strlen(text), ids, CONTEXT, &count, &err),
        M2C_OK);
    return count;
}

static size_t count_targets(const struct mask_case *test)
{
    size_t count = 0;
    for (size_t i = 0; i < CONTEXT; i++)
        count += test->targets[i] != TRN_NO_TARGET;
    return count;
}

static void the_word_that_can_be_masked_is(void **state)
{
    struct mask_case *test = *state;
    mask(test, "someone is (Guitar)! well", 1);
    (void)check_text(test, "someone is (mask)! well");
    assert_int_equal(count_targets(test), 1);
    assert_int_equal(test->targets[1 + tokens_of(test, "someone is (")], 1);
}

static void a_share_of_the_words_is_masked_as_the_seed_says(void **state)
{
    struct mask_case *test = *state;
    int32_t first[CONTEXT];
    size_t differ = 0;
    mask(test, "a playing guitar piano", 9);
    assert_int_equal(count_targets(test), 2);
    memcpy(first, test->targets, sizeof first);
    mask(test, "a playing guitar piano", 9);
    assert_memory_equal(first, test->targets, sizeof first);
    for (uint64_t seed = 0; seed < 20; seed++) {
        mask(test, "a playing guitar piano", seed);
        assert_int_equal(count_targets(test), 2);
        differ += memcmp(first, test->targets, sizeof first) != 0;
    }
    assert_true(differ > 5);
    test->masker.share = 1.0;
    mask(test, "a playing guitar piano", 9);
    (void)check_text(test, "mask mask mask mask");
    assert_int_equal(count_targets(test), 4);
}

static void nothing_is_masked_where_nothing_can_or_shall_be(void **state)
{
    struct mask_case *test = *state;
    mask(test, "someone  runs", 1);
    (void)check_text(test, "someone runs");
    assert_int_equal(count_targets(test), 0);
    mask(test, "", 1);
    assert_int_equal(count_targets(test), 0);
    test->masker.share = 0;
    mask(test, "a guitar", 1);
    (void)check_text(test, "a guitar");
    assert_int_equal(count_targets(test), 0);
}

static void a_text_that_is_too_long_loses_its_end(void **state)
{
    struct mask_case *test = *state;
    char text[400];
    memset(text, 'x', sizeof text);
    (void)snprintf(text, sizeof text, "guitar ");
    text[strlen(text)] = 'x';
    (void)snprintf(text + 300, sizeof text - 300, " piano");
    test->masker.share = 1.0;
    mask(test, text, 1);
    assert_int_equal(test->ids[CONTEXT - 1], m2c_tokenizer_end_id(test->tokenizer));
    assert_int_equal(count_targets(test), 1);
    assert_int_equal(test->targets[1], 1);
}

static void a_text_that_is_no_text_is_refused(void **state)
{
    struct mask_case *test = *state;
    assert_int_equal(
        trn_mask_words(&test->masker, "a \xff guitar", 1, test->ids, test->targets, &test->err),
        M2C_INVALID_REQUEST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_word_that_can_be_masked_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_share_of_the_words_is_masked_as_the_seed_says, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_masked_where_nothing_can_or_shall_be, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_text_that_is_too_long_loses_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_text_that_is_no_text_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
