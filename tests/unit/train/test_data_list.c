#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scratch_folder.h"
#include "train/data_list.h"

static char run[] = "run", jump[] = "jump, high", spin[] = "spin", seven[] = "7";
static char *names[] = {run, jump, spin, seven};
static const struct m2c_label_list labels = {.names = names, .count = 4};

struct list_case {
    struct scratch scratch;
    struct trn_data_list list;
    struct m2c_error err;
    char said[512]; /* what was reported, line by line */
};

static void note(void *argument, size_t line, const char *what)
{
    struct list_case *test = argument;
    size_t used = strlen(test->said);
    (void)snprintf(test->said + used, sizeof test->said - used, "%zu: %s\n", line, what);
}

static enum m2c_status read_text(struct list_case *test, const char *text, bool skip_bad)
{
    scratch_put_text(&test->scratch, "list.txt", text);
    const struct trn_data_source source = {.path = scratch_path(&test->scratch, "list.txt"),
                                           .labels = &labels,
                                           .skip_bad = skip_bad,
                                           .report = note,
                                           .argument = test};
    trn_data_list_destroy(&test->list);
    test->said[0] = '\0';
    return trn_data_list_read(&source, &test->list, &test->err);
}

static int set_up(void **state)
{
    static struct list_case test;
    test = (struct list_case){0};
    scratch_make(&test.scratch);
    *state = &test;
    return 0;
}

static int tear_down(void **state)
{
    struct list_case *test = *state;
    trn_data_list_destroy(&test->list);
    scratch_remove(&test->scratch);
    return 0;
}

static void check_item(const struct list_case *test, size_t index, const char *path, size_t label)
{
    const struct trn_item *item = &test->list.items[index];
    size_t length = strlen(item->path), end = strlen(path);
    assert_true(length >= end);
    assert_string_equal(item->path + length - end, path);
    assert_int_equal(item->label, label);
}

static void csv_columns_stand_in_any_order(void **state)
{
    struct list_case *test = *state;
    assert_int_equal(read_text(test,
                               "\xef\xbb\xbflabel,path,split,end_s,start_s\r\n"
                               "spin,a b.mp4,val,2.5,1\r\n"
                               "\"jump, high\",\"/x/\"\"q\"\".mp4\",,,\r\n"
                               "\n"
                               "7,c.mp4,train,,\n"
                               "2,d.mp4,test,,0.25",
                               false),
                     M2C_OK);
    assert_int_equal(test->list.count, 4);
    check_item(test, 0, "/a b.mp4", 2);
    assert_memory_equal(test->list.items[0].path, test->scratch.dir, strlen(test->scratch.dir));
    assert_true(test->list.items[0].start_s == 1 && test->list.items[0].end_s == 2.5);
    assert_int_equal(test->list.items[0].part, TRN_PART_VALIDATION);
    assert_string_equal(test->list.items[1].path, "/x/\"q\".mp4");
    check_item(test, 2, "c.mp4", 3); /* a name that is a number is a name first */
    check_item(test, 3, "d.mp4", 2);
    assert_int_equal(test->list.items[3].part, TRN_PART_TEST);
    assert_int_equal(test->list.items[3].line, 6);
}

static void bad_lines_are_errors_with_their_number(void **state)
{
    static const char *const lines[] = {
        "a.mp4,walk,,,",    "a.mp4,4,,,",      "a.mp4,-1,,,",     "a.mp4,run,2,1,",
        "a.mp4,run,x,,",    "a.mp4,run,,nan,", "a.mp4,run,,,dev", "a.mp4,run",
        "\"a.mp4,run,,,",   ",run,,,",         "\"a\"b,run,,,",   "a.mp4,99999999999999999999,,,",
        "a.mp4,run,,-1e9,",
    };
    struct list_case *test = *state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, "path,label,start_s,end_s,split\nok.mp4,run,,,\n%s\n",
                       lines[i]);
        assert_int_equal(read_text(test, text, false), M2C_INVALID_REQUEST);
        assert_string_equal(test->err.field, "data");
        assert_non_null(strstr(test->err.detail, "line 3: "));
        assert_int_equal(read_text(test, text, true), M2C_OK);
        assert_int_equal(test->list.count, 1);
        assert_int_equal(test->list.skipped, 1);
        assert_memory_equal(test->said, "3: ", 3);
    }
}

static void an_unknown_or_doubled_column_is_refused(void **state)
{
    struct list_case *test = *state;
    assert_int_equal(read_text(test, "path,label,weight\na,run,1\n", true), M2C_INVALID_REQUEST);
    assert_int_equal(read_text(test, "path,label,path\na,run,b\n", true), M2C_INVALID_REQUEST);
}

static void the_authors_lines_end_with_the_id(void **state)
{
    struct list_case *test = *state;
    assert_int_equal(read_text(test,
                               "run/a.mp4 0\n"
                               "my videos/b c.mp4 120 3\n"
                               "d.mp4,2\r\n"
                               "/e.mp4\t33\t1 \n"
                               "12 1\n",
                               false),
                     M2C_OK);
    assert_int_equal(test->list.count, 5);
    check_item(test, 0, "/run/a.mp4", 0);
    check_item(test, 1, "/my videos/b c.mp4", 3);
    check_item(test, 2, "/d.mp4", 2);
    assert_string_equal(test->list.items[3].path, "/e.mp4");
    check_item(test, 4, "/12", 1);
    assert_int_equal(read_text(test, "a.mp4 0\nb.mp4 4\n", false), M2C_INVALID_REQUEST);
    assert_non_null(strstr(test->err.detail, "line 2"));
    assert_int_equal(read_text(test, "a.mp4 0\nb.mp4\n , \nc.mp4 run\n", true), M2C_OK);
    assert_int_equal(test->list.skipped, 3);
}

static void a_list_without_a_video_is_refused(void **state)
{
    struct list_case *test = *state;
    assert_int_equal(read_text(test, "", false), M2C_INVALID_REQUEST);
    assert_int_equal(read_text(test, "path,label\n", false), M2C_INVALID_REQUEST);
    assert_int_equal(read_text(test, "path,label\nx,nobody\n", true), M2C_INVALID_REQUEST);
}

static void put_video(struct list_case *test, const char *name)
{
    scratch_put_text(&test->scratch, name, "x");
}

static void a_folder_a_class_names_the_labels(void **state)
{
    struct list_case *test = *state;
    scratch_subfolder(&test->scratch, "data");
    scratch_subfolder(&test->scratch, "data/spin");
    scratch_subfolder(&test->scratch, "data/run");
    scratch_subfolder(&test->scratch, "data/run/deep");
    scratch_subfolder(&test->scratch, "data/.hidden");
    put_video(test, "data/spin/2.MP4");
    put_video(test, "data/spin/1.webm");
    put_video(test, "data/run/deep/3.avi");
    put_video(test, "data/run/notes.txt");
    put_video(test, "data/run/.4.mp4");
    put_video(test, "data/.hidden/5.mp4");
    put_video(test, "data/6.mp4");
    struct trn_data_source source = {.path = scratch_path(&test->scratch, "data")};
    assert_int_equal(trn_data_list_read(&source, &test->list, &test->err), M2C_OK);
    assert_int_equal(test->list.count, 3);
    assert_int_equal(test->list.labels.count, 2);
    assert_string_equal(test->list.labels.names[0], "run");
    check_item(test, 0, "data/run/deep/3.avi", 0);
    check_item(test, 1, "data/spin/1.webm", 1);
    check_item(test, 2, "data/spin/2.MP4", 1);
    trn_data_list_destroy(&test->list);
    source.labels = &labels;
    assert_int_equal(trn_data_list_read(&source, &test->list, &test->err), M2C_OK);
    check_item(test, 2, "data/spin/2.MP4", 2);
    trn_data_list_destroy(&test->list);
    scratch_subfolder(&test->scratch, "data/walk");
    put_video(test, "data/walk/1.mp4");
    assert_int_equal(trn_data_list_read(&source, &test->list, &test->err), M2C_INVALID_REQUEST);
    assert_non_null(strstr(test->err.detail, "walk"));
}

static void make_list(struct list_case *test, size_t count)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    (void)fprintf(stream, "path,label,split\n");
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stream, "%zu.mp4,%zu,%s\n", i, i % 3, i % 10 == 9 ? "train" : "");
    (void)fprintf(stream, "single.mp4,3,\n");
    assert_int_equal(fclose(stream), 0);
    assert_int_equal(read_text(test, text, false), M2C_OK);
    free(text);
}

static size_t count_part(const struct list_case *test, size_t label, enum trn_part part)
{
    size_t count = 0;
    for (size_t i = 0; i < test->list.count; i++)
        count += test->list.items[i].label == label && test->list.items[i].part == part;
    return count;
}

static void a_split_takes_its_share_of_every_label(void **state)
{
    struct list_case *test = *state;
    make_list(test, 90);
    assert_int_equal(trn_data_list_split(&test->list, 0.2, 5, &test->err), M2C_OK);
    for (size_t label = 0; label < 3; label++)
        assert_in_range(count_part(test, label, TRN_PART_VALIDATION), 5, 6);
    assert_int_equal(count_part(test, 3, TRN_PART_VALIDATION), 0); /* its only video trains */
    assert_int_equal(trn_data_list_part(&test->list, TRN_PART_UNSAID), 0);
    for (size_t i = 9; i < 90; i += 10)
        assert_int_equal(test->list.items[i].part, TRN_PART_TRAIN);
}

static void a_split_depends_on_its_seed_alone(void **state)
{
    struct list_case *test = *state;
    enum trn_part first[91];
    size_t changed = 0;
    make_list(test, 90);
    assert_int_equal(trn_data_list_split(&test->list, 0.3, 1, &test->err), M2C_OK);
    for (size_t i = 0; i < 91; i++)
        first[i] = test->list.items[i].part;
    make_list(test, 90);
    assert_int_equal(trn_data_list_split(&test->list, 0.3, 1, &test->err), M2C_OK);
    for (size_t i = 0; i < 91; i++)
        assert_int_equal(test->list.items[i].part, first[i]);
    make_list(test, 90);
    assert_int_equal(trn_data_list_split(&test->list, 0.3, 2, &test->err), M2C_OK);
    for (size_t i = 0; i < 91; i++)
        changed += test->list.items[i].part != first[i];
    assert_true(changed > 10);
    make_list(test, 90);
    assert_int_equal(trn_data_list_split(&test->list, 0, 2, &test->err), M2C_OK);
    assert_int_equal(trn_data_list_part(&test->list, TRN_PART_VALIDATION), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(csv_columns_stand_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_lines_are_errors_with_their_number, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_unknown_or_doubled_column_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_authors_lines_end_with_the_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_without_a_video_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_a_class_names_the_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_split_takes_its_share_of_every_label, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_split_depends_on_its_seed_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
