/* m2clip inspect: what a model folder holds and what it will cost. */
#include "cli/command.h"
#include "cli/inspection.h"
#include "cli/output.h"

static void options(struct cli_option_list *list)
{
    cli_output_options(list);
}

static enum m2c_status print(const struct cli_inspection *inspection, struct cli_output *output,
                             struct m2c_error *err)
{
    struct proto_writer writer = {0};
    if (output->format == CLI_TABLE) {
        cli_inspection_print(inspection, output->stream);
        return M2C_OK;
    }
    cli_inspection_write(inspection, &writer);
    return cli_output_json(output, &writer, err);
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct cli_inspection inspection = {0};
    struct cli_output output = {0};
    struct m2c_error closing;
    if (cli_input_count(arguments) != 1)
        return m2c_fail(err, M2C_USAGE, "one model folder is needed");
    enum m2c_status status = cli_output_open(&output, arguments, false, err);
    if (status == M2C_OK && output.format == CLI_CSV)
        status = m2c_fail_field(err, M2C_USAGE, "format", "inspect has no CSV form");
    if (status == M2C_OK)
        status = cli_inspection_init(&inspection, cli_input(arguments, 0), err);
    if (status == M2C_OK)
        status = print(&inspection, &output, err);
    enum m2c_status closed = cli_output_close(&output, &closing);
    if (status == M2C_OK && closed != M2C_OK) {
        *err = closing;
        status = closed;
    }
    cli_inspection_destroy(&inspection);
    return status;
}

const struct cli_command cli_command_inspect = {
    .name = "inspect",
    .usage = "DIR [options]",
    .summary = "tell what a model folder holds and what it costs",
    .options = options,
    .run = run,
};
