/* m2clip health: whether a server is ready, by exit code, for container health checks. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "net/probe.h"

enum { TIMEOUT_MS = 5000, MAX_URL_BYTES = 1024, READY = 200 };

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"url", CLI_VALUE, "URL", "where the server listens (http://127.0.0.1:8080)", 0}};
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    const char *base = cli_value(arguments, "url");
    char url[MAX_URL_BYTES];
    long code = 0;
    if (cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "health takes no input, only --url URL");
    if (!base)
        base = "http://127.0.0.1:8080";
    size_t length = strlen(base);
    while (length > 0 && base[length - 1] == '/')
        length--;
    int written = snprintf(url, sizeof url, "%.*s/readyz", (int)length, base);
    if (length == 0 || written < 0 || (size_t)written >= sizeof url)
        return m2c_fail_field(err, M2C_USAGE, "url", "--url must be a URL of at most %d bytes",
                              (int)MAX_URL_BYTES);
    enum m2c_status status = net_probe(url, TIMEOUT_MS, &code, err);
    if (status == M2C_OK && code != READY)
        status = m2c_fail(err, M2C_FETCH_FAILED, "the server is not ready: it answers %ld", code);
    return status;
}

const struct cli_command cli_command_health = {
    .name = "health",
    .usage = "[--url URL]",
    .summary = "exit 0 when a server is ready",
    .options = options,
    .run = run,
};
