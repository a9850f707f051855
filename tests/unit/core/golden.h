/* A golden file beside what we compute: each tensor's largest difference, relative to its largest
 * value. */
#ifndef M2C_TEST_GOLDEN_H
#define M2C_TEST_GOLDEN_H

#include "m2clip.h"
#include "model/weights.h"

struct golden {
    struct m2c_weights *file;
    struct m2c_model *model;
    struct m2c_team *team;
    struct m2c_encoder *encoder;
    float *input; /* [B, 3, T, H, W] */
    struct m2c_image *images;
    int clips, frames;
    int32_t *tokens; /* [N, context] */
    int texts, context;
    const char *name;
    double worst; /* of all comparisons */
};

/* What a golden is computed with. */
struct golden_setup {
    enum m2c_precision precision;
    enum m2c_backend backend;
    int threads;
};

/* Opens tests/fixtures/<name>. False where this build or processor lacks the products; fails the
 * test on any other error. */
bool golden_open(struct golden *golden, const char *name, const struct golden_setup *setup);
void golden_close(struct golden *golden);

const struct m2c_set *golden_set(const struct golden *golden);

/* Prints "fixture stage difference" and fails above 1e-4 of the golden's largest value. `count`
 * values must be all of the tensor's. */
void golden_compare(struct golden *golden, const char *tensor, const float *values, size_t count);

/* Whether the golden file has that tensor. */
bool golden_has(const struct golden *golden, const char *tensor);

float *new_test_floats(size_t count);

#endif
