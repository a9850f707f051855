#include "train/prompts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "model/random_numbers.h"

/* A blank, an index and a line break: words take at most so many bytes for each of theirs. */
enum { NUMBER_BYTES = 24 };

static const char blanks[] = " \t\n\v\f\r";
static const char punctuation[] = ".,;:!?\"'()[]{}<>/-";

/* The template with the label in place of `{}`; new, or NULL without memory. */
static char *put_in(const char *template_text, const char *label)
{
    const char *place = strstr(template_text, "{}");
    char *text = NULL;
    int length = place ? asprintf(&text, "%.*s%s%s", (int)(place - template_text), template_text,
                                  label, place + 2)
                       : asprintf(&text, "%s", label);
    return length < 0 ? NULL : text;
}

static enum m2c_status encode(const struct trn_word_masker *masker, const char *template_text,
                              const char *label, uint64_t seed, int32_t *ids, int32_t *targets,
                              struct m2c_error *err)
{
    char *text = put_in(template_text, label);
    if (!text)
        return m2c_fail_memory(err, "a text", strlen(template_text) + strlen(label));
    enum m2c_status status = trn_mask_words(masker, text, seed, ids, targets, err);
    free(text);
    return status;
}

enum m2c_status trn_prompts_init(struct trn_prompts *prompts, const struct m2c_label_list *labels,
                                 const struct m2c_text_list *templates,
                                 const struct trn_word_masker *masker, struct m2c_error *err)
{
    struct trn_word_masker whole = *masker;
    size_t context = masker->context;
    *prompts = (struct trn_prompts){.labels = labels, .templates = templates, .masker = *masker};
    whole.share = 0;
    prompts->label_tokens = calloc(labels->count * context, sizeof *prompts->label_tokens);
    int32_t *targets = calloc(context, sizeof *targets);
    enum m2c_status status = M2C_OK;
    if (!prompts->label_tokens || !targets)
        status = m2c_fail_memory(err, "label texts", labels->count * context * sizeof *targets);
    for (size_t i = 0; status == M2C_OK && i < labels->count; i++)
        status = encode(&whole, templates->texts[0], labels->names[i], 0,
                        prompts->label_tokens + i * context, targets, err);
    free(targets);
    return status;
}

enum m2c_status trn_prompts_clip(const struct trn_prompts *prompts, size_t label, uint64_t seed,
                                 int32_t *ids, int32_t *targets, struct m2c_error *err)
{
    struct m2c_random random;
    m2c_random_start(&random, seed, "template");
    size_t chosen = m2c_random_bits(&random) % prompts->templates->count;
    return encode(&prompts->masker, prompts->templates->texts[chosen],
                  prompts->labels->names[label], seed, ids, targets, err);
}

void trn_prompts_destroy(struct trn_prompts *prompts)
{
    free(prompts->label_tokens);
    *prompts = (struct trn_prompts){0};
}

/* A list being collected: words on lines of their own, and how many. */
struct collection {
    char *text;
    size_t used, count, room;
};

static bool holds(const struct collection *collection, const char *word, size_t length)
{
    for (size_t at = 0; at < collection->used;) {
        size_t size = strcspn(collection->text + at, " ");
        if (size == length && strncasecmp(collection->text + at, word, length) == 0)
            return true;
        at += size + strcspn(collection->text + at + size, "\n") + 1;
    }
    return false;
}

/* "word index" in lower case. */
static void collect(struct collection *collection, const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = word[i];
        collection->text[collection->used++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    int number = snprintf(collection->text + collection->used, collection->room - collection->used,
                          " %zu\n", collection->count++);
    collection->used += number > 0 ? (size_t)number : 0;
}

static void collect_words(struct collection *collection, const char *label)
{
    for (const char *at = label + strspn(label, blanks); *at; at += strspn(at, blanks)) {
        const char *end = at + strcspn(at, blanks), *last = end;
        const char *first = at;
        while (first < last && strchr(punctuation, *first))
            first++;
        while (last > first && strchr(punctuation, last[-1]))
            last--;
        if (last > first && !holds(collection, first, (size_t)(last - first)))
            collect(collection, first, (size_t)(last - first));
        at = end;
    }
}

enum m2c_status trn_prompts_words(const struct m2c_label_list *labels, struct m2c_label_list *words,
                                  struct m2c_error *err)
{
    struct collection collection = {0};
    size_t most = 1;
    *words = (struct m2c_label_list){0};
    for (size_t i = 0; i < labels->count; i++)
        most += (strlen(labels->names[i]) + 1) * NUMBER_BYTES;
    collection.room = most;
    collection.text = calloc(most, 1);
    if (!collection.text)
        return m2c_fail_memory(err, "a word list", most);
    for (size_t i = 0; i < labels->count; i++)
        collect_words(&collection, labels->names[i]);
    enum m2c_status status = collection.count > 0
                                 ? m2c_word_list_parse("the words of the labels", collection.text,
                                                       collection.used, words, err)
                                 : M2C_OK;
    free(collection.text);
    return status;
}
