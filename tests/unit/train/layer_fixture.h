/* Layers of random parameters with gradients to be checked. */
#ifndef TEST_LAYER_FIXTURE_H
#define TEST_LAYER_FIXTURE_H

#include "differences.h"
#include "runtime/team.h"
#include "train/block.h"

enum { FIXTURE_PARAMETERS = 64 };

/* Parameters that layers were made of, freed together. */
struct layer_fixture {
    struct m2c_team *team;
    struct {
        const char *name;
        float *value, *grad;
        size_t count;
    } parameters[FIXTURE_PARAMETERS];
    size_t count;
    unsigned seed;
    float *memory; /* of the last fixture_carve */
};

void fixture_open(struct layer_fixture *fixture, int team_size, unsigned seed);
void fixture_close(struct layer_fixture *fixture);

/* A parameter of `count` random values times `scale`, and a zero gradient. */
struct trn_view fixture_view(struct layer_fixture *fixture, const char *name, size_t count,
                             float scale);
struct trn_dense fixture_dense(struct layer_fixture *fixture, const char *name, size_t in,
                               size_t out, bool bias);
struct trn_norm fixture_norm(struct layer_fixture *fixture, const char *name, size_t width);
struct trn_ted fixture_ted(struct layer_fixture *fixture, size_t channels, size_t width,
                           bool difference);
struct trn_adapter fixture_text_adapter(struct layer_fixture *fixture, size_t channels,
                                        size_t width);

/* Runs `carve` once to count and once on memory of that size, which holds NaN. */
typedef void (*fixture_carve_work)(struct trn_carver *carver, void *context);
void fixture_carve(struct layer_fixture *fixture, fixture_carve_work carve, void *context);

/* check_differences of every parameter. */
void fixture_check(struct layer_fixture *fixture, difference_loss loss, void *context,
                   double tolerance);

#endif
