#include "cli/train_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu.h"
#include "train/rand_augment.h"
#include "train/schedule.h"

enum {
    MAX_THREADS = 1024,
    MAX_BATCH = 4096,
    MAX_EPOCHS = 1000000,
    FEW_SHOT_EPOCHS = 30,
    FULL_EPOCHS = 50,
    FEW_SHOT_BATCH = 8,
    FULL_BATCH = 16,
    CACHE_MIB = 2048,
    MIB = 1 << 20,
    CHECKPOINT_STEPS = 100,
};

static const double few_shot_rate = 1e-3, magnitude = 7;

void cli_train_options_list(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"model", CLI_VALUE, "DIR", "the base: a model folder", 'm'},
        {"data", CLI_VALUE, "LIST", "a folder a class, a CSV (path,label,...) or a list", 0},
        {"labels", CLI_VALUE, "FILE", "names of the classes (a folder's own folder names)", 0},
        {"name", CLI_VALUE, "NAME", "write the set to DIR/adapters/NAME", 0},
        {"output", CLI_VALUE, "DIR", "or write it there", 'o'},
        {"val", CLI_VALUE, "LIST", "clips for validation, in the same forms", 0},
        {"val-share", CLI_VALUE, "S", "else this share of each class (0.2); 0: none", 0},
        {"recipe", CLI_VALUE, "NAME", "few-shot (the default) or full", 0},
        {"epochs", CLI_VALUE, "N", "passes over the data (few-shot 30, full 50)", 0},
        {"batch", CLI_VALUE, "N", "clips a step (few-shot 8, full 16)", 0},
        {"lr", CLI_VALUE, "R", "peak learning rate (few-shot 0.001, full 0.001 N / 256)", 0},
        {"text-lr-factor", CLI_VALUE, "F", "times the rate for text adapters (0.5)", 0},
        {"weight-decay", CLI_VALUE, "W", "of weights, not of biases (0.01)", 0},
        {"warmup", CLI_VALUE, "N", "steps of warm-up (a tenth of all)", 0},
        {"seed", CLI_VALUE, "N", "of everything that is drawn (0)", 0},
        {"frames", CLI_VALUE, "T", "frames a clip (the model's)", 0},
        {"stride", CLI_VALUE, "S", "frames from one to the next, 0: uniform (the model's)", 0},
        {"losses", CLI_VALUE, "LIST", "of contrastive, cmc, cmlm, vc; each may have =WEIGHT", 0},
        {"dropout", CLI_VALUE, "P", "before the classification head (0.5)", 0},
        {"mask-share", CLI_VALUE, "S", "of a prompt's words that are masked (0.15)", 0},
        {"mirror", CLI_BOOLEAN, "", "mirror every other clip: not for actions with a side", 0},
        {"rand-augment", CLI_VALUE, "N", "operations a clip, 0..4 (few-shot 0, full 2)", 0},
        {"adapter-width", CLI_VALUE, "N", "of adapters (half the vision tower's width)", 0},
        {"full", CLI_BOOLEAN, "", "train the base itself, by contrastive and cmc, into -o DIR", 0},
        {"recompute", CLI_BOOLEAN, "", "less memory for more time", 0},
        {"early-stop", CLI_VALUE, "N", "end after N passes without a better validation", 0},
        {"checkpoint-dir", CLI_VALUE, "DIR", "state, log and curves (beside the result)", 0},
        {"checkpoint-steps", CLI_VALUE, "N", "steps between checkpoints in a pass (100)", 0},
        {"resume", CLI_BOOLEAN, "", "go on from the checkpoint, where there is one", 0},
        {"cache-mb", CLI_VALUE, "N", "MiB of decoded frames to keep (2048)", 0},
        {"strict", CLI_BOOLEAN, "", "refuse bad lines and videos instead of leaving them out", 0},
        {"dry-run", CLI_BOOLEAN, "", "look at all data, say memory and steps, and end", 0},
        {"threads", CLI_VALUE, "N", "threads to compute with (the cores this process may use)", 0},
    };
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

/* The whole text as a number in min..max. */
static bool parse_number(const char *text, double min, double max, double *out)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || errno != 0 || !(value >= min && value <= max))
        return false;
    *out = value;
    return true;
}

/* Flags that were read so far; the first error stays. */
struct reading {
    const struct cli_arguments *arguments;
    enum m2c_status status;
    struct m2c_error *err;
};

static void read_number(struct reading *reading, const char *name, double min, double max,
                        double *value)
{
    const char *text = cli_value(reading->arguments, name);
    if (text && reading->status == M2C_OK && !parse_number(text, min, max, value))
        reading->status = m2c_fail_field(reading->err, M2C_USAGE, name,
                                         "--%s must be a number from %g to %g", name, min, max);
}

/* `value` holds the default. */
static void read_integer(struct reading *reading, const char *name, int64_t min, int64_t max,
                         int64_t *value)
{
    if (reading->status == M2C_OK)
        reading->status =
            cli_integer(reading->arguments, name, min, max, *value, value, reading->err);
}

static double *weight_of(struct trn_losses *weights, const char *name, size_t length)
{
    const struct {
        const char *name;
        double *weight;
    } known[] = {{"contrastive", &weights->contrastive},
                 {"cmc", &weights->cmc},
                 {"cmlm", &weights->cmlm},
                 {"vc", &weights->vc}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].name) == length && strncmp(known[i].name, name, length) == 0)
            return known[i].weight;
    return NULL;
}

/* "cmc,vc=0.5": those named have their usual weight or the one said; the others none. */
static enum m2c_status parse_losses(const char *list, struct trn_losses *weights,
                                    struct m2c_error *err)
{
    struct trn_losses usual = *weights, chosen = {0};
    char number[32];
    for (const char *at = list; *at != '\0';) {
        size_t length = strcspn(at, ","), name = strcspn(at, "=,");
        const double *from = weight_of(&usual, at, name);
        double *to = weight_of(&chosen, at, name);
        if (!from || !to)
            return m2c_fail_field(err, M2C_USAGE, "losses",
                                  "--losses takes contrastive, cmc, cmlm and vc, not %.*s",
                                  (int)(name < 40 ? name : 40), at);
        *to = *from;
        if (name < length) {
            size_t digits = length - name - 1;
            memcpy(number, at + name + 1, digits < sizeof number ? digits : 0);
            number[digits < sizeof number ? digits : 0] = '\0';
            if (!parse_number(number, 0, 1000, to))
                return m2c_fail_field(err, M2C_USAGE, "losses",
                                      "a weight of --losses must be a number from 0 to 1000");
        }
        at += length + (at[length] == ',');
    }
    if (chosen.contrastive + chosen.cmc + chosen.cmlm + chosen.vc <= 0)
        return m2c_fail_field(err, M2C_USAGE, "losses", "--losses leaves no loss to train by");
    *weights = chosen;
    return M2C_OK;
}

static void read_recipe(struct reading *reading, struct cli_train_options *options, int64_t *epochs,
                        int64_t *batch, int64_t *augment)
{
    const char *recipe = cli_value(reading->arguments, "recipe");
    bool full = recipe && strcmp(recipe, "full") == 0;
    if (recipe && !full && strcmp(recipe, "few-shot") != 0 && reading->status == M2C_OK)
        reading->status = m2c_fail_field(reading->err, M2C_USAGE, "recipe",
                                         "--recipe is few-shot or full, not %.40s", recipe);
    *epochs = full ? FULL_EPOCHS : FEW_SHOT_EPOCHS;
    *batch = full ? FULL_BATCH : FEW_SHOT_BATCH;
    *augment = full ? 2 : 0;
    options->pre_attention = full;
    read_integer(reading, "epochs", 1, MAX_EPOCHS, epochs);
    read_integer(reading, "batch", 1, MAX_BATCH, batch);
    read_integer(reading, "rand-augment", 0, TRN_AUGMENT_STEPS_MAX, augment);
    options->run.epochs = (uint64_t)*epochs;
    options->run.batch = (uint64_t)*batch;
    options->run.adamw.rate = full ? trn_recipe_rate((uint64_t)*batch) : few_shot_rate;
    options->look = (struct trn_clip_look){
        .crop = trn_crop_options_defaults(full ? TRN_CROP_AREA : TRN_CROP_JITTER,
                                          cli_boolean(reading->arguments, "mirror", false)),
        .augment_steps = (size_t)*augment,
        .augment_magnitude = magnitude};
}

static void read_numbers(struct reading *reading, struct cli_train_options *options)
{
    struct trn_run_options *run = &options->run;
    int64_t epochs, batch, augment, warmup = 0, seed = 0, frames = -1, stride = -1, width = 0;
    int64_t patience = 0, every = CHECKPOINT_STEPS, cache = CACHE_MIB, threads = m2c_cpu_count();
    read_recipe(reading, options, &epochs, &batch, &augment);
    read_number(reading, "lr", 1e-9, 10, &run->adamw.rate);
    read_number(reading, "text-lr-factor", 0, 100, &run->adamw.text_factor);
    read_number(reading, "weight-decay", 0, 10, &run->adamw.decay);
    read_number(reading, "dropout", 0, 0.99, &run->dropout);
    read_number(reading, "mask-share", 0, 1, &options->mask_share);
    read_number(reading, "val-share", 0, 0.9, &options->validation_share);
    read_integer(reading, "warmup", 0, INT32_MAX, &warmup);
    read_integer(reading, "seed", 0, INT64_MAX, &seed);
    read_integer(reading, "frames", 1, M2C_MAX_FRAMES, &frames);
    read_integer(reading, "stride", 0, M2C_MAX_STRIDE, &stride);
    read_integer(reading, "adapter-width", 1, M2C_MAX_WIDTH, &width);
    read_integer(reading, "early-stop", 1, MAX_EPOCHS, &patience);
    read_integer(reading, "checkpoint-steps", 1, INT32_MAX, &every);
    read_integer(reading, "cache-mb", 0, INT32_MAX, &cache);
    read_integer(reading, "threads", 1, MAX_THREADS, &threads);
    run->warmup_steps = (uint64_t)warmup;
    run->seed = (uint64_t)seed;
    run->patience = (uint64_t)patience;
    run->checkpoint_steps = (uint64_t)every;
    options->frames = (int)frames;
    options->stride = (int)stride;
    options->adapter_width = (size_t)width;
    options->cache_bytes = (size_t)cache * MIB;
    options->threads = (int)threads;
}

static enum m2c_status check(const struct cli_train_options *options, struct m2c_error *err)
{
    if (!options->model)
        return m2c_fail_field(err, M2C_USAGE, "model", "--model DIR is needed");
    if (!options->data)
        return m2c_fail_field(err, M2C_USAGE, "data", "--data LIST is needed");
    if (options->name && options->output)
        return m2c_fail_field(err, M2C_USAGE, "name", "--name and -o say different places");
    if (options->name && options->full)
        return m2c_fail_field(err, M2C_USAGE, "name", "--full writes a whole model: -o DIR");
    if (!options->name && !options->output && !options->dry_run)
        return m2c_fail_field(err, M2C_USAGE, "name", "--name NAME or -o DIR is needed");
    if (options->name &&
        (options->name[0] == '.' || strchr(options->name, '/') || options->name[0] == '\0' ||
         strcmp(options->name, "base") == 0 || strcmp(options->name, "default") == 0))
        return m2c_fail_field(err, M2C_USAGE, "name",
                              "--name must be a folder's name, and neither base nor default");
    return M2C_OK;
}

enum m2c_status cli_train_options_read(const struct cli_arguments *arguments,
                                       struct cli_train_options *options, struct m2c_error *err)
{
    struct reading reading = {.arguments = arguments, .status = M2C_OK, .err = err};
    const char *losses = cli_value(arguments, "losses");
    *options = (struct cli_train_options){
        .model = cli_value(arguments, "model"),
        .data = cli_value(arguments, "data"),
        .labels = cli_value(arguments, "labels"),
        .validation = cli_value(arguments, "val"),
        .name = cli_value(arguments, "name"),
        .output = cli_value(arguments, "output"),
        .checkpoint_dir = cli_value(arguments, "checkpoint-dir"),
        .run = {.weights = trn_loss_weights_defaults(),
                .adamw = trn_adamw_defaults(),
                .recompute = cli_boolean(arguments, "recompute", false),
                .resume = cli_boolean(arguments, "resume", false),
                .dropout = 0.5},
        .validation_share = 0.2,
        .mask_share = 0.15,
        .warmup_given = cli_has(arguments, "warmup"),
        .losses_given = losses != NULL,
        .full = cli_boolean(arguments, "full", false),
        .dry_run = cli_boolean(arguments, "dry-run", false),
        .strict = cli_boolean(arguments, "strict", false),
    };
    if (cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "train takes options alone: the clips come by --data");
    read_numbers(&reading, options);
    if (reading.status == M2C_OK)
        reading.status = check(options, err);
    if (reading.status == M2C_OK && losses)
        reading.status = parse_losses(losses, &options->run.weights, err);
    return reading.status;
}
