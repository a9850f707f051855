/* m2clip classify: the trained classes of videos. */
#include "cli/video_command.h"

static void options(struct cli_option_list *list)
{
    cli_video_options(list, PROTO_CLASSIFY);
}

static enum m2c_status prepare(struct cli_video_run *run, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(run->session.set);
    if (!info->has_vc)
        return m2c_fail(err, M2C_NO_VC_HEAD,
                        "the set %.64s has no classification head; zeroshot serves it", info->name);
    return proto_prediction_room_init(&run->predictions, (size_t)info->classes, err);
}

static void fill(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer)
{
    answer->predictions = cli_predict_classes(run, &run->predictions, embedding, &answer->unknown);
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    static const struct cli_video_route route = {.route = PROTO_CLASSIFY,
                                                 .payload = PROTO_PAYLOAD_PREDICTIONS,
                                                 .prepare = prepare,
                                                 .fill = fill};
    return cli_video_command(&route, arguments, err);
}

const struct cli_command cli_command_classify = {
    .name = "classify",
    .usage = "--model DIR [options] INPUT...",
    .summary = "say which of the trained classes a video shows",
    .options = options,
    .run = run,
};
