/* A command of the program: its options and what it does. Each lives in cli/command_<name>.c. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include "cli/arguments.h"
#include "status.h"

struct cli_command {
    const char *name;
    const char *usage;   /* "[options] INPUT..." */
    const char *summary; /* one line for the list of commands */

    /* Appends the command's options to an empty list (--help is everybody's). */
    void (*options)(struct cli_option_list *list);

    /* Does the work. Exit code 0 for M2C_OK, 2 for M2C_USAGE and M2C_INVALID_REQUEST, else 1. An
     * error with a detail is printed as one sentence on stderr; one without was told already. */
    enum m2c_status (*run)(const struct cli_arguments *arguments, struct m2c_error *err);
};

extern const struct cli_command cli_command_serve, cli_command_classify, cli_command_zeroshot,
    cli_command_timeline, cli_command_fill_mask, cli_command_embed, cli_command_inspect,
    cli_command_tokenize, cli_command_preprocess, cli_command_forward, cli_command_bench,
    cli_command_init, cli_command_health, cli_command_gradcheck, cli_command_eval,
    cli_command_train;

#endif
