/* Values of stored tensors: widening to float, narrowing to half, the search for NaN and infinity.
 */
#ifndef M2C_MODEL_TENSOR_VALUES_H
#define M2C_MODEL_TENSOR_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/safetensors.h"

/* Whether values can be read as float: F32, F16 or BF16. */
bool m2c_tensor_is_float(const struct m2c_tensor *tensor);

/* out[i] <- element first + i of a float tensor, exact, for i < count (asserts both). Any thread;
 * the data needs no alignment. */
void m2c_tensor_to_f32(const struct m2c_tensor *tensor, size_t first, size_t count, float *out);

/* Whether no element of a float tensor is a NaN or an infinity. Any thread. */
bool m2c_tensor_is_finite(const struct m2c_tensor *tensor);

/* Half precision, rounded to nearest even; overflow becomes infinity, a NaN stays one. */
uint16_t m2c_half_from_float(float value);

#endif
