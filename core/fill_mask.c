#include "fill_mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"

/* Spaces keep the word apart from what stands beside it; the tokenizer folds them. */
static const char mask_word[] = " mask ";

enum { MASK_BYTES = sizeof M2C_MASK - 1, WORD_BYTES = sizeof mask_word - 1 };

static size_t count_masks(const char *text)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, M2C_MASK)) != NULL; at += MASK_BYTES)
        count++;
    return count;
}

/* The text with words in place of masks, and where each word begins: starts[masks]. New. */
static char *replace_masks(const char *text, size_t masks, size_t *starts)
{
    size_t length = strlen(text), bytes;
    if (!m2c_checked_multiply(masks, WORD_BYTES, &bytes) ||
        !m2c_checked_add(bytes, length + 1, &bytes))
        return NULL;
    char *replaced = malloc(bytes), *to = replaced;
    if (!replaced)
        return NULL;
    for (size_t i = 0; i < masks; i++) {
        const char *place = strstr(text, M2C_MASK);
        size_t before = (size_t)(place - text);
        memcpy(to, text, before);
        to += before;
        starts[i] = (size_t)(to - replaced);
        memcpy(to, mask_word, WORD_BYTES);
        to += WORD_BYTES;
        text = place + MASK_BYTES;
    }
    memcpy(to, text, strlen(text) + 1);
    return replaced;
}

/* The tokens of what precedes the word that begins at byte `start`. The text as a whole has been
 * tokenized, so all that can be wrong with its beginning is that it is longer than no ids. */
static enum m2c_status tokens_before(const struct m2c_tokenizer *tokenizer, const char *replaced,
                                     size_t start, size_t *tokens, struct m2c_error *err)
{
    enum m2c_status status = m2c_tokenizer_encode(tokenizer, replaced, start, NULL, 0, tokens, err);
    return status == M2C_INVALID_REQUEST ? M2C_OK : status;
}

static enum m2c_status find_masks(struct m2c_masked_text *masked,
                                  const struct m2c_tokenizer *tokenizer, const char *replaced,
                                  const size_t *starts, size_t masks, struct m2c_error *err)
{
    int32_t pieces[WORD_BYTES];
    size_t count = 0;
    enum m2c_status status =
        m2c_tokenizer_encode(tokenizer, mask_word, WORD_BYTES, pieces, WORD_BYTES, &count, err);
    if (status != M2C_OK)
        return status;
    for (size_t i = 0; i < masks; i++) {
        size_t tokens = 0;
        status = tokens_before(tokenizer, replaced, starts[i], &tokens, err);
        if (status != M2C_OK)
            return status;
        size_t position = tokens + 1;
        if (position + 1 >= (size_t)masked->count)
            break; /* cut off with the end of the text */
        if (masked->ids[position] != pieces[0])
            return m2c_fail_field(err, M2C_INVALID_REQUEST, "text",
                                  "number %zu of its " M2C_MASK " does not stand as a word", i);
        masked->positions[masked->masks++] = (int32_t)position;
    }
    if (masked->masks == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "text",
                              "no " M2C_MASK " is left of the truncated text");
    return M2C_OK;
}

enum m2c_status m2c_masked_text_init(struct m2c_masked_text *masked, const struct m2c_model *model,
                                     const char *text, bool truncate, struct m2c_error *err)
{
    const struct m2c_tokenizer *tokenizer = m2c_model_tokenizer(model);
    size_t context = (size_t)m2c_model_config(model)->context_length;
    size_t masks = count_masks(text);
    *masked = (struct m2c_masked_text){0};
    if (!tokenizer)
        return m2c_fail(err, M2C_NO_TOKENIZER, "the model folder holds no tokenizer files");
    if (masks == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "text", "text holds no " M2C_MASK);
    size_t *starts = calloc(masks, sizeof *starts);
    char *replaced = starts ? replace_masks(text, masks, starts) : NULL;
    masked->ids = calloc(context, sizeof *masked->ids);
    masked->positions = calloc(masks, sizeof *masked->positions);
    enum m2c_status status = M2C_OK;
    if (!replaced || !masked->ids || !masked->positions)
        status = m2c_fail_memory(err, "a text", strlen(text));
    if (status == M2C_OK) {
        status = m2c_pipeline_tokenize(model, NULL, replaced, truncate, masked->ids, &masked->count,
                                       err);
        if (status == M2C_INVALID_REQUEST)
            (void)snprintf(err->field, sizeof err->field, "text");
    }
    if (status == M2C_OK)
        status = find_masks(masked, tokenizer, replaced, starts, masks, err);
    free(starts);
    free(replaced);
    return status;
}

void m2c_masked_text_destroy(struct m2c_masked_text *masked)
{
    free(masked->ids);
    free(masked->positions);
    *masked = (struct m2c_masked_text){0};
}

enum m2c_status m2c_fill_mask_check(const struct m2c_set *set, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(set);
    if (info->has_cmlm)
        return M2C_OK;
    return m2c_fail(err, M2C_NO_CMLM_HEAD, "the set %.64s has no masked-language head", info->name);
}

enum m2c_status m2c_fill_mask_words(const struct m2c_set *set, struct m2c_label_list *words,
                                    struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(set);
    size_t count = (size_t)info->cmlm_words;
    *words = (struct m2c_label_list){0};
    if (info->words->count == 0)
        return m2c_label_list_generate("word", count, words, err);
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(info->words->names[i]) + 1;
    words->names = calloc(count, sizeof *words->names);
    words->text = malloc(bytes + 1);
    if (!words->names || !words->text) {
        m2c_label_list_destroy(words);
        return m2c_fail_memory(err, "the words", bytes);
    }
    char *to = words->text;
    for (; words->count < count; words->count++) {
        const char *name = info->words->names[words->count];
        words->names[words->count] = to;
        memcpy(to, name, strlen(name) + 1);
        to += strlen(name) + 1;
    }
    return M2C_OK;
}

/* A text a view: ids one after the other, all asked for one position. */
static enum m2c_status repeat_text(const struct m2c_masked_text *masked, size_t mask, size_t views,
                                   int32_t **block, struct m2c_error *err)
{
    size_t count = (size_t)masked->count, bytes;
    if (!m2c_checked_multiply3(views, count + 2, sizeof **block, &bytes))
        return m2c_fail_memory(err, "a text", SIZE_MAX);
    int32_t *to = malloc(bytes);
    *block = to;
    if (!to)
        return m2c_fail_memory(err, "a text", bytes);
    for (size_t v = 0; v < views; v++)
        *to++ = masked->count;
    for (size_t v = 0; v < views; v++)
        *to++ = masked->positions[mask];
    for (size_t v = 0; v < views; v++, to += count)
        memcpy(to, masked->ids, count * sizeof *to);
    return M2C_OK;
}

enum m2c_status m2c_fill_mask(struct m2c_encoder *encoder, const struct m2c_set *set,
                              const struct m2c_masked_text *masked, size_t mask,
                              const struct m2c_video_embedding *embedding,
                              struct m2c_prediction *predictions, struct m2c_error *err)
{
    size_t views = (size_t)embedding->views, words = (size_t)m2c_set_info(set)->cmlm_words, bytes;
    int32_t *block = NULL; /* counts [V], positions [V], ids [V, count] */
    float *logits = NULL;
    enum m2c_status status = repeat_text(masked, mask, views, &block, err);
    if (status == M2C_OK && m2c_checked_multiply3(views, words, sizeof *logits, &bytes))
        logits = malloc(bytes);
    if (status == M2C_OK && !logits)
        status = m2c_fail_memory(err, "logits", views * words);
    if (status == M2C_OK) {
        const struct m2c_cmlm_request request = {
            .ids = block + 2 * views,
            .counts = block,
            .clips = embedding->views,
            .frames = embedding->frames,
            .frame_features = embedding->frame_features,
            .positions = block + views,
            .logits = logits,
        };
        status = m2c_encode_cmlm(encoder, set, &request, err);
    }
    if (status == M2C_OK)
        m2c_score_classes(logits, views, words, predictions);
    free(logits);
    free(block);
    return status;
}
