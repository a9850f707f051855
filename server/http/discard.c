#include "server/http/discard.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct srv_discard_item {
    struct srv_discard_item *next;
    struct srv_discarded file;
};

enum { STACK_BYTES = 256 * 1024 };

static void discard_now(const struct srv_discarded *file)
{
    if (file->map)
        (void)munmap((void *)(uintptr_t)file->map, file->size);
    (void)close(file->fd);
    file->done(file->argument, file->amount);
}

static struct srv_discard_item *take_first(struct srv_discard *discard)
{
    uv_mutex_lock(&discard->mutex);
    while (!discard->first && !discard->ending)
        uv_cond_wait(&discard->changed, &discard->mutex);
    struct srv_discard_item *item = discard->first;
    if (item)
        discard->first = item->next;
    if (!discard->first)
        discard->last = &discard->first;
    uv_mutex_unlock(&discard->mutex);
    return item;
}

static void run(void *argument)
{
    struct srv_discard_item *item;
    while ((item = take_first(argument)) != NULL) {
        discard_now(&item->file);
        free(item);
    }
}

bool srv_discard_start(struct srv_discard *discard)
{
    discard->last = &discard->first;
    if (uv_mutex_init(&discard->mutex) != 0)
        return false;
    if (uv_cond_init(&discard->changed) == 0)
        return true;
    uv_mutex_destroy(&discard->mutex);
    return false;
}

void srv_discard_end(struct srv_discard *discard)
{
    uv_mutex_lock(&discard->mutex);
    discard->ending = true;
    uv_cond_signal(&discard->changed);
    uv_mutex_unlock(&discard->mutex);
    if (discard->running)
        (void)uv_thread_join(&discard->thread);
    uv_cond_destroy(&discard->changed);
    uv_mutex_destroy(&discard->mutex);
}

void srv_discard_file(struct srv_discard *discard, const struct srv_discarded *file)
{
    const uv_thread_options_t options = {.flags = UV_THREAD_HAS_STACK_SIZE,
                                         .stack_size = STACK_BYTES};
    struct srv_discard_item *item = malloc(sizeof *item);
    if (!item) {
        discard_now(file);
        return;
    }
    *item = (struct srv_discard_item){.file = *file};
    uv_mutex_lock(&discard->mutex);
    if (!discard->running)
        discard->running = uv_thread_create_ex(&discard->thread, &options, run, discard) == 0;
    bool taken = discard->running;
    if (taken) {
        *discard->last = item;
        discard->last = &item->next;
        uv_cond_signal(&discard->changed);
    }
    uv_mutex_unlock(&discard->mutex);
    if (taken)
        return;
    free(item);
    discard_now(file);
}
