/* Which rows a step's texts have, and which of them leave the last block. */
#include <stdbool.h>

#include "train/text.h"

/* One text's place in its group. */
struct span {
    const int32_t *ids, *targets;
    size_t end;  /* position of the end token */
    size_t rows; /* up to the end token, or a target behind it */
};

static struct span span_of(const struct trn_texts *group, size_t index, size_t context)
{
    struct span span = {.ids = group->ids + index * context,
                        .targets = group->targets ? group->targets + index * context : NULL};
    for (size_t i = 1; i < context; i++) {
        if (span.ids[i] > span.ids[span.end])
            span.end = i;
    }
    span.rows = span.end + 1;
    for (size_t i = span.rows; span.targets && i < context; i++) {
        if (span.targets[i] != TRN_NO_TARGET)
            span.rows = i + 1;
    }
    return span;
}

static bool is_masked(const struct span *span, size_t position)
{
    return span->targets && span->targets[position] != TRN_NO_TARGET;
}

void trn_text_measure(struct trn_text *text, const struct trn_network *network,
                      const struct trn_texts *groups, size_t group_count)
{
    size_t context = (size_t)network->config.context_length, longest = 0, longest_kept = 0;
    *text = (struct trn_text){.network = network, .tower = text->tower};
    for (size_t g = 0; g < group_count; g++) {
        for (size_t n = 0; n < groups[g].count; n++) {
            struct span span = span_of(&groups[g], n, context);
            size_t kept = 0;
            for (size_t i = 0; i < span.rows; i++) {
                text->masked += is_masked(&span, i);
                kept += is_masked(&span, i) || i == span.end;
            }
            text->rows += span.rows;
            text->kept += kept;
            longest = span.rows > longest ? span.rows : longest;
            longest_kept = kept > longest_kept ? kept : longest_kept;
        }
        text->texts += groups[g].count;
    }
    text->layout = (struct trn_layout){.sequences = text->texts,
                                       .rows = text->rows,
                                       .kept = text->rows,
                                       .longest = longest,
                                       .longest_kept = longest};
    text->last_layout = text->layout;
    text->last_layout.kept = text->kept;
    text->last_layout.longest_kept = longest_kept;
}

/* Where the next text's rows go. */
struct filling {
    size_t text, row, kept, masked;
};

static void fill_text(struct trn_text *text, const struct span *span, struct filling *at)
{
    for (size_t i = 0; i < span->rows; i++, at->row++) {
        text->ids[at->row] = (size_t)span->ids[i];
        text->visible[at->row] = i + 1;
        if (!is_masked(span, i) && i != span->end)
            continue;
        text->kept_rows[at->kept] = at->row;
        text->kept_visible[at->kept] = i + 1;
        if (i == span->end)
            text->ends[at->text] = at->kept;
        if (is_masked(span, i)) {
            text->masked_kept[at->masked] = at->kept;
            text->masked_targets[at->masked++] = (size_t)span->targets[i];
        }
        at->kept++;
    }
    at->text++;
    text->starts[at->text] = at->row;
    text->kept_starts[at->text] = at->kept;
    text->masked_starts[at->text] = at->masked;
}

static void fill_rows(struct trn_text *text, const struct trn_texts *groups, size_t group_count)
{
    size_t context = (size_t)text->network->config.context_length;
    struct filling at = {0};
    text->starts[0] = text->kept_starts[0] = text->masked_starts[0] = 0;
    for (size_t g = 0; g < group_count; g++) {
        for (size_t n = 0; n < groups[g].count; n++) {
            struct span span = span_of(&groups[g], n, context);
            fill_text(text, &span, &at);
        }
    }
}

static void carve_rows(struct trn_carver *carver, struct trn_text *text)
{
    text->starts = trn_carve_sizes(carver, text->texts + 1);
    text->kept_starts = trn_carve_sizes(carver, text->texts + 1);
    text->masked_starts = trn_carve_sizes(carver, text->texts + 1);
    text->kept_rows = trn_carve_sizes(carver, text->kept);
    text->visible = trn_carve_sizes(carver, text->rows);
    text->kept_visible = trn_carve_sizes(carver, text->kept);
    text->ids = trn_carve_sizes(carver, text->rows);
    text->ends = trn_carve_sizes(carver, text->texts);
    text->masked_kept = trn_carve_sizes(carver, text->masked);
    text->masked_targets = trn_carve_sizes(carver, text->masked);
    text->layout.starts = text->layout.kept_starts = text->last_layout.starts = text->starts;
    text->layout.visible = text->visible;
    text->last_layout.kept_rows = text->kept_rows;
    text->last_layout.kept_starts = text->kept_starts;
    text->last_layout.visible = text->kept_visible;
}

static bool ways_in_trained(const struct trn_text_network *network)
{
    return network->tokens.grad || network->positions.grad;
}

bool trn_text_trained(const struct trn_network *network)
{
    const struct trn_text_network *text = &network->text;
    size_t layers = (size_t)network->config.text.layers;
    return ways_in_trained(text) || trn_norm_trained(&text->ln_final) ||
           trn_dense_trained(&text->projection) || trn_first_trained(text->blocks, layers) < layers;
}

void trn_text_carve(struct trn_carver *carver, struct trn_text *text,
                    const struct trn_texts *groups, size_t group_count, bool recompute,
                    int team_size)
{
    const struct trn_text_network *network = &text->network->text;
    struct trn_tower *tower = &text->tower;
    size_t width = network->projection.in;
    carve_rows(carver, text);
    if (carver->base)
        fill_rows(text, groups, group_count);
    tower->blocks = network->blocks;
    tower->layers = (size_t)text->network->config.text.layers;
    tower->layout = &text->layout;
    tower->last_layout = &text->last_layout;
    tower->recompute = recompute;
    tower->to_input = ways_in_trained(network);
    tower->first = tower->to_input ? 0 : trn_first_trained(tower->blocks, tower->layers);
    trn_tower_carve(carver, tower, team_size);
    text->end_rows = trn_carve(carver, text->texts * width);
    text->end_normed = trn_carve(carver, text->texts * width);
    text->vectors = trn_carve(carver, text->texts * network->projection.out);
    text->d_output = trn_carve(carver, text->kept * width);
    text->d_end = trn_carve(carver, text->texts * width);
    text->d_normed = trn_carve(carver, text->texts * width);
    text->stats = trn_carve(carver, 2 * text->texts);
}
