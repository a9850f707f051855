#include "text/merge_lines.h"

#include <string.h>

void m2c_merge_lines_start(struct m2c_merge_lines *lines, const char *bytes, size_t size)
{
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        --size;
    *lines = (struct m2c_merge_lines){.at = bytes, .end = bytes + size, .line = 1};
}

bool m2c_merge_lines_left(const struct m2c_merge_lines *lines)
{
    return lines->at < lines->end;
}

/* The end of the line at the reader's place, which is moved behind it. */
static const char *take_line(struct m2c_merge_lines *lines)
{
    const char *end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    if (end == NULL) {
        lines->at = lines->end;
        return lines->end;
    }
    lines->at = end + 1;
    ++lines->line;
    return end;
}

void m2c_merge_lines_pass(struct m2c_merge_lines *lines)
{
    if (m2c_merge_lines_left(lines))
        (void)take_line(lines);
}

bool m2c_merge_line_split(const char *text, size_t size, struct m2c_merge_line *line)
{
    const char *space = memchr(text, ' ', size);
    if (space == NULL)
        return false;
    line->left = text;
    line->left_bytes = (size_t)(space - text);
    line->right = space + 1;
    line->right_bytes = size - line->left_bytes - 1;
    return line->left_bytes > 0 && line->right_bytes > 0 &&
           memchr(line->right, ' ', line->right_bytes) == NULL;
}

enum m2c_status m2c_merge_lines_next(struct m2c_merge_lines *lines, struct m2c_merge_line *line,
                                     struct m2c_error *err)
{
    size_t number = lines->line;
    const char *start = lines->at;
    const char *end = take_line(lines);
    if (end > start && end[-1] == '\r')
        --end;
    if (!m2c_merge_line_split(start, (size_t)(end - start), line))
        return m2c_fail(err, M2C_BAD_MODEL,
                        "line %zu of the merges is not two symbols with one space between", number);
    return M2C_OK;
}
