#include "model/text_tree.h"

#include <stdlib.h>
#include <string.h>

struct sort_context {
    const int32_t *ids;
    const size_t *offsets;
    const int32_t *counts;
};

static int compare_texts(const void *left, const void *right, void *argument)
{
    const struct sort_context *context = argument;
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    int32_t shorter =
        context->counts[a] < context->counts[b] ? context->counts[a] : context->counts[b];
    const int32_t *ids_a = context->ids + context->offsets[a];
    const int32_t *ids_b = context->ids + context->offsets[b];
    for (int32_t i = 0; i < shorter; i++) {
        if (ids_a[i] != ids_b[i])
            return ids_a[i] < ids_b[i] ? -1 : 1;
    }
    if (context->counts[a] != context->counts[b])
        return context->counts[a] < context->counts[b] ? -1 : 1;
    return a < b ? -1 : a > b;
}

enum m2c_status m2c_text_batch_init(struct m2c_text_batch *batch, const int32_t *ids,
                                    const int32_t *counts, size_t texts, struct m2c_error *err)
{
    size_t *offsets = calloc(texts ? texts : 1, sizeof *offsets);
    size_t *order = calloc(texts ? texts : 1, sizeof *order);
    *batch = (struct m2c_text_batch){
        .ids = ids, .offsets = offsets, .counts = counts, .texts = texts, .order = order};
    if (!offsets || !order) {
        free(offsets);
        free(order);
        *batch = (struct m2c_text_batch){0};
        return m2c_fail_memory(err, "a batch of texts", texts * 2 * sizeof(size_t));
    }
    size_t offset = 0;
    for (size_t i = 0; i < texts; i++) {
        offsets[i] = offset;
        order[i] = i;
        offset += (size_t)counts[i];
    }
    struct sort_context context = {.ids = ids, .offsets = offsets, .counts = counts};
    qsort_r(order, texts, sizeof *order, compare_texts, &context);
    return M2C_OK;
}

void m2c_text_batch_destroy(struct m2c_text_batch *batch)
{
    free(batch->offsets);
    free(batch->order);
    *batch = (struct m2c_text_batch){0};
}

enum m2c_status m2c_text_tree_init(struct m2c_text_tree *tree, size_t max_rows, size_t max_texts,
                                   struct m2c_error *err)
{
    *tree = (struct m2c_text_tree){.max_rows = max_rows, .max_texts = max_texts};
    tree->token = calloc(max_rows, sizeof *tree->token);
    tree->position = calloc(max_rows, sizeof *tree->position);
    tree->parent = calloc(max_rows, sizeof *tree->parent);
    tree->last_row = calloc(max_texts, sizeof *tree->last_row);
    if (tree->token && tree->position && tree->parent && tree->last_row)
        return M2C_OK;
    m2c_text_tree_destroy(tree);
    return m2c_fail_memory(err, "a text tree", (3 * max_rows + max_texts) * sizeof(int32_t));
}

void m2c_text_tree_destroy(struct m2c_text_tree *tree)
{
    free(tree->token);
    free(tree->position);
    free(tree->parent);
    free(tree->last_row);
    *tree = (struct m2c_text_tree){0};
}

int32_t m2c_text_tree_row_at(const struct m2c_text_tree *tree, int32_t last_row, int32_t position)
{
    int32_t row = last_row;
    while (tree->position[row] > position)
        row = tree->parent[row];
    return row;
}

/* Tokens that a text shares with the one whose last row is `last_row`, from the start on. */
static int32_t shared_prefix(const struct m2c_text_tree *tree, int32_t last_row, const int32_t *ids,
                             int32_t count)
{
    int32_t shared = 0;
    for (int32_t row = last_row; row >= 0; row = tree->parent[row]) {
        int32_t position = tree->position[row];
        if (position >= count || tree->token[row] != ids[position])
            shared = position;
        else if (row == last_row)
            shared = position + 1;
    }
    return shared;
}

static void append_text(struct m2c_text_tree *tree, const int32_t *ids, int32_t count,
                        int32_t shared, int32_t parent)
{
    for (int32_t position = shared; position < count; position++) {
        size_t row = tree->rows++;
        tree->token[row] = ids[position];
        tree->position[row] = position;
        tree->parent[row] = parent;
        parent = (int32_t)row;
    }
    tree->last_row[tree->texts++] = parent;
}

size_t m2c_text_tree_build(struct m2c_text_tree *tree, const struct m2c_text_batch *batch,
                           size_t first)
{
    int32_t previous = -1;
    tree->rows = 0;
    tree->texts = 0;
    for (size_t i = first; i < batch->texts && tree->texts < tree->max_texts; i++) {
        size_t text = batch->order[i];
        const int32_t *ids = batch->ids + batch->offsets[text];
        int32_t count = batch->counts[text];
        int32_t shared = shared_prefix(tree, previous, ids, count);
        if (tree->rows + (size_t)(count - shared) > tree->max_rows)
            break;
        int32_t parent = shared > 0 ? m2c_text_tree_row_at(tree, previous, shared - 1) : -1;
        append_text(tree, ids, count, shared, parent);
        previous = tree->last_row[tree->texts - 1];
    }
    return tree->texts;
}
