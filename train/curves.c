/* The curves of a run as an SVG: plain shapes, readable in any browser. */
#include <math.h>
#include <stdlib.h>

#include "model/whole_file.h"
#include "train/history.h"

enum { WIDTH = 860, PANEL = 260, LEFT = 60, TOP = 30, GAP = 60, RIGHT = 150, TICKS = 4 };

struct panel {
    const char *title;
    double top, lowest, highest; /* of the values shown */
    double last_step;
};

struct curve {
    const char *name, *colour;
    size_t offset; /* of a double in a row */
    bool validation;
};

#define CURVE(name, colour, member, validation)                                                    \
    {                                                                                              \
        name, colour, offsetof(struct trn_history_row, member), validation                         \
    }
static const struct curve loss_curves[] = {
    CURVE("loss", "#222222", losses.total, false),
    CURVE("contrastive", "#1f77b4", losses.contrastive, false),
    CURVE("CMC", "#2ca02c", losses.cmc, false),
    CURVE("VC", "#d62728", losses.vc, false),
    CURVE("CMLM", "#9467bd", losses.cmlm, false),
    CURVE("loss, validation", "#ff7f0e", losses.total, true),
};
static const struct curve share_curves[] = {
    CURVE("VC top-1", "#d62728", vc_top1, true),
    CURVE("zero-shot top-1", "#2ca02c", zeroshot_top1, true),
};

enum {
    LOSS_CURVES = sizeof loss_curves / sizeof loss_curves[0],
    SHARE_CURVES = sizeof share_curves / sizeof share_curves[0],
};

static double value_of(const struct curve *curve, const struct trn_history_row *row)
{
    return row->validation == curve->validation
               ? *(const double *)(const void *)((const char *)row + curve->offset)
               : (double)NAN;
}

static double highest(const struct trn_history *history)
{
    double top = 0;
    for (size_t i = 0; i < history->count; i++)
        for (size_t c = 0; c < LOSS_CURVES; c++)
            top = fmax(top, value_of(&loss_curves[c], &history->rows[i]));
    return top > 0 ? top : 1;
}

static double across(const struct panel *panel, double step)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * step / panel->last_step;
}

static double down(const struct panel *panel, double value)
{
    double share = (value - panel->lowest) / (panel->highest - panel->lowest);
    return panel->top + PANEL * (1 - share);
}

static void draw_frame(FILE *svg, const struct panel *panel)
{
    (void)fprintf(svg, "<text x=\"%d\" y=\"%.1f\" font-weight=\"bold\">%s</text>\n", LEFT,
                  panel->top - 10, panel->title);
    for (int i = 0; i <= TICKS; i++) {
        double value = panel->lowest + (panel->highest - panel->lowest) * i / TICKS;
        double step = panel->last_step * i / TICKS;
        (void)fprintf(svg,
                      "<path d=\"M%d %.1fH%d\" stroke=\"#dddddd\"/>"
                      "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>"
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f</text>\n",
                      LEFT, down(panel, value), WIDTH - RIGHT, LEFT - 6, down(panel, value) + 4,
                      value, across(panel, step), panel->top + PANEL + 18, step);
    }
}

/* A line through the measured points; true if there is any. */
static bool draw_curve(FILE *svg, const struct panel *panel, const struct curve *curve,
                       const struct trn_history *history)
{
    bool begun = false;
    for (size_t i = 0; i < history->count; i++) {
        double value = value_of(curve, &history->rows[i]);
        if (!isfinite(value))
            continue;
        (void)fprintf(svg, "%s%.1f %.1f", begun ? "L" : "<path fill=\"none\" d=\"M",
                      across(panel, (double)history->rows[i].step), down(panel, value));
        begun = true;
    }
    if (begun)
        (void)fprintf(svg, "\" stroke=\"%s\" stroke-width=\"1.5\"/>\n", curve->colour);
    return begun;
}

static void draw_panel(FILE *svg, const struct panel *panel, const struct curve *curves,
                       size_t count, const struct trn_history *history)
{
    double line = panel->top + 12;
    draw_frame(svg, panel);
    for (size_t i = 0; i < count; i++) {
        if (!draw_curve(svg, panel, &curves[i], history))
            continue;
        (void)fprintf(svg, "<text x=\"%d\" y=\"%.1f\" fill=\"%s\">%s</text>\n", WIDTH - RIGHT + 12,
                      line, curves[i].colour, curves[i].name);
        line += 18;
    }
}

static void draw(FILE *svg, const struct trn_history *history)
{
    double last = history->count > 0 ? fmax(1, (double)history->rows[history->count - 1].step) : 1;
    const struct panel losses = {
        .title = "Losses by step", .top = TOP, .highest = highest(history), .last_step = last};
    const struct panel shares = {
        .title = "Validation by step", .top = TOP + PANEL + GAP, .highest = 1, .last_step = last};
    (void)fprintf(svg,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                  WIDTH, TOP + 2 * PANEL + GAP + 30);
    draw_panel(svg, &losses, loss_curves, LOSS_CURVES, history);
    draw_panel(svg, &shares, share_curves, SHARE_CURVES, history);
    (void)fprintf(svg, "</svg>\n");
}

enum m2c_status trn_curves_write(const char *path, const struct trn_history *history,
                                 struct m2c_error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *svg = open_memstream(&text, &size);
    if (!svg)
        return m2c_fail_memory(err, "the curves", size);
    draw(svg, history);
    enum m2c_status status = fclose(svg) == 0 ? m2c_whole_file_put(path, text, size, err)
                                              : m2c_fail_memory(err, "the curves", size);
    free(text);
    return status;
}
