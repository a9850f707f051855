/* m2clip train: adapts a base to classes of one's own. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/train_session.h"
#include "model/folder_file.h"
#include "train/model_writer.h"
#include "train/set_writer.h"

enum { TEXT_BYTES = 160, MEASURED_STEPS = 4, SECOND_MS = 1000, MINUTE_S = 60, PERCENT = 100 };

static atomic_bool stop_wanted;

/* The second signal ends the program at once. */
static void on_signal(int number)
{
    (void)number;
    atomic_store(&stop_wanted, true);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* Where the result goes, and where the run keeps its state. */
struct places {
    char set[M2C_PATH_BYTES], run[M2C_PATH_BYTES];
};

static enum m2c_status make_folder(const char *path, struct m2c_error *err)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return M2C_OK;
    return m2c_fail_errno(err, "making the folder", path);
}

static enum m2c_status place_set(const struct cli_train_options *options, char set[M2C_PATH_BYTES],
                                 struct m2c_error *err)
{
    char parent[M2C_PATH_BYTES];
    if (options->output) {
        int length = snprintf(set, M2C_PATH_BYTES, "%s", options->output);
        while (length > 1 && length < M2C_PATH_BYTES && set[length - 1] == '/')
            set[--length] = '\0';
        return length > 0 && length < M2C_PATH_BYTES
                   ? M2C_OK
                   : m2c_fail_field(err, M2C_USAGE, "output", "-o DIR is no path");
    }
    enum m2c_status status = m2c_folder_path(parent, options->model, "adapters", err);
    if (status == M2C_OK)
        status = make_folder(parent, err);
    return status == M2C_OK ? m2c_folder_path(set, parent, options->name, err) : status;
}

static enum m2c_status make_places(const struct cli_train_options *options, struct places *places,
                                   struct m2c_error *err)
{
    enum m2c_status status = place_set(options, places->set, err);
    if (status != M2C_OK)
        return status;
    const char *name = m2c_folder_base_name(places->set);
    int length = options->checkpoint_dir
                     ? snprintf(places->run, sizeof places->run, "%s", options->checkpoint_dir)
                     : snprintf(places->run, sizeof places->run, "%.*s.%s.training",
                                (int)(name - places->set), places->set, name);
    if (length <= 0 || length >= (int)sizeof places->run)
        return m2c_fail(err, M2C_IO_FAILED, "the path of the run's folder is too long");
    return make_folder(places->run, err);
}

static double mebibytes(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* What the run will take: on stdout where it is all that was asked for. */
static enum m2c_status tell_costs(const struct cli_train_session *session, struct m2c_error *err)
{
    const struct cli_train_options *options = &session->options;
    FILE *stream = options->dry_run ? stdout : stderr;
    struct trn_run_bytes bytes;
    size_t clips = trn_clip_source_count(session->training), trained = 0;
    enum m2c_status status = trn_run_measure(&options->run, &session->parts, &bytes, err);
    if (status != M2C_OK)
        return status;
    for (size_t i = 0; i < trn_tensors_count(session->model.tensors); i++) {
        const struct trn_tensor *tensor = trn_tensors_at(session->model.tensors, i);
        trained += tensor->trained ? tensor->count : 0;
    }
    uint64_t pass = trn_run_pass_steps(clips, options->run.batch);
    (void)fprintf(stream,
                  "%zu classes, %zu clips to train on, %zu to validate with; %zu values trained\n"
                  "%" PRIu64 " passes of %" PRIu64 " steps, %" PRIu64 " in all\n"
                  "memory %.0f MiB: weights %.0f, steps %.0f, batches %.0f, decoded clips %.0f\n",
                  session->labels->count, clips,
                  session->validation ? trn_clip_source_count(session->validation) : 0, trained,
                  (uint64_t)options->run.epochs, pass, pass * options->run.epochs,
                  mebibytes(bytes.total), mebibytes(bytes.tensors), mebibytes(bytes.steps),
                  mebibytes(bytes.batches), mebibytes(bytes.clips));
    return M2C_OK;
}

/* What is said while it runs. */
struct talk {
    uint64_t epochs, steps_seen;
    double step_ms; /* the mean of the first steps behind the very first, then a moving one */
};

static void print_duration(char out[TEXT_BYTES], double ms)
{
    double seconds = ms / SECOND_MS;
    if (seconds < 2 * MINUTE_S)
        (void)snprintf(out, TEXT_BYTES, "%.0f s", ceil(seconds));
    else
        (void)snprintf(out, TEXT_BYTES, "%.0f min", ceil(seconds / MINUTE_S));
}

static void tell_step(struct talk *talk, const struct trn_history_row *row, uint64_t steps)
{
    char left[TEXT_BYTES] = "?", text[2 * TEXT_BYTES];
    uint64_t seen = ++talk->steps_seen;
    if (seen > 1) { /* the first maps memory that the others find */
        double weight = seen <= MEASURED_STEPS ? 1.0 / (double)(seen - 1) : 0.1;
        talk->step_ms += weight * (row->ms - talk->step_ms);
        print_duration(left, talk->step_ms * (double)(steps - row->step));
    }
    if (seen == MEASURED_STEPS) {
        cli_progress_clear(steps);
        (void)fprintf(stderr, "about %s for what is left, at %.0f ms a step\n", left,
                      talk->step_ms);
    }
    (void)snprintf(text, sizeof text, "loss %.4f, %s left", row->losses.total, left);
    cli_progress_show((size_t)row->step, (size_t)steps, text);
}

static void print_share(const char *name, double share)
{
    if (isfinite(share))
        (void)printf(", %s %.1f %%", name, PERCENT * share);
}

static void print_figures(const struct trn_history_row *row)
{
    (void)printf("loss %.4f", row->losses.total);
    print_share("VC top-1", row->vc_top1);
    print_share("zero-shot top-1", row->zeroshot_top1);
    (void)printf("\n");
}

static void tell_row(void *argument, const struct trn_history_row *row, uint64_t steps)
{
    struct talk *talk = argument;
    if (!row->validation) {
        tell_step(talk, row, steps);
        return;
    }
    cli_progress_clear((size_t)steps);
    (void)printf("pass %llu of %llu: ", (unsigned long long)row->epoch,
                 (unsigned long long)talk->epochs);
    print_figures(row);
    (void)fflush(stdout);
}

static enum m2c_status write_result(const struct cli_train_session *session, const char *dir,
                                    struct m2c_error *err)
{
    const struct trn_network *network = &session->model.network;
    const struct trn_set set = {.num_frames = session->preprocess.frames,
                                .classes = network->vision.vc.out,
                                .words = session->words.count,
                                .encoding_blocks = session->model.config.text.layers,
                                .base_digest = session->model.base_digest,
                                .labels = session->labels,
                                .word_list = &session->words,
                                .preprocess = &session->preprocess};
    if (session->options.full)
        return trn_model_write(dir, session->options.model, session->model.tensors, err);
    return trn_set_write(dir, session->model.tensors, &set, err);
}

static void tell_result(const struct trn_run_result *result, const struct places *places)
{
    if (result->stopped_early)
        (void)printf("no better validation any more: ended after pass %llu\n",
                     (unsigned long long)result->epochs);
    if (isfinite(result->chosen.vc_top1) || isfinite(result->chosen.zeroshot_top1)) {
        (void)printf("kept the weights of step %llu: ", (unsigned long long)result->chosen.step);
        print_figures(&result->chosen);
    }
    (void)printf("wrote %s; log and curves are in %s\n", places->set, places->run);
}

static enum m2c_status train(struct cli_train_session *session, struct m2c_error *err)
{
    struct places places;
    struct trn_run_result result;
    struct talk talk = {.epochs = session->options.run.epochs};
    const struct trn_run_listener listener = {.row = tell_row, .argument = &talk};
    enum m2c_status status = make_places(&session->options, &places, err);
    if (status != M2C_OK)
        return status;
    session->options.run.dir = places.run;
    status = trn_run(&session->options.run, &session->parts, &listener, &result, err);
    cli_progress_clear(SIZE_MAX);
    if (status == M2C_CANCELLED)
        (void)m2c_error_context(err, "--resume goes on from %s", places.run);
    if (status == M2C_OK)
        status = write_result(session, places.set, err);
    if (status == M2C_OK)
        tell_result(&result, &places);
    return status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct cli_train_options options;
    struct cli_train_session session = {0};
    enum m2c_status status = cli_train_options_read(arguments, &options, err);
    if (status != M2C_OK)
        return status;
    catch_signals();
    status = cli_train_session_open(&session, &options, &stop_wanted, err);
    if (status == M2C_OK)
        status = tell_costs(&session, err);
    if (status == M2C_OK && !options.dry_run)
        status = train(&session, err);
    cli_train_session_close(&session);
    return status;
}

const struct cli_command cli_command_train = {
    .name = "train",
    .usage = "--model BASE --data LIST [--labels FILE] (--name NAME | -o DIR) [options]",
    .summary = "adapt a base to classes of your own and write them as an adapter set",
    .options = cli_train_options_list,
    .run = run,
};
