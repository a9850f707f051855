/* What `m2clip train` was asked for: the recipe, and what flags change of it. */
#ifndef CLI_TRAIN_OPTIONS_H
#define CLI_TRAIN_OPTIONS_H

#include "cli/arguments.h"
#include "train/clip_source.h"
#include "train/trainer.h"

struct cli_train_options {
    const char *model, *data, *labels, *validation; /* labels, validation may be NULL */
    const char *name, *output;                      /* one of them, or neither for a dry run */
    const char *checkpoint_dir;                     /* or NULL */
    struct trn_run_options run;                     /* weights, optimizer, sizes; not its folder */
    struct trn_clip_look look;                      /* of training clips */
    double validation_share, mask_share;
    size_t adapter_width; /* 0: half the vision tower's */
    bool pre_attention;   /* vision adapters before attention too */
    int frames, stride;   /* -1: the model's */
    size_t cache_bytes;
    int threads;
    bool warmup_given, losses_given;
    bool full; /* every tensor of the base, without adapters and heads */
    bool dry_run, strict;
};

/* Appends the command's options. */
void cli_train_options_list(struct cli_option_list *list);

/* Reads them; texts are borrowed from the arguments. M2C_USAGE names the flag at fault. */
M2C_MUST_USE enum m2c_status cli_train_options_read(const struct cli_arguments *arguments,
                                                    struct cli_train_options *options,
                                                    struct m2c_error *err);

#endif
