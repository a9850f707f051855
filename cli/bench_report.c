#include <stdlib.h>
#include <string.h>

#include "cli/bench.h"

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

double cli_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2.0;
}

enum m2c_status cli_bench_add(struct cli_bench_rows *rows, const struct cli_bench_row *row,
                              struct m2c_error *err)
{
    if (rows->count == rows->capacity) {
        size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
        struct cli_bench_row *grown = realloc(rows->rows, capacity * sizeof *grown);
        if (!grown)
            return m2c_fail_memory(err, "bench rows", capacity * sizeof *grown);
        rows->rows = grown;
        rows->capacity = capacity;
    }
    rows->rows[rows->count++] = *row;
    return M2C_OK;
}

void cli_bench_free(struct cli_bench_rows *rows)
{
    free(rows->rows);
    *rows = (struct cli_bench_rows){0};
}

static double gflops(const struct cli_bench_row *row)
{
    return row->ms > 0.0 ? row->gflop / row->ms * 1e3 : 0.0;
}

static void print_table(FILE *out, const struct cli_bench_rows *rows)
{
    (void)fprintf(out, "%-18s %-9s %-9s %7s %10s %8s %8s %6s  %s\n", "stage", "precision",
                  "backend", "threads", "ms", "GFLOP", "GFLOP/s", "eff.", "");
    for (size_t i = 0; i < rows->count; i++) {
        const struct cli_bench_row *row = &rows->rows[i];
        (void)fprintf(out, "%-18s %-9s %-9s %7d %10.2f ", row->stage, row->precision, row->backend,
                      row->threads, row->ms);
        if (row->gflop > 0.0)
            (void)fprintf(out, "%8.2f %8.1f %6.3f", row->gflop, gflops(row), row->efficiency);
        else
            (void)fprintf(out, "%8s %8s %6s", "", "", "");
        (void)fprintf(out, "  %s\n", row->note);
    }
}

/* Every text here is a name of ours or a file's base name in `note`, which JSON must escape. */
static void print_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(out, "\\u%04x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

static void print_json(FILE *out, const struct cli_bench_rows *rows)
{
    (void)fprintf(out, "{\"results\": [");
    for (size_t i = 0; i < rows->count; i++) {
        const struct cli_bench_row *row = &rows->rows[i];
        (void)fprintf(out, "%s\n  {\"stage\": \"%s\", ", i ? "," : "", row->stage);
        (void)fprintf(out, "\"precision\": \"%s\", \"backend\": \"%s\", ", row->precision,
                      row->backend);
        (void)fprintf(out, "\"threads\": %d, \"ms\": %.3f, \"gflop\": %.4f, ", row->threads,
                      row->ms, row->gflop);
        (void)fprintf(out, "\"gflops\": %.2f, \"efficiency\": %.4f, \"note\": ", gflops(row),
                      row->efficiency);
        print_text(out, row->note);
        (void)fputc('}', out);
    }
    (void)fprintf(out, "\n]}\n");
}

void cli_bench_print(FILE *out, const struct cli_bench_rows *rows, bool json)
{
    if (json)
        print_json(out, rows);
    else
        print_table(out, rows);
}
