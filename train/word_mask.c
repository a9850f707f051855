#include "train/word_mask.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/random_numbers.h"
#include "train/text.h"

static const char mask_word[] = "mask";

/* A word of the text: what of it the list may hold, and whether it was chosen. */
struct word {
    size_t begin, end; /* without punctuation at its ends */
    size_t target;     /* index of the M words */
    uint64_t lot;
    bool masked;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_punctuation(char c)
{
    return c != '\0' && strchr(".,;:!?\"'()[]{}<>/-", c) != NULL;
}

/* Index of the word among the M, or M. */
static size_t find_word(const struct m2c_label_list *words, const char *text, size_t length)
{
    for (size_t i = 0; i < words->count; i++) {
        if (strlen(words->names[i]) == length && strncasecmp(words->names[i], text, length) == 0)
            return i;
    }
    return words->count;
}

/* The words that can be masked, in the text's order; their number. */
static size_t find_words(const struct trn_word_masker *masker, const char *text, uint64_t seed,
                         struct word *words)
{
    struct m2c_random random;
    size_t count = 0;
    m2c_random_start(&random, seed, "words");
    for (size_t at = 0; text[at] != '\0';) {
        size_t begin = at;
        while (text[at] != '\0' && !is_space(text[at]))
            at++;
        size_t end = at;
        while (begin < end && is_punctuation(text[begin]))
            begin++;
        while (end > begin && is_punctuation(text[end - 1]))
            end--;
        size_t target = find_word(masker->words, text + begin, end - begin);
        if (end > begin && target < masker->words->count)
            words[count++] = (struct word){
                .begin = begin, .end = end, .target = target, .lot = m2c_random_bits(&random)};
        while (is_space(text[at]))
            at++;
    }
    return count;
}

/* Marks those with the lowest lots. */
static void choose(struct word *words, size_t count, double share)
{
    size_t wanted = (size_t)(share * (double)count + 0.5);
    if (wanted == 0 && share > 0)
        wanted = 1;
    for (size_t taken = 0; taken < wanted; taken++) {
        struct word *lowest = NULL;
        for (size_t i = 0; i < count; i++) {
            if (!words[i].masked && (!lowest || words[i].lot < lowest->lot))
                lowest = &words[i];
        }
        if (!lowest)
            return;
        lowest->masked = true;
    }
}

/* What is being put together. */
struct assembly {
    const struct trn_word_masker *masker;
    char *text; /* as far as it goes, masked words replaced */
    size_t used;
    int32_t *ids, *targets;
};

/* A masked word stands behind the tokens of all that precedes it. */
static enum m2c_status add_mask(struct assembly *assembly, size_t target, struct m2c_error *err)
{
    const struct trn_word_masker *masker = assembly->masker;
    size_t before = 0;
    enum m2c_status status =
        m2c_tokenizer_encode_truncated(masker->tokenizer, assembly->text, assembly->used,
                                       assembly->ids + 1, masker->context - 2, &before, err);
    memcpy(assembly->text + assembly->used, mask_word, sizeof mask_word - 1);
    assembly->used += sizeof mask_word - 1;
    if (status == M2C_OK && before + 1 < masker->context - 1)
        assembly->targets[before + 1] = (int32_t)target;
    return status;
}

static void add_text(struct assembly *assembly, const char *text, size_t size)
{
    memcpy(assembly->text + assembly->used, text, size);
    assembly->used += size;
}

static enum m2c_status assemble(struct assembly *assembly, const char *text,
                                const struct word *words, size_t count, struct m2c_error *err)
{
    const struct trn_word_masker *masker = assembly->masker;
    enum m2c_status status = M2C_OK;
    size_t at = 0, tokens = 0;
    for (size_t i = 0; i < count && status == M2C_OK; i++) {
        if (!words[i].masked)
            continue;
        add_text(assembly, text + at, words[i].begin - at);
        status = add_mask(assembly, words[i].target, err);
        at = words[i].end;
    }
    add_text(assembly, text + at, strlen(text) - at);
    if (status == M2C_OK)
        status =
            m2c_tokenizer_encode_truncated(masker->tokenizer, assembly->text, assembly->used,
                                           assembly->ids + 1, masker->context - 2, &tokens, err);
    if (status != M2C_OK)
        return status;
    assembly->ids[0] = m2c_tokenizer_start_id(masker->tokenizer);
    assembly->ids[tokens + 1] = m2c_tokenizer_end_id(masker->tokenizer);
    for (size_t i = tokens + 2; i < masker->context; i++)
        assembly->ids[i] = 0;
    for (size_t i = tokens + 1; i < masker->context; i++)
        assembly->targets[i] = TRN_NO_TARGET;
    return M2C_OK;
}

enum m2c_status trn_mask_words(const struct trn_word_masker *masker, const char *text,
                               uint64_t seed, int32_t *ids, int32_t *targets, struct m2c_error *err)
{
    size_t length = strlen(text), most = length / 2 + 1;
    struct word *words = calloc(most, sizeof *words);
    char *replaced = malloc(length + most * (sizeof mask_word - 1) + 1);
    enum m2c_status status = M2C_OK;
    if (!words || !replaced) {
        status = m2c_fail_memory(err, "a text", length);
        goto out;
    }
    for (size_t i = 0; i < masker->context; i++)
        targets[i] = TRN_NO_TARGET;
    size_t count = find_words(masker, text, seed, words);
    choose(words, count, masker->share);
    struct assembly assembly = {.masker = masker, .text = replaced, .ids = ids, .targets = targets};
    status = assemble(&assembly, text, words, count, err);
out:
    free(words);
    free(replaced);
    return status;
}
