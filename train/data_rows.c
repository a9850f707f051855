/* Data lists as text: CSV with a header, and the authors' lines. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/data_reader.h"

enum { MAX_FIELDS = 16 };

enum column { COLUMN_PATH, COLUMN_LABEL, COLUMN_START, COLUMN_END, COLUMN_SPLIT, COLUMNS };

static const char *const column_names[COLUMNS] = {"path", "label", "start_s", "end_s", "split"};

/* A line's fields, borrowed from the text. */
struct fields {
    char *items[MAX_FIELDS];
    size_t count;
};

/* Where the columns stand, from a header. */
struct header {
    size_t place[COLUMNS]; /* MAX_FIELDS: absent */
    size_t count;
};

/* The next line, NUL-ended, without its line break; NULL at the end. */
static char *next_line(char **cursor)
{
    char *line = *cursor;
    if (*line == '\0')
        return NULL;
    char *stop = line + strcspn(line, "\n");
    *cursor = *stop ? stop + 1 : stop;
    *stop = '\0';
    if (stop > line && stop[-1] == '\r')
        stop[-1] = '\0';
    return line;
}

/* Takes the quotes off a field that begins with one; `*cursor` <- what stands behind it. False
 * where the closing quote is missing or something follows it. */
static bool unquote(char **cursor)
{
    char *read = *cursor + 1, *write = *cursor;
    for (;; read++) {
        if (*read == '\0')
            return false;
        if (*read == '"' && read[1] != '"')
            break;
        if (*read == '"')
            read++;
        *write++ = *read;
    }
    *write = '\0';
    *cursor = read + 1;
    return **cursor == ',' || **cursor == '\0';
}

/* Splits a line of CSV in place; false where its quotes or the number of fields are wrong. */
static bool split_csv(char *line, struct fields *fields)
{
    fields->count = 0;
    for (char *cursor = line;;) {
        if (fields->count == MAX_FIELDS)
            return false;
        fields->items[fields->count++] = cursor;
        if (*cursor == '"') {
            if (!unquote(&cursor))
                return false;
        } else {
            cursor += strcspn(cursor, ",");
        }
        if (*cursor == '\0')
            return true;
        *cursor++ = '\0';
    }
}

static bool is_number(const char *text)
{
    return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A label by its name, else by its index. */
static bool find_label(const struct m2c_label_list *labels, const char *text, size_t *label)
{
    for (size_t i = 0; i < labels->count; i++) {
        if (strcmp(labels->names[i], text) == 0) {
            *label = i;
            return true;
        }
    }
    if (!is_number(text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    *label = (size_t)number;
    return errno == 0 && number < labels->count;
}

static bool read_seconds(const char *text, double *seconds)
{
    char *end;
    if (*text == '\0') {
        *seconds = 0;
        return true;
    }
    *seconds = strtod(text, &end);
    return *end == '\0' && isfinite(*seconds) && *seconds >= 0;
}

static bool read_part(const char *text, enum trn_part *part)
{
    static const struct {
        const char *name;
        enum trn_part part;
    } parts[] = {{"", TRN_PART_UNSAID},
                 {"train", TRN_PART_TRAIN},
                 {"val", TRN_PART_VALIDATION},
                 {"validation", TRN_PART_VALIDATION},
                 {"test", TRN_PART_TEST}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, text) == 0) {
            *part = parts[i].part;
            return true;
        }
    }
    return false;
}

static const char *field_of(const struct fields *fields, const struct header *header,
                            enum column column)
{
    size_t place = header->place[column];
    return place < fields->count ? fields->items[place] : "";
}

static enum m2c_status add_row(const struct trn_data_reader *reader, const struct fields *fields,
                               const struct header *header)
{
    struct trn_item item = {0};
    const char *label = field_of(fields, header, COLUMN_LABEL);
    const char *part = field_of(fields, header, COLUMN_SPLIT);
    if (fields->count != header->count)
        return trn_data_bad(reader, "it has %zu fields; the header has %zu", fields->count,
                            header->count);
    item.path = fields->items[header->place[COLUMN_PATH]];
    if (item.path[0] == '\0')
        return trn_data_bad(reader, "the path is empty");
    if (!find_label(reader->source->labels, label, &item.label))
        return trn_data_bad(reader, "\"%.60s\" is no label: neither a name nor an index below %zu",
                            label, reader->source->labels->count);
    if (!read_seconds(field_of(fields, header, COLUMN_START), &item.start_s) ||
        !read_seconds(field_of(fields, header, COLUMN_END), &item.end_s) ||
        (item.end_s > 0 && item.end_s <= item.start_s))
        return trn_data_bad(reader, "start_s and end_s are no times, the second after the first");
    if (!read_part(part, &item.part))
        return trn_data_bad(reader, "\"%.60s\" is none of train, val and test", part);
    return trn_data_add(reader, &item);
}

/* Whether the fields are a header at all: they name path and label. */
static bool is_header(const struct fields *fields)
{
    size_t found = 0;
    for (size_t i = 0; i < fields->count; i++)
        found += strcmp(fields->items[i], column_names[COLUMN_PATH]) == 0 ||
                 strcmp(fields->items[i], column_names[COLUMN_LABEL]) == 0;
    return found >= 2;
}

static enum m2c_status read_header(const struct trn_data_reader *reader,
                                   const struct fields *fields, struct header *header)
{
    header->count = fields->count;
    for (size_t c = 0; c < COLUMNS; c++)
        header->place[c] = MAX_FIELDS;
    for (size_t i = 0; i < fields->count; i++) {
        size_t column = 0;
        while (column < COLUMNS && strcmp(fields->items[i], column_names[column]) != 0)
            column++;
        if (column == COLUMNS || header->place[column] != MAX_FIELDS)
            return m2c_fail_field(reader->err, M2C_INVALID_REQUEST, "data",
                                  "line 1: the column \"%.60s\" is unknown or there twice; columns "
                                  "are path, label, start_s, end_s and split",
                                  fields->items[i]);
        header->place[column] = i;
    }
    return M2C_OK;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

static enum m2c_status read_csv(struct trn_data_reader *reader, const struct header *header,
                                char *text)
{
    enum m2c_status status = M2C_OK;
    for (char *line; status == M2C_OK && (line = next_line(&text)) != NULL; reader->line++) {
        struct fields fields;
        if (is_blank(line))
            continue;
        status =
            split_csv(line, &fields)
                ? add_row(reader, &fields, header)
                : trn_data_bad(reader, "its quotes are wrong or it has over %d fields", MAX_FIELDS);
    }
    return status;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == ',';
}

static char *last_field(char *line)
{
    size_t begin = strlen(line);
    while (begin > 0 && !is_separator(line[begin - 1]))
        begin--;
    return line + begin;
}

static void cut_separators(char *line, size_t end)
{
    while (end > 0 && is_separator(line[end - 1]))
        line[--end] = '\0';
}

/* Cuts the last field off a line, separators around it too; NULL where there is but one. */
static char *cut_last(char *line)
{
    cut_separators(line, strlen(line));
    char *field = last_field(line);
    cut_separators(line, (size_t)(field - line));
    return field > line && line[0] != '\0' ? field : NULL;
}

/* `path id` or `path frames id`; a path may hold blanks. */
static enum m2c_status add_line(const struct trn_data_reader *reader, char *line)
{
    struct trn_item item = {.path = line};
    const char *label = cut_last(line);
    if (!label)
        return trn_data_bad(reader, "a path and the index of a label are needed");
    if (!is_number(label) || !find_label(reader->source->labels, label, &item.label))
        return trn_data_bad(reader, "\"%.60s\" is not the index of a label, 0 to %zu", label,
                            reader->source->labels->count - 1);
    if (is_number(last_field(line)))
        (void)cut_last(line);
    return trn_data_add(reader, &item);
}

static enum m2c_status read_lines(struct trn_data_reader *reader, char *text)
{
    enum m2c_status status = M2C_OK;
    for (char *line; status == M2C_OK && (line = next_line(&text)) != NULL; reader->line++) {
        if (!is_blank(line))
            status = add_line(reader, line);
    }
    return status;
}

/* A copy of the first line, split; false where it cannot be a header. */
static bool first_fields(const char *text, char **copy, struct fields *fields)
{
    *copy = strndup(text, strcspn(text, "\r\n"));
    return *copy && split_csv(*copy, fields) && is_header(fields);
}

enum m2c_status trn_data_read_rows(struct trn_data_reader *reader, char *text)
{
    struct fields fields;
    struct header header;
    char *copy = NULL;
    enum m2c_status status;
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    reader->line = 1;
    if (first_fields(text, &copy, &fields)) {
        status = read_header(reader, &fields, &header);
        (void)next_line(&text);
        reader->line++;
        if (status == M2C_OK)
            status = read_csv(reader, &header, text);
    } else {
        status = read_lines(reader, text);
    }
    free(copy);
    return status;
}
