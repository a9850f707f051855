#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
#include "kernels/attention.h"
#include "kernels/attention_plan.h"
#include "runtime/clock.h"

/* The kernels that one table level holds, and after them what m2c_attention_run takes for bf16. */
enum { BF16_VARIANT = M2C_CPU_AVX512 + 1, VARIANT_COUNT };

static const struct check_tolerance tolerances[VARIANT_COUNT] = {
    [M2C_CPU_C] = {3e-6, 0, "a score's rounding is its weight's; 577 products are added"},
    [M2C_CPU_AVX2] = {5e-6, 0, "sums of another order, fused; 2^x to 2e-7"},
    [M2C_CPU_AVX512] = {5e-6, 0, "sums of another order, fused; 2^x to 2e-7"},
    [BF16_VARIANT] = {6e-3, 0, "weights of values up to 3 are rounded to 2^-8 of themselves"},
};
/* Scores of several thousand: their last bit is 2^-12. */
static const struct check_tolerance large_tolerances[VARIANT_COUNT] = {
    [M2C_CPU_C] = {1e-2, 0, "2^-12 of a score is that much of its weight"},
    [M2C_CPU_AVX2] = {1e-2, 0, "2^-12 of a score is that much of its weight"},
    [M2C_CPU_AVX512] = {1e-2, 0, "2^-12 of a score is that much of its weight"},
    [BF16_VARIANT] = {2e-2, 0, "2^-12 of a score, and rounded weights"},
};
struct attention_case {
    struct m2c_attention attention; /* out apart */
    float *q, *k, *v;
    const char *values;
};

static const char *variant_name(int variant)
{
    return variant == BF16_VARIANT ? "attention in bf16" : "attention";
}

static bool variant_exists(int variant)
{
    if (variant == BF16_VARIANT)
        return m2c_cpu_has_bf16();
    return m2c_kernels_at((enum m2c_cpu_level)variant) != NULL;
}

static void run_variant(int variant, struct m2c_attention *attention, float *scratch)
{
    attention->bf16 = variant == BF16_VARIANT;
    if (attention->bf16)
        m2c_attention_run(attention, scratch);
    else
        m2c_kernels_at((enum m2c_cpu_level)variant)->attention(attention, scratch);
}

/* Rows of keys and values lie side by side, as a projection leaves them, with gaps. */
static struct attention_case case_new(size_t queries, size_t keys, size_t head_dim,
                                      enum check_values values)
{
    size_t ldq = head_dim + 3;
    size_t ldkv = 2 * head_dim + 5;
    struct attention_case c = {.values = check_values_name(values)};
    c.q = check_floats((queries - 1) * ldq + head_dim);
    c.k = check_floats((keys - 1) * ldkv + 2 * head_dim);
    c.v = c.k + head_dim;
    check_fill(c.q, queries, head_dim, ldq, values);
    check_fill(c.k, keys, head_dim, ldkv, values);
    check_fill(c.v, keys, head_dim, ldkv, CHECK_NORMAL);
    c.attention = (struct m2c_attention){.q = c.q,
                                         .ldq = ldq,
                                         .k = c.k,
                                         .v = c.v,
                                         .ldkv = ldkv,
                                         .ldo = head_dim + 1,
                                         .queries = queries,
                                         .keys = keys,
                                         .head_dim = head_dim};
    return c;
}

static double as_given(float x)
{
    return (double)x;
}

static double as_bf16(float x)
{
    uint16_t rounded;
    float value;
    m2c_kernels_at(M2C_CPU_C)->narrow_bf16(&rounded, &x, 1);
    m2c_kernels_at(M2C_CPU_C)->widen_bf16(&value, &rounded, 1);
    return (double)value;
}

/* One query in double, operands rounded as the variant does. factor: what keys are multiplied by
 * before they are rounded, so that a score is an exponent of 2. */
static void row_in_double(double *want, double *weights, const struct m2c_attention *a,
                          const float *q, double (*rounded)(float x))
{
    const float factor = (float)(M_LOG2E / sqrt((double)a->head_dim));
    const double unfold = rounded == as_bf16 ? 1.0 : M_LOG2E / sqrt((double)a->head_dim);
    double greatest = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < a->keys; i++) {
        const float *k = a->k + i * a->ldkv;
        weights[i] = 0;
        for (size_t d = 0; d < a->head_dim; d++)
            weights[i] += rounded(q[d]) * rounded(rounded == as_bf16 ? k[d] * factor : k[d]);
        weights[i] *= unfold;
        greatest = fmax(greatest, weights[i]);
    }
    for (size_t i = 0; i < a->keys; i++) {
        weights[i] = exp2(weights[i] - greatest);
        sum += weights[i];
    }
    for (size_t d = 0; d < a->head_dim; d++) {
        want[d] = 0;
        for (size_t i = 0; i < a->keys; i++)
            want[d] += weights[i] / sum * rounded(a->v[i * a->ldkv + d]);
    }
}

/* Rows too few for a tile are f32 whatever is asked for. */
static bool is_rounded(int variant, const struct m2c_attention *a)
{
    return variant == BF16_VARIANT && a->queries >= M2C_ATTENTION_TILE_ROWS;
}

static void in_double(double *want, const struct m2c_attention *a, int variant)
{
    double *weights = check_doubles(a->keys);
    double (*rounded)(float x) = is_rounded(variant, a) ? as_bf16 : as_given;
    for (size_t row = 0; row < a->queries; row++)
        row_in_double(want + row * a->head_dim, weights, a, a->q + row * a->ldq, rounded);
}

/* C against double, twins against C, bfloat16 against double with rounded operands. */
static void check_case(struct attention_case *c, const struct check_tolerance *allowed)
{
    struct m2c_attention *a = &c->attention;
    double *want = check_doubles(a->queries * a->head_dim);
    for (int variant = M2C_CPU_C; variant < VARIANT_COUNT; variant++) {
        if (!variant_exists(variant))
            continue;
        struct check_site site = {
            variant_name(variant), c->values,
            variant == BF16_VARIANT ? M2C_CPU_AVX512 : (enum m2c_cpu_level)variant, a->keys};
        float *out = check_floats((a->queries - 1) * a->ldo + a->head_dim);
        float *scratch = check_floats(m2c_attention_scratch(a->queries, a->keys, a->head_dim));
        if (variant == M2C_CPU_C || variant == BF16_VARIANT)
            in_double(want, a, variant);
        a->out = out;
        run_variant(variant, a, scratch);
        check_close(&site, out, a->ldo, want, a->queries, a->head_dim, &allowed[variant]);
        if (variant == M2C_CPU_C)
            check_adopt(want, out, a->ldo, a->queries, a->head_dim);
    }
    (void)check_release(NULL);
}

static void check_sizes_of(size_t queries, size_t keys, size_t head_dim)
{
    struct attention_case c = case_new(queries, keys, head_dim, CHECK_NORMAL);
    check_case(&c, tolerances);
}

/* Around the tiles of 6 rows and blocks of 24, the vectors and panels of 8 to 64 keys, and those of
 * real models: 7 x 7, 14 x 14, 16 x 16 and 24 x 24 patches and a class token. */
static const size_t lengths[] = {1,  2,  5,  6,  7,  8,  9,  11, 12, 13, 15, 16, 17,
                                 23, 24, 25, 29, 30, 31, 49, 50, 64, 65, 66, 96, 97};
enum { LENGTH_COUNT = sizeof lengths / sizeof lengths[0] };

static void attention_agrees_at_every_length(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t i = 0; i < LENGTH_COUNT; i++)
        for (size_t j = 0; j < LENGTH_COUNT; j++)
            check_sizes_of(lengths[i], lengths[j], 16);
}

static void attention_agrees_at_the_sizes_of_models(void **state)
{
    static const size_t tokens[] = {49, 50, 196, 197, 257, 577};
    (void)state;
    check_seed(2);
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++) {
        check_sizes_of(tokens[i], tokens[i], 64);
        check_sizes_of(1, tokens[i], 64);
        check_sizes_of(77, tokens[i] / 24, 64);
    }
    check_sizes_of(9, 4099, 64);
}

static void attention_agrees_at_every_head_dim(void **state)
{
    static const size_t dims[] = {1,  2,  3,  7,  8,  9,  15, 16, 17, 31,  32,  33,
                                  47, 48, 63, 64, 65, 79, 80, 81, 96, 127, 128, 129};
    (void)state;
    check_seed(3);
    for (size_t i = 0; i < sizeof dims / sizeof dims[0]; i++) {
        check_sizes_of(1, 21, dims[i]);
        check_sizes_of(7, 50, dims[i]);
        check_sizes_of(30, 17, dims[i]);
    }
}

/* e^3000 is no float: the greatest score has to come off first. */
static void large_scores_do_not_overflow(void **state)
{
    (void)state;
    check_seed(4);
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        struct attention_case c =
            case_new(lengths[i], lengths[LENGTH_COUNT - 1 - i], 64, CHECK_NORMAL);
        for (size_t row = 0; row < c.attention.queries; row++)
            for (size_t d = 0; d < 64; d++)
                c.q[row * c.attention.ldq + d] *= 1000.0F;
        c.values = "large";
        check_case(&c, large_tolerances);
    }
}

/* Values far beyond what a score's sum or a power of 2 can hold exactly still have shares. */
static void huge_scores_give_whole_shares(void **state)
{
    (void)state;
    for (int variant = M2C_CPU_C; variant < VARIANT_COUNT; variant++) {
        if (!variant_exists(variant))
            continue;
        struct attention_case c = case_new(7, 3, 1, CHECK_NORMAL);
        float out[7 * 2];
        float *scratch = check_floats(m2c_attention_scratch(7, 3, 1));
        for (size_t row = 0; row < 7; row++)
            c.q[row * c.attention.ldq] = 1e18F;
        for (size_t i = 0; i < 3; i++) {
            c.k[i * c.attention.ldkv] = i == 1 ? 2e18F : 1e18F;
            c.v[i * c.attention.ldkv] = (float)i;
        }
        c.attention.out = out;
        run_variant(variant, &c.attention, scratch);
        for (size_t row = 0; row < 7; row++)
            assert_true(fabsf(out[row * c.attention.ldo] - 1.0F) < 1e-6F);
        (void)check_release(NULL);
    }
}

/* Two keys, scores 0 and -x, values 0 and 1: the weight itself, down to where it is nothing. */
static void check_pair(size_t queries, float x)
{
    const struct check_tolerance f32 = {1e-37, 5e-7 + 1.5e-7 * (double)x,
                                        "2^x to 2e-7, and the score's last bit"};
    const struct check_tolerance bf16 = {2e-38, 4.1e-3,
                                         "rounded to 2^-8 of itself, subnormals to 0"};
    const struct check_tolerance allowed[VARIANT_COUNT] = {
        [M2C_CPU_C] = f32, [M2C_CPU_AVX2] = f32, [M2C_CPU_AVX512] = f32, [BF16_VARIANT] = bf16};
    struct attention_case c = case_new(queries, 2, 1, CHECK_NORMAL);
    for (size_t row = 0; row < queries; row++)
        c.q[row * c.attention.ldq] = 1.0F;
    c.k[0] = 0.0F;
    c.v[0] = 0.0F;
    c.k[c.attention.ldkv] = -x;
    c.v[c.attention.ldkv] = 1.0F;
    c.values = "a pair";
    check_case(&c, allowed);
}

static void weights_are_right_relative_to_themselves(void **state)
{
    (void)state;
    for (int step = 0; step < 1000; step++)
        check_pair(step % 2 ? M2C_ATTENTION_TILE_ROWS : 1, (float)step * 0.1F);
}

/* Equal values come out as they went in, however weights are rounded. */
static void shares_sum_to_one(void **state)
{
    static const struct check_tolerance close = {0, 1e-6, "the sum of the weights that were used"};
    (void)state;
    check_seed(5);
    for (size_t i = 0; i < LENGTH_COUNT; i++) {
        struct attention_case c = case_new(11, lengths[i], 20, CHECK_NORMAL);
        for (size_t row = 0; row < c.attention.keys; row++)
            for (size_t d = 0; d < 20; d++)
                c.v[row * c.attention.ldkv + d] = 0.75F;
        double *want = check_doubles(11 * (size_t)20);
        for (size_t d = 0; d < 11 * (size_t)20; d++)
            want[d] = 0.75;
        for (int variant = M2C_CPU_C; variant < VARIANT_COUNT; variant++) {
            if (!variant_exists(variant))
                continue;
            struct check_site site = {variant_name(variant), "equal", M2C_CPU_C, lengths[i]};
            c.attention.out = check_floats(10 * c.attention.ldo + 20);
            run_variant(variant, &c.attention,
                        check_floats(m2c_attention_scratch(11, lengths[i], 20)));
            check_close(&site, c.attention.out, c.attention.ldo, want, 11, 20, &close);
        }
        (void)check_release(NULL);
    }
}

static size_t count_nan(const float *x, size_t count)
{
    size_t nans = 0;
    for (size_t i = 0; i < count; i++)
        nans += isnan(x[i]) ? 1 : 0;
    return nans;
}

/* A NaN in a query is that row's, in a value that column's, in a key everybody's. */
static void nan_stays_where_it_belongs(void **state)
{
    enum { QUERIES = 31, KEYS = 21, DIM = 20 };
    (void)state;
    check_seed(6);
    for (int variant = M2C_CPU_C; variant < VARIANT_COUNT; variant++) {
        if (!variant_exists(variant))
            continue;
        struct attention_case c = case_new(QUERIES, KEYS, DIM, CHECK_NORMAL);
        float *scratch = check_floats(m2c_attention_scratch(QUERIES, KEYS, DIM));
        float out[QUERIES * DIM];
        c.attention.out = out;
        c.attention.ldo = DIM;
        float kept = c.q[26 * c.attention.ldq + 3];
        c.q[26 * c.attention.ldq + 3] = NAN;
        run_variant(variant, &c.attention, scratch);
        assert_int_equal(count_nan(out, QUERIES * DIM), DIM);
        assert_int_equal(count_nan(out + (size_t)26 * DIM, DIM), DIM);
        c.q[26 * c.attention.ldq + 3] = kept;
        kept = c.v[4 * c.attention.ldkv + 7];
        c.v[4 * c.attention.ldkv + 7] = NAN;
        run_variant(variant, &c.attention, scratch);
        assert_int_equal(count_nan(out, QUERIES * DIM), QUERIES);
        c.v[4 * c.attention.ldkv + 7] = kept;
        c.k[4 * c.attention.ldkv + 7] = NAN;
        run_variant(variant, &c.attention, scratch);
        assert_int_equal(count_nan(out, QUERIES * DIM), QUERIES * DIM);
        (void)check_release(NULL);
    }
}

/* Keys and values at pointers, in any order and more than once. */
static void gathered_rows_agree(void **state)
{
    static const size_t dims[] = {1, 7, 16, 63, 64, 80, 129};
    (void)state;
    check_seed(7);
    for (size_t i = 0; i < LENGTH_COUNT * 7; i++) {
        size_t keys = lengths[i % LENGTH_COUNT];
        size_t dim = dims[i % 7];
        struct attention_case c = case_new(1, keys, dim, CHECK_NORMAL);
        struct attention_case dense = case_new(1, keys, dim, CHECK_NORMAL);
        const float *rows[2][128];
        for (size_t key = 0; key < keys; key++) {
            size_t from = (key * 7 + 3) % keys;
            rows[0][key] = c.k + from * c.attention.ldkv;
            rows[1][key] = c.v + from * c.attention.ldkv;
            memcpy(dense.k + key * c.attention.ldkv, rows[0][key], dim * sizeof(float));
            memcpy(dense.v + key * c.attention.ldkv, rows[1][key], dim * sizeof(float));
        }
        double *want = check_doubles(dim);
        dense.attention.q = c.q;
        in_double(want, &dense.attention, M2C_CPU_C);
        for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
            const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
            if (!kernels)
                break;
            struct check_site site = {"attention_gather", "normal", kernels->level, keys};
            float *out = check_floats(dim);
            kernels->attention_gather(c.q, rows[0], rows[1], keys, dim, out, check_floats(keys));
            check_close(&site, out, dim, want, 1, dim, &tolerances[level]);
        }
        (void)check_release(NULL);
    }
}

/* bf16 is a permission. */
static void without_the_instruction_bf16_is_f32(void **state)
{
    struct m2c_error err;
    float *out[2];
    (void)state;
    check_seed(8);
    struct attention_case c = case_new(13, 37, 64, CHECK_NORMAL);
    float *scratch = check_floats(m2c_attention_scratch(13, 37, 64));
    assert_int_equal(m2c_cpu_cap_level("avx2", &err), M2C_OK);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        out[bf16] = check_floats(12 * c.attention.ldo + 64);
        c.attention.out = out[bf16];
        c.attention.bf16 = bf16 == 1;
        m2c_attention_run(&c.attention, scratch);
    }
    assert_int_equal(m2c_cpu_cap_level("avx512", &err), M2C_OK);
    assert_memory_equal(out[0], out[1], (12 * c.attention.ldo + 64) * sizeof(float));
}

static void scratch_serves_whatever_is_smaller(void **state)
{
    (void)state;
    size_t largest = m2c_attention_scratch(97, 97, 80);
    for (size_t i = 0; i < LENGTH_COUNT; i++)
        for (size_t j = 0; j < LENGTH_COUNT; j++)
            for (size_t dim = 1; dim <= 80; dim++)
                assert_true(m2c_attention_scratch(lengths[i], lengths[j], dim) <= largest);
}

/* One frame of ViT-B/16: 12 heads of 64 side by side, 197 tokens. */
enum { BENCH_TOKENS = 197, BENCH_HEADS = 12, BENCH_DIM = 64 };
enum { BENCH_WIDTH = BENCH_HEADS * BENCH_DIM };

struct bench_frame {
    float *qkv, *out, *scratch;
    size_t queries;
};

static void attend_frame(const struct bench_frame *frame, int variant)
{
    for (size_t head = 0; head < BENCH_HEADS; head++) {
        const float *q = frame->qkv + head * BENCH_DIM;
        struct m2c_attention attention = {.q = q,
                                          .ldq = (size_t)3 * BENCH_WIDTH,
                                          .k = q + BENCH_WIDTH,
                                          .v = q + (size_t)2 * BENCH_WIDTH,
                                          .ldkv = (size_t)3 * BENCH_WIDTH,
                                          .out = frame->out + head * BENCH_DIM,
                                          .ldo = BENCH_WIDTH,
                                          .queries = frame->queries,
                                          .keys = BENCH_TOKENS,
                                          .head_dim = BENCH_DIM};
        run_variant(variant, &attention, frame->scratch);
    }
}

/* Turn and turn about, so that a slow moment of the machine meets all of them. */
static void bench_variants(const struct bench_frame *frame)
{
    double best_ms[VARIANT_COUNT];
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        best_ms[variant] = INFINITY;
    for (int round = 0; round < 15; round++) {
        for (int variant = 0; variant < VARIANT_COUNT; variant++) {
            if (!variant_exists(variant))
                continue;
            double begin = m2c_clock_ms();
            attend_frame(frame, variant);
            best_ms[variant] = fmin(best_ms[variant], m2c_clock_ms() - begin);
        }
    }
    double flop = 4.0 * (double)frame->queries * BENCH_TOKENS * BENCH_WIDTH;
    for (int variant = 0; variant < VARIANT_COUNT; variant++)
        if (variant_exists(variant))
            printf("attention %zu x %d x %d  %-7s %8.1f us a head %8.1f GFLOP/s\n", frame->queries,
                   BENCH_TOKENS, BENCH_DIM,
                   variant == BF16_VARIANT ? "bf16"
                                           : m2c_cpu_level_name((enum m2c_cpu_level)variant),
                   best_ms[variant] * 1e3 / BENCH_HEADS, flop / best_ms[variant] * 1e-6);
}

static int bench(void)
{
    struct bench_frame frame = {
        .qkv = check_floats((size_t)BENCH_TOKENS * 3 * BENCH_WIDTH),
        .out = check_floats((size_t)BENCH_TOKENS * BENCH_WIDTH),
        .scratch = check_floats(m2c_attention_scratch(BENCH_TOKENS, BENCH_TOKENS, BENCH_DIM))};
    check_fill(frame.qkv, BENCH_TOKENS, (size_t)3 * BENCH_WIDTH, (size_t)3 * BENCH_WIDTH,
               CHECK_NORMAL);
    frame.queries = BENCH_TOKENS;
    bench_variants(&frame);
    frame.queries = 1;
    bench_variants(&frame);
    return check_release(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(attention_agrees_at_every_length, check_release),
        cmocka_unit_test_teardown(attention_agrees_at_the_sizes_of_models, check_release),
        cmocka_unit_test_teardown(attention_agrees_at_every_head_dim, check_release),
        cmocka_unit_test_teardown(large_scores_do_not_overflow, check_release),
        cmocka_unit_test_teardown(huge_scores_give_whole_shares, check_release),
        cmocka_unit_test_teardown(weights_are_right_relative_to_themselves, check_release),
        cmocka_unit_test_teardown(shares_sum_to_one, check_release),
        cmocka_unit_test_teardown(nan_stays_where_it_belongs, check_release),
        cmocka_unit_test_teardown(gathered_rows_agree, check_release),
        cmocka_unit_test_teardown(without_the_instruction_bf16_is_f32, check_release),
        cmocka_unit_test_teardown(scratch_serves_whatever_is_smaller, check_release),
    };
    if (check_wants_bench(argc, argv))
        return bench();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
