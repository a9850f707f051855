#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check.h"

/* CLIP's mean and deviation. */
static const float mean[3] = {0.48145466F, 0.4578275F, 0.40821073F};
static const float deviation[3] = {0.26862954F, 0.26130258F, 0.27577711F};

static const struct check_tolerance tolerance = {
    3e-7, 1e-7, "a product of up to 4 and a sum of up to 2, with or without a rounding between"};

struct pixels {
    float scale[3], shift[3];
    uint8_t *rgb;
};

static struct pixels pixels_new(size_t count)
{
    struct pixels pixels;
    pixels.rgb = check_bytes(3 * count);
    for (size_t i = 0; i < 3 * count; i++)
        pixels.rgb[i] = (uint8_t)check_uniform(0.0F, 255.99F);
    for (size_t c = 0; c < 3; c++) {
        pixels.scale[c] = 1.0F / (255.0F * deviation[c]);
        pixels.shift[c] = -mean[c] / deviation[c];
    }
    return pixels;
}

static void check_level(const struct m2c_kernels *kernels, const struct pixels *pixels,
                        size_t count)
{
    float *plane[3];
    for (size_t c = 0; c < 3; c++)
        plane[c] = check_floats(count);
    kernels->normalize_rgb(plane, pixels->rgb, pixels->scale, pixels->shift, count);
    double *want = check_doubles(count);
    for (size_t c = 0; c < 3; c++) {
        struct check_site site = {"normalize_rgb", "random", kernels->level, count};
        for (size_t i = 0; i < count; i++)
            want[i] = (double)pixels->rgb[3 * i + c] * (double)pixels->scale[c] +
                      (double)pixels->shift[c];
        check_close(&site, plane[c], count, want, 1, count, &tolerance);
    }
}

static void normalize_rgb_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        struct pixels pixels = pixels_new(check_sizes[s]);
        for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
            const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
            if (kernels)
                check_level(kernels, &pixels, check_sizes[s]);
        }
        (void)check_release(NULL);
    }
}

enum { BENCH_PIXELS = 1920 };

static void bench_normalize(const struct m2c_kernels *kernels, void *argument)
{
    const struct pixels *pixels = argument;
    static _Alignas(64) float planes[3][BENCH_PIXELS];
    float *const plane[3] = {planes[0], planes[1], planes[2]};
    kernels->normalize_rgb(plane, pixels->rgb, pixels->scale, pixels->shift, BENCH_PIXELS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(normalize_rgb_agrees_at_every_size, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    struct pixels pixels = pixels_new(BENCH_PIXELS);
    check_bench("normalize_rgb 1920", 3 * (size_t)BENCH_PIXELS, bench_normalize, &pixels);
    return check_release(NULL);
}
