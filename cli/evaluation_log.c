#include "cli/evaluation_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/folder_file.h"
#include "proto/json_writer.h"
#include "text/json_reader.h"

enum { LOG_LIMIT_BYTES = 1 << 30 };

struct cli_evaluation_log {
    FILE *stream;
    char *path;
};

/* What lines may name, and where they go. */
struct results_reader {
    size_t classes, count;
    struct cli_clip_result *results; /* [count] */
};

const char *cli_head_name(enum cli_head head)
{
    return head == CLI_HEAD_VC ? "vc" : "zeroshot";
}

static bool read_top(struct m2c_json_reader *json, size_t classes, struct cli_verdict *verdict)
{
    bool first = true;
    int32_t value;
    if (!m2c_json_enter_array(json, &first))
        return false;
    while (m2c_json_next_element(json, &first)) {
        if (verdict->top_count == CLI_TOP || !m2c_json_index(json, &value) ||
            (size_t)value >= classes)
            return false;
        verdict->top[verdict->top_count++] = (size_t)value;
    }
    return true;
}

static bool read_verdict(struct m2c_json_reader *json, size_t classes, struct cli_verdict *verdict)
{
    bool first = true;
    int32_t rank = 0;
    struct m2c_json_text name;
    *verdict = (struct cli_verdict){0};
    if (m2c_json_peek(json) != '{')
        return m2c_json_skip(json);
    if (!m2c_json_enter_object(json, &first))
        return false;
    while (m2c_json_next_member(json, &first, &name)) {
        bool good = m2c_json_text_is(&name, "rank")  ? m2c_json_index(json, &rank)
                    : m2c_json_text_is(&name, "top") ? read_top(json, classes, verdict)
                                                     : m2c_json_skip(json);
        if (!good)
            return false;
    }
    verdict->rank = (size_t)rank;
    return verdict->top_count > 0;
}

static bool read_member(struct m2c_json_reader *json, const struct m2c_json_text *name,
                        size_t classes, int32_t *item, struct cli_clip_result *result)
{
    if (m2c_json_text_is(name, "item"))
        return m2c_json_index(json, item);
    if (m2c_json_text_is(name, "decode_us"))
        return m2c_json_index(json, &result->decode_us);
    if (m2c_json_text_is(name, "encode_us"))
        return m2c_json_index(json, &result->encode_us);
    for (int head = 0; head < CLI_HEADS; head++)
        if (m2c_json_text_is(name, cli_head_name((enum cli_head)head)))
            return read_verdict(json, classes, &result->heads[head]);
    if (m2c_json_text_is(name, "error"))
        result->done = false;
    return m2c_json_skip(json);
}

static bool read_line(const struct results_reader *reader, const char *line, size_t size)
{
    struct m2c_json_reader json;
    struct m2c_json_text name;
    struct cli_clip_result result = {.done = true};
    int32_t item = -1;
    bool first = true;
    m2c_json_start(&json, line, size);
    bool good = m2c_json_enter_object(&json, &first);
    while (good && m2c_json_next_member(&json, &first, &name))
        good = read_member(&json, &name, reader->classes, &item, &result);
    good = good && !json.mistake && m2c_json_at_end(&json) && item >= 0 &&
           (size_t)item < reader->count;
    m2c_json_finish(&json);
    if (good)
        reader->results[item] = result;
    return good;
}

static bool is_key_line(const char *line, size_t size, const char *key)
{
    struct m2c_json_reader json;
    struct m2c_json_text name, text;
    bool first = true;
    m2c_json_start(&json, line, size);
    bool good = m2c_json_enter_object(&json, &first) &&
                m2c_json_next_member(&json, &first, &name) &&
                m2c_json_text_is(&name, "evaluation") && m2c_json_string(&json, &text) &&
                m2c_json_text_is(&text, key);
    m2c_json_finish(&json);
    return good;
}

/* Reads the whole lines; `*whole_bytes` <- where they end. */
static enum m2c_status read_lines(const struct results_reader *reader, const char *text,
                                  size_t size, const char *key, size_t *whole_bytes,
                                  struct m2c_error *err)
{
    size_t line_number = 1;
    *whole_bytes = 0;
    for (const char *stop; (stop = memchr(text + *whole_bytes, '\n', size - *whole_bytes)) != NULL;
         line_number++) {
        const char *line = text + *whole_bytes;
        size_t length = (size_t)(stop - line);
        if (line_number == 1 && !is_key_line(line, length, key))
            return m2c_fail_field(err, M2C_INVALID_REQUEST, "resume",
                                  "the folder holds results of another evaluation: model, data, "
                                  "labels and sampling must be the same");
        if (line_number > 1 && !read_line(reader, line, length))
            return m2c_fail_field(err, M2C_INVALID_REQUEST, "resume",
                                  "line %zu of the earlier results is none", line_number);
        *whole_bytes += length + 1;
    }
    return M2C_OK;
}

static enum m2c_status take_up(const struct results_reader *reader, const char *path,
                               const char *key, size_t *whole_bytes, struct m2c_error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum m2c_status status = m2c_folder_read_optional(path, LOG_LIMIT_BYTES, &text, &size, err);
    *whole_bytes = 0;
    if (status == M2C_OK && text)
        status = read_lines(reader, text, size, key, whole_bytes, err);
    free(text);
    if (status == M2C_OK && size > *whole_bytes && truncate(path, (off_t)*whole_bytes) != 0)
        status = m2c_fail_errno(err, "cutting", path);
    return status;
}

static enum m2c_status write_line(struct cli_evaluation_log *log, struct proto_writer *writer,
                                  struct m2c_error *err)
{
    char *text = NULL;
    size_t length;
    proto_writer_newline(writer);
    enum m2c_status status = proto_writer_take(writer, &text, &length, err);
    if (status == M2C_OK &&
        (fwrite(text, 1, length, log->stream) != length || fflush(log->stream) != 0))
        status = m2c_fail_errno(err, "writing", log->path);
    free(text);
    return status;
}

static enum m2c_status write_key(struct cli_evaluation_log *log, const char *key,
                                 struct m2c_error *err)
{
    struct proto_writer writer;
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "evaluation");
    proto_writer_string(&writer, key);
    proto_writer_object_end(&writer);
    enum m2c_status status = write_line(log, &writer, err);
    proto_writer_destroy(&writer);
    return status;
}

static enum m2c_status open_stream(struct cli_evaluation_log *log, bool resume,
                                   struct m2c_error *err)
{
    log->stream = fopen(log->path, resume ? "ae" : "wxe");
    if (log->stream)
        return M2C_OK;
    if (!resume && errno == EEXIST)
        return m2c_fail_field(err, M2C_USAGE, "output",
                              "the folder of -o holds results already: --resume goes on with them");
    return m2c_fail_errno(err, "opening", log->path);
}

enum m2c_status cli_evaluation_log_open(const char *path, const char *key, bool resume,
                                        size_t classes, size_t count,
                                        struct cli_clip_result *results,
                                        struct cli_evaluation_log **out, struct m2c_error *err)
{
    const struct results_reader reader = {classes, count, results};
    size_t whole_bytes = 0;
    struct cli_evaluation_log *log = calloc(1, sizeof *log);
    *out = NULL;
    if (!log)
        return m2c_fail_memory(err, "the results", sizeof *log);
    log->path = strdup(path);
    enum m2c_status status = log->path ? M2C_OK : m2c_fail_memory(err, "the results", strlen(path));
    if (status == M2C_OK && resume)
        status = take_up(&reader, path, key, &whole_bytes, err);
    if (status == M2C_OK)
        status = open_stream(log, resume, err);
    if (status == M2C_OK && whole_bytes == 0)
        status = write_key(log, key, err);
    if (status == M2C_OK)
        *out = log;
    else
        cli_evaluation_log_close(&log);
    return status;
}

static void begin_clip(struct proto_writer *writer, const struct cli_clip_name *name)
{
    proto_writer_init(writer);
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "item");
    proto_writer_integer(writer, (int64_t)name->item);
    proto_writer_key(writer, "line");
    proto_writer_integer(writer, (int64_t)name->line);
    proto_writer_key(writer, "path");
    proto_writer_string(writer, name->path);
    proto_writer_key(writer, "label");
    proto_writer_integer(writer, (int64_t)name->label);
}

static void write_verdict(struct proto_writer *writer, const struct cli_verdict *verdict)
{
    if (verdict->top_count == 0) {
        proto_writer_null(writer);
        return;
    }
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "rank");
    proto_writer_integer(writer, (int64_t)verdict->rank);
    proto_writer_key(writer, "top");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < verdict->top_count; i++)
        proto_writer_integer(writer, (int64_t)verdict->top[i]);
    proto_writer_array_end(writer);
    proto_writer_object_end(writer);
}

enum m2c_status cli_evaluation_log_result(struct cli_evaluation_log *log,
                                          const struct cli_clip_name *name,
                                          const struct cli_clip_result *result,
                                          struct m2c_error *err)
{
    struct proto_writer writer;
    begin_clip(&writer, name);
    proto_writer_key(&writer, "decode_us");
    proto_writer_integer(&writer, result->decode_us);
    proto_writer_key(&writer, "encode_us");
    proto_writer_integer(&writer, result->encode_us);
    for (int head = 0; head < CLI_HEADS; head++) {
        proto_writer_key(&writer, cli_head_name((enum cli_head)head));
        write_verdict(&writer, &result->heads[head]);
    }
    proto_writer_object_end(&writer);
    enum m2c_status status = write_line(log, &writer, err);
    proto_writer_destroy(&writer);
    return status;
}

enum m2c_status cli_evaluation_log_failure(struct cli_evaluation_log *log,
                                           const struct cli_clip_name *name,
                                           const struct m2c_error *failure, struct m2c_error *err)
{
    struct proto_writer writer;
    begin_clip(&writer, name);
    proto_writer_key(&writer, "error");
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "code");
    proto_writer_string(&writer, m2c_status_code(failure->status));
    proto_writer_key(&writer, "detail");
    proto_writer_string(&writer, failure->detail);
    proto_writer_object_end(&writer);
    proto_writer_object_end(&writer);
    enum m2c_status status = write_line(log, &writer, err);
    proto_writer_destroy(&writer);
    return status;
}

void cli_evaluation_log_close(struct cli_evaluation_log **log_pointer)
{
    struct cli_evaluation_log *log = *log_pointer;
    *log_pointer = NULL;
    if (!log)
        return;
    /* Every line was flushed and checked. */
    if (log->stream)
        (void)fclose(log->stream);
    free(log->path);
    free(log);
}
