/* m2clip init: a model folder of seeded random weights. */
#include "cli/command.h"
#include "model/random_model.h"

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"arch", CLI_VALUE, "NAME", "vit-b16, vit-b32, vit-l14 or tiny", 0},
        {"seed", CLI_VALUE, "N", "the same seed gives the same bytes (0)", 0},
        {"output", CLI_VALUE, "DIR", "folder to write", 'o'},
        {"classes", CLI_VALUE, "K", "classes of the classification head (400)", 0},
        {"tokenizer", CLI_VALUE, "DIR", "tokenizer to copy (a small byte-level one)", 0},
    };
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    const char *arch_name = cli_value(arguments, "arch");
    const char *dir = cli_value(arguments, "output");
    enum m2c_arch arch;
    int64_t seed, classes;
    if (!arch_name || !dir || cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "--arch NAME and -o DIR are needed, and nothing else");
    enum m2c_status status = m2c_arch_parse(arch_name, &arch, err);
    if (status != M2C_OK)
        return status;
    struct m2c_random_spec spec = m2c_random_spec_defaults(arch);
    status = cli_integer(arguments, "seed", 0, INT64_MAX, 0, &seed, err);
    if (status == M2C_OK)
        status = cli_integer(arguments, "classes", 1, M2C_MAX_CLASSES, spec.classes, &classes, err);
    if (status != M2C_OK)
        return status;
    spec.seed = (uint64_t)seed;
    spec.classes = (int)classes;
    spec.tokenizer_dir = cli_value(arguments, "tokenizer");
    return m2c_random_model_write(&spec, dir, err);
}

const struct cli_command cli_command_init = {
    .name = "init",
    .usage = "--arch NAME -o DIR [options]",
    .summary = "write a model folder of random weights, for tests and measurements",
    .options = options,
    .run = run,
};
