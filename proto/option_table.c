/* The one table of options: names, routes, types, ranges. */
#include "proto/option_table.h"

#include <stdbool.h>
#include <string.h>

#include "video/sampling.h"

enum {
    SCORED = PROTO_CLASSIFY | PROTO_ZEROSHOT | PROTO_FILL_MASK,
    LABELLED = PROTO_ZEROSHOT | PROTO_TIMELINE,
    TEXTUAL = PROTO_ZEROSHOT | PROTO_EMBED | PROTO_TIMELINE | PROTO_FILL_MASK,
    EVERY = PROTO_CLASSIFY | PROTO_ZEROSHOT | PROTO_EMBED | PROTO_TIMELINE | PROTO_FILL_MASK,
};

#define MAX_SECONDS 86400.0 /* a day: four times the longest video */

#define ROW(route_mask, option_kind, member, low, high, sentence)                                  \
    {                                                                                              \
        .info = {.name = #member,                                                                  \
                 .routes = (route_mask),                                                           \
                 .kind = (option_kind),                                                            \
                 .min = (low),                                                                     \
                 .max = (high),                                                                    \
                 .help = (sentence)},                                                              \
        .offset = offsetof(struct proto_options, member)                                           \
    }

static const struct proto_option_row rows[PROTO_OPTION_COUNT] = {
    [PROTO_MODEL] = ROW(EVERY, PROTO_KIND_STRING, model, 1, 128, "name of the adapter set"),
    [PROTO_TOP_K] = ROW(SCORED, PROTO_KIND_INTEGER, top_k, 0, 1000,
                        "predictions to answer, 0 = all (5; zeroshot 100)"),
    [PROTO_FRAMES] =
        ROW(EVERY, PROTO_KIND_INTEGER, frames, 1, M2C_MAX_FRAMES, "frames of a view (the set's)"),
    [PROTO_STRIDE] = ROW(EVERY, PROTO_KIND_STRIDE, stride, 0, M2C_MAX_STRIDE,
                         "`uniform` or frames from one to the next (the set's)"),
    [PROTO_VIEWS] = {.info = {.name = "views",
                              .routes = EVERY,
                              .kind = PROTO_KIND_VIEWS,
                              .min = 1,
                              .max = M2C_MAX_TEMPORAL_VIEWS,
                              .help = "AxB: A 1..10 temporal, B 1, 3 or 4 spatial views (1x1)"},
                     .offset = offsetof(struct proto_options, temporal_views)},
    [PROTO_START_S] =
        ROW(EVERY, PROTO_KIND_NUMBER, start_s, 0, MAX_SECONDS, "look at frames from here on"),
    [PROTO_END_S] =
        ROW(EVERY, PROTO_KIND_NUMBER, end_s, 0, MAX_SECONDS, "look at frames before this time"),
    [PROTO_LABELS] =
        ROW(LABELLED, PROTO_KIND_LABELS, labels, 1, 0, "what to look for (the set's labels)"),
    [PROTO_LABEL_SET] = ROW(LABELLED, PROTO_KIND_STRING, label_set, 1, 128,
                            "name of a stored label set, instead of labels"),
    [PROTO_TEMPLATES] = ROW(LABELLED | PROTO_EMBED, PROTO_KIND_TEXTS, templates, 1, 0,
                            "sentences with one {} for the label (the set's)"),
    [PROTO_BACKGROUND] = ROW(LABELLED, PROTO_KIND_TEXTS, background, 0, 0,
                             "texts that join the softmax but are not listed"),
    [PROTO_CLASSES] = ROW(PROTO_ZEROSHOT, PROTO_KIND_BOOLEAN, classes, 0, 1,
                          "answer the trained classes too (false)"),
    [PROTO_MIN_SCORE] =
        ROW(SCORED, PROTO_KIND_NUMBER, min_score, 0, 1, "drop predictions below this score"),
    [PROTO_MIN_SIMILARITY] = ROW(PROTO_ZEROSHOT, PROTO_KIND_NUMBER, min_similarity, -1, 1,
                                 "drop predictions below this cosine"),
    [PROTO_TIMEOUT_MS] = ROW(EVERY, PROTO_KIND_INTEGER, timeout_ms, 1, 0,
                             "milliseconds that the answer may take (60000)"),
    [PROTO_TRUNCATE] = ROW(TEXTUAL, PROTO_KIND_BOOLEAN, truncate, 0, 1,
                           "cut texts that are too long for the model (false)"),
    [PROTO_TEXTS] = ROW(PROTO_EMBED, PROTO_KIND_TEXTS, texts, 1, 0, "texts to embed"),
    [PROTO_TEXT] =
        ROW(PROTO_FILL_MASK, PROTO_KIND_STRING, text, 1, 0, "the sentence with one or more [MASK]"),
    [PROTO_WINDOW_S] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, window_s, 0.1, 600,
                           "seconds looked at together (4)"),
    [PROTO_HOP_S] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, hop_s, 0.05, 600,
                        "seconds from one window to the next (2)"),
    [PROTO_THRESHOLD] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, threshold, 0, 1,
                            "score that begins a segment (0.5)"),
    [PROTO_THRESHOLD_END] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, threshold_end, 0, 1,
                                "score that ends a segment (0.3)"),
    [PROTO_MIN_SEGMENT_S] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, min_segment_s, 0, MAX_SECONDS,
                                "shortest segment (1)"),
    [PROTO_MERGE_GAP_S] = ROW(PROTO_TIMELINE, PROTO_KIND_NUMBER, merge_gap_s, 0, MAX_SECONDS,
                              "gap that is closed between equal segments (1)"),
};

const struct proto_option_info *proto_option_info(enum proto_option option)
{
    return &rows[option].info;
}

const struct proto_option_row *proto_option_row(enum proto_option option)
{
    return &rows[option];
}

enum proto_option proto_option_find(enum proto_route route, const char *name)
{
    for (int i = 0; i < PROTO_OPTION_COUNT; i++) {
        if ((rows[i].info.routes & (unsigned)route) != 0 && strcmp(rows[i].info.name, name) == 0)
            return (enum proto_option)i;
    }
    return PROTO_OPTION_COUNT;
}

bool proto_options_known(enum proto_route route, const char *name)
{
    return proto_option_find(route, name) != PROTO_OPTION_COUNT;
}

const char *proto_route_name(enum proto_route route)
{
    switch (route) {
    case PROTO_CLASSIFY:
        return "classify";
    case PROTO_ZEROSHOT:
        return "zeroshot";
    case PROTO_EMBED:
        return "embed";
    case PROTO_TIMELINE:
        return "timeline";
    case PROTO_FILL_MASK:
        return "fill-mask";
    }
    return "unknown";
}
