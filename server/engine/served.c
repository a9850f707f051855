#include "server/engine/served.h"

#include <stdlib.h>

struct srv_served {
    unsigned holders;
    struct m2c_model *model;
    time_t loaded_at;
    uv_work_t freeing;
    int workers;
    struct m2c_encoder *encoders[]; /* [workers] */
};

static void free_contents(struct srv_served *served)
{
    for (int i = 0; i < served->workers; i++)
        m2c_encoder_free(&served->encoders[i]);
    m2c_model_free(&served->model);
}

static void served_free(struct srv_served *served)
{
    free_contents(served);
    free(served);
}

enum m2c_status srv_served_new(struct m2c_model *model, struct m2c_team *const *teams, int workers,
                               int max_frames, struct srv_served **out, struct m2c_error *err)
{
    size_t size = sizeof(struct srv_served) + (size_t)workers * sizeof(struct m2c_encoder *);
    struct srv_served *served = calloc(1, size);
    *out = NULL;
    if (!served) {
        m2c_model_free(&model);
        return m2c_fail_memory(err, "a served model", size);
    }
    served->holders = 1;
    served->model = model;
    served->loaded_at = time(NULL);
    served->workers = workers;
    enum m2c_status status = M2C_OK;
    for (int i = 0; i < workers && status == M2C_OK; i++) {
        struct m2c_encoder_options options = {.team = teams[i], .max_frames = max_frames};
        status = m2c_encoder_new(model, &options, &served->encoders[i], err);
    }
    if (status == M2C_OK)
        *out = served;
    else
        served_free(served);
    return status;
}

struct srv_served *srv_served_ref(struct srv_served *served)
{
    served->holders++;
    return served;
}

static void free_off_loop(uv_work_t *work)
{
    free_contents(work->data);
}

/* The request itself lies in the struct, so that goes last, when libuv has let go of it. */
static void after_free(uv_work_t *work, int cancelled)
{
    (void)cancelled;
    served_free(work->data);
}

void srv_served_unref(struct srv_served *served, uv_loop_t *loop)
{
    if (!served || --served->holders > 0)
        return;
    served->freeing.data = served;
    if (!loop || uv_queue_work(loop, &served->freeing, free_off_loop, after_free) != 0)
        served_free(served);
}

const struct m2c_model *srv_served_model(const struct srv_served *served)
{
    return served->model;
}

time_t srv_served_loaded_at(const struct srv_served *served)
{
    return served->loaded_at;
}

struct m2c_encoder *srv_served_encoder(const struct srv_served *served, int worker)
{
    return served->encoders[worker];
}
