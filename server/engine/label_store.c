#include "server/engine/label_store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/container.h"
#include "server/engine/label_file.h"
#include "server/engine/thread.h"

struct srv_label_store {
    struct srv_label_store_options options;
    char *path;
    uv_timer_t timer;
    uint64_t saved_fills; /* of the cache when it was last written or read */
    unsigned long long saves;

    /* One writing at a time. */
    struct srv_letter letter;
    pthread_t thread;
    bool writing;
    struct srv_label_entry **entries;
    size_t entry_count;
    uint64_t fills;
    struct m2c_error err;
};

static uint64_t fills_of(const struct srv_label_store *store)
{
    return srv_label_cache_counts(store->options.cache).fills;
}

static void tell(struct srv_label_store *store, const struct m2c_error *err)
{
    if (store->options.on_trouble)
        store->options.on_trouble(err, store->options.context);
}

static void write_now(struct srv_label_store *store)
{
    store->err.status =
        srv_label_file_write(store->path, store->entries, store->entry_count, &store->err);
}

/* Loop thread: gives the entries back. */
static void end_writing(struct srv_label_store *store)
{
    for (size_t i = 0; i < store->entry_count; i++)
        srv_label_entry_release(store->entries[i]);
    free(store->entries);
    store->entries = NULL;
    store->entry_count = 0;
    if (store->err.status != M2C_OK) {
        tell(store, &store->err);
        return;
    }
    store->saved_fills = store->fills;
    store->saves++;
}

static bool begin_writing(struct srv_label_store *store)
{
    store->fills = fills_of(store);
    store->entries = srv_label_cache_snapshot(store->options.cache, &store->entry_count);
    return store->entries != NULL;
}

static void *run(void *argument)
{
    struct srv_label_store *store = argument;
    write_now(store);
    srv_mailbox_post(store->options.mailbox, &store->letter);
    return NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct srv_label_store *store = handle->data;
    free(store->path);
    free(store);
}

static void deliver(struct srv_letter *letter)
{
    struct srv_label_store *store = SRV_CONTAINER(letter, struct srv_label_store, letter);
    if (!store->writing)
        return; /* the end has waited for the thread already */
    (void)pthread_join(store->thread, NULL);
    store->writing = false;
    end_writing(store);
}

void srv_label_store_save(struct srv_label_store *store)
{
    struct m2c_error err;
    if (store->writing || fills_of(store) == store->saved_fills || !begin_writing(store))
        return;
    store->writing = true;
    if (srv_thread_start(&store->thread, "m2c-labels", run, store, &err) == M2C_OK)
        return;
    store->writing = false;
    store->err = err;
    end_writing(store);
}

static void on_timer(uv_timer_t *timer)
{
    srv_label_store_save(timer->data);
}

static void take(const struct srv_label_record *record, void *argument)
{
    struct srv_label_store *store = argument;
    srv_label_cache_restore(store->options.cache, record);
}

static enum m2c_status name_file(struct srv_label_store *store, struct m2c_error *err)
{
    size_t size = strlen(store->options.dir) + sizeof "/labels.cache";
    store->path = malloc(size);
    if (!store->path)
        return m2c_fail_memory(err, "a path", size);
    (void)snprintf(store->path, size, "%s/labels.cache", store->options.dir);
    if (mkdir(store->options.dir, 0700) != 0 && errno != EEXIST)
        return m2c_fail_errno(err, "mkdir", store->options.dir);
    return M2C_OK;
}

enum m2c_status srv_label_store_new(const struct srv_label_store_options *options,
                                    struct srv_label_store **out, struct m2c_error *err)
{
    struct srv_label_store *store = calloc(1, sizeof *store);
    *out = NULL;
    if (!store)
        return m2c_fail_memory(err, "the store of labels", sizeof *store);
    store->options = *options;
    store->letter.deliver = deliver;
    enum m2c_status status = name_file(store, err);
    if (status != M2C_OK) {
        free(store->path);
        free(store);
        return status;
    }
    struct m2c_error trouble;
    if (srv_label_file_read(store->path, options->max_bytes, take, store, &trouble) != M2C_OK)
        tell(store, &trouble);
    store->saved_fills = fills_of(store);
    (void)uv_timer_init(options->loop, &store->timer);
    store->timer.data = store;
    (void)uv_timer_start(&store->timer, on_timer, options->period_ms, options->period_ms);
    uv_unref((uv_handle_t *)&store->timer);
    *out = store;
    return M2C_OK;
}

unsigned long long srv_label_store_saves(const struct srv_label_store *store)
{
    return store->saves;
}

void srv_label_store_free(struct srv_label_store **store_pointer)
{
    struct srv_label_store *store = *store_pointer;
    *store_pointer = NULL;
    if (!store)
        return;
    if (store->writing) {
        (void)pthread_join(store->thread, NULL);
        store->writing = false; /* its letter is delivered before the timer's handle is closed */
        end_writing(store);
    }
    if (fills_of(store) != store->saved_fills && begin_writing(store)) {
        write_now(store);
        end_writing(store);
    }
    uv_close((uv_handle_t *)&store->timer, on_timer_closed);
}
