#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "differences.h"
#include "train/attention.h"

enum { HEADS = 2, DIM = 5, WIDTH = HEADS * DIM };

struct attention_case {
    struct m2c_team *team;
    struct trn_attention attention;
    size_t queries, keys, stride;
    float *q, *kv, *o, *weights, *dq, *dkv, *scratch;
};

static void open_case(struct attention_case *test, size_t longest_query, size_t longest_key)
{
    struct m2c_error err;
    size_t sequences = test->attention.sequences;
    assert_int_equal(m2c_team_new(2, &test->team, &err), M2C_OK);
    test->queries = test->attention.query_starts[sequences];
    test->keys = test->attention.key_starts[sequences];
    test->q = random_floats(test->queries * WIDTH, 1);
    test->kv = random_floats(test->keys * 2 * WIDTH, 2);
    test->o = random_floats(test->queries * WIDTH, 3);
    test->weights = random_floats(test->queries * WIDTH, 4);
    test->dq = random_floats(test->queries * WIDTH, 5);
    test->dkv = random_floats(test->keys * 2 * WIDTH, 6);
    test->stride = trn_attention_scratch(longest_query, longest_key, DIM);
    test->scratch = malloc(2 * test->stride * sizeof *test->scratch);
    assert_non_null(test->scratch);
    test->attention.heads = HEADS;
    test->attention.head_dim = DIM;
    test->attention.q = test->q;
    test->attention.kv = test->kv;
}

static void close_case(struct attention_case *test)
{
    m2c_team_free(&test->team);
    free(test->q);
    free(test->kv);
    free(test->o);
    free(test->weights);
    free(test->dq);
    free(test->dkv);
    free(test->scratch);
}

static double loss(void *context)
{
    struct attention_case *test = context;
    trn_attention_forward(test->team, &test->attention, test->o, test->scratch, test->stride);
    return weighted_sum(test->o, test->weights, test->queries * WIDTH);
}

static void check_case(struct attention_case *test)
{
    trn_attention_backward(test->team, &test->attention, test->weights, test->dq, test->dkv,
                           test->scratch, test->stride);
    check_differences("q", loss, test, test->q, test->dq, test->queries * WIDTH, 2e-3);
    check_differences("kv", loss, test, test->kv, test->dkv, test->keys * 2 * WIDTH, 2e-3);
}

static void every_row_attends_to_its_sequence(void **state)
{
    static const size_t starts[] = {0, 4, 11, 12};
    struct attention_case test = {
        .attention = {.sequences = 3, .query_starts = starts, .key_starts = starts}};
    (void)state;
    open_case(&test, 7, 7);
    check_case(&test);
    close_case(&test);
}

static void a_text_row_sees_what_stands_before_it(void **state)
{
    static const size_t starts[] = {0, 3, 8};
    static const size_t visible[] = {1, 2, 3, 1, 2, 3, 4, 5};
    struct attention_case test = {
        .attention = {
            .sequences = 2, .query_starts = starts, .key_starts = starts, .visible = visible}};
    (void)state;
    open_case(&test, 5, 5);
    check_case(&test);
    (void)loss(&test);
    float before = test.o[3 * WIDTH];
    test.kv[(3 + 1) * 2 * WIDTH] += 3.0F; /* the key behind the row of place 0 */
    (void)loss(&test);
    assert_true(test.o[3 * WIDTH] == before);
    close_case(&test);
}

static void few_queries_attend_to_many_keys_and_none_leave_zeros(void **state)
{
    static const size_t query_starts[] = {0, 2, 2, 3}, key_starts[] = {0, 6, 12, 18};
    struct attention_case test = {
        .attention = {.sequences = 3, .query_starts = query_starts, .key_starts = key_starts}};
    (void)state;
    open_case(&test, 2, 6);
    check_case(&test);
    for (size_t i = 6 * 2 * WIDTH; i < 12 * 2 * WIDTH; i++)
        assert_true(test.dkv[i] == 0.0F);
    close_case(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_attends_to_its_sequence),
        cmocka_unit_test(a_text_row_sees_what_stands_before_it),
        cmocka_unit_test(few_queries_attend_to_many_keys_and_none_leave_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
