#include "cli/train_session.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"
#include "model/folder_file.h"

static void tell_line(void *argument, size_t line, const char *what)
{
    const char *path = argument;
    (void)fprintf(stderr, "m2clip train: %s, line %zu: %s; left out\n", m2c_folder_base_name(path),
                  line, what);
}

static enum m2c_status read_list(struct cli_train_session *session, const char *path,
                                 struct trn_data_list *list, struct m2c_error *err)
{
    char name[M2C_PATH_BYTES];
    (void)snprintf(name, sizeof name, "%s", path);
    const struct trn_data_source source = {.path = path,
                                           .labels = session->labels,
                                           .skip_bad = !session->options.strict,
                                           .report = tell_line,
                                           .argument = name};
    return trn_data_list_read(&source, list, err);
}

/* Lists, labels, and which clips are for what. */
static enum m2c_status read_data(struct cli_train_session *session, struct m2c_error *err)
{
    const struct cli_train_options *options = &session->options;
    enum m2c_status status = M2C_OK;
    if (options->labels) {
        status = m2c_label_list_load(options->labels, &session->own_labels, err);
        session->labels = &session->own_labels;
    }
    if (status == M2C_OK)
        status = read_list(session, options->data, &session->list, err);
    if (!session->labels)
        session->labels = &session->list.labels;
    if (status == M2C_OK && options->validation)
        status = read_list(session, options->validation, &session->validation_list, err);
    for (size_t i = 0; status == M2C_OK && i < session->validation_list.count; i++)
        session->validation_list.items[i].part = TRN_PART_VALIDATION;
    if (status == M2C_OK)
        status =
            trn_data_list_split(&session->list, options->validation ? 0 : options->validation_share,
                                options->run.seed, err);
    return status;
}

/* Switches a loss off that the base cannot have; one that was asked for by name is an error. */
static enum m2c_status drop_loss(const struct cli_train_session *session, double *weight,
                                 const char *name, const char *why, struct m2c_error *err)
{
    if (*weight <= 0)
        return M2C_OK;
    if (session->options.losses_given)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "losses", "no %s loss: %s", name, why);
    (void)fprintf(stderr, "m2clip train: no %s loss: %s\n", name, why);
    *weight = 0;
    return M2C_OK;
}

static enum m2c_status settle_losses(struct cli_train_session *session,
                                     const struct m2c_config *config, struct m2c_error *err)
{
    static const char no_tokenizer[] = "the base has no tokenizer";
    static const char no_heads[] = "with --full the base is trained alone, without heads";
    struct trn_losses *weights = &session->options.run.weights;
    enum m2c_status status = M2C_OK;
    if (session->options.full) {
        status = drop_loss(session, &weights->vc, "vc", no_heads, err);
        if (status == M2C_OK)
            status = drop_loss(session, &weights->cmlm, "cmlm", no_heads, err);
    }
    if (status == M2C_OK && !session->tokenizer) {
        status = drop_loss(session, &weights->contrastive, "contrastive", no_tokenizer, err);
        if (status == M2C_OK)
            status = drop_loss(session, &weights->cmc, "cmc", no_tokenizer, err);
        if (status == M2C_OK)
            status = drop_loss(session, &weights->cmlm, "cmlm", no_tokenizer, err);
    }
    if (status == M2C_OK && weights->cmlm > 0)
        status = trn_prompts_words(session->labels, &session->words, err);
    if (status == M2C_OK && config->embed_dim != config->text.width)
        status = drop_loss(session, &weights->cmlm, "cmlm",
                           "the base's embedding is not as wide as its text tower", err);
    if (status == M2C_OK && weights->cmlm > 0 && session->words.count == 0)
        status = drop_loss(session, &weights->cmlm, "cmlm", "the labels hold no word", err);
    if (weights->cmlm <= 0)
        m2c_label_list_destroy(&session->words);
    if (status == M2C_OK && weights->contrastive + weights->cmc + weights->cmlm + weights->vc <= 0)
        status = m2c_fail(err, M2C_INVALID_REQUEST, "no loss is left to train by");
    return status;
}

static struct trn_adapter_plan plan_of(const struct cli_train_session *session,
                                       const struct m2c_config *config)
{
    const struct cli_train_options *options = &session->options;
    const struct trn_losses *weights = &options->run.weights;
    struct trn_adapter_plan plan = trn_adapter_plan_defaults(config);
    plan.vision_pre_attn = options->pre_attention;
    if (options->adapter_width > 0)
        plan.vision_width = plan.text_width = options->adapter_width;
    if (weights->contrastive + weights->cmc + weights->cmlm <= 0)
        plan.text_width = 0;
    plan.classes = weights->vc > 0 ? session->labels->count : 0;
    plan.words = session->words.count;
    return plan;
}

static enum m2c_status open_model(struct cli_train_session *session, struct m2c_error *err)
{
    const struct cli_train_options *options = &session->options;
    struct m2c_config config;
    enum m2c_status status = m2c_config_load(options->model, &config, err);
    if (status == M2C_OK)
        status = m2c_tokenizer_open(options->model, &session->tokenizer, err);
    if (status == M2C_OK)
        status = settle_losses(session, &config, err);
    if (status != M2C_OK)
        return status;
    const struct trn_adapter_plan plan = plan_of(session, &config);
    const struct trn_model_options model = {.dir = options->model,
                                            .plan = options->full ? NULL : &plan,
                                            .selection.full = options->full,
                                            .seed = options->run.seed,
                                            .without_own_adapters = true};
    status = trn_model_open(&model, &session->model, err);
    const struct m2c_preprocess_sources sources = {
        .dir = options->model, .config = &session->model.config, .has_adapters = !options->full};
    if (status == M2C_OK)
        status = m2c_preprocess_load(&sources, &session->preprocess, err);
    if (options->frames > 0)
        session->preprocess.frames = options->frames;
    if (options->stride >= 0)
        session->preprocess.stride = options->stride;
    return status;
}

static enum m2c_status open_prompts(struct cli_train_session *session, struct m2c_error *err)
{
    const struct trn_word_masker masker = {
        .tokenizer = session->tokenizer,
        .words = &session->words,
        .context = (size_t)session->model.config.context_length,
        .share = session->words.count > 0 ? session->options.mask_share : 0};
    if (!session->tokenizer)
        return M2C_OK;
    return trn_prompts_init(&session->prompts, session->labels, &session->preprocess.templates,
                            &masker, err);
}

static void tell_broken(void *argument, const struct trn_item *item, const struct m2c_error *why)
{
    (void)argument;
    cli_progress_clear(SIZE_MAX);
    if (item->line > 0)
        (void)fprintf(stderr, "m2clip train: line %zu: %s: %s; left out\n", item->line, item->path,
                      why->detail);
    else
        (void)fprintf(stderr, "m2clip train: %s: %s; left out\n", item->path, why->detail);
}

static void tell_progress(void *argument, size_t done, size_t count)
{
    (void)argument;
    cli_progress_show(done, count, "videos looked at");
    if (done == count)
        cli_progress_clear(count);
}

static enum m2c_status open_source(struct cli_train_session *session,
                                   const struct trn_data_list *list, enum trn_part part,
                                   const atomic_bool *stop, struct trn_clip_source **source,
                                   struct m2c_error *err)
{
    const struct m2c_preprocess *own = &session->preprocess;
    const struct trn_clip_listener listener = {
        .broken = tell_broken, .progress = tell_progress, .strict = session->options.strict};
    bool training = part == TRN_PART_TRAIN;
    size_t used = session->training ? trn_clip_source_bytes(session->training) : 0;
    struct trn_clip_options options = {.plan = m2c_decode_plan_defaults(),
                                       .look.crop =
                                           trn_crop_options_defaults(TRN_CROP_CENTRE, false),
                                       .cache_bytes = session->options.cache_bytes - used};
    options.plan.sampling.frames = own->frames;
    options.plan.sampling.stride = own->stride;
    options.plan.size_px = own->size_px;
    options.plan.resize = own->resize;
    options.plan.cancelled = stop;
    memcpy(options.plan.mean, own->mean, sizeof own->mean);
    memcpy(options.plan.std, own->std, sizeof own->std);
    if (training)
        options.look = session->options.look;
    enum m2c_status status = trn_clip_source_new(&options, list, part, session->team, source, err);
    return status == M2C_OK ? trn_clip_source_check(*source, &listener, err) : status;
}

static enum m2c_status open_sources(struct cli_train_session *session, const atomic_bool *stop,
                                    struct m2c_error *err)
{
    const struct trn_data_list *apart =
        session->options.validation ? &session->validation_list : &session->list;
    enum m2c_status status =
        open_source(session, &session->list, TRN_PART_TRAIN, stop, &session->training, err);
    if (status == M2C_OK && trn_data_list_part(apart, TRN_PART_VALIDATION) > 0)
        status = open_source(session, apart, TRN_PART_VALIDATION, stop, &session->validation, err);
    return status;
}

static void add_items(struct m2c_digest *digest, const struct trn_clip_source *source)
{
    char text[96];
    for (size_t i = 0; source && i < trn_clip_source_count(source); i++) {
        const struct trn_item *item = trn_clip_source_item(source, i);
        (void)snprintf(text, sizeof text, "%zu %a %a %d", item->label, item->start_s, item->end_s,
                       (int)item->part);
        m2c_digest_add_text(digest, item->path);
        m2c_digest_add_text(digest, text);
    }
}

/* What clips and labels are, as hexadecimal digits. */
static enum m2c_status digest_data(const struct cli_train_session *session,
                                   char hex[M2C_DIGEST_HEX_BYTES], struct m2c_error *err)
{
    unsigned char bytes[M2C_DIGEST_BYTES];
    struct m2c_digest *digest = NULL;
    enum m2c_status status = m2c_digest_new(&digest, err);
    if (status != M2C_OK)
        return status;
    for (size_t i = 0; i < session->labels->count; i++)
        m2c_digest_add_text(digest, session->labels->names[i]);
    for (size_t i = 0; i < session->preprocess.templates.count; i++)
        m2c_digest_add_text(digest, session->preprocess.templates.texts[i]);
    add_items(digest, session->training);
    add_items(digest, session->validation);
    status = m2c_digest_finish(digest, bytes, err);
    m2c_digest_free(&digest);
    if (status == M2C_OK)
        m2c_digest_hex(bytes, hex);
    return status;
}

static enum m2c_status state_facts(struct cli_train_session *session, struct m2c_error *err)
{
    const struct cli_train_options *options = &session->options;
    const struct trn_run_options *run = &options->run;
    char base[M2C_DIGEST_HEX_BYTES], data[M2C_DIGEST_HEX_BYTES];
    m2c_digest_hex(session->model.base_digest, base);
    enum m2c_status status = digest_data(session, data, err);
    if (status == M2C_OK)
        (void)snprintf(
            session->facts, sizeof session->facts,
            "epochs %llu batch %llu lr %g text %g decay %g warmup %llu seed %llu frames %d stride "
            "%d losses %g %g %g %g dropout %g mask %g crop %d %d augment %zu width %zu attention "
            "%d full %d base %.24s data %.24s",
            (unsigned long long)run->epochs, (unsigned long long)run->batch, run->adamw.rate,
            run->adamw.text_factor, run->adamw.decay, (unsigned long long)run->warmup_steps,
            (unsigned long long)run->seed, session->preprocess.frames, session->preprocess.stride,
            run->weights.contrastive, run->weights.cmc, run->weights.cmlm, run->weights.vc,
            run->dropout, options->mask_share, (int)options->look.crop.kind,
            (int)options->look.crop.mirror, options->look.augment_steps, options->adapter_width,
            (int)options->pre_attention, (int)options->full, base, data);
    return status;
}

/* What follows from how many clips there are. */
static void settle_run(struct cli_train_session *session)
{
    enum { WARMUP_PART = 10 };
    struct trn_run_options *run = &session->options.run;
    size_t clips = trn_clip_source_count(session->training);
    if (!session->options.warmup_given)
        run->warmup_steps = run->epochs * trn_run_pass_steps(clips, run->batch) / WARMUP_PART;
    session->parts =
        (struct trn_run_parts){.model = &session->model,
                               .team = session->team,
                               .training = session->training,
                               .validation = session->validation,
                               .prompts = session->tokenizer ? &session->prompts : NULL,
                               .frames = (size_t)session->preprocess.frames,
                               .size = (size_t)session->preprocess.size_px};
}

enum m2c_status cli_train_session_open(struct cli_train_session *session,
                                       const struct cli_train_options *options,
                                       const atomic_bool *stop, struct m2c_error *err)
{
    *session = (struct cli_train_session){.options = *options};
    session->options.run.stop = stop;
    enum m2c_status status = read_data(session, err);
    if (status == M2C_OK)
        status = m2c_team_new(options->threads, &session->team, err);
    if (status == M2C_OK)
        status = open_model(session, err);
    if (status == M2C_OK)
        status = open_prompts(session, err);
    if (status == M2C_OK)
        status = open_sources(session, stop, err);
    if (status != M2C_OK)
        return status;
    settle_run(session);
    status = state_facts(session, err);
    session->options.run.facts = session->facts;
    return status;
}

void cli_train_session_close(struct cli_train_session *session)
{
    trn_clip_source_free(&session->training);
    trn_clip_source_free(&session->validation);
    trn_prompts_destroy(&session->prompts);
    trn_model_close(&session->model);
    m2c_team_free(&session->team);
    m2c_tokenizer_free(&session->tokenizer);
    m2c_label_list_destroy(&session->words);
    m2c_label_list_destroy(&session->own_labels);
    m2c_preprocess_destroy(&session->preprocess);
    trn_data_list_destroy(&session->list);
    trn_data_list_destroy(&session->validation_list);
    *session = (struct cli_train_session){0};
}
