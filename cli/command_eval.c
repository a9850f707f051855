/* m2clip eval: how often a model, or a server, is right on a labelled set of videos. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/clip_judge.h"
#include "cli/command.h"
#include "cli/evaluation_data.h"
#include "cli/evaluation_report.h"
#include "cli/output.h"
#include "runtime/clock.h"

enum {
    /* No other client waits here, so whole vocabularies may be asked for. */
    MAX_LABELS = 100000,
};

static const struct cli_option own_options[] = {
    {"data", CLI_VALUE, "LIST",
     "videos and their labels: a folder a class, CSV path,label, or a list", 0},
    {"split", CLI_VALUE, "NAME", "only the list's train, val or test clips (all)", 0},
    {"labels-file", CLI_VALUE, "FILE", "labels to tell apart: a line each, or id,name rows", 0},
    {"views", CLI_VALUE, "AxB", "temporal x spatial views; more than one temporal needs --stride",
     0},
    {"frames", CLI_VALUE, "N", "frames a view", 0},
    {"stride", CLI_VALUE, "N", "frames from one to the next, or uniform", 0},
    {"templates", CLI_LIST, "TEXT", "sentence around {} for zero-shot (the set's)", 0},
    {"url", CLI_VALUE, "URL", "ask the server there instead of a model folder", 0},
    {"api-key", CLI_VALUE, "KEY", "key for that server; better given as M2CLIP_API_KEY", 0},
    {"output", CLI_VALUE, "DIR", "folder for figures, tables, matrices and the clips' results",
     'o'},
    {"resume", CLI_BOOLEAN, "", "go on with the results in the folder of -o", 0},
    {"json", CLI_BOOLEAN, "", "print the figures as a JSON object", 0},
};

struct eval_run {
    const struct cli_arguments *arguments;
    const char *url, *folder;
    struct cli_session session; /* without a server */
    struct proto_options options;
    struct cli_evaluation_data data;
    struct cli_pending pending;
    struct cli_evaluation_log *log; /* NULL without a folder */
    struct cli_clip_judge judge;
    size_t failed, judged;
    double spent_ms;
};

static void options(struct cli_option_list *list)
{
    cli_session_options(list);
    cli_option_list_add(list, own_options, sizeof own_options / sizeof own_options[0]);
}

static enum m2c_status set_option(struct eval_run *run, const char *name, const char *value,
                                  struct m2c_error *err)
{
    return value ? proto_options_set_text(&run->options, name, value, strlen(value), err) : M2C_OK;
}

static enum m2c_status read_options(struct eval_run *run, struct m2c_error *err)
{
    static const char *const names[] = {"views", "frames", "stride"};
    struct proto_limits limits = proto_limits_default();
    const char *const *templates;
    size_t count = cli_list(run->arguments, "templates", &templates);
    enum m2c_status status = M2C_OK;
    limits.max_labels = MAX_LABELS;
    limits.max_texts = MAX_LABELS;
    proto_options_init(&run->options, PROTO_ZEROSHOT, &limits);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == M2C_OK; i++)
        status = set_option(run, names[i], cli_value(run->arguments, names[i]), err);
    for (size_t i = 0; i < count && status == M2C_OK; i++)
        status = set_option(run, "templates", templates[i], err);
    for (size_t i = 0; i < run->data.labels->count && status == M2C_OK; i++)
        status = set_option(run, "labels", run->data.labels->names[i], err);
    return status == M2C_OK ? proto_options_finish(&run->options, err) : status;
}

static enum m2c_status check_usage(const struct eval_run *run, struct m2c_error *err)
{
    if (cli_input_count(run->arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "eval takes no input, only --data LIST");
    if (!cli_value(run->arguments, "data"))
        return m2c_fail_field(err, M2C_USAGE, "data", "--data LIST is needed");
    if (run->url && cli_value(run->arguments, "model"))
        return m2c_fail_field(err, M2C_USAGE, "url", "--url and --model exclude each other");
    if (!run->folder && cli_boolean(run->arguments, "resume", false))
        return m2c_fail_field(err, M2C_USAGE, "resume", "--resume needs the folder of -o");
    return M2C_OK;
}

static enum m2c_status read_data(struct eval_run *run, struct m2c_error *err)
{
    const struct m2c_label_list *own = NULL;
    enum m2c_status status = M2C_OK;
    if (!run->url)
        status = cli_session_open(&run->session, run->arguments, M2C_PRECISION_AUTO, err);
    if (status != M2C_OK)
        return status;
    if (!run->url && m2c_set_info(run->session.set)->labels->count > 0)
        own = m2c_set_info(run->session.set)->labels;
    return cli_evaluation_data_read(&run->data, cli_value(run->arguments, "data"),
                                    cli_value(run->arguments, "labels-file"), own,
                                    cli_value(run->arguments, "split"), err);
}

/* Whatever results depend on, beside labels and clips. */
static enum m2c_status make_key(const struct eval_run *run, char key[M2C_DIGEST_HEX_BYTES],
                                struct m2c_error *err)
{
    char *what = NULL;
    size_t size;
    FILE *stream = open_memstream(&what, &size);
    if (!stream)
        return m2c_fail_memory(err, "the results", 0);
    if (run->url) {
        (void)fprintf(stream, "%s\n", run->url);
    } else {
        const struct m2c_set_info *info = m2c_set_info(run->session.set);
        (void)fprintf(stream, "%s %s %s\n", info->name, info->version,
                      m2c_precision_name(m2c_model_precision(run->session.model)));
    }
    (void)fprintf(stream, "%d %d %dx%d %u\n", run->options.frames, run->options.stride,
                  run->options.temporal_views, run->options.spatial_views, run->options.present);
    for (size_t i = 0; i < run->options.templates.count; i++)
        (void)fprintf(stream, "%s\n", run->options.templates.items[i]);
    enum m2c_status status = fclose(stream) == 0
                                 ? cli_evaluation_data_key(&run->data, what, key, err)
                                 : m2c_fail_memory(err, "the results", size);
    free(what);
    return status;
}

static enum m2c_status open_log(struct eval_run *run, struct m2c_error *err)
{
    char path[PATH_MAX], key[M2C_DIGEST_HEX_BYTES];
    if (!run->folder)
        return M2C_OK;
    if (mkdir(run->folder, 0777) != 0 && errno != EEXIST)
        return m2c_fail_errno(err, "making the folder", run->folder);
    int length = snprintf(path, sizeof path, "%s/clips.jsonl", run->folder);
    if (length < 0 || (size_t)length >= sizeof path)
        return m2c_fail_field(err, M2C_USAGE, "output", "the path of -o is too long");
    enum m2c_status status = make_key(run, key, err);
    if (status != M2C_OK)
        return status;
    return cli_evaluation_log_open(path, key, cli_boolean(run->arguments, "resume", false),
                                   run->data.labels->count, run->data.list.count, run->data.results,
                                   &run->log, err);
}

static enum m2c_status open_judge(struct eval_run *run, struct m2c_error *err)
{
    enum m2c_status status = cli_pending_init(&run->pending, &run->data, err);
    const struct cli_judge_task task = {.inputs = &run->pending.inputs,
                                        .spans = run->pending.spans,
                                        .truths = run->pending.truths,
                                        .labels = run->data.labels,
                                        .options = &run->options};
    if (status != M2C_OK || run->pending.inputs.count == 0)
        return status;
    if (run->url)
        return cli_judge_remotely(run->url, cli_value(run->arguments, "api-key"), &task,
                                  &run->judge, err);
    return cli_judge_locally(&run->session, &task, &run->judge, err);
}

/* Whether the next clip would fail for the same reason. */
static bool ends_the_run(enum m2c_status status)
{
    static const enum m2c_status ends[] = {
        M2C_FETCH_FAILED,    M2C_NO_MEMORY,       M2C_UNAUTHORIZED, M2C_FORBIDDEN,
        M2C_INVALID_REQUEST, M2C_ROUTE_NOT_FOUND, M2C_USAGE};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (ends[i] == status)
            return true;
    }
    return false;
}

static void tell_failure(const struct eval_run *run, const struct trn_item *item,
                         const struct m2c_error *failure)
{
    const char *detail = failure->detail[0] ? failure->detail : m2c_status_title(failure->status);
    const char *colon = failure->context[0] ? ": " : "";
    (void)fputs("m2clip: ", stderr);
    if (item->line > 0)
        (void)fprintf(stderr, "%s line %zu: ", cli_value(run->arguments, "data"), item->line);
    (void)fprintf(stderr, "%s: %s%s%s\n", item->path, detail, colon, failure->context);
}

static enum m2c_status judge_clip(struct eval_run *run, size_t at, struct m2c_error *err)
{
    struct m2c_error failure = {.status = M2C_OK};
    size_t index = run->pending.items[at], count = run->pending.inputs.count;
    const struct trn_item *item = &run->data.list.items[index];
    struct cli_clip_result *result = &run->data.results[index];
    const struct cli_clip_name name = {index, item->line, item->label, item->path};
    cli_progress_show(at + 1, count, item->path);
    failure.status = run->judge.judge(run->judge.own, result, &failure);
    cli_progress_clear(count);
    if (ends_the_run(failure.status)) {
        *err = failure;
        return failure.status;
    }
    if (failure.status == M2C_OK) {
        run->judged++;
        return run->log ? cli_evaluation_log_result(run->log, &name, result, err) : M2C_OK;
    }
    run->failed++;
    tell_failure(run, item, &failure);
    return run->log ? cli_evaluation_log_failure(run->log, &name, &failure, err) : M2C_OK;
}

static enum m2c_status judge_all(struct eval_run *run, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    double started_ms = m2c_clock_ms();
    for (size_t i = 0; i < run->pending.inputs.count && status == M2C_OK; i++)
        status = judge_clip(run, i, err);
    run->spent_ms = m2c_clock_ms() - started_ms;
    return status;
}

/* Counts the clips that are done, and the mean of their times. */
static enum m2c_status count(const struct eval_run *run, struct cli_evaluation_report *report,
                             struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    double decode_us = 0.0, encode_us = 0.0;
    for (int head = 0; head < CLI_HEADS && status == M2C_OK; head++)
        status = cli_evaluation_init(&report->heads[head], run->data.labels->count, err);
    for (size_t i = 0; i < run->data.list.count && status == M2C_OK; i++) {
        const struct cli_clip_result *result = &run->data.results[i];
        if (!result->done)
            continue;
        report->clips++;
        decode_us += result->decode_us;
        encode_us += result->encode_us;
        for (int head = 0; head < CLI_HEADS; head++)
            if (result->heads[head].top_count > 0)
                cli_evaluation_add(&report->heads[head], run->data.list.items[i].label,
                                   result->heads[head].top[0], result->heads[head].rank);
    }
    if (report->clips > 0) {
        report->decode_ms = decode_us / 1000.0 / (double)report->clips;
        report->encode_ms = encode_us / 1000.0 / (double)report->clips;
    }
    return status;
}

static enum m2c_status tell_figures(const struct eval_run *run, struct m2c_error *err)
{
    struct cli_evaluation_report report = {
        .data = cli_value(run->arguments, "data"),
        .url = run->url,
        .names = (const char *const *)run->data.labels->names,
        .failed = run->failed,
        .skipped_lines = run->data.list.skipped,
        .clips_per_s =
            run->judged > 0 ? 1000.0 * (double)run->judged / (run->spent_ms + 1e-9) : 0.0,
    };
    if (!run->url) {
        report.model = m2c_set_info(run->session.set)->name;
        report.model_version = m2c_set_info(run->session.set)->version;
    }
    enum m2c_status status = count(run, &report, err);
    if (status == M2C_OK && run->folder)
        status = cli_evaluation_files(run->folder, &report, err);
    if (status == M2C_OK && cli_boolean(run->arguments, "json", false))
        status = cli_evaluation_json(stdout, &report, err);
    else if (status == M2C_OK)
        cli_evaluation_table(stdout, &report);
    for (int head = 0; head < CLI_HEADS; head++)
        cli_evaluation_destroy(&report.heads[head]);
    return status;
}

static void close_run(struct eval_run *run)
{
    cli_clip_judge_close(&run->judge);
    cli_evaluation_log_close(&run->log);
    cli_pending_destroy(&run->pending);
    proto_options_destroy(&run->options);
    cli_evaluation_data_destroy(&run->data);
    cli_session_close(&run->session);
}

static enum m2c_status run_eval(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct eval_run run = {.arguments = arguments,
                           .url = cli_value(arguments, "url"),
                           .folder = cli_value(arguments, "output")};
    enum m2c_status status = check_usage(&run, err);
    if (status == M2C_OK)
        status = read_data(&run, err);
    if (status == M2C_OK)
        status = read_options(&run, err);
    if (status == M2C_OK)
        status = open_log(&run, err);
    if (status == M2C_OK)
        status = open_judge(&run, err);
    if (status == M2C_OK)
        status = judge_all(&run, err);
    if (status == M2C_OK)
        status = tell_figures(&run, err);
    if (status == M2C_OK && run.failed + run.data.list.skipped > 0) {
        *err = (struct m2c_error){.status = M2C_INTERNAL};
        status = M2C_INTERNAL;
    }
    close_run(&run);
    return status;
}

const struct cli_command cli_command_eval = {
    .name = "eval",
    .usage = "(--model DIR | --url URL) --data LIST [options]",
    .summary = "measure how often a model or a server is right",
    .options = options,
    .run = run_eval,
};
