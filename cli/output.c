#include "cli/output.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct cli_option output_options[] = {
    {"format", CLI_VALUE, "FORM", "table, jsonl, csv; timeline vtt (table)", 0},
    {"json", CLI_BOOLEAN, "", "the same as --format jsonl", 0},
    {"output", CLI_VALUE, "FILE", "write results there (stdout)", 'o'},
};

void cli_output_options(struct cli_option_list *list)
{
    cli_option_list_add(list, output_options, sizeof output_options / sizeof output_options[0]);
}

static enum m2c_status read_format(const struct cli_arguments *arguments, bool has_vtt,
                                   enum cli_format *format, struct m2c_error *err)
{
    const char *name = cli_value(arguments, "format");
    *format = CLI_TABLE;
    if (cli_boolean(arguments, "json", false) || (name && strcmp(name, "jsonl") == 0))
        *format = CLI_JSONL;
    else if (name && strcmp(name, "csv") == 0)
        *format = CLI_CSV;
    else if (name && has_vtt && strcmp(name, "vtt") == 0)
        *format = CLI_VTT;
    else if (name && strcmp(name, "table") != 0)
        return m2c_fail_field(err, M2C_USAGE, "format", "--format must be table, jsonl%s",
                              has_vtt ? ", csv or vtt" : " or csv");
    return M2C_OK;
}

enum m2c_status cli_output_open(struct cli_output *output, const struct cli_arguments *arguments,
                                bool has_vtt, struct m2c_error *err)
{
    *output = (struct cli_output){.path = cli_value(arguments, "output")};
    enum m2c_status status = read_format(arguments, has_vtt, &output->format, err);
    if (status != M2C_OK)
        return status;
    output->stream = output->path ? fopen(output->path, "we") : stdout;
    return output->stream ? M2C_OK : m2c_fail_errno(err, "opening the output", output->path);
}

enum m2c_status cli_output_close(struct cli_output *output, struct m2c_error *err)
{
    if (!output->stream)
        return M2C_OK;
    FILE *stream = output->stream;
    const char *path = output->path;
    bool good = fflush(stream) == 0 && !ferror(stream);
    if (path && fclose(stream) != 0)
        good = false;
    output->stream = NULL;
    return good ? M2C_OK : m2c_fail_errno(err, "writing the results", path ? path : "stdout");
}

enum m2c_status cli_output_text(struct cli_output *output, struct proto_writer *writer,
                                struct m2c_error *err)
{
    char *text = NULL;
    size_t length;
    enum m2c_status status = proto_writer_take(writer, &text, &length, err);
    if (status != M2C_OK)
        return status;
    if (fwrite(text, 1, length, output->stream) != length || fflush(output->stream) != 0)
        status = m2c_fail_errno(err, "writing the results", output->path ? output->path : "stdout");
    free(text);
    return status;
}

enum m2c_status cli_output_json(struct cli_output *output, struct proto_writer *writer,
                                struct m2c_error *err)
{
    proto_writer_newline(writer);
    return cli_output_text(output, writer, err);
}

void cli_csv_text(FILE *stream, const char *text)
{
    if (!text)
        return;
    if (!strpbrk(text, ",\"\r\n")) {
        (void)fputs(text, stream);
        return;
    }
    (void)fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            (void)fputc('"', stream);
        (void)fputc(*text, stream);
    }
    (void)fputc('"', stream);
}

static bool shows_progress(size_t count)
{
    return count > 1 && isatty(STDERR_FILENO);
}

void cli_progress_show(size_t done, size_t count, const char *name)
{
    if (shows_progress(count))
        (void)fprintf(stderr, "\r\x1b[K[%zu/%zu] %s", done, count, name);
}

void cli_progress_clear(size_t count)
{
    if (shows_progress(count))
        (void)fputs("\r\x1b[K", stderr);
}
