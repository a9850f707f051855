#include "server/observe/exposition.h"

#include <math.h>
#include <stdlib.h>

static const char *const type_names[] = {"counter", "gauge", "histogram"};

void srv_exposition_open(struct srv_exposition *exposition)
{
    *exposition = (struct srv_exposition){.family = ""};
    exposition->stream = open_memstream(&exposition->text, &exposition->size);
}

void srv_exposition_family(struct srv_exposition *exposition, const char *name,
                           enum srv_metric_type type, const char *help)
{
    exposition->family = name;
    if (exposition->stream)
        (void)fprintf(exposition->stream, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                      type_names[type]);
}

static void write_label_value(FILE *stream, const char *value)
{
    (void)fputc('"', stream);
    for (; *value; value++) {
        if (*value == '\n')
            (void)fputs("\\n", stream);
        else if (*value == '"' || *value == '\\')
            (void)fprintf(stream, "\\%c", *value);
        else
            (void)fputc(*value, stream);
    }
    (void)fputc('"', stream);
}

static void write_value(FILE *stream, double value)
{
    if (isnan(value))
        (void)fputs("NaN", stream);
    else if (isinf(value))
        (void)fputs(value > 0 ? "+Inf" : "-Inf", stream);
    else
        (void)fprintf(stream, "%.*g", value == trunc(value) ? 17 : 9, value);
}

static void write_sample(struct srv_exposition *exposition, const char *suffix,
                         const struct srv_metric_label *labels, size_t label_count, double value)
{
    FILE *stream = exposition->stream;
    if (!stream)
        return;
    (void)fprintf(stream, "%s%s", exposition->family, suffix);
    for (size_t i = 0; i < label_count; i++) {
        (void)fprintf(stream, "%s%s=", i == 0 ? "{" : ",", labels[i].name);
        write_label_value(stream, labels[i].value);
    }
    (void)fputs(label_count > 0 ? "} " : " ", stream);
    write_value(stream, value);
    (void)fputc('\n', stream);
}

void srv_exposition_sample(struct srv_exposition *exposition, const struct srv_metric_label *labels,
                           size_t label_count, double value)
{
    write_sample(exposition, "", labels, label_count, value);
}

void srv_exposition_histogram(struct srv_exposition *exposition,
                              const struct srv_histogram_bounds *bounds,
                              const struct srv_histogram_counts *counts)
{
    uint64_t total = 0;
    for (size_t i = 0; i <= bounds->count; i++) {
        char upper[32] = "+Inf";
        if (i < bounds->count)
            (void)snprintf(upper, sizeof upper, "%g", bounds->upper[i]);
        total += counts->buckets[i];
        write_sample(exposition, "_bucket", &(struct srv_metric_label){"le", upper}, 1,
                     (double)total);
    }
    write_sample(exposition, "_sum", NULL, 0, counts->sum);
    write_sample(exposition, "_count", NULL, 0, (double)total);
}

void srv_exposition_single(struct srv_exposition *exposition, const char *name,
                           enum srv_metric_type type, const char *help, double value)
{
    srv_exposition_family(exposition, name, type, help);
    srv_exposition_sample(exposition, NULL, 0, value);
}

enum m2c_status srv_exposition_take(struct srv_exposition *exposition, char **text, size_t *size,
                                    struct m2c_error *err)
{
    FILE *stream = exposition->stream;
    bool failed = !stream || ferror(stream);
    exposition->stream = NULL;
    if (stream && fclose(stream) != 0)
        failed = true;
    if (failed) {
        free(exposition->text);
        return m2c_fail_memory(err, "the metrics", exposition->size);
    }
    *text = exposition->text;
    *size = exposition->size;
    return M2C_OK;
}
