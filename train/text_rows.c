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

/* Which texts come first and never change, and whether their states are kept. */
static void measure_fixed(struct trn_text *text, const struct trn_texts *group, size_t context)
{
    text->fixed_ids = group->ids;
    text->fixed = group->count;
    text->fixed_rows = text->rows;
    text->holds = trn_label_states_hold(text->kept_states, group->ids, group->count, context);
}

static void set_part(struct trn_text *text, size_t index, size_t first_text, size_t texts)
{
    struct trn_frozen_part *part = &text->frozen[index];
    bool fixed = index == TRN_FROZEN_FIXED;
    part->first_text = first_text;
    part->first_row = fixed ? 0 : text->fixed_rows;
    part->layout = text->layout;
    part->layout.sequences = texts;
    part->layout.rows = fixed ? text->fixed_rows : text->rows - text->fixed_rows;
    if (texts == 0)
        part->layout.rows = 0;
    part->layout.kept = part->layout.rows;
}

static void measure_layouts(struct trn_text *text, size_t longest, size_t longest_kept)
{
    text->layout = (struct trn_layout){.sequences = text->texts,
                                       .rows = text->rows,
                                       .kept = text->rows,
                                       .longest = longest,
                                       .longest_kept = longest};
    text->last_layout = text->layout;
    text->last_layout.kept = text->kept;
    text->last_layout.partial = true;
    text->last_layout.longest_kept = longest_kept;
    set_part(text, TRN_FROZEN_FIXED, 0, text->holds ? 0 : text->fixed);
    set_part(text, TRN_FROZEN_OTHERS, text->fixed, text->texts - text->fixed);
}

void trn_text_measure(struct trn_text *text, const struct trn_network *network,
                      struct trn_label_states *kept_states, const struct trn_texts *groups,
                      size_t group_count)
{
    size_t context = (size_t)network->config.context_length, longest = 0, longest_kept = 0;
    *text = (struct trn_text){.network = network, .kept_states = kept_states};
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
        if (groups[g].fixed && g == 0)
            measure_fixed(text, &groups[g], context);
    }
    measure_layouts(text, longest, longest_kept);
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

/* A part's rows, counted from the first of them. */
static void fill_part(const struct trn_text *text, const struct trn_frozen_part *part)
{
    for (size_t i = 0; i <= part->layout.sequences; i++)
        part->starts[i] = text->starts[part->first_text + i] - part->first_row;
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
    for (size_t i = 0; i < TRN_FROZEN_PARTS; i++)
        fill_part(text, &text->frozen[i]);
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
    for (size_t i = 0; i < TRN_FROZEN_PARTS; i++) {
        struct trn_frozen_part *part = &text->frozen[i];
        part->starts = trn_carve_sizes(carver, part->layout.sequences + 1);
        part->layout.starts = part->layout.kept_starts = part->starts;
        part->layout.visible = text->visible ? text->visible + part->first_row : NULL;
    }
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

size_t trn_text_frozen_blocks(const struct trn_network *network)
{
    size_t layers = (size_t)network->config.text.layers;
    if (ways_in_trained(&network->text))
        return 0;
    size_t first = trn_first_trained(network->text.blocks, layers);
    return first < layers ? first : layers - 1;
}

/* The frozen blocks run in place, on rows of what the first of the others reads; one part after the
 * other, in the same memory. */
static void carve_frozen(struct trn_carver *carver, struct trn_text *text, size_t layers,
                         int team_size)
{
    const struct trn_text_network *network = &text->network->text;
    float *rows = text->tower.inputs[0];
    size_t mark = carver->used, end = mark;
    for (size_t i = 0; i < TRN_FROZEN_PARTS; i++) {
        struct trn_frozen_part *part = &text->frozen[i];
        part->tower.blocks = network->blocks;
        part->tower.layers = layers;
        part->tower.layout = part->tower.last_layout = &part->layout;
        part->tower.first = layers;
        trn_carver_rewind(carver, mark);
        trn_tower_carve_in_place(carver, &part->tower,
                                 rows ? rows + part->first_row * network->projection.in : NULL,
                                 team_size);
        end = carver->used > end ? carver->used : end;
    }
    trn_carver_rewind(carver, end);
}

static void carve_towers(struct trn_carver *carver, struct trn_text *text, bool recompute,
                         int team_size)
{
    const struct trn_text_network *network = &text->network->text;
    struct trn_tower *tower = &text->tower;
    size_t layers = (size_t)text->network->config.text.layers;
    size_t split = trn_text_frozen_blocks(text->network);
    tower->blocks = network->blocks + split;
    tower->layers = layers - split;
    tower->layout = &text->layout;
    tower->last_layout = &text->last_layout;
    tower->recompute = recompute;
    tower->to_input = ways_in_trained(network);
    tower->first = tower->to_input ? 0 : trn_first_trained(tower->blocks, tower->layers);
    trn_tower_carve(carver, tower, team_size);
    carve_frozen(carver, text, split, team_size);
}

void trn_text_carve(struct trn_carver *carver, struct trn_text *text,
                    const struct trn_texts *groups, size_t group_count, bool recompute,
                    int team_size)
{
    const struct trn_text_network *network = &text->network->text;
    size_t width = network->projection.in;
    carve_rows(carver, text);
    if (carver->base)
        fill_rows(text, groups, group_count);
    carve_towers(carver, text, recompute, team_size);
    text->end_rows = trn_carve(carver, text->texts * width);
    text->end_normed = trn_carve(carver, text->texts * width);
    text->vectors = trn_carve(carver, text->texts * network->projection.out);
    text->d_output = trn_carve(carver, text->kept * width);
    text->d_end = trn_carve(carver, text->texts * width);
    text->d_normed = trn_carve(carver, text->texts * width);
    text->stats = trn_carve(carver, 2 * text->texts);
}
