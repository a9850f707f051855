#include "train/dropout.h"

#include "model/random_numbers.h"

void trn_dropout_draw(double rate, uint64_t seed, float *factors, size_t count)
{
    struct m2c_random random;
    float kept = (float)(1.0 / (1.0 - rate));
    m2c_random_start(&random, seed, "dropout");
    for (size_t i = 0; i < count; i++) {
        double place = (double)(m2c_random_bits(&random) >> 11) * 0x1p-53;
        factors[i] = place < rate ? 0.0F : kept;
    }
}
