/* m2clip tokenize: a text a line in, its token ids a line out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "proto/json_writer.h"
#include "text/tokenizer.h"

enum { FIRST_CAPACITY = 256 };

struct ids {
    int32_t *items;
    size_t capacity;
};

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"model", CLI_VALUE, "DIR", "the folder with the tokenizer", 'm'}};
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

/* Encodes a whole line, however long, growing `ids` to what it needs. */
static enum m2c_status encode(const struct m2c_tokenizer *tokenizer, const char *line, size_t bytes,
                              struct ids *ids, size_t *count, struct m2c_error *err)
{
    enum m2c_status status =
        m2c_tokenizer_encode(tokenizer, line, bytes, ids->items, ids->capacity, count, err);
    if (status == M2C_OK || *count <= ids->capacity)
        return status;
    int32_t *bigger = realloc(ids->items, *count * sizeof *bigger);
    if (!bigger)
        return m2c_fail_memory(err, "token ids", *count * sizeof *bigger);
    ids->items = bigger;
    ids->capacity = *count;
    return m2c_tokenizer_encode(tokenizer, line, bytes, ids->items, ids->capacity, count, err);
}

static enum m2c_status write_ids(const int32_t *ids, size_t count, struct m2c_error *err)
{
    struct proto_writer writer = {0};
    char *text = NULL;
    size_t length;
    proto_writer_array_begin(&writer);
    for (size_t i = 0; i < count; i++)
        proto_writer_integer(&writer, ids[i]);
    proto_writer_array_end(&writer);
    enum m2c_status status = proto_writer_take(&writer, &text, &length, err);
    if (status == M2C_OK && puts(text) == EOF)
        status = m2c_fail_errno(err, "writing the results", "stdout");
    free(text);
    return status;
}

/* A line that cannot be encoded becomes null, so that lines keep their numbers. */
static enum m2c_status tokenize_lines(const struct m2c_tokenizer *tokenizer, struct m2c_error *err)
{
    struct ids ids = {calloc(FIRST_CAPACITY, sizeof *ids.items), FIRST_CAPACITY};
    char *line = NULL;
    size_t capacity = 0, number = 0, count;
    ssize_t length;
    bool failed = false;
    enum m2c_status status = M2C_OK;
    if (!ids.items)
        return m2c_fail_memory(err, "token ids", FIRST_CAPACITY * sizeof *ids.items);
    while (status == M2C_OK && (length = getline(&line, &capacity, stdin)) >= 0) {
        struct m2c_error line_error = {0};
        size_t bytes = (size_t)length;
        number++;
        count = 0;
        if (bytes > 0 && line[bytes - 1] == '\n')
            bytes--;
        if (encode(tokenizer, line, bytes, &ids, &count, &line_error) == M2C_OK) {
            status = write_ids(ids.items, count, err);
        } else {
            failed = true;
            (void)fprintf(stderr, "m2clip tokenize: line %zu: %s\n", number, line_error.detail);
            (void)puts("null");
        }
    }
    free(line);
    free(ids.items);
    if (status == M2C_OK && ferror(stdin))
        status = m2c_fail_errno(err, "reading", "stdin");
    if (status == M2C_OK && failed) {
        *err = (struct m2c_error){.status = M2C_INTERNAL};
        status = M2C_INTERNAL;
    }
    return status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct m2c_tokenizer *tokenizer = NULL;
    const char *dir = cli_value(arguments, "model");
    if (!dir || cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "--model DIR is needed, and texts come on stdin");
    enum m2c_status status = m2c_tokenizer_open(dir, &tokenizer, err);
    if (status == M2C_OK && !tokenizer)
        status = m2c_fail(err, M2C_NO_TOKENIZER, "the folder has no tokenizer");
    if (status == M2C_OK)
        status = tokenize_lines(tokenizer, err);
    m2c_tokenizer_free(&tokenizer);
    return status;
}

const struct cli_command cli_command_tokenize = {
    .name = "tokenize",
    .usage = "--model DIR < TEXTS",
    .summary = "turn lines of text into token ids",
    .options = options,
    .run = run,
};
