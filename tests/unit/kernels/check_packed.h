/* One product of packed weights under test: the reference against double precision of the values
 * that the form keeps, every other kernel against the reference. One thread. */
#ifndef M2C_TESTS_KERNELS_CHECK_PACKED_H
#define M2C_TESTS_KERNELS_CHECK_PACKED_H

#include <stdbool.h>
#include <stddef.h>

#include "check.h"
#include "kernels/packed_kernel.h"

enum { CHECK_PACKED_FORMS = M2C_PACKED_INT8 + 1, CHECK_EPILOGUES = M2C_EPILOGUE_GELU + 1 };

struct check_packed {
    enum m2c_packed_form form;
    size_t rows, in, out;
    size_t gap; /* elements between rows of x and y, which must stay as they are */
    enum m2c_epilogue epilogue;
    bool has_bias, x_is_bf16, y_is_bf16;
    enum check_values values;
};

/* Runs the product by every kernel of the form that this processor has; releases all arrays. */
void check_packed_product(const struct check_packed *product);

/* New weights of a given kernel, filled; the caller frees them. weight: [out, in], borrowed. */
struct m2c_packed_weights *check_pack(const struct m2c_packed_kernel *kernel, size_t in, size_t out,
                                      const float *weight);

#endif
