/* A clip's vectors are the same bits whatever it shares a batch with, at every precision; with
 * OpenBLAS, the same but for its rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../model/scratch_folder.h"
#include "model/random_model.h"
#include "pipeline.h"

enum { CLIPS = 7, FRAMES = 4, VIEWS = 3, TEAM = 2 };

static struct scratch folder;
static struct m2c_error err;

/* A clip of three spatial views with noise for frames. */
static void make_clip(struct m2c_clip_frames *clip, int size_px, unsigned seed)
{
    size_t values = (size_t)FRAMES * 3 * (size_t)size_px * (size_t)(2 * size_px);
    *clip = (struct m2c_clip_frames){.frame_count = FRAMES,
                                     .height = size_px,
                                     .width = 2 * size_px,
                                     .temporal_views = 1,
                                     .frames_per_view = FRAMES,
                                     .spatial_views = VIEWS};
    clip->pixels = calloc(values, sizeof(float));
    clip->slots = calloc(FRAMES, sizeof(int));
    assert_non_null(clip->pixels);
    assert_non_null(clip->slots);
    for (size_t i = 0; i < values; i++) {
        seed = seed * 1664525U + 1013904223U;
        clip->pixels[i] = (float)(seed >> 8) / (float)(1 << 23) - 1.0F;
    }
    for (int t = 0; t < FRAMES; t++)
        clip->slots[t] = t;
}

struct room {
    struct m2c_model *model;
    struct m2c_team *team;
    struct m2c_encoder *encoder;
    const struct m2c_set *set;
    struct m2c_clip_frames clips[CLIPS];
    struct m2c_video_embedding alone[CLIPS], together[CLIPS];
};

static bool open_room(struct room *room, enum m2c_precision precision, enum m2c_backend backend)
{
    struct m2c_model_options options = {
        .dir = folder.dir, .precision = precision, .backend = backend};
    memset(room, 0, sizeof *room);
    if (m2c_model_load(&options, &room->model, &err) != M2C_OK) {
        print_message("skipped: no %s with %s here\n", m2c_precision_name(precision),
                      m2c_backend_name(backend));
        return false;
    }
    assert_int_equal(m2c_team_new(TEAM, &room->team, &err), M2C_OK);
    struct m2c_encoder_options encoder = {.team = room->team, .max_frames = CLIPS * FRAMES};
    assert_int_equal(m2c_encoder_new(room->model, &encoder, &room->encoder, &err), M2C_OK);
    room->set = m2c_model_find_set(room->model, NULL);
    for (unsigned i = 0; i < CLIPS; i++) {
        make_clip(&room->clips[i], m2c_model_config(room->model)->image_px, i + 1);
        assert_int_equal(m2c_video_embedding_init(&room->alone[i], room->set, VIEWS, FRAMES, &err),
                         M2C_OK);
        assert_int_equal(
            m2c_video_embedding_init(&room->together[i], room->set, VIEWS, FRAMES, &err), M2C_OK);
    }
    return true;
}

static void close_room(struct room *room)
{
    for (int i = 0; i < CLIPS; i++) {
        m2c_clip_frames_destroy(&room->clips[i]);
        m2c_video_embedding_destroy(&room->alone[i]);
        m2c_video_embedding_destroy(&room->together[i]);
    }
    m2c_encoder_free(&room->encoder);
    m2c_team_free(&room->team);
    m2c_model_free(&room->model);
}

static void encode(struct room *room, const struct m2c_batch_view *views, int count)
{
    assert_int_equal(m2c_pipeline_encode_batch(room->encoder, room->set, views, count, NULL, &err),
                     M2C_OK);
}

/* The largest difference of a view's vectors; 0 where all bits are equal. */
static double difference(const struct m2c_video_embedding *a, const struct m2c_video_embedding *b,
                         size_t view)
{
    const float *left[] = {a->frame_features, a->video, a->vc_logits};
    const float *right[] = {b->frame_features, b->video, b->vc_logits};
    const size_t counts[] = {(size_t)(a->frames * a->dim), (size_t)a->dim, (size_t)a->classes};
    double worst = 0.0;
    for (size_t part = 0; part < 3; part++) {
        size_t at = view * counts[part];
        if (memcmp(left[part] + at, right[part] + at, counts[part] * sizeof(float)) == 0)
            continue;
        worst = fmax(worst, 1e-30);
        for (size_t i = at; i < at + counts[part]; i++)
            worst = fmax(worst, fabs((double)left[part][i] - (double)right[part][i]));
    }
    return worst;
}

/* Every clip's view 1 alone, then all clips together; then batches of other sizes and orders. */
static double worst_difference(struct room *room)
{
    struct m2c_batch_view views[CLIPS];
    double worst = 0.0;
    for (int i = 0; i < CLIPS; i++) {
        views[i] = (struct m2c_batch_view){&room->clips[i], 1, &room->alone[i]};
        encode(room, &views[i], 1);
    }
    for (int size = 2; size <= CLIPS; size++) {
        for (int i = 0; i < size; i++) {
            int clip = (i * 3 + size) % CLIPS;
            views[i] = (struct m2c_batch_view){&room->clips[clip], 1, &room->together[clip]};
        }
        encode(room, views, size);
        for (int i = 0; i < size; i++) {
            int clip = (i * 3 + size) % CLIPS;
            worst = fmax(worst, difference(&room->alone[clip], &room->together[clip], 1));
        }
    }
    return worst;
}

static void batch_changes_no_bit(void **state)
{
    static const enum m2c_backend backends[] = {M2C_BACKEND_NATIVE, M2C_BACKEND_OPENBLAS,
                                                M2C_BACKEND_ONEDNN};
    static const enum m2c_precision precisions[] = {M2C_PRECISION_F32, M2C_PRECISION_BF16,
                                                    M2C_PRECISION_INT8};
    struct room room;
    (void)state;
    for (size_t b = 0; b < sizeof backends / sizeof backends[0]; b++) {
        for (size_t p = 0; p < sizeof precisions / sizeof precisions[0]; p++) {
            if (!open_room(&room, precisions[p], backends[b]))
                continue;
            double worst = worst_difference(&room);
            print_message("%-8s %-4s largest difference %g\n", m2c_backend_name(backends[b]),
                          m2c_precision_name(precisions[p]), worst);
            /* OpenBLAS groups rows by their number, so its sums round otherwise. */
            if (backends[b] == M2C_BACKEND_OPENBLAS)
                assert_true(worst < 1e-5);
            else
                assert_true(worst == 0.0);
            close_room(&room);
        }
    }
}

static void views_go_where_they_belong(void **state)
{
    struct room room;
    struct m2c_batch_view views[VIEWS + 1];
    (void)state;
    assert_true(open_room(&room, M2C_PRECISION_F32, M2C_BACKEND_NATIVE));
    assert_int_equal(m2c_pipeline_encode_views(room.encoder, room.set, &room.clips[0], 0, VIEWS,
                                               &room.alone[0], NULL, &err),
                     M2C_OK);
    views[0] = (struct m2c_batch_view){&room.clips[0], 2, &room.together[0]};
    views[1] = (struct m2c_batch_view){&room.clips[1], 0, &room.together[1]};
    views[2] = (struct m2c_batch_view){&room.clips[0], 0, &room.together[0]};
    views[3] = (struct m2c_batch_view){&room.clips[0], 1, &room.together[0]};
    encode(&room, views, VIEWS + 1);
    for (size_t view = 0; view < VIEWS; view++)
        assert_true(difference(&room.alone[0], &room.together[0], view) == 0.0);
    assert_true(difference(&room.alone[0], &room.together[1], 0) > 0.0);
    close_room(&room);
}

static void cancelled_batch_writes_nothing(void **state)
{
    struct room room;
    _Atomic bool cancel = true;
    (void)state;
    assert_true(open_room(&room, M2C_PRECISION_F32, M2C_BACKEND_NATIVE));
    struct m2c_batch_view view = {&room.clips[0], 1, &room.together[0]};
    assert_int_equal(m2c_pipeline_encode_batch(room.encoder, room.set, &view, 1, &cancel, &err),
                     M2C_CANCELLED);
    assert_true(difference(&room.alone[0], &room.together[0], 1) == 0.0);
    close_room(&room);
}

static int make_folder(void **state)
{
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    (void)state;
    scratch_make(&folder);
    spec.classes = 11;
    assert_int_equal(m2c_random_model_write(&spec, folder.dir, &err), M2C_OK);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    scratch_remove(&folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_changes_no_bit),
        cmocka_unit_test(views_go_where_they_belong),
        cmocka_unit_test(cancelled_batch_writes_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
