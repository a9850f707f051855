#include "server/engine/loader.h"

#include <stddef.h>
#include <stdlib.h>

#include "server/container.h"
#include "server/engine/thread.h"

struct srv_loader {
    struct srv_letter letter;
    struct srv_mailbox *mailbox;
    pthread_t thread;
    srv_load load;
    struct m2c_model_options options;
    srv_loaded loaded;
    void *argument;
    struct m2c_model *model;
    struct m2c_error err;
};

static void deliver(struct srv_letter *letter)
{
    struct srv_loader *loader = SRV_CONTAINER(letter, struct srv_loader, letter);
    struct m2c_model *model = loader->model;
    struct m2c_error err = loader->err;
    loader->model = NULL;
    loader->loaded(model, &err, loader->argument);
}

static void *run(void *argument)
{
    struct srv_loader *loader = argument;
    loader->err.status = loader->load(&loader->options, &loader->model, &loader->err);
    srv_mailbox_post(loader->mailbox, &loader->letter);
    return NULL;
}

enum m2c_status srv_loader_new(struct srv_mailbox *mailbox, srv_load load,
                               const struct m2c_model_options *options, srv_loaded loaded,
                               void *argument, struct srv_loader **out, struct m2c_error *err)
{
    struct srv_loader *loader = calloc(1, sizeof *loader);
    if (!loader)
        return m2c_fail_memory(err, "the loader", sizeof *loader);
    loader->letter.deliver = deliver;
    loader->mailbox = mailbox;
    loader->load = load;
    loader->options = *options;
    loader->loaded = loaded;
    loader->argument = argument;
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
    m2c_model_free(&(*loader)->model);
    free(*loader);
    *loader = NULL;
}
