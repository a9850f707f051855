/* m2clip gradcheck: one training step on tensors, for comparison with a reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/gradcheck_input.h"
#include "model/safetensors_writer.h"
#include "runtime/cpu.h"
#include "train/adamw.h"
#include "train/model.h"

enum { MAX_THREADS = 1024, LOSS_TERMS = 5 };

struct gradcheck {
    struct trn_model model;
    struct cli_gradcheck_input input;
    struct m2c_team *team;
    struct trn_step *step;
    struct m2c_safetensors_writer *writer;
};

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"model", CLI_VALUE, "DIR", "the model folder", 'm'},
        {"output", CLI_VALUE, "FILE", "safetensors file to write", 'o'},
        {"full", CLI_BOOLEAN, "", "train every tensor, not the adapters alone", 0},
        {"recompute", CLI_BOOLEAN, "", "keep blocks' inputs alone and compute the rest again", 0},
        {"threads", CLI_VALUE, "N", "threads to compute with (the cores this process may use)", 0},
        {"cpu-level", CLI_VALUE, "NAME", "highest instruction set: c, avx2 or avx512", 0},
    };
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static enum m2c_status read_input(struct gradcheck *check, const struct cli_arguments *arguments,
                                  struct m2c_error *err)
{
    size_t count = cli_input_count(arguments);
    const char **paths = calloc(count + 1, sizeof *paths);
    if (!paths)
        return m2c_fail_memory(err, "the list of inputs", (count + 1) * sizeof *paths);
    for (size_t i = 0; i < count; i++)
        paths[i] = cli_input(arguments, i);
    enum m2c_status status =
        cli_gradcheck_input_read(paths, count, &check->model.config, &check->input, err);
    free(paths);
    return status;
}

static enum m2c_status open_all(struct gradcheck *check, const struct cli_arguments *arguments,
                                struct m2c_error *err)
{
    const struct trn_model_options model_options = {
        .dir = cli_value(arguments, "model"),
        .selection = {.full = cli_boolean(arguments, "full", false)},
    };
    const struct trn_step_options step_options = {
        .weights = trn_loss_weights_defaults(),
        .recompute = cli_boolean(arguments, "recompute", false),
    };
    const char *level = cli_value(arguments, "cpu-level");
    int64_t threads = 0;
    if (!model_options.dir)
        return m2c_fail_field(err, M2C_USAGE, "model", "--model DIR is needed");
    enum m2c_status status =
        cli_integer(arguments, "threads", 1, MAX_THREADS, m2c_cpu_count(), &threads, err);
    if (status == M2C_OK && level)
        status = m2c_cpu_cap_level(level, err);
    if (status == M2C_OK)
        status = trn_model_open(&model_options, &check->model, err);
    if (status == M2C_OK)
        status = read_input(check, arguments, err);
    if (status == M2C_OK)
        status =
            trn_batch_check(&check->model.network, &step_options.weights, &check->input.batch, err);
    if (status == M2C_OK)
        status = m2c_team_new((int)threads, &check->team, err);
    if (status == M2C_OK)
        status = trn_step_new(&check->model.network, check->team, &step_options, &check->step, err);
    return status;
}

/* `prefix` + the tensor's name in its file, declared in its shape. */
static enum m2c_status declare(struct gradcheck *check, const char *prefix,
                               const struct trn_tensor *tensor, struct m2c_error *err)
{
    char name[M2C_TENSOR_NAME_BYTES + 8];
    (void)snprintf(name, sizeof name, "%s%s", prefix, tensor->file_name);
    return m2c_safetensors_writer_declare(check->writer, name, M2C_DTYPE_F32, tensor->rank,
                                          tensor->shape, err);
}

static enum m2c_status declare_all(struct gradcheck *check, struct m2c_error *err)
{
    static const char *const prefixes[] = {"grad.", "step1."};
    const struct trn_tensors *tensors = check->model.tensors;
    enum m2c_status status = m2c_safetensors_writer_declare(check->writer, "loss", M2C_DTYPE_F32, 1,
                                                            (const size_t[]){LOSS_TERMS}, err);
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        for (size_t i = 0; status == M2C_OK && i < trn_tensors_count(tensors); i++) {
            if (trn_tensors_at(tensors, i)->trained)
                status = declare(check, prefixes[p], trn_tensors_at(tensors, i), err);
        }
    }
    return status;
}

/* Gradients, or after the optimizer's step values, of every trained tensor. */
static enum m2c_status write_trained(struct gradcheck *check, bool gradients, struct m2c_error *err)
{
    const struct trn_tensors *tensors = check->model.tensors;
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < trn_tensors_count(tensors); i++) {
        const struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        if (tensor->trained)
            status = m2c_safetensors_writer_write(check->writer,
                                                  gradients ? tensor->grad : tensor->value,
                                                  tensor->count * sizeof(float), err);
    }
    return status;
}

static enum m2c_status run_and_write(struct gradcheck *check, const char *path,
                                     struct m2c_error *err)
{
    const struct trn_adamw adamw = trn_adamw_defaults();
    struct trn_losses losses;
    enum m2c_status status = trn_step_run(check->step, &check->input.batch, &losses, err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_new(path, &check->writer, err);
    if (status == M2C_OK)
        status = declare_all(check, err);
    if (status != M2C_OK)
        return status;
    const float terms[LOSS_TERMS] = {(float)losses.total, (float)losses.contrastive,
                                     (float)losses.cmc, (float)losses.vc, (float)losses.cmlm};
    status = m2c_safetensors_writer_write(check->writer, terms, sizeof terms, err);
    if (status == M2C_OK)
        status = write_trained(check, true, err);
    trn_adamw_step(check->team, &adamw, 1, check->model.tensors);
    if (status == M2C_OK)
        status = write_trained(check, false, err);
    return status == M2C_OK ? m2c_safetensors_writer_finish(check->writer, err) : status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct gradcheck check = {0};
    const char *path = cli_value(arguments, "output");
    if (cli_input_count(arguments) == 0 || !path)
        return m2c_fail(err, M2C_USAGE, "input files and -o FILE are needed");
    enum m2c_status status = open_all(&check, arguments, err);
    if (status == M2C_OK)
        status = run_and_write(&check, path, err);
    m2c_safetensors_writer_free(&check.writer);
    trn_step_free(&check.step);
    m2c_team_free(&check.team);
    cli_gradcheck_input_destroy(&check.input);
    trn_model_close(&check.model);
    return status;
}

const struct cli_command cli_command_gradcheck = {
    .name = "gradcheck",
    .usage = "--model DIR IN... -o OUT [--full] [--recompute]",
    .summary = "one training step on tensors: losses, gradients, weights after it",
    .options = options,
    .run = run,
};
