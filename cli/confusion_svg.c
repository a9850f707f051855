#include "cli/confusion_svg.h"

#include "cli/output.h"

enum {
    NAMED_CLASSES = 60, /* beyond, names would be too small to read */
    NAMED_CELL_PX = 16,
    PICTURE_PX = 960,
    NAME_MARGIN_PX = 180,
    BARE_MARGIN_PX = 40,
};

struct layout {
    size_t classes;
    int cell_px, margin_px, side_px;
    int named;
};

static struct layout plan_layout(size_t classes)
{
    struct layout layout = {.classes = classes, .named = classes <= NAMED_CLASSES};
    layout.margin_px = layout.named ? NAME_MARGIN_PX : BARE_MARGIN_PX;
    layout.cell_px = layout.named ? NAMED_CELL_PX : (int)(PICTURE_PX / classes);
    if (layout.cell_px < 1)
        layout.cell_px = 1;
    layout.side_px = layout.cell_px * (int)classes;
    return layout;
}

/* Text between tags: what XML 1.0 has no place for becomes a blank. */
static void write_text(FILE *stream, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            (void)fputs("&amp;", stream);
            break;
        case '<':
            (void)fputs("&lt;", stream);
            break;
        case '>':
            (void)fputs("&gt;", stream);
            break;
        default:
            (void)fputc((unsigned char)*text < ' ' ? ' ' : *text, stream);
        }
    }
}

static void write_names(FILE *stream, const struct layout *layout, const char *const *names)
{
    for (size_t i = 0; i < layout->classes; i++) {
        int middle = layout->margin_px + (int)i * layout->cell_px + layout->cell_px / 2;
        (void)fprintf(stream, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", layout->margin_px - 4,
                      middle + 4);
        write_text(stream, names[i]);
        (void)fprintf(stream,
                      "</text>\n<text transform=\"translate(%d %d) rotate(-90)\" "
                      "text-anchor=\"start\">",
                      middle + 4, layout->margin_px - 4);
        write_text(stream, names[i]);
        (void)fputs("</text>\n", stream);
    }
}

static void write_cell(FILE *stream, const struct layout *layout, size_t truth, size_t predicted,
                       double share)
{
    (void)fprintf(
        stream,
        "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\" fill-opacity=\"%.3f\">",
        layout->margin_px + (int)predicted * layout->cell_px,
        layout->margin_px + (int)truth * layout->cell_px, layout->cell_px, layout->cell_px,
        truth == predicted ? "#1f5fa8" : "#c0392b", 0.1 + 0.9 * share);
}

static void write_cells(FILE *stream, const struct layout *layout,
                        const struct cli_evaluation *evaluation, const char *const *names)
{
    for (size_t truth = 0; truth < layout->classes; truth++) {
        size_t clips = cli_evaluation_class(evaluation, truth).clips;
        for (size_t predicted = 0; predicted < layout->classes; predicted++) {
            size_t count = evaluation->confusion[truth * layout->classes + predicted];
            if (count == 0)
                continue;
            write_cell(stream, layout, truth, predicted, (double)count / (double)clips);
            (void)fputs("<title>", stream);
            write_text(stream, names[truth]);
            (void)fputs(" as ", stream);
            write_text(stream, names[predicted]);
            (void)fprintf(stream, ": %zu of %zu</title></rect>\n", count, clips);
        }
    }
}

void cli_confusion_svg(FILE *stream, const struct cli_evaluation *evaluation,
                       const char *const *names, const char *title)
{
    struct layout layout = plan_layout(evaluation->classes);
    int size_px = layout.margin_px + layout.side_px + BARE_MARGIN_PX;
    (void)fprintf(stream,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">\n<title>",
                  size_px, size_px, size_px, size_px);
    write_text(stream, title);
    (void)fprintf(stream,
                  "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n"
                  "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" "
                  "stroke=\"#888888\"/>\n",
                  size_px, size_px, layout.margin_px, layout.margin_px, layout.side_px,
                  layout.side_px);
    write_cells(stream, &layout, evaluation, names);
    if (layout.named)
        write_names(stream, &layout, names);
    (void)fprintf(stream,
                  "<text x=\"%d\" y=\"%d\">rows: truth, columns: predicted</text>\n</svg>\n",
                  layout.margin_px, layout.margin_px + layout.side_px + BARE_MARGIN_PX / 2);
}

void cli_confusion_csv(FILE *stream, const struct cli_evaluation *evaluation,
                       const char *const *names)
{
    (void)fputs("truth", stream);
    for (size_t i = 0; i < evaluation->classes; i++) {
        (void)fputc(',', stream);
        cli_csv_text(stream, names[i]);
    }
    (void)fputc('\n', stream);
    for (size_t truth = 0; truth < evaluation->classes; truth++) {
        cli_csv_text(stream, names[truth]);
        for (size_t i = 0; i < evaluation->classes; i++)
            (void)fprintf(stream, ",%zu", evaluation->confusion[truth * evaluation->classes + i]);
        (void)fputc('\n', stream);
    }
}
