/* Gradients against central differences: the one check behind every backward pass. */
#ifndef TEST_DIFFERENCES_H
#define TEST_DIFFERENCES_H

#include <stddef.h>

/* A loss of whatever the context holds, computed by a forward pass. */
typedef double (*difference_loss)(void *context);

/* Compares `grad` with five-point central differences of the loss by each of the values (every
 * count/64-th of many), which are put back. A difference may be off by `tolerance` of the largest
 * of the gradient and of the differences. `name` tells what failed. */
void check_differences(const char *name, difference_loss loss, void *context, float *values,
                       const float *grad, size_t count, double tolerance);

/* New [count] values in (-1, 1), the same for the same seed; freed with free. */
float *random_floats(size_t count, unsigned seed);

/* sum of x[i] * y[i]: a loss whose gradient by x is y. */
double weighted_sum(const float *x, const float *y, size_t count);

#endif
