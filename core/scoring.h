/* From logits and vectors to predictions: pure functions, any thread, no allocation.
 *
 * Supervised scores are a softmax a view, then the mean over views; zero-shot scores a softmax of
 * 100 cos over labels and background a view, then the mean (m2clip.md, Heads). Always 100, whatever
 * logit scale a checkpoint stores.
 */
#ifndef M2C_SCORING_H
#define M2C_SCORING_H

#include <stdbool.h>
#include <stddef.h>

struct m2c_prediction {
    size_t index;     /* class, or position among the labels */
    float score;      /* mean over views of the per-view softmax */
    float similarity; /* mean over views of the cosine; 0 for classes */
};

/* v <- v / |v|; a zero vector stays zero. v: [dim]. */
void m2c_unit_vector(float *v, size_t dim);

/* out [dim] = the mean of the unit vectors of `rows` [count, dim], made unit again: a label over
 * templates and texts, a video over views. */
void m2c_mean_unit_vector(const float *rows, size_t count, size_t dim, float *out);

/* predictions [K]: score of every class from logits [V, K], in class order. */
void m2c_score_classes(const float *logits, size_t views, size_t classes,
                       struct m2c_prediction *predictions);

/* predictions [N] of every label in label order from video vectors [V, E] (any length) and unit
 * label vectors: `labels` [N] and `background` [M] are arrays of pointers to [E]. Returns the share
 * of the background, 0 without one. `scratch`: [N + M] floats. */
float m2c_score_labels(const float *video, size_t views, size_t dim, const float *const *labels,
                       size_t label_count, const float *const *background, size_t background_count,
                       struct m2c_prediction *predictions, float *scratch);

struct m2c_selection {
    size_t top_k; /* 0: all */
    bool has_min_score, has_min_similarity;
    float min_score, min_similarity;
};

/* Sorts by falling score (ties by index), drops what falls below the minima, keeps top_k. Returns
 * how many are left at the front of `predictions`. */
size_t m2c_select_predictions(struct m2c_prediction *predictions, size_t count,
                              const struct m2c_selection *selection);

#endif
