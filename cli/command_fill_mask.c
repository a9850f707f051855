/* m2clip fill-mask: the words that a video suggests for each [MASK] of a text. */
#include "cli/video_command.h"

#include <stdlib.h>

#include "fill_mask.h"
#include "runtime/checked.h"

struct masks {
    struct m2c_masked_text text;
    struct m2c_label_list words;
    struct m2c_prediction *scored;  /* [M] */
    struct proto_prediction *items; /* [masks, M] */
    struct proto_mask *masks;       /* [masks] */
};

static void options(struct cli_option_list *list)
{
    cli_video_options(list, PROTO_FILL_MASK);
}

static enum m2c_status allocate(struct masks *masks, struct m2c_error *err)
{
    size_t words = masks->words.count, count = masks->text.masks, bytes;
    if (!m2c_checked_multiply3(count, words, sizeof *masks->items, &bytes))
        return m2c_fail_memory(err, "predictions", SIZE_MAX);
    masks->scored = calloc(words, sizeof *masks->scored);
    masks->items = calloc(1, bytes);
    masks->masks = calloc(count, sizeof *masks->masks);
    if (!masks->scored || !masks->items || !masks->masks)
        return m2c_fail_memory(err, "predictions", bytes);
    return M2C_OK;
}

static enum m2c_status prepare(struct cli_video_run *run, struct m2c_error *err)
{
    struct masks *masks = calloc(1, sizeof *masks);
    run->own = masks;
    if (!masks)
        return m2c_fail_memory(err, "predictions", sizeof *masks);
    enum m2c_status status = m2c_fill_mask_check(run->session.set, err);
    if (status == M2C_OK)
        status = m2c_masked_text_init(&masks->text, run->session.model, run->options.text,
                                      run->options.truncate, err);
    if (status == M2C_OK)
        status = m2c_fill_mask_words(run->session.set, &masks->words, err);
    return status == M2C_OK ? allocate(masks, err) : status;
}

static enum m2c_status finish(struct cli_video_run *run,
                              const struct m2c_video_embedding *embedding, struct m2c_error *err)
{
    struct masks *masks = run->own;
    for (size_t i = 0; i < masks->text.masks; i++) {
        struct proto_prediction *items = masks->items + i * masks->words.count;
        enum m2c_status status = m2c_fill_mask(run->session.encoder, run->session.set, &masks->text,
                                               i, embedding, masks->scored, err);
        if (status != M2C_OK)
            return status;
        size_t left = proto_show_predictions(masks->scored, masks->words.count,
                                             (const char *const *)masks->words.names, NULL, false,
                                             &run->options, items);
        masks->masks[i] =
            (struct proto_mask){masks->text.positions[i], {.items = items, .count = left}};
    }
    return M2C_OK;
}

static void fill(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer)
{
    const struct masks *masks = run->own;
    (void)embedding;
    answer->masks = masks->masks;
    answer->mask_count = masks->text.masks;
}

static void close_masks(struct cli_video_run *run)
{
    struct masks *masks = run->own;
    if (!masks)
        return;
    m2c_masked_text_destroy(&masks->text);
    m2c_label_list_destroy(&masks->words);
    free(masks->scored);
    free(masks->items);
    free(masks->masks);
    free(masks);
    run->own = NULL;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    static const struct cli_video_route route = {.route = PROTO_FILL_MASK,
                                                 .payload = PROTO_PAYLOAD_MASKS,
                                                 .prepare = prepare,
                                                 .finish = finish,
                                                 .fill = fill,
                                                 .close = close_masks};
    return cli_video_command(&route, arguments, err);
}

const struct cli_command cli_command_fill_mask = {
    .name = "fill-mask",
    .usage = "--model DIR --text \"... [MASK] ...\" [options] INPUT...",
    .summary = "say which words a video puts in place of [MASK]",
    .options = options,
    .run = run,
};
