#include "cli/session.h"

#include <stdint.h>

#include "runtime/cpu.h"

enum { MAX_THREADS = 1024 };

static const struct cli_option session_options[] = {
    {"model", CLI_VALUE, "DIR", "the model folder", 'm'},
    {"adapter", CLI_VALUE, "NAME", "adapter set to use (the folder's default)", 0},
    {"precision", CLI_VALUE, "NAME", "auto, f32, bf16 or int8", 0},
    {"backend", CLI_VALUE, "NAME", "auto, native, openblas or onednn", 0},
    {"threads", CLI_VALUE, "N", "threads to compute with (the cores this process may use)", 0},
    {"cpu-level", CLI_VALUE, "NAME", "highest instruction set: c, avx2 or avx512", 0},
};

void cli_session_options(struct cli_option_list *list)
{
    cli_option_list_add(list, session_options, sizeof session_options / sizeof session_options[0]);
}

static enum m2c_status load_model(struct cli_session *session,
                                  const struct cli_arguments *arguments,
                                  enum m2c_precision fallback, struct m2c_error *err)
{
    struct m2c_model_options options = {.dir = cli_value(arguments, "model"),
                                        .default_set = cli_value(arguments, "adapter"),
                                        .precision = fallback,
                                        .backend = M2C_BACKEND_AUTO};
    const char *precision = cli_value(arguments, "precision");
    const char *backend = cli_value(arguments, "backend");
    enum m2c_status status = M2C_OK;
    if (precision)
        status = m2c_precision_parse(precision, &options.precision, err);
    if (status == M2C_OK && backend)
        status = m2c_backend_parse(backend, &options.backend, err);
    if (status == M2C_OK && !options.dir)
        status = m2c_fail_field(err, M2C_USAGE, "model", "--model DIR is needed");
    if (status == M2C_OK)
        status = m2c_model_load(&options, &session->model, err);
    if (status != M2C_OK)
        return status;
    session->set = m2c_model_find_set(session->model, options.default_set);
    if (!session->set)
        return m2c_fail_field(err, M2C_MODEL_NOT_FOUND, "adapter",
                              "the model has no adapter set of the name given by --adapter");
    return M2C_OK;
}

enum m2c_status cli_session_open(struct cli_session *session, const struct cli_arguments *arguments,
                                 enum m2c_precision fallback, struct m2c_error *err)
{
    int64_t threads;
    const char *level = cli_value(arguments, "cpu-level");
    *session = (struct cli_session){0};
    enum m2c_status status =
        cli_integer(arguments, "threads", 1, MAX_THREADS, m2c_cpu_count(), &threads, err);
    if (status == M2C_OK && level)
        status = m2c_cpu_cap_level(level, err);
    if (status == M2C_OK)
        status = load_model(session, arguments, fallback, err);
    if (status == M2C_OK)
        status = m2c_team_new((int)threads, &session->team, err);
    return status;
}

enum m2c_status cli_session_encoder(struct cli_session *session, int max_frames,
                                    struct m2c_error *err)
{
    const struct m2c_encoder_options options = {.team = session->team, .max_frames = max_frames};
    m2c_encoder_free(&session->encoder);
    return m2c_encoder_new(session->model, &options, &session->encoder, err);
}

void cli_session_close(struct cli_session *session)
{
    m2c_encoder_free(&session->encoder);
    m2c_team_free(&session->team);
    m2c_model_free(&session->model);
    *session = (struct cli_session){0};
}
