#include "server/engine/loader.h"

#include <stddef.h>
#include <stdlib.h>

#include "server/container.h"
#include "server/engine/scheduler.h"
#include "server/engine/thread.h"

struct srv_loader {
    struct srv_letter letter;
    struct srv_mailbox *mailbox;
    pthread_t thread;
    struct srv_loading loading;
    struct srv_served *served;
    struct m2c_error err;
    bool delivered, abandoned;
};

static void deliver(struct srv_letter *letter)
{
    struct srv_loader *loader = SRV_CONTAINER(letter, struct srv_loader, letter);
    struct srv_served *served = loader->served;
    struct m2c_error err = loader->err;
    loader->served = NULL;
    loader->delivered = true;
    if (loader->abandoned) {
        srv_served_unref(served, NULL);
        free(loader);
        return;
    }
    loader->loading.loaded(served, &err, loader->loading.argument);
}

static void *run(void *argument)
{
    struct srv_loader *loader = argument;
    const struct srv_loading *loading = &loader->loading;
    struct m2c_model *model = NULL;
    loader->err.status = loading->load(&loading->options, &model, &loader->err);
    if (loader->err.status == M2C_OK)
        loader->err.status = srv_served_new(model, loading->teams, loading->workers,
                                            SRV_PASS_MAX_FRAMES, &loader->served, &loader->err);
    srv_mailbox_post(loader->mailbox, &loader->letter);
    return NULL;
}

enum m2c_status srv_loader_new(struct srv_mailbox *mailbox, const struct srv_loading *loading,
                               struct srv_loader **out, struct m2c_error *err)
{
    struct srv_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return m2c_fail_memory(err, "the loader", sizeof *loader);
    loader->letter.deliver = deliver;
    loader->mailbox = mailbox;
    loader->loading = *loading;
    enum m2c_status status = srv_thread_start(&loader->thread, "m2c-loader", run, loader, err);
    if (status != M2C_OK) {
        free(loader);
        loader = NULL;
    }
    *out = loader;
    return status;
}

void srv_loader_free(struct srv_loader **loader)
{
    if (!*loader)
        return;
    (void)pthread_join((*loader)->thread, NULL);
    if ((*loader)->delivered)
        free(*loader);
    else
        (*loader)->abandoned = true; /* its letter is in the mailbox */
    *loader = NULL;
}
