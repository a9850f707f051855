/* m2clip embed: unit vectors of videos and texts. */
#include "cli/video_command.h"

#include <stdlib.h>

#include "runtime/checked.h"
#include "scoring.h"

static void options(struct cli_option_list *list)
{
    cli_video_options(list, PROTO_EMBED);
}

static enum m2c_status prepare(struct cli_video_run *run, struct m2c_error *err)
{
    const struct proto_texts *texts = &run->options.texts;
    size_t dim = (size_t)m2c_set_info(run->session.set)->dim, bytes;
    if (texts->count == 0 && cli_input_count(run->arguments) == 0)
        return m2c_fail(err, M2C_USAGE, "neither an input nor --text is given");
    if (!m2c_checked_multiply3(texts->count + 1, dim, sizeof(float), &bytes))
        return m2c_fail_memory(err, "embeddings", SIZE_MAX);
    run->vectors = calloc(1, bytes);
    run->embeddings = calloc(texts->count + 1, sizeof *run->embeddings);
    if (!run->vectors || !run->embeddings)
        return m2c_fail_memory(err, "embeddings", bytes);
    run->embeddings[0].vector = run->vectors;
    for (size_t i = 0; i < texts->count; i++)
        run->embeddings[i + 1] =
            (struct proto_embedding){texts->items[i], i, run->vectors + (i + 1) * dim};
    if (texts->count == 0)
        return M2C_OK;
    return cli_encode_texts(&run->session, &run->options.templates,
                            (const char *const *)texts->items, texts->count, run->options.truncate,
                            "texts", run->vectors + dim, err);
}

static void fill(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer)
{
    size_t skipped = embedding ? 0 : 1;
    answer->dim = (size_t)m2c_set_info(run->session.set)->dim;
    answer->embeddings = run->embeddings + skipped;
    answer->embedding_count = run->options.texts.count + 1 - skipped;
    answer->cache.labels_miss = run->options.texts.count;
    if (embedding)
        m2c_mean_unit_vector(embedding->video, (size_t)embedding->views, (size_t)embedding->dim,
                             run->vectors);
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    static const struct cli_video_route route = {.route = PROTO_EMBED,
                                                 .payload = PROTO_PAYLOAD_EMBEDDINGS,
                                                 .video_is_optional = true,
                                                 .prepare = prepare,
                                                 .fill = fill};
    return cli_video_command(&route, arguments, err);
}

const struct cli_command cli_command_embed = {
    .name = "embed",
    .usage = "--model DIR [--text TEXT...] [options] INPUT...",
    .summary = "turn videos and texts into unit vectors",
    .options = options,
    .run = run,
};
