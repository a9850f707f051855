/* m2clip zeroshot: videos against any list of labels. */
#include "cli/video_command.h"

static void options(struct cli_option_list *list)
{
    cli_video_options(list, PROTO_ZEROSHOT);
}

static enum m2c_status prepare(struct cli_video_run *run, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(run->session.set);
    if (run->options.classes && !info->has_vc)
        return m2c_fail(err, M2C_NO_VC_HEAD,
                        "the set %.64s has no classification head, so --classes is not possible",
                        info->name);
    enum m2c_status status =
        cli_label_vectors_init(&run->labels, &run->session, &run->options, err);
    if (status == M2C_OK)
        status = proto_prediction_room_init(&run->predictions,
                                            run->labels.count + run->labels.background_count, err);
    if (status == M2C_OK && run->options.classes)
        status = proto_prediction_room_init(&run->classes, (size_t)info->classes, err);
    return status;
}

static void fill(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer)
{
    bool no_class;
    const struct proto_label_rows rows = {.vectors = run->labels.vectors,
                                          .count = run->labels.count,
                                          .background_count = run->labels.background_count,
                                          .names = run->labels.names,
                                          .ids = run->labels.ids};
    answer->predictions = proto_predict_labels(&run->predictions, &rows, embedding->video,
                                               (size_t)embedding->views, (size_t)embedding->dim,
                                               &run->options, &answer->other, &answer->unknown);
    answer->has_other = run->labels.background_count > 0;
    answer->has_classes = run->options.classes;
    if (answer->has_classes)
        answer->classes = cli_predict_classes(run, &run->classes, embedding, &no_class);
    answer->cache.labels_miss = run->labels.count + run->labels.background_count;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    static const struct cli_video_route route = {.route = PROTO_ZEROSHOT,
                                                 .payload = PROTO_PAYLOAD_PREDICTIONS,
                                                 .prepare = prepare,
                                                 .fill = fill};
    return cli_video_command(&route, arguments, err);
}

const struct cli_command cli_command_zeroshot = {
    .name = "zeroshot",
    .usage = "--model DIR [--label TEXT...] [options] INPUT...",
    .summary = "say which of any labels a video shows",
    .options = options,
    .run = run,
};
