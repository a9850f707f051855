/* Each allocation of core/text fails in turn, once or from then on: the answer is M2C_NO_MEMORY,
 * and under AddressSanitizer nothing leaks. The linker wraps the three functions (CMakeLists.txt).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "text/tokenizer.h"
#include "text_folder.h"

static long allocations;
static long fail_at; /* 0: never */
static bool fail_on;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool fails(void)
{
    ++allocations;
    return fail_at > 0 && (fail_on ? allocations >= fail_at : allocations == fail_at);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

static void start_failing(long at, bool from_then_on)
{
    allocations = 0;
    fail_at = at;
    fail_on = from_then_on;
}

static void open_until_it_works(const struct m2c_tokenizer_files *files, bool from_then_on)
{
    struct m2c_tokenizer *tokenizer = NULL;
    struct m2c_error err;
    long at = 1;
    for (;; ++at) {
        start_failing(at, from_then_on);
        enum m2c_status status = m2c_tokenizer_open_files(files, &tokenizer, &err);
        fail_at = 0;
        if (status == M2C_OK)
            break;
        assert_int_equal(status, M2C_NO_MEMORY);
        assert_null(tokenizer);
    }
    assert_in_range(at, 5, 1000);
    m2c_tokenizer_free(&tokenizer);
}

static void opening_survives_each_failed_allocation(void **state)
{
    struct small_bpe bpe;
    (void)state;
    small_bpe_make(&bpe);
    const struct m2c_tokenizer_files files[] = {
        {.vocab_json = bpe.vocab_json,
         .vocab_json_bytes = strlen(bpe.vocab_json),
         .merges_txt = bpe.merges_txt,
         .merges_txt_bytes = strlen(bpe.merges_txt)},
        {.tokenizer_json = bpe.tokenizer_json_pairs,
         .tokenizer_json_bytes = strlen(bpe.tokenizer_json_pairs)},
        {.bpe_gzip = (const char *)bpe.gzip, .bpe_gzip_bytes = bpe.gzip_size},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
        open_until_it_works(&files[i], false);
        open_until_it_works(&files[i], true);
    }
    small_bpe_free(&bpe);
}

/* Needs every step of the clean-up, a long run of marks and a long word. */
static size_t make_text(char text[4096])
{
    size_t size = 0;
    static const char *const parts[] = {"&amp; ﬁ Ａ\u0301\u0316 ", "\u0301\u0316", "thea"};
    static const int times[] = {1, 40, 400};
    for (size_t p = 0; p < 3; ++p) {
        for (int i = 0; i < times[p]; ++i) {
            memcpy(text + size, parts[p], strlen(parts[p]));
            size += strlen(parts[p]);
        }
    }
    return size;
}

static void encoding_survives_each_failed_allocation(void **state)
{
    struct text_folder folder;
    struct m2c_tokenizer *tokenizer;
    struct m2c_error err;
    int vocabulary;
    static char text[4096];
    static int32_t ids[4096];
    size_t size = make_text(text);
    (void)state;
    text_folder_make(&folder);
    assert_int_equal(m2c_tokenizer_write_bytes(folder.path, &vocabulary, &err), M2C_OK);
    assert_int_equal(m2c_tokenizer_open(folder.path, &tokenizer, &err), M2C_OK);
    for (int from_then_on = 0; from_then_on < 2; ++from_then_on) {
        enum m2c_status status = M2C_NO_MEMORY;
        long at = 0;
        while (status != M2C_OK) {
            size_t count;
            start_failing(++at, from_then_on != 0);
            status = m2c_tokenizer_encode(tokenizer, text, size, ids, 4096, &count, &err);
            fail_at = 0;
            assert_true(status == M2C_OK || status == M2C_NO_MEMORY);
        }
        assert_in_range(at, 10, 1000);
    }
    m2c_tokenizer_free(&tokenizer);
    text_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_survives_each_failed_allocation),
        cmocka_unit_test(encoding_survives_each_failed_allocation),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
