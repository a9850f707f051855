/* Both resizes against their equations in double precision, at sizes around the tile and vector
 * edges, with every instruction-set level that this processor has. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/cpu.h"
#include "video/resizer.h"

static const int sizes[][3] = {/* width, height, short side */
                               {16, 16, 16}, {17, 16, 16}, {64, 48, 16},  {340, 256, 224},
                               {31, 63, 40}, {63, 17, 16}, {129, 97, 33}, {20, 37, 64}};

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a : 0.0;
}

static int clamp(int value, int last)
{
    return value < 0 ? 0 : value > last ? last : value;
}

/* Four taps of one axis; `read` gives the input. */
static double bicubic_at(const double *line, int count, double scale, int i)
{
    double position = scale * (i + 0.5) - 0.5, sum = 0.0;
    int base = (int)floor(position);
    for (int k = -1; k <= 2; k++)
        sum += cubic(position - (base + k), -0.75) * line[clamp(base + k, count - 1)];
    return sum;
}

static double antialias_at(const double *line, int count, double scale, int i)
{
    double stretch = fmax(scale, 1.0), centre = (i + 0.5) * scale, sum = 0.0, weights = 0.0;
    int start = clamp((int)(centre - 2.0 * stretch + 0.5), count);
    int end = clamp((int)(centre + 2.0 * stretch + 0.5), count);
    for (int x = start; x < end; x++) {
        double weight = cubic((x - centre + 0.5) / stretch, -0.5);
        sum += weight * line[x];
        weights += weight;
    }
    return fmin(fmax(floor(sum / weights + 0.5), 0.0), 255.0);
}

typedef double (*axis_function)(const double *line, int count, double scale, int i);

/* One colour of `image`, rows first. out: [height, width]. */
static void reference(const struct m2c_rgb_image *image, int colour, axis_function at,
                      const struct m2c_resizer *resizer, double *out)
{
    size_t in_w = (size_t)image->width, in_h = (size_t)image->height;
    size_t w = (size_t)resizer->width, h = (size_t)resizer->height;
    double *line = malloc((in_w + in_h) * sizeof *line), *narrow = malloc(in_h * w * sizeof *line);
    for (size_t y = 0; y < in_h; y++) {
        for (size_t x = 0; x < in_w; x++)
            line[x] = image->data[y * image->stride + 3 * x + (size_t)colour];
        for (size_t x = 0; x < w; x++)
            narrow[y * w + x] = at(line, (int)in_w, (double)in_w / (double)w, (int)x);
    }
    for (size_t x = 0; x < w; x++) {
        for (size_t y = 0; y < in_h; y++)
            line[y] = narrow[y * w + x];
        for (size_t y = 0; y < h; y++)
            out[y * w + x] = at(line, (int)in_h, (double)in_h / (double)h, (int)y);
    }
    free(line);
    free(narrow);
}

static uint8_t *noise(size_t bytes)
{
    uint8_t *data = malloc(bytes);
    uint32_t seed = 1;
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    return data;
}

/* tolerance: of a byte; off_by_one: share of values that may be a whole step off, where double
 * precision and fixed point round a tie apart. */
static void check_size(const int size[3], enum m2c_resize mode, axis_function at, double tolerance,
                       double off_by_one)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_resizer resizer;
    struct m2c_error err;
    size_t stride = 3 * (size_t)size[0] + 5;
    uint8_t *data = noise(stride * (size_t)size[1]);
    struct m2c_rgb_image image = {data, stride, size[0], size[1]};
    plan.size_px = size[2];
    plan.resize = mode;
    assert_int_equal(m2c_resizer_init(&resizer, size[0], size[1], &plan, &err), M2C_OK);
    size_t plane = (size_t)resizer.width * (size_t)resizer.height, steps = 0;
    float *planes = malloc(3 * plane * sizeof *planes);
    double *expected = malloc(plane * sizeof *expected);
    m2c_resizer_run(&resizer, &image, planes);
    for (size_t c = 0; c < 3; c++) {
        reference(&image, (int)c, at, &resizer, expected);
        for (size_t i = 0; i < plane; i++) {
            double byte =
                ((double)planes[c * plane + i] * (double)plan.std[c] + (double)plan.mean[c]) *
                255.0;
            double difference = fabs(byte - expected[i]);
            if (difference > tolerance)
                steps++;
            assert_true(difference <= tolerance || fabs(difference - 1.0) <= 1e-3);
        }
    }
    assert_true((double)steps <= off_by_one * 3.0 * (double)plane);
    free(planes);
    free(expected);
    free(data);
    m2c_resizer_destroy(&resizer);
}

static void at_each_level(enum m2c_resize mode, axis_function at, double tolerance,
                          double off_by_one)
{
    static const char *const levels[] = {"c", "avx2", "avx512"};
    struct m2c_error err;
    for (size_t l = 0; l < 3; l++) {
        assert_int_equal(m2c_cpu_cap_level(levels[l], &err), M2C_OK);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            check_size(sizes[i], mode, at, tolerance, off_by_one);
    }
}

static void bicubic_follows_its_equation(void **state)
{
    (void)state;
    at_each_level(M2C_RESIZE_BICUBIC, bicubic_at, 0.02, 0.0);
}

static void antialias_follows_its_equation(void **state)
{
    (void)state;
    at_each_level(M2C_RESIZE_BICUBIC_ANTIALIAS, antialias_at, 1e-3, 1e-3);
}

static void the_long_side_is_floored(void **state)
{
    (void)state;
    static const int cases[][5] = {/* in width, height, size -> width, height */
                                   {340, 256, 224, 297, 224},
                                   {256, 340, 224, 224, 297},
                                   {1920, 1080, 224, 398, 224},
                                   {100, 100, 32, 32, 32},
                                   {97, 31, 16, 50, 16}};
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct m2c_resizer resizer;
        struct m2c_error err;
        plan.size_px = cases[i][2];
        assert_int_equal(m2c_resizer_init(&resizer, cases[i][0], cases[i][1], &plan, &err), M2C_OK);
        assert_int_equal(resizer.width, cases[i][3]);
        assert_int_equal(resizer.height, cases[i][4]);
        m2c_resizer_destroy(&resizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bicubic_follows_its_equation),
        cmocka_unit_test(antialias_follows_its_equation),
        cmocka_unit_test(the_long_side_is_floored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
