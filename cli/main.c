/* m2clip COMMAND [options] INPUT... */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "proto/json_body.h"

enum { EXIT_FAILED = 1, EXIT_USAGE = 2, HELP_COLUMN = 28 };

static const struct cli_command *const commands[] = {
    &cli_command_serve,      &cli_command_classify,  &cli_command_zeroshot, &cli_command_embed,
    &cli_command_timeline,   &cli_command_fill_mask, &cli_command_inspect,  &cli_command_tokenize,
    &cli_command_preprocess, &cli_command_forward,   &cli_command_bench,    &cli_command_init,
    &cli_command_health,     &cli_command_gradcheck, &cli_command_eval,     &cli_command_train,
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *stream)
{
    (void)fprintf(stream,
                  "m2clip " M2C_VERSION ": video action recognition with M2-CLIP\n\n"
                  "usage: m2clip COMMAND [options] INPUT...\n\n"
                  "INPUT is a file, a folder, - for stdin, @LIST for a file of inputs, or a URL.\n"
                  "Each option can be set as M2CLIP_<OPTION> too. `m2clip COMMAND --help` lists "
                  "a command's options.\n\ncommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(stream, "  %-12s %s\n", commands[i]->name, commands[i]->summary);
}

static void print_help(const struct cli_command *command, const struct cli_option_list *options)
{
    (void)printf("usage: m2clip %s %s\n\n%s\n\noptions:\n", command->name, command->usage,
                 command->summary);
    for (size_t i = 0; i < options->count; i++) {
        const struct cli_option *option = &options->items[i];
        char flag[64], letter[8] = "";
        if (option->letter)
            (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
        (void)snprintf(flag, sizeof flag, "%s--%s%s%s", letter, option->name,
                       option->value[0] ? " " : "", option->value);
        (void)printf("  %-*s %s\n", HELP_COLUMN, flag, option->help);
    }
    (void)printf("  %-*s %s\n", HELP_COLUMN, "--help", "this page");
}

static const struct cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static bool wants_help(int argc, char *const *argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

static void warn_about_environment(void)
{
    struct cli_option_list *known = calloc(COMMAND_COUNT, sizeof *known);
    if (!known)
        return;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        commands[i]->options(&known[i]);
    cli_warn_unknown_environment(environ, known, COMMAND_COUNT);
    free(known);
}

static int exit_code(enum m2c_status status)
{
    if (status == M2C_OK)
        return EXIT_SUCCESS;
    return status == M2C_USAGE || status == M2C_INVALID_REQUEST ? EXIT_USAGE : EXIT_FAILED;
}

static void print_failure(const struct cli_command *command, const struct m2c_error *err)
{
    if (err->detail[0] == '\0')
        return;
    bool names_field = !err->field[0] || strstr(err->detail, err->field);
    (void)fprintf(stderr, "m2clip %s: %s%s%s%s%s\n", command->name, names_field ? "" : err->field,
                  names_field ? "" : ": ", err->detail, err->context[0] ? ": " : "", err->context);
    if (exit_code(err->status) == EXIT_USAGE)
        (void)fprintf(stderr, "`m2clip %s --help` lists the options\n", command->name);
}

static int run_command(const struct cli_command *command, int argc, char *const *argv)
{
    struct cli_option_list options = {0};
    struct cli_arguments *arguments = NULL;
    struct m2c_error err = {0};
    command->options(&options);
    if (wants_help(argc, argv)) {
        print_help(command, &options);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILED;
    }
    enum m2c_status status = cli_arguments_new(&options, argc, argv, environ, &arguments, &err);
    if (status == M2C_OK) {
        warn_about_environment();
        status = command->run(arguments, &err);
    }
    if (status == M2C_OK && fflush(stdout) != 0)
        status = m2c_fail_errno(&err, "writing the results", "stdout");
    if (status != M2C_OK)
        print_failure(command, &err);
    cli_arguments_free(&arguments);
    return exit_code(status);
}

/* Where a standard descriptor was closed for us, the next file or socket would take its number, and
 * what is printed would go there. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    fill_standard_descriptors();
    proto_json_start();
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("m2clip " M2C_VERSION);
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_commands(stdout);
        return EXIT_SUCCESS;
    }
    const struct cli_command *command = find_command(argv[1]);
    if (!command) {
        (void)fprintf(stderr, "m2clip: there is no command %s; `m2clip --help` lists them\n",
                      argv[1]);
        return EXIT_USAGE;
    }
    return run_command(command, argc - 2, argv + 2);
}
