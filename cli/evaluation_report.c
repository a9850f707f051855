#include "cli/evaluation_report.h"

#include <limits.h>
#include <stdlib.h>

#include "cli/confusion_svg.h"
#include "cli/output.h"
#include "proto/json_writer.h"

enum { NAME_COLUMN = 28 };

static bool has_head(const struct cli_evaluation_report *report, int head)
{
    return report->heads[head].clips > 0;
}

static void print_totals(FILE *stream, const struct cli_evaluation_report *report)
{
    (void)fprintf(stream, "%-10s %8s %8s %8s %12s\n", "head", "clips", "top-1", "top-5",
                  "mean class");
    for (int head = 0; head < CLI_HEADS; head++) {
        const char *name = cli_head_name((enum cli_head)head);
        struct cli_figures figures = cli_evaluation_figures(&report->heads[head]);
        if (has_head(report, head))
            (void)fprintf(stream, "%-10s %8zu %6.2f %% %6.2f %% %10.2f %%\n", name, figures.clips,
                          100.0 * figures.top1, 100.0 * figures.top5, 100.0 * figures.mean_class);
        else
            (void)fprintf(stream, "%-10s not evaluated\n", name);
    }
}

static void print_class(FILE *stream, const struct cli_evaluation_report *report, int head,
                        size_t index)
{
    struct cli_class_figures own = cli_evaluation_class(&report->heads[head], index);
    if (own.clips == 0)
        return;
    (void)fprintf(stream, "%-*s %-10s %6zu %6.1f %% %6.1f %% %8.1f %%  ", NAME_COLUMN,
                  report->names[index], cli_head_name((enum cli_head)head), own.clips,
                  100.0 * own.recall, 100.0 * (double)own.top5 / (double)own.clips,
                  100.0 * own.precision);
    if (own.mistakes > 0)
        (void)fprintf(stream, "%s (%zu)\n", report->names[own.mistaken_for], own.mistakes);
    else
        (void)fputs("-\n", stream);
}

void cli_evaluation_table(FILE *stream, const struct cli_evaluation_report *report)
{
    print_totals(stream, report);
    (void)fprintf(stream, "\n%-*s %-10s %6s %8s %8s %10s  %s\n", NAME_COLUMN, "class", "head",
                  "clips", "top-1", "top-5", "precision", "mistaken for");
    for (size_t i = 0; i < report->heads[0].classes; i++)
        for (int head = 0; head < CLI_HEADS; head++)
            print_class(stream, report, head, i);
    (void)fprintf(stream, "\n%zu clips evaluated, %zu failed, %zu lines of the list skipped\n",
                  report->clips, report->failed, report->skipped_lines);
    if (report->clips_per_s > 0.0)
        (void)fprintf(stream, "%.2f clips/s; ", report->clips_per_s);
    if (report->url)
        (void)fprintf(stream, "%.1f ms a clip until answered\n", report->encode_ms);
    else
        (void)fprintf(stream, "a clip takes %.1f ms to decode and %.1f ms to encode\n",
                      report->decode_ms, report->encode_ms);
}

static void write_number(struct proto_writer *writer, const char *name, double value)
{
    proto_writer_key(writer, name);
    proto_writer_number(writer, value, 9);
}

static void write_count(struct proto_writer *writer, const char *name, size_t value)
{
    proto_writer_key(writer, name);
    proto_writer_integer(writer, (int64_t)value);
}

static void write_text(struct proto_writer *writer, const char *name, const char *value)
{
    proto_writer_key(writer, name);
    proto_writer_string(writer, value);
}

static void write_class(struct proto_writer *writer, const struct cli_evaluation_report *report,
                        int head, size_t index)
{
    struct cli_class_figures own = cli_evaluation_class(&report->heads[head], index);
    proto_writer_object_begin(writer);
    write_text(writer, "label", report->names[index]);
    write_count(writer, "clips", own.clips);
    write_count(writer, "right", own.right);
    write_count(writer, "top5", own.top5);
    write_count(writer, "predicted", own.predicted);
    write_number(writer, "recall", own.recall);
    write_number(writer, "precision", own.precision);
    write_text(writer, "mistaken_for", own.mistakes > 0 ? report->names[own.mistaken_for] : NULL);
    proto_writer_object_end(writer);
}

static void write_head(struct proto_writer *writer, const struct cli_evaluation_report *report,
                       int head)
{
    struct cli_figures figures = cli_evaluation_figures(&report->heads[head]);
    proto_writer_key(writer, cli_head_name((enum cli_head)head));
    if (!has_head(report, head)) {
        proto_writer_null(writer);
        return;
    }
    proto_writer_object_begin(writer);
    write_count(writer, "clips", figures.clips);
    write_number(writer, "top1", figures.top1);
    write_number(writer, "top5", figures.top5);
    write_number(writer, "mean_class", figures.mean_class);
    proto_writer_key(writer, "classes");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < report->heads[head].classes; i++)
        write_class(writer, report, head, i);
    proto_writer_array_end(writer);
    proto_writer_object_end(writer);
}

static void write_report(struct proto_writer *writer, const struct cli_evaluation_report *report)
{
    proto_writer_object_begin(writer);
    write_text(writer, "data", report->data);
    write_text(writer, "model", report->model);
    write_text(writer, "model_version", report->model_version);
    write_text(writer, "url", report->url);
    write_count(writer, "labels", report->heads[0].classes);
    write_count(writer, "clips", report->clips);
    write_count(writer, "failed", report->failed);
    write_count(writer, "skipped_lines", report->skipped_lines);
    for (int head = 0; head < CLI_HEADS; head++)
        write_head(writer, report, head);
    proto_writer_key(writer, "throughput");
    proto_writer_object_begin(writer);
    write_number(writer, "clips_per_s", report->clips_per_s);
    if (!report->url)
        write_number(writer, "decode_ms", report->decode_ms);
    write_number(writer, report->url ? "answer_ms" : "encode_ms", report->encode_ms);
    proto_writer_object_end(writer);
    proto_writer_object_end(writer);
    proto_writer_newline(writer);
}

enum m2c_status cli_evaluation_json(FILE *stream, const struct cli_evaluation_report *report,
                                    struct m2c_error *err)
{
    struct proto_writer writer;
    char *text = NULL;
    size_t length;
    proto_writer_init(&writer);
    write_report(&writer, report);
    enum m2c_status status = proto_writer_take(&writer, &text, &length, err);
    if (status == M2C_OK && (fwrite(text, 1, length, stream) != length || fflush(stream) != 0))
        status = m2c_fail_errno(err, "writing the figures", NULL);
    free(text);
    proto_writer_destroy(&writer);
    return status;
}

static void write_classes(FILE *stream, const struct cli_evaluation_report *report)
{
    (void)fputs("head,label,clips,right,top5,predicted,recall,precision,mistaken_for,mistakes\n",
                stream);
    for (int head = 0; head < CLI_HEADS; head++) {
        for (size_t i = 0; has_head(report, head) && i < report->heads[head].classes; i++) {
            struct cli_class_figures own = cli_evaluation_class(&report->heads[head], i);
            (void)fprintf(stream, "%s,", cli_head_name((enum cli_head)head));
            cli_csv_text(stream, report->names[i]);
            (void)fprintf(stream, ",%zu,%zu,%zu,%zu,%.6f,%.6f,", own.clips, own.right, own.top5,
                          own.predicted, own.recall, own.precision);
            cli_csv_text(stream, own.mistakes > 0 ? report->names[own.mistaken_for] : NULL);
            (void)fprintf(stream, ",%zu\n", own.mistakes);
        }
    }
}

/* One file of the folder. */
enum form { FORM_FIGURES, FORM_CLASSES, FORM_SVG, FORM_CSV };

static enum m2c_status write_form(FILE *stream, const struct cli_evaluation_report *report,
                                  enum form form, int head, struct m2c_error *err)
{
    const char *title = head == CLI_HEAD_VC ? "Confusion matrix of the classification head"
                                            : "Confusion matrix of zero-shot";
    switch (form) {
    case FORM_FIGURES:
        return cli_evaluation_json(stream, report, err);
    case FORM_CLASSES:
        write_classes(stream, report);
        break;
    case FORM_SVG:
        cli_confusion_svg(stream, &report->heads[head], report->names, title);
        break;
    case FORM_CSV:
        cli_confusion_csv(stream, &report->heads[head], report->names);
        break;
    }
    return M2C_OK;
}

static enum m2c_status write_file(const char *folder, const char *name,
                                  const struct cli_evaluation_report *report, enum form form,
                                  int head, struct m2c_error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return m2c_fail_field(err, M2C_USAGE, "output", "the path of -o is too long");
    FILE *stream = fopen(path, "we");
    if (!stream)
        return m2c_fail_errno(err, "opening", path);
    enum m2c_status status = write_form(stream, report, form, head, err);
    if (status == M2C_OK && (fflush(stream) != 0 || ferror(stream)))
        status = m2c_fail_errno(err, "writing", path);
    if (fclose(stream) != 0 && status == M2C_OK)
        status = m2c_fail_errno(err, "writing", path);
    return status;
}

enum m2c_status cli_evaluation_files(const char *folder, const struct cli_evaluation_report *report,
                                     struct m2c_error *err)
{
    char name[40];
    enum m2c_status status = write_file(folder, "figures.json", report, FORM_FIGURES, 0, err);
    if (status == M2C_OK)
        status = write_file(folder, "classes.csv", report, FORM_CLASSES, 0, err);
    for (int head = 0; head < CLI_HEADS && status == M2C_OK; head++) {
        if (!has_head(report, head))
            continue;
        (void)snprintf(name, sizeof name, "confusion_%s.svg", cli_head_name((enum cli_head)head));
        status = write_file(folder, name, report, FORM_SVG, head, err);
        (void)snprintf(name, sizeof name, "confusion_%s.csv", cli_head_name((enum cli_head)head));
        if (status == M2C_OK)
            status = write_file(folder, name, report, FORM_CSV, head, err);
    }
    return status;
}
