/* The name of the numbers that a set computes: vectors of one name may be compared and kept
 * together, others not. */
#ifndef SRV_ENGINE_VECTOR_VERSION_H
#define SRV_ENGINE_VECTOR_VERSION_H

#include "m2clip.h"

enum { SRV_VECTOR_VERSION_BYTES = 48 };

/* The set's version (weights, config, labels, preprocessing), then precision and backend. Any
 * thread. */
void srv_vector_version(const struct m2c_model *model, const struct m2c_set *set,
                        char out[SRV_VECTOR_VERSION_BYTES]);

#endif
