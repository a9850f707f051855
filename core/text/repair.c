#include "text/repair.h"

#include <string.h>
#include <utf8proc.h>

#include "text/html_unescape.h"
#include "text/normalization.h"

enum { ESCAPE = 0x1B, LIGATURE_POINTS = 3 };

struct ligature {
    int32_t point;
    int32_t parts[LIGATURE_POINTS];
};

/* Latin ligatures, and digraphs that are one character for the sake of old encodings. */
static const struct ligature ligatures[] = {
    {0x132, {'I', 'J'}},       {0x133, {'i', 'j'}},       {0x149, {0x2BC, 'n'}},
    {0x1C4, {'D', 0x17D}},     {0x1C5, {'D', 0x17E}},     {0x1C6, {'d', 0x17E}},
    {0x1C7, {'L', 'J'}},       {0x1C8, {'L', 'j'}},       {0x1C9, {'l', 'j'}},
    {0x1CA, {'N', 'J'}},       {0x1CB, {'N', 'j'}},       {0x1CC, {'n', 'j'}},
    {0x1F1, {'D', 'Z'}},       {0x1F2, {'D', 'z'}},       {0x1F3, {'d', 'z'}},
    {0xFB00, {'f', 'f'}},      {0xFB01, {'f', 'i'}},      {0xFB02, {'f', 'l'}},
    {0xFB03, {'f', 'f', 'i'}}, {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x17F, 't'}},
    {0xFB06, {'s', 't'}},
};

static const struct ligature *find_ligature(int32_t point)
{
    if (point < ligatures[0].point)
        return NULL;
    for (size_t i = 0; i < sizeof ligatures / sizeof ligatures[0]; ++i) {
        if (ligatures[i].point == point)
            return &ligatures[i];
    }
    return NULL;
}

static int32_t straight_quote(int32_t point)
{
    if (point == 0x2BC || (point >= 0x2018 && point <= 0x201B))
        return '\'';
    return point >= 0x201C && point <= 0x201F ? '"' : point;
}

static bool has_usual_width(int32_t point)
{
    return point != 0x3000 && (point < 0xFF01 || point > 0xFFEF);
}

static void translate(int32_t original, struct m2c_code_points *out)
{
    int32_t point = m2c_windows_1252(original);
    const struct ligature *ligature = find_ligature(point);
    if (ligature != NULL) {
        for (int i = 0; i < LIGATURE_POINTS && ligature->parts[i] != 0; ++i)
            m2c_code_points_push(out, straight_quote(ligature->parts[i]));
    } else if (has_usual_width(point)) {
        m2c_code_points_push(out, straight_quote(point));
    } else {
        m2c_decompose_compatibly(point, out);
    }
}

static void translate_all(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    out->count = 0;
    for (size_t i = 0; i < in->count; ++i)
        translate(in->data[i], out);
}

static bool is_unwanted_control(int32_t point)
{
    return (point < 0x20 && point != '\t' && point != '\n' && point != '\f' && point != '\r') ||
           point == 0x7F || (point >= 0x206A && point <= 0x206F) || point == 0xFEFF ||
           (point >= 0xFFF9 && point <= 0xFFFC);
}

static bool is_ascii_letter(int32_t point)
{
    return (point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z');
}

/* Code points of the terminal escape (ESC [ digits and semicolons, a letter) at `at`, else 0. */
static size_t terminal_escape(const int32_t *at, size_t count)
{
    if (count < 3 || at[0] != ESCAPE || at[1] != '[')
        return 0;
    size_t i = 2;
    while (i < count && (at[i] == ';' || utf8proc_category(at[i]) == UTF8PROC_CATEGORY_ND))
        ++i;
    return i < count && is_ascii_letter(at[i]) ? i + 1 : 0;
}

static void remove_controls(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    out->count = 0;
    for (size_t i = 0; i < in->count;) {
        size_t taken = terminal_escape(in->data + i, in->count - i);
        if (taken == 0) {
            if (!is_unwanted_control(in->data[i]))
                m2c_code_points_push(out, in->data[i]);
            taken = 1;
        }
        i += taken;
    }
}

/* No step changes a line of these. */
static bool is_plain(const int32_t *line, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        bool plain = (line[i] >= ' ' && line[i] < 0x7F && line[i] != '&') || line[i] == '\n';
        if (!plain)
            return false;
    }
    return true;
}

static bool same_points(const struct m2c_code_points *a, const struct m2c_code_points *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->data, b->data, a->count * sizeof *a->data) == 0);
}

struct repair_rows {
    struct m2c_code_points before, now, next;
};

static void repair_round(struct repair_rows *rows, bool unescape)
{
    if (unescape) {
        rows->next.count = 0;
        m2c_html_unescape_closed(&rows->now, &rows->next);
        m2c_code_points_swap(&rows->now, &rows->next);
    }
    translate_all(&rows->now, &rows->next);
    remove_controls(&rows->next, &rows->now);
    m2c_normalize_nfc(&rows->now, &rows->next);
    m2c_code_points_swap(&rows->now, &rows->next);
}

static void repair_line(struct repair_rows *rows, const int32_t *line, size_t count, bool unescape,
                        struct m2c_code_points *out)
{
    if (is_plain(line, count)) {
        m2c_code_points_append(out, line, count);
        return;
    }
    rows->now.count = 0;
    m2c_code_points_append(&rows->now, line, count);
    for (int round = 0; round < M2C_REPAIR_ROUNDS; ++round) {
        rows->before.count = 0;
        m2c_code_points_append(&rows->before, rows->now.data, rows->now.count);
        repair_round(rows, unescape);
        if (same_points(&rows->before, &rows->now))
            break;
    }
    m2c_code_points_append(out, rows->now.data, rows->now.count);
}

void m2c_repair(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    struct repair_rows rows = {0};
    bool unescape = true;
    out->count = 0;
    m2c_code_points_reserve(out, in->count);
    for (size_t start = 0; start < in->count;) {
        size_t end = start;
        while (end < in->count && in->data[end] != '\n') {
            unescape = unescape && in->data[end] != '<';
            ++end;
        }
        if (end < in->count)
            ++end;
        repair_line(&rows, in->data + start, end - start, unescape, out);
        start = end;
    }
    if (rows.before.failed || rows.now.failed || rows.next.failed)
        out->failed = true;
    m2c_code_points_free(&rows.before);
    m2c_code_points_free(&rows.now);
    m2c_code_points_free(&rows.next);
}
