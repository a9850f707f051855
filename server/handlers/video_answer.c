/* Facts, predictions and times of an exchange into its answer. */
#include <string.h>

#include "pipeline.h"
#include "proto/problem.h"
#include "runtime/clock.h"
#include "server/handlers/exchange.h"
#include "server/handlers/json_reply.h"
#include "server/handlers/kept_video.h"

/* Storage that one answer borrows. */
struct answer_parts {
    struct proto_video_facts video;
    struct proto_sampling_facts sampling;
    const char *warnings[M2C_MAX_WARNINGS];
    struct srv_payload payload;
};

static struct proto_timing_ms times_of(const struct srv_exchange *exchange,
                                       const struct srv_exchange_item *item)
{
    struct proto_timing_ms timing = {.receive = srv_request_receive_ms(exchange->request)};
    if (item->seat) {
        struct srv_video_times times = srv_video_seat_times(item->seat);
        timing.queue = times.queue_ms;
        timing.decode = times.decode_ms;
        timing.encode = times.encode_ms;
    }
    if (exchange->label_job)
        timing.text = srv_label_job_result(exchange->label_job).text_ms;
    if (item->masks)
        timing.text = srv_mask_job_result(item->masks).text_ms;
    timing.total = m2c_clock_ms() - srv_request_complete_ms(exchange->request) + timing.receive;
    return timing;
}

/* Returns what to warn of. */
static unsigned describe_video(const struct srv_exchange *exchange,
                               const struct srv_exchange_item *item, struct answer_parts *parts,
                               struct proto_answer *answer)
{
    const struct srv_video_result *result = srv_video_seat_result(item->seat);
    srv_describe_video(&result->facts, item->content, &parts->video);
    srv_describe_sampling(result, exchange->sampling.stride, &parts->sampling);
    answer->video = &parts->video;
    answer->sampling = &parts->sampling;
    answer->cache.video = srv_video_seat_spared(item->seat);
    return result->warnings;
}

static enum m2c_status fill_answer(struct srv_exchange *exchange, struct srv_exchange_item *item,
                                   struct answer_parts *parts, struct proto_answer *answer,
                                   struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    const struct m2c_model *model = srv_served_model(exchange->served);
    *answer = (struct proto_answer){
        .id = srv_request_id(exchange->request),
        .model = info->name,
        .model_version = info->version,
        .precision = m2c_precision_name(m2c_model_precision(model)),
        .warnings = parts->warnings,
        .payload = exchange->route->payload,
    };
    unsigned warnings = item->seat ? describe_video(exchange, item, parts, answer) : 0;
    answer->warning_count = m2c_pipeline_warnings(model, warnings, parts->warnings);
    if (exchange->label_job) {
        struct srv_label_result labels = srv_label_job_result(exchange->label_job);
        answer->cache.labels_hit = labels.rows_hit;
        answer->cache.labels_miss = labels.rows_miss;
    }
    enum m2c_status status = exchange->route->fill(exchange, item, &parts->payload, answer, err);
    answer->timing_ms = times_of(exchange, item);
    return status;
}

static enum m2c_status write_item(struct srv_exchange *exchange, struct srv_exchange_item *item,
                                  struct proto_writer *writer, struct m2c_error *err)
{
    struct answer_parts parts = {.warnings = {NULL}};
    struct proto_answer answer;
    enum m2c_status status = fill_answer(exchange, item, &parts, &answer, err);
    if (status == M2C_OK)
        proto_answer_write(writer, &answer);
    srv_payload_destroy(&parts.payload);
    return status;
}

static enum m2c_status write_results(struct srv_exchange *exchange, struct proto_writer *writer,
                                     struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "results");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < exchange->videos.count && status == M2C_OK; i++) {
        struct srv_exchange_item *item = &exchange->items[i];
        if (item->error.status == M2C_OK) {
            status = write_item(exchange, item, writer, err);
            continue;
        }
        proto_writer_object_begin(writer);
        proto_writer_key(writer, "error");
        proto_problem_write(writer, &item->error, srv_request_id(exchange->request), -1);
        proto_writer_object_end(writer);
    }
    proto_writer_array_end(writer);
    proto_writer_object_end(writer);
    return status;
}

/* A stage that no video has come to is not told. */
static double reached_ms(double ms, double before_ms)
{
    return ms > 0.0 ? ms : before_ms;
}

void srv_exchange_note_ended_early(struct srv_exchange *exchange)
{
    struct srv_record *record = srv_request_record(exchange->request);
    for (size_t i = 0; exchange->items && i < exchange->videos.count; i++) {
        if (!exchange->items[i].seat)
            continue;
        struct srv_video_times times = srv_video_seat_times(exchange->items[i].seat);
        record->queue_ms = reached_ms(times.queue_ms, record->queue_ms);
        record->decode_ms = reached_ms(times.decode_ms, record->decode_ms);
        record->encode_ms = reached_ms(times.encode_ms, record->encode_ms);
    }
}

/* The stages of the slowest video, for the log. */
static void note_record(struct srv_exchange *exchange)
{
    struct srv_record *record = srv_request_record(exchange->request);
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    srv_record_set_model(record, info->name, info->version);
    if (exchange->label_job) {
        struct srv_label_result labels = srv_label_job_result(exchange->label_job);
        record->labels_hit = (unsigned)labels.rows_hit;
        record->labels_miss = (unsigned)labels.rows_miss;
    }
    for (size_t i = 0; i < exchange->videos.count; i++) {
        if (!exchange->items[i].seat)
            continue;
        record->video =
            srv_video_seat_spared(exchange->items[i].seat) ? SRV_VIDEO_FOUND : SRV_VIDEO_NOT_FOUND;
        size_t batch_clips = srv_video_seat_times(exchange->items[i].seat).batch_clips;
        if (batch_clips > record->batch_clips)
            record->batch_clips = (unsigned)batch_clips;
        struct proto_timing_ms timing = times_of(exchange, &exchange->items[i]);
        if (timing.queue + timing.decode + timing.encode <
            record->queue_ms + record->decode_ms + record->encode_ms)
            continue;
        record->queue_ms = timing.queue;
        record->decode_ms = timing.decode;
        record->encode_ms = timing.encode;
        record->text_ms = timing.text;
    }
}

void srv_exchange_answer(struct srv_exchange *exchange)
{
    struct srv_request *request = exchange->request;
    struct proto_writer writer;
    struct m2c_error err;
    proto_writer_init(&writer);
    note_record(exchange);
    enum m2c_status status = exchange->videos.many
                                 ? write_results(exchange, &writer, &err)
                                 : write_item(exchange, &exchange->items[0], &writer, &err);
    if (status == M2C_OK) {
        srv_reply_json(request, 200, &writer);
        return;
    }
    proto_writer_destroy(&writer);
    srv_request_fail(request, &err, -1);
}
