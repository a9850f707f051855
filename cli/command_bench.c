/* `m2clip bench`: what each stage costs, at each precision and thread count asked for. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/command.h"
#include "runtime/cpu.h"

enum { MAX_REPEATS = 1000, DEFAULT_REPEATS = 7, MAX_CHOICES = 16, MAX_THREADS = 1024 };

static const struct cli_option bench_options[] = {
    {"model", CLI_VALUE, "DIR", "the model folder", 'm'},
    {"adapter", CLI_VALUE, "NAME", "adapter set to use (the folder's default)", 0},
    {"precision", CLI_VALUE, "P,...", "precisions to measure: auto, f32, bf16, int8", 0},
    {"backend", CLI_VALUE, "NAME", "auto, native, openblas or onednn", 0},
    {"threads", CLI_VALUE, "N,...", "thread counts to measure (the cores one may use)", 0},
    {"cpu-level", CLI_VALUE, "NAME", "highest instruction set: c, avx2 or avx512", 0},
    {"labels-file", CLI_VALUE, "FILE", "labels to encode (the set's own)", 0},
    {"padded-labels", CLI_BOOLEAN, "", "also encode the labels padded to the context, once", 0},
    {"repeats", CLI_VALUE, "N", "runs of which the median is told (7)", 0},
    {"json", CLI_BOOLEAN, "", "one JSON object instead of a table", 0},
};

static void options(struct cli_option_list *list)
{
    cli_option_list_add(list, bench_options, sizeof bench_options / sizeof bench_options[0]);
}

/* What --precision and --threads ask for. */
struct bench_choices {
    enum m2c_precision precisions[MAX_CHOICES];
    int threads[MAX_CHOICES];
    size_t precision_count, thread_count;
    int repeats;
};

/* Copies the next item of a comma-separated list into `item`; false at its end. */
static bool next_item(const char **list, char *item, size_t bytes)
{
    if (!*list)
        return false;
    const char *comma = strchr(*list, ',');
    size_t length = comma ? (size_t)(comma - *list) : strlen(*list);
    if (length >= bytes)
        length = bytes - 1;
    memcpy(item, *list, length);
    item[length] = '\0';
    *list = comma ? comma + 1 : NULL;
    return true;
}

static enum m2c_status read_precisions(const char *list, struct bench_choices *choices,
                                       struct m2c_error *err)
{
    char item[16];
    while (next_item(&list, item, sizeof item)) {
        if (choices->precision_count == MAX_CHOICES)
            return m2c_fail_field(err, M2C_USAGE, "precision", "at most %d precisions",
                                  MAX_CHOICES);
        enum m2c_status status =
            m2c_precision_parse(item, &choices->precisions[choices->precision_count++], err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

static enum m2c_status read_threads(const char *list, struct bench_choices *choices,
                                    struct m2c_error *err)
{
    char item[16];
    while (next_item(&list, item, sizeof item)) {
        char *end;
        long threads = strtol(item, &end, 10);
        if (item[0] < '1' || item[0] > '9' || *end || threads > MAX_THREADS ||
            choices->thread_count == MAX_CHOICES)
            return m2c_fail_field(err, M2C_USAGE, "threads",
                                  "--threads takes up to %d numbers from 1 to %d", MAX_CHOICES,
                                  MAX_THREADS);
        choices->threads[choices->thread_count++] = (int)threads;
    }
    return M2C_OK;
}

static enum m2c_status read_choices(const struct cli_arguments *arguments,
                                    struct bench_choices *choices, struct m2c_error *err)
{
    const char *precisions = cli_value(arguments, "precision");
    const char *threads = cli_value(arguments, "threads");
    const char *level = cli_value(arguments, "cpu-level");
    int64_t repeats;
    *choices = (struct bench_choices){0};
    enum m2c_status status = read_precisions(precisions ? precisions : "auto", choices, err);
    if (status == M2C_OK && threads)
        status = read_threads(threads, choices, err);
    if (status == M2C_OK && !threads)
        choices->threads[choices->thread_count++] = m2c_cpu_count();
    if (status == M2C_OK)
        status = cli_integer(arguments, "repeats", 1, MAX_REPEATS, DEFAULT_REPEATS, &repeats, err);
    if (status == M2C_OK)
        choices->repeats = (int)repeats;
    if (status == M2C_OK && level)
        status = m2c_cpu_cap_level(level, err);
    return status;
}

/* Everything that is measured of one loaded model, at each thread count. */
static enum m2c_status bench_model(const struct cli_arguments *arguments,
                                   const struct bench_choices *choices, struct cli_session *session,
                                   struct cli_bench_rows *rows, struct m2c_error *err)
{
    const struct cli_bench_request asked = {.repeats = choices->repeats,
                                            .labels_file = cli_value(arguments, "labels-file"),
                                            .padded_labels =
                                                cli_boolean(arguments, "padded-labels", false)};
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < choices->thread_count; i++) {
        status = m2c_team_new(choices->threads[i], &session->team, err);
        if (status == M2C_OK)
            status = cli_bench_encoder(session, &asked, rows, err);
        m2c_encoder_free(&session->encoder);
        m2c_team_free(&session->team);
    }
    return status;
}

static enum m2c_status bench_precision(const struct cli_arguments *arguments,
                                       const struct bench_choices *choices, size_t index,
                                       struct cli_bench_rows *rows, struct m2c_error *err)
{
    struct cli_session session = {0};
    struct m2c_model_options model = {.dir = cli_value(arguments, "model"),
                                      .default_set = cli_value(arguments, "adapter"),
                                      .precision = choices->precisions[index]};
    const char *backend = cli_value(arguments, "backend");
    enum m2c_status status = M2C_OK;
    if (!model.dir)
        return m2c_fail_field(err, M2C_USAGE, "model", "--model DIR is needed");
    if (backend)
        status = m2c_backend_parse(backend, &model.backend, err);
    if (status == M2C_OK)
        status = m2c_model_load(&model, &session.model, err);
    if (status == M2C_OK) {
        session.set = m2c_model_find_set(session.model, NULL);
        status = bench_model(arguments, choices, &session, rows, err);
    }
    for (size_t i = 0; status == M2C_OK && index == 0 && i < cli_input_count(arguments); i++)
        status = cli_bench_video(&session, cli_input(arguments, i), choices->repeats, rows, err);
    cli_session_close(&session);
    return status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct bench_choices choices;
    struct cli_bench_rows rows = {0};
    enum m2c_status status = read_choices(arguments, &choices, err);
    for (size_t i = 0; status == M2C_OK && i < choices.precision_count; i++)
        status = bench_precision(arguments, &choices, i, &rows, err);
    if (status == M2C_OK)
        cli_bench_print(stdout, &rows, cli_boolean(arguments, "json", false));
    cli_bench_free(&rows);
    return status;
}

const struct cli_command cli_command_bench = {
    .name = "bench",
    .usage = "--model DIR [options] [VIDEO...]",
    .summary = "measure each stage: time, rate, and efficiency against the matrix library alone",
    .options = options,
    .run = run,
};
