/* Segments by hand, and against a plain reading of the rules over random scores. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "segmenter.h"

enum { MAX_VOTES = 120, MAX_LABELS = 5, MAX_SEGMENTS = MAX_VOTES * MAX_LABELS };

struct score_table {
    size_t votes, labels;
    double begin_s[MAX_VOTES], end_s;
    struct m2c_prediction scores[MAX_VOTES][MAX_LABELS];
};

struct list {
    struct m2c_segment items[MAX_SEGMENTS];
    size_t count;
};

static void append(void *context, const struct m2c_segment *segment)
{
    struct list *list = context;
    assert_true(list->count < MAX_SEGMENTS);
    list->items[list->count++] = *segment;
}

static double peak_of(const struct score_table *table, size_t vote)
{
    return table->begin_s[vote] + 0.25;
}

static void sort(struct list *list)
{
    qsort(list->items, list->count, sizeof *list->items, m2c_segment_compare);
}

static void run(const struct m2c_segment_rules *rules, const struct score_table *table,
                struct list *list)
{
    struct m2c_segmenter *segmenter;
    struct m2c_error err;
    list->count = 0;
    assert_int_equal(m2c_segmenter_new(rules, table->labels, &segmenter, &err), M2C_OK);
    for (size_t v = 0; v < table->votes; v++) {
        const struct m2c_vote vote = {table->begin_s[v], peak_of(table, v), table->scores[v]};
        size_t before = list->count;
        m2c_segmenter_vote(segmenter, &vote, append, list);
        for (size_t i = before; i < list->count; i++) /* nothing is given before its time */
            assert_true(list->items[i].end_s + rules->merge_gap_s < vote.begin_s);
    }
    m2c_segmenter_finish(segmenter, table->end_s, append, list);
    m2c_segmenter_free(&segmenter);
    assert_null(segmenter);
    sort(list);
}

/* The rules as they are written, over one label at a time with everything at hand. */
static void read_plainly(const struct m2c_segment_rules *rules, const struct score_table *table,
                         struct list *list)
{
    list->count = 0;
    for (size_t n = 0; n < table->labels; n++) {
        struct m2c_segment runs[MAX_VOTES];
        size_t count = 0;
        for (size_t v = 0; v < table->votes;) {
            if ((double)table->scores[v][n].score < rules->threshold) {
                v++;
                continue;
            }
            struct m2c_segment segment = {.start_s = table->begin_s[v], .index = n, .score = -1};
            for (; v < table->votes && !((double)table->scores[v][n].score < rules->threshold_end);
                 v++) {
                if (table->scores[v][n].score <= segment.score)
                    continue;
                segment.score = table->scores[v][n].score;
                segment.similarity = table->scores[v][n].similarity;
                segment.peak_s = peak_of(table, v);
            }
            segment.end_s = v < table->votes ? table->begin_s[v] : table->end_s;
            struct m2c_segment *last = count ? &runs[count - 1] : NULL;
            if (!last || segment.start_s - last->end_s > rules->merge_gap_s) {
                runs[count++] = segment;
                continue;
            }
            last->end_s = segment.end_s;
            if (segment.score > last->score) {
                last->score = segment.score;
                last->similarity = segment.similarity;
                last->peak_s = segment.peak_s;
            }
        }
        for (size_t i = 0; i < count; i++)
            if (runs[i].end_s - runs[i].start_s >= rules->min_segment_s)
                append(list, &runs[i]);
    }
    sort(list);
}

static double random_share(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(*seed >> 8) / (double)(1u << 24);
}

static void fill(struct score_table *table, unsigned *seed)
{
    double now_s = random_share(seed) * 3;
    table->votes = 1 + (size_t)(random_share(seed) * (MAX_VOTES - 1));
    table->labels = 1 + (size_t)(random_share(seed) * (MAX_LABELS - 1));
    for (size_t v = 0; v < table->votes; v++) {
        table->begin_s[v] = now_s;
        now_s += random_share(seed) < 0.9 ? 0.5 : 0.5 + 4 * random_share(seed);
        for (size_t n = 0; n < table->labels; n++) {
            /* few values, so that thresholds are met exactly and peaks tie */
            float score = (float)((int)(random_share(seed) * 9) * 0.125);
            table->scores[v][n] = (struct m2c_prediction){n, score, (float)(v * MAX_LABELS + n)};
        }
    }
    table->end_s = now_s;
}

static void check_order(const struct score_table *table, const struct m2c_segment_rules *rules,
                        const struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct m2c_segment *a = &list->items[i];
        assert_true(a->start_s >= table->begin_s[0] && a->end_s <= table->end_s);
        assert_true(a->end_s > a->start_s && a->end_s - a->start_s >= rules->min_segment_s);
        assert_true(a->peak_s >= a->start_s && a->peak_s <= a->end_s);
        assert_true((double)a->score >= rules->threshold);
        for (size_t j = i + 1; j < list->count; j++) {
            const struct m2c_segment *b = &list->items[j];
            assert_true(b->start_s >= a->start_s);
            assert_true(a->index != b->index || b->start_s - a->end_s > rules->merge_gap_s);
        }
    }
}

static struct score_table given;
static struct list found;

static void random_scores_give_what_the_rules_say(void **state)
{
    (void)state;
    static struct list streamed, plain;
    unsigned seed = 20240607;
    size_t total = 0;
    for (int round = 0; round < 3000; round++) {
        fill(&given, &seed);
        struct m2c_segment_rules rules = {.threshold = (int)(random_share(&seed) * 9) * 0.125,
                                          .min_segment_s = (int)(random_share(&seed) * 5) * 0.5,
                                          .merge_gap_s = (int)(random_share(&seed) * 5) * 0.5};
        rules.threshold_end = rules.threshold * random_share(&seed);
        run(&rules, &given, &streamed);
        read_plainly(&rules, &given, &plain);
        assert_int_equal(streamed.count, plain.count);
        assert_memory_equal(streamed.items, plain.items, plain.count * sizeof *plain.items);
        check_order(&given, &rules, &streamed);
        total += plain.count;
    }
    assert_true(total > 10000);
}

static const struct m2c_segment_rules defaults = {0.5, 0.3, 1.0, 1.0};

static void one_label(const float *scores, size_t count, double hop_s)
{
    given.votes = count;
    given.labels = 1;
    given.end_s = (double)count * hop_s;
    for (size_t v = 0; v < count; v++) {
        given.begin_s[v] = (double)v * hop_s;
        given.scores[v][0] = (struct m2c_prediction){0, scores[v], -scores[v]};
    }
}

static void a_segment_holds_on_until_the_lower_threshold(void **state)
{
    (void)state;
    const float scores[] = {0.4F, 0.5F, 0.31F, 0.9F, 0.35F, 0.29F, 0.49F};
    one_label(scores, 7, 2.0);
    run(&defaults, &given, &found);
    assert_int_equal(found.count, 1);
    assert_true(found.items[0].start_s == 2.0 && found.items[0].end_s == 10.0);
    assert_true(found.items[0].peak_s == 6.25);
    assert_float_equal(found.items[0].score, 0.9F, 0);
    assert_float_equal(found.items[0].similarity, -0.9F, 0);
}

static void a_short_gap_is_closed_and_a_short_segment_dropped(void **state)
{
    (void)state;
    const float gap[] = {0.9F, 0.1F, 0.1F, 0.8F, 0.1F, 0.1F, 0.1F, 0.8F};
    one_label(gap, 8, 0.5);
    run(&defaults, &given, &found); /* 0..0.5 and 1.5..2 become one; 3.5..4 is too short */
    assert_int_equal(found.count, 1);
    assert_true(found.items[0].start_s == 0.0 && found.items[0].end_s == 2.0);
}

static void what_is_open_ends_with_the_video(void **state)
{
    (void)state;
    const float scores[] = {0.1F, 0.9F};
    one_label(scores, 2, 2.0);
    given.end_s = 3.5;
    run(&defaults, &given, &found);
    assert_int_equal(found.count, 1);
    assert_true(found.items[0].start_s == 2.0 && found.items[0].end_s == 3.5);
}

static void a_segmenter_starts_anew_after_its_end(void **state)
{
    (void)state;
    struct m2c_segmenter *segmenter;
    struct m2c_error err;
    found.count = 0;
    const struct m2c_prediction high = {0, 0.9F, 0};
    const struct m2c_vote vote = {0, 1, &high};
    assert_int_equal(m2c_segmenter_new(&defaults, 1, &segmenter, &err), M2C_OK);
    for (size_t i = 1; i <= 2; i++) {
        m2c_segmenter_vote(segmenter, &vote, append, &found);
        m2c_segmenter_finish(segmenter, 4, append, &found);
        assert_int_equal(found.count, i);
    }
    m2c_segmenter_finish(segmenter, 4, append, &found);
    assert_int_equal(found.count, 2);
    m2c_segmenter_free(&segmenter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_scores_give_what_the_rules_say),
        cmocka_unit_test(a_segment_holds_on_until_the_lower_threshold),
        cmocka_unit_test(a_short_gap_is_closed_and_a_short_segment_dropped),
        cmocka_unit_test(what_is_open_ends_with_the_video),
        cmocka_unit_test(a_segmenter_starts_anew_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
