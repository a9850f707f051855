#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/evaluation_log.h"
#include "scratch_folder.h"

enum { CLASSES = 7, CLIPS = 4 };

static struct m2c_error err;
static struct scratch folder;
static struct cli_clip_result results[CLIPS];

static int make_folder(void **state)
{
    (void)state;
    scratch_make(&folder);
    memset(results, 0, sizeof results);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&folder);
    return 0;
}

static enum m2c_status open_log(bool resume, const char *key, struct cli_evaluation_log **log)
{
    return cli_evaluation_log_open(scratch_path(&folder, "clips.jsonl"), key, resume, CLASSES,
                                   CLIPS, results, log, &err);
}

static void write_two_clips(void)
{
    struct cli_evaluation_log *log;
    const struct cli_clip_name good = {.item = 2, .line = 5, .label = 6, .path = "a \"b\".mp4"};
    const struct cli_clip_name bad = {.item = 1, .line = 4, .label = 0, .path = "broken.mp4"};
    const struct cli_clip_result result = {
        .done = true,
        .heads[CLI_HEAD_ZEROSHOT] = {.rank = 3, .top_count = 5, .top = {1, 2, 3, 6, 0}},
        .decode_us = 1500,
        .encode_us = 20000,
    };
    struct m2c_error failure;
    (void)m2c_fail(&failure, M2C_NO_VIDEO, "there is no frame");
    assert_int_equal(open_log(false, "key", &log), M2C_OK);
    assert_int_equal(cli_evaluation_log_result(log, &good, &result, &err), M2C_OK);
    assert_int_equal(cli_evaluation_log_failure(log, &bad, &failure, &err), M2C_OK);
    cli_evaluation_log_close(&log);
}

static void what_was_written_is_read_again(void **state)
{
    struct cli_evaluation_log *log;
    (void)state;
    write_two_clips();
    assert_int_equal(open_log(true, "key", &log), M2C_OK);
    cli_evaluation_log_close(&log);
    assert_true(results[2].done);
    assert_int_equal(results[2].heads[CLI_HEAD_VC].top_count, 0);
    assert_int_equal(results[2].heads[CLI_HEAD_ZEROSHOT].rank, 3);
    assert_int_equal(results[2].heads[CLI_HEAD_ZEROSHOT].top_count, 5);
    assert_int_equal(results[2].heads[CLI_HEAD_ZEROSHOT].top[3], 6);
    assert_int_equal(results[2].decode_us, 1500);
    assert_int_equal(results[2].encode_us, 20000);
    assert_false(results[0].done || results[1].done || results[3].done);
}

static void a_line_that_was_cut_off_is_taken_away(void **state)
{
    struct cli_evaluation_log *log;
    size_t size, again;
    (void)state;
    write_two_clips();
    char *text = scratch_read(scratch_path(&folder, "clips.jsonl"), &size);
    char *longer = calloc(1, size + 32);
    assert_non_null(longer);
    memcpy(longer, text, size);
    memcpy(longer + size, "{\"item\": 3, \"la", 15);
    scratch_put(&folder, "clips.jsonl", longer, size + 15);
    assert_int_equal(open_log(true, "key", &log), M2C_OK);
    cli_evaluation_log_close(&log);
    assert_true(results[2].done);
    char *after = scratch_read(scratch_path(&folder, "clips.jsonl"), &again);
    assert_int_equal(again, size);
    assert_memory_equal(after, text, size);
    free(after);
    free(longer);
    free(text);
}

static void earlier_results_are_not_overwritten(void **state)
{
    struct cli_evaluation_log *log;
    (void)state;
    write_two_clips();
    assert_int_equal(open_log(false, "key", &log), M2C_USAGE);
    assert_null(log);
}

static void results_of_another_evaluation_are_refused(void **state)
{
    struct cli_evaluation_log *log;
    (void)state;
    write_two_clips();
    assert_int_equal(open_log(true, "another key", &log), M2C_INVALID_REQUEST);
}

static void lines_that_are_no_results_are_refused(void **state)
{
    static const char *const lines[] = {
        "no json",
        "{\"item\": 4, \"vc\": null, \"zeroshot\": null}",
        "{\"vc\": null}",
        "{\"item\": 1, \"vc\": {\"rank\": 0, \"top\": [7]}}",
        "{\"item\": 1, \"vc\": {\"rank\": 0, \"top\": [0, 1, 2, 3, 4, 5]}}",
        "{\"item\": 1, \"vc\": {\"rank\": 0}}",
    };
    struct cli_evaluation_log *log;
    char text[200];
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        (void)snprintf(text, sizeof text, "{\"evaluation\": \"key\"}\n%s\n", lines[i]);
        scratch_put_text(&folder, "clips.jsonl", text);
        assert_int_equal(open_log(true, "key", &log), M2C_INVALID_REQUEST);
    }
}

static void resuming_without_results_begins(void **state)
{
    struct cli_evaluation_log *log;
    size_t size;
    (void)state;
    assert_int_equal(open_log(true, "key", &log), M2C_OK);
    cli_evaluation_log_close(&log);
    char *text = scratch_read(scratch_path(&folder, "clips.jsonl"), &size);
    assert_non_null(strstr(text, "\"key\""));
    free(text);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(what_was_written_is_read_again),
        IN_FOLDER(a_line_that_was_cut_off_is_taken_away),
        IN_FOLDER(earlier_results_are_not_overwritten),
        IN_FOLDER(results_of_another_evaluation_are_refused),
        IN_FOLDER(lines_that_are_no_results_are_refused),
        IN_FOLDER(resuming_without_results_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
