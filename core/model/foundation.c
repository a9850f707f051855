#include "model/foundation.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/folder_file.h"
#include "runtime/cpu.h"

/* Files that belong to the sets alone, which are loaded anew in any case. */
static const char *const set_files[] = {"labels.csv", "cmlm_words.txt", "preprocess.json",
                                        "preprocessor_config.json"};

static int is_foundation_file(const struct dirent *entry)
{
    if (entry->d_name[0] == '.')
        return 0;
    for (size_t i = 0; i < sizeof set_files / sizeof set_files[0]; i++)
        if (strcmp(entry->d_name, set_files[i]) == 0)
            return 0;
    return 1;
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* What tells one file from another without reading it. Anything but a regular file is skipped. */
static void add_file(struct m2c_digest *digest, const char *dir, const char *name)
{
    char path[M2C_PATH_BYTES];
    struct stat facts;
    struct m2c_error ignored;
    if (m2c_folder_path(path, dir, name, &ignored) != M2C_OK || stat(path, &facts) != 0 ||
        !S_ISREG(facts.st_mode))
        return;
    int64_t numbers[] = {(int64_t)facts.st_dev,          (int64_t)facts.st_ino,
                         (int64_t)facts.st_size,         (int64_t)facts.st_mtim.tv_sec,
                         (int64_t)facts.st_mtim.tv_nsec, (int64_t)facts.st_ctim.tv_sec,
                         (int64_t)facts.st_ctim.tv_nsec};
    m2c_digest_add_text(digest, name);
    m2c_digest_add(digest, numbers, sizeof numbers);
}

static enum m2c_status digest_files(const char *dir, unsigned char out[M2C_DIGEST_BYTES],
                                    struct m2c_error *err)
{
    struct dirent **entries = NULL;
    struct m2c_digest *digest = NULL;
    int count = scandir(dir, &entries, is_foundation_file, by_bytes);
    if (count < 0)
        return m2c_fail_errno(err, "listing the model folder", dir);
    enum m2c_status status = m2c_digest_new(&digest, err);
    for (int i = 0; i < count; i++) {
        if (status == M2C_OK)
            add_file(digest, dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (status == M2C_OK)
        status = m2c_digest_finish(digest, out, err);
    m2c_digest_free(&digest);
    return status;
}

static const struct kind_choice {
    enum m2c_precision precision;
    enum m2c_backend backend;
    enum m2c_linear_kind kind;
} kind_choices[] = {
    /* In order of preference within a precision. */
    {M2C_PRECISION_F32, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_F32},
    {M2C_PRECISION_F32, M2C_BACKEND_ONEDNN, M2C_LINEAR_ONEDNN_F32},
    {M2C_PRECISION_F32, M2C_BACKEND_OPENBLAS, M2C_LINEAR_OPENBLAS_F32},
    {M2C_PRECISION_BF16, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_BF16},
    {M2C_PRECISION_BF16, M2C_BACKEND_ONEDNN, M2C_LINEAR_ONEDNN_BF16},
    {M2C_PRECISION_INT8, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_INT8},
};

/* The first available kind of that precision and backend. */
static const struct kind_choice *find_kind(enum m2c_precision precision, enum m2c_backend backend)
{
    for (size_t i = 0; i < sizeof kind_choices / sizeof kind_choices[0]; i++) {
        const struct kind_choice *choice = &kind_choices[i];
        if (choice->precision == precision &&
            (backend == M2C_BACKEND_AUTO || choice->backend == backend) &&
            m2c_linear_available(choice->kind))
            return choice;
    }
    return NULL;
}

/* auto is bf16 where the processor multiplies it, else f32; never int8. NULL, and M2C_USAGE in
 * `err`, where there is no such product. */
static const struct kind_choice *choose_kind(const struct m2c_model_options *options,
                                             struct m2c_error *err)
{
    bool automatic = options->precision == M2C_PRECISION_AUTO;
    enum m2c_precision wanted = options->precision;
    if (automatic)
        wanted = m2c_cpu_has_bf16() ? M2C_PRECISION_BF16 : M2C_PRECISION_F32;
    const struct kind_choice *choice = find_kind(wanted, options->backend);
    if (!choice && automatic)
        choice = find_kind(M2C_PRECISION_F32, options->backend);
    if (!choice)
        (void)m2c_fail_field(err, M2C_USAGE, "precision",
                             "no %s product with backend %s in this build on this processor",
                             m2c_precision_name(wanted), m2c_backend_name(options->backend));
    return choice;
}

/* A tokenizer that names other ids than the embedding has rows would read beyond it. */
static enum m2c_status check_tokenizer(const struct m2c_foundation *foundation,
                                       struct m2c_error *err)
{
    if (!foundation->tokenizer)
        return M2C_OK;
    int entries = m2c_tokenizer_vocabulary(foundation->tokenizer);
    if (entries <= foundation->config.vocabulary)
        return M2C_OK;
    return m2c_fail_field(err, M2C_BAD_MODEL, "vocab_size",
                          "the tokenizer has %d entries, but the token embedding %d rows", entries,
                          foundation->config.vocabulary);
}

static enum m2c_status read_folder(struct m2c_foundation *foundation, const char *dir,
                                   struct m2c_error *err)
{
    enum m2c_status status = m2c_config_load(dir, &foundation->config, err);
    if (status == M2C_OK)
        status = m2c_weights_open(dir, &foundation->weights, err);
    if (status == M2C_OK)
        status = m2c_tokenizer_open(dir, &foundation->tokenizer, err);
    if (status != M2C_OK)
        return status;
    m2c_config_settle(&foundation->config,
                      m2c_weights_has_prefix(foundation->weights, "mlm_adapter."));
    if (foundation->config.text.layers < 1)
        return m2c_fail_field(err, M2C_BAD_MODEL, "transformer_layers",
                              "a CMLM block alone does not make a text encoder");
    return check_tokenizer(foundation, err);
}

/* The digest reads every byte while the base is packed; joined before any set is named by it. */
struct digest_task {
    const struct m2c_weights *weights;
    unsigned char *digest;
    enum m2c_status status;
    struct m2c_error err;
};

static void *digest_main(void *argument)
{
    struct digest_task *task = argument;
    task->status = m2c_weights_digest(task->weights, task->digest, &task->err);
    return NULL;
}

static enum m2c_status load_base(struct m2c_foundation *foundation, struct m2c_team *team,
                                 struct m2c_error *err)
{
    struct digest_task task = {.weights = foundation->weights,
                               .digest = foundation->weights_digest};
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, digest_main, &task) == 0;
    enum m2c_status status = m2c_base_load(&foundation->config, foundation->weights,
                                           foundation->kind, team, &foundation->base, err);
    if (threaded)
        (void)pthread_join(thread, NULL);
    else
        (void)digest_main(&task);
    if (status == M2C_OK && task.status != M2C_OK) {
        *err = task.err;
        status = task.status;
    }
    return status;
}

enum m2c_status m2c_foundation_load(const struct m2c_model_options *options, struct m2c_team *team,
                                    struct m2c_foundation **out, struct m2c_error *err)
{
    const struct kind_choice *choice = choose_kind(options, err);
    struct m2c_foundation *foundation = choice ? calloc(1, sizeof *foundation) : NULL;
    *out = NULL;
    if (!choice)
        return err->status;
    if (!foundation)
        return m2c_fail_memory(err, "a model", sizeof *foundation);
    atomic_init(&foundation->references, 1);
    (void)pthread_mutex_init(&foundation->lock, NULL);
    foundation->precision = choice->precision;
    foundation->backend = choice->backend;
    foundation->kind = choice->kind;
    /* Before anything is read: what changes from here on is noticed by the next load. */
    enum m2c_status status = digest_files(options->dir, foundation->files_digest, err);
    if (status == M2C_OK)
        status = read_folder(foundation, options->dir, err);
    if (status == M2C_OK)
        status = load_base(foundation, team, err);
    if (status == M2C_OK)
        *out = foundation;
    else
        m2c_foundation_unref(foundation);
    return status;
}

static enum m2c_status verify_checksums(const char *dir, struct m2c_error *err)
{
    struct m2c_checksums *sums = NULL;
    enum m2c_status status = m2c_checksums_load(dir, &sums, err);
    if (status == M2C_OK)
        status = m2c_checksums_verify(sums, dir, err);
    m2c_checksums_free(&sums);
    return status;
}

enum m2c_status m2c_foundation_matches(const struct m2c_foundation *foundation,
                                       const struct m2c_model_options *options, bool *same,
                                       struct m2c_error *err)
{
    const struct kind_choice *choice = choose_kind(options, err);
    unsigned char files[M2C_DIGEST_BYTES];
    if (!choice)
        return err->status;
    enum m2c_status status = digest_files(options->dir, files, err);
    if (status != M2C_OK)
        return status;
    *same = choice->kind == foundation->kind &&
            memcmp(files, foundation->files_digest, sizeof files) == 0;
    return *same ? verify_checksums(options->dir, err) : M2C_OK;
}

enum m2c_status m2c_foundation_base_digest(struct m2c_foundation *foundation,
                                           unsigned char out[M2C_DIGEST_BYTES],
                                           struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    (void)pthread_mutex_lock(&foundation->lock);
    if (!foundation->base_digest_known)
        status = m2c_weights_base_digest(foundation->weights, foundation->base_digest, err);
    foundation->base_digest_known = status == M2C_OK;
    memcpy(out, foundation->base_digest, M2C_DIGEST_BYTES);
    (void)pthread_mutex_unlock(&foundation->lock);
    return status;
}

struct m2c_foundation *m2c_foundation_ref(struct m2c_foundation *foundation)
{
    atomic_fetch_add_explicit(&foundation->references, 1, memory_order_relaxed);
    return foundation;
}

void m2c_foundation_unref(struct m2c_foundation *foundation)
{
    if (!foundation ||
        atomic_fetch_sub_explicit(&foundation->references, 1, memory_order_acq_rel) != 1)
        return;
    m2c_base_destroy(&foundation->base);
    m2c_tokenizer_free(&foundation->tokenizer);
    m2c_weights_free(&foundation->weights);
    (void)pthread_mutex_destroy(&foundation->lock);
    free(foundation);
}
