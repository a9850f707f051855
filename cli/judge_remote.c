#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/clip_judge.h"
#include "net/post.h"
#include "runtime/clock.h"
#include "text/json_reader.h"

enum {
    TIMEOUT_MS = 600000,
    MAX_URL_BYTES = 1024,
    OWN_FIELDS = 8, /* beside labels and templates */
    NUMBER_BYTES = 32,
    DETAIL_BYTES = 200,
    HTTP_OK = 200,
    MAX_TRIES = 10, /* of a request that a busy server refuses */
    DEFAULT_WAIT_MS = 1000,
    MAX_WAIT_MS = 10000,
};

struct remote_judge {
    struct cli_judge_task task;
    struct net_poster *poster;
    const char *key;
    char urls[CLI_HEADS][MAX_URL_BYTES];
    bool off[CLI_HEADS];      /* the server has no such head, or not for these labels */
    bool answered[CLI_HEADS]; /* it has */
    struct net_field *fields;
    char sampling[3][NUMBER_BYTES];
    size_t next;
};

static void add_field(struct net_post *post, struct net_field *fields, const char *name,
                      const char *value)
{
    fields[post->field_count++] = (struct net_field){name, value};
}

static void add_sampling(struct remote_judge *judge, struct net_post *post)
{
    const struct proto_options *options = judge->task.options;
    if (proto_options_has(options, PROTO_FRAMES)) {
        (void)snprintf(judge->sampling[0], NUMBER_BYTES, "%d", options->frames);
        add_field(post, judge->fields, "frames", judge->sampling[0]);
    }
    if (proto_options_has(options, PROTO_STRIDE)) {
        (void)snprintf(judge->sampling[1], NUMBER_BYTES, "%d", options->stride);
        add_field(post, judge->fields, "stride",
                  options->stride > 0 ? judge->sampling[1] : "uniform");
    }
    if (proto_options_has(options, PROTO_VIEWS)) {
        (void)snprintf(judge->sampling[2], NUMBER_BYTES, "%dx%d", options->temporal_views,
                       options->spatial_views);
        add_field(post, judge->fields, "views", judge->sampling[2]);
    }
}

static void add_texts(struct remote_judge *judge, struct net_post *post)
{
    const struct cli_judge_task *task = &judge->task;
    for (size_t i = 0; i < task->labels->count; i++)
        add_field(post, judge->fields, "labels", task->labels->names[i]);
    for (size_t i = 0; i < task->options->templates.count; i++)
        add_field(post, judge->fields, "templates", task->options->templates.items[i]);
}

/* Walks the predictions of an answer, best first: the label of each. False where they are none, or
 * not as many as there are labels, or not the same. */
static bool read_predictions(struct m2c_json_reader *json, const struct m2c_label_list *labels,
                             size_t truth, struct cli_verdict *verdict)
{
    bool first = true, first_member;
    size_t count = 0;
    struct m2c_json_text name, text;
    if (!m2c_json_enter_array(json, &first))
        return false;
    for (; m2c_json_next_element(json, &first); count++) {
        size_t label = labels->count;
        if (!m2c_json_enter_object(json, &first_member))
            return false;
        while (m2c_json_next_member(json, &first_member, &name)) {
            bool is_label = m2c_json_text_is(&name, "label");
            if (is_label ? !m2c_json_string(json, &text) : !m2c_json_skip(json))
                return false;
            if (is_label)
                label = cli_label_index(labels, text.bytes, text.size);
        }
        if (label == labels->count)
            return false;
        if (verdict->top_count < CLI_TOP)
            verdict->top[verdict->top_count++] = label;
        if (label == truth)
            verdict->rank = count;
    }
    return count == labels->count && !json->mistake;
}

static bool read_answer(const struct net_reply *reply, const struct m2c_label_list *labels,
                        size_t truth, struct cli_verdict *verdict)
{
    struct m2c_json_reader json;
    struct m2c_json_text name;
    bool first = true, found = false;
    *verdict = (struct cli_verdict){.rank = labels->count};
    m2c_json_start(&json, reply->body, reply->size);
    bool good = m2c_json_enter_object(&json, &first);
    while (good && m2c_json_next_member(&json, &first, &name)) {
        bool is_list = m2c_json_text_is(&name, "predictions");
        good = is_list ? read_predictions(&json, labels, truth, verdict) : m2c_json_skip(&json);
        found = found || is_list;
    }
    good = good && found && !json.mistake;
    m2c_json_finish(&json);
    return good;
}

static enum m2c_status status_of_code(const struct m2c_json_text *code)
{
    for (int i = M2C_OK + 1; i < M2C_STATUS_COUNT; i++)
        if (m2c_json_text_is(code, m2c_status_code((enum m2c_status)i)))
            return (enum m2c_status)i;
    return M2C_FETCH_FAILED;
}

/* What a server says that does not answer. */
struct refusal {
    enum m2c_status status;
    int32_t wait_ms; /* after which it may be asked again; -1: unsaid */
    char detail[DETAIL_BYTES];
};

static bool read_member(struct m2c_json_reader *json, const struct m2c_json_text *name,
                        struct refusal *refusal)
{
    struct m2c_json_text text;
    bool is_code = m2c_json_text_is(name, "code");
    bool is_detail = m2c_json_text_is(name, "detail");
    if (m2c_json_text_is(name, "retry_after_ms") && isdigit((unsigned char)m2c_json_peek(json)))
        return m2c_json_index(json, &refusal->wait_ms);
    if ((!is_code && !is_detail) || m2c_json_peek(json) != '"')
        return m2c_json_skip(json);
    if (!m2c_json_string(json, &text))
        return false;
    if (is_code)
        refusal->status = status_of_code(&text);
    else
        (void)snprintf(refusal->detail, sizeof refusal->detail, "%.*s", (int)text.size, text.bytes);
    return true;
}

/* A problem as our own error. */
static enum m2c_status read_problem(const struct net_reply *reply, int32_t *wait_ms,
                                    struct m2c_error *err)
{
    struct m2c_json_reader json;
    struct m2c_json_text name;
    struct refusal refusal = {.status = M2C_FETCH_FAILED, .wait_ms = -1};
    bool first = true;
    m2c_json_start(&json, reply->body, reply->size);
    bool good = m2c_json_enter_object(&json, &first);
    while (good && m2c_json_next_member(&json, &first, &name))
        good = read_member(&json, &name, &refusal);
    m2c_json_finish(&json);
    *wait_ms = refusal.wait_ms;
    return m2c_fail(err, refusal.status, "the server answers %ld%s%s", reply->http_status,
                    refusal.detail[0] ? ": " : "", refusal.detail);
}

/* Whether an answer says that the server has no such head at all. */
static bool has_no_head(enum m2c_status status)
{
    return status == M2C_NO_VC_HEAD || status == M2C_NO_TOKENIZER;
}

/* Whether the same request may be answered a little later. */
static bool is_busy(enum m2c_status status)
{
    return status == M2C_QUEUE_FULL || status == M2C_RATE_LIMITED || status == M2C_LOADING;
}

static void wait_for(int32_t wait_ms)
{
    int32_t ms = wait_ms < 0 ? DEFAULT_WAIT_MS : wait_ms < MAX_WAIT_MS ? wait_ms : MAX_WAIT_MS;
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    (void)nanosleep(&pause, NULL);
}

/* What it means that a server has no such head, or answers with other classes: at first, that the
 * head is not to be evaluated; later, that the server is no longer the one that was asked. */
static enum m2c_status leave_out(struct remote_judge *judge, enum cli_head head,
                                 struct cli_verdict *verdict, struct m2c_error *err)
{
    *verdict = (struct cli_verdict){0};
    if (judge->answered[head])
        return m2c_fail(err, M2C_FETCH_FAILED, "the server no longer answers with these labels");
    judge->off[head] = true;
    return M2C_OK;
}

/* One exchange; `*wait_ms` is set where the server refuses. */
static enum m2c_status exchange(struct remote_judge *judge, const struct net_post *post,
                                enum cli_head head, size_t truth, struct cli_verdict *verdict,
                                int32_t *wait_ms, struct m2c_error *err)
{
    struct net_reply reply;
    enum m2c_status status = net_post_form(judge->poster, post, &reply, err);
    bool answered = status == M2C_OK && reply.http_status == HTTP_OK;
    bool fits = answered && read_answer(&reply, judge->task.labels, truth, verdict);
    if (status == M2C_OK && !answered)
        status = read_problem(&reply, wait_ms, err);
    net_reply_destroy(&reply);
    if (has_no_head(status) || (answered && !fits))
        return leave_out(judge, head, verdict, err);
    judge->answered[head] = judge->answered[head] || fits;
    return status;
}

static void add_span(const struct cli_span *span, struct net_post *post, struct net_field *fields,
                     char start[NUMBER_BYTES], char end[NUMBER_BYTES])
{
    (void)snprintf(start, NUMBER_BYTES, "%.6f", span->start_s);
    (void)snprintf(end, NUMBER_BYTES, "%.6f", span->end_s);
    if (!isnan(span->start_s))
        add_field(post, fields, "start_s", start);
    if (!isnan(span->end_s))
        add_field(post, fields, "end_s", end);
}

static enum m2c_status ask(struct remote_judge *judge, enum cli_head head, size_t clip,
                           struct cli_verdict *verdict, struct m2c_error *err)
{
    char start[NUMBER_BYTES], end[NUMBER_BYTES];
    int32_t wait_ms = -1;
    struct net_post post = {
        .url = judge->urls[head],
        .file_name = "video",
        .file_path = judge->task.inputs->items[clip],
        .file_type = "video/mp4",
        .fields = judge->fields,
        .bearer = judge->key,
        .timeout_ms = TIMEOUT_MS,
    };
    add_field(&post, judge->fields, "top_k", "0");
    add_span(&judge->task.spans[clip], &post, judge->fields, start, end);
    add_sampling(judge, &post);
    if (head == CLI_HEAD_ZEROSHOT)
        add_texts(judge, &post);
    size_t truth = judge->task.truths[clip];
    enum m2c_status status = exchange(judge, &post, head, truth, verdict, &wait_ms, err);
    for (int tries = 1; tries < MAX_TRIES && is_busy(status); tries++) {
        wait_for(wait_ms);
        status = exchange(judge, &post, head, truth, verdict, &wait_ms, err);
    }
    return status;
}

static enum m2c_status judge_next(void *own, struct cli_clip_result *result, struct m2c_error *err)
{
    struct remote_judge *judge = own;
    double started_ms = m2c_clock_ms();
    size_t clip = judge->next++;
    enum m2c_status status = M2C_OK;
    *result = (struct cli_clip_result){0};
    for (int head = 0; head < CLI_HEADS && status == M2C_OK; head++)
        if (!judge->off[head])
            status = ask(judge, (enum cli_head)head, clip, &result->heads[head], err);
    result->encode_us = cli_clip_us(m2c_clock_ms() - started_ms);
    result->done = status == M2C_OK;
    if (status == M2C_OK && judge->off[CLI_HEAD_VC] && judge->off[CLI_HEAD_ZEROSHOT])
        status = m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                                "there is nothing to evaluate: the server answers neither with "
                                "these classes nor with these labels");
    return status;
}

static void free_judge(void *own)
{
    struct remote_judge *judge = own;
    net_poster_free(&judge->poster);
    free(judge->fields);
    free(judge);
}

static enum m2c_status set_urls(struct remote_judge *judge, const char *url, struct m2c_error *err)
{
    static const char *const routes[CLI_HEADS] = {"/v1/classify", "/v1/zeroshot"};
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    for (int head = 0; head < CLI_HEADS; head++) {
        int written =
            snprintf(judge->urls[head], MAX_URL_BYTES, "%.*s%s", (int)length, url, routes[head]);
        if (length == 0 || length > MAX_URL_BYTES || written < 0 || written >= MAX_URL_BYTES)
            return m2c_fail_field(err, M2C_USAGE, "url", "--url must be a URL of at most %d bytes",
                                  (int)MAX_URL_BYTES);
    }
    return M2C_OK;
}

enum m2c_status cli_judge_remotely(const char *url, const char *key,
                                   const struct cli_judge_task *task, struct cli_clip_judge *out,
                                   struct m2c_error *err)
{
    struct remote_judge *judge = calloc(1, sizeof *judge);
    *out = (struct cli_clip_judge){.own = judge, .judge = judge_next, .free = free_judge};
    if (!judge)
        return m2c_fail_memory(err, "the judge", sizeof *judge);
    size_t fields = OWN_FIELDS + task->labels->count + task->options->templates.count;
    judge->task = *task;
    judge->key = key;
    judge->fields = calloc(fields, sizeof *judge->fields);
    if (!judge->fields)
        return m2c_fail_memory(err, "fields", fields * sizeof *judge->fields);
    enum m2c_status status = set_urls(judge, url, err);
    return status == M2C_OK ? net_poster_new(&judge->poster, err) : status;
}
