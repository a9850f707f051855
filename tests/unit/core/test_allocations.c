/* A forward pass allocates nothing of ours: every allocator call from our own code is wrapped by
 * the linker and counted while a clip is encoded. What shared libraries allocate inside stays
 * theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "golden.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static atomic_int calls;

void *__wrap_malloc(size_t size)
{
    (void)atomic_fetch_add(&calls, 1);
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    (void)atomic_fetch_add(&calls, 1);
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    (void)atomic_fetch_add(&calls, 1);
    return __real_realloc(block, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    (void)atomic_fetch_add(&calls, 1);
    return __real_aligned_alloc(alignment, size);
}

static int calls_of_a_pass(const struct golden *golden, float *video, float *logits)
{
    struct m2c_video_request request = {.images = golden->images,
                                        .clips = golden->clips,
                                        .frames = golden->frames,
                                        .video = video,
                                        .vc_logits = logits};
    int before = atomic_load(&calls);
    assert_int_equal(m2c_encode_video(golden->encoder, golden_set(golden), &request), M2C_OK);
    return atomic_load(&calls) - before;
}

static void check(enum m2c_precision precision, enum m2c_backend backend)
{
    const struct golden_setup setup = {.precision = precision, .backend = backend, .threads = 2};
    struct golden golden;
    if (!golden_open(&golden, "tiny-preattn-premlp", &setup)) {
        print_message("skipped: no such product here\n");
        return;
    }
    const struct m2c_set_info *info = m2c_set_info(golden_set(&golden));
    float *video = new_test_floats((size_t)golden.clips * (size_t)info->dim);
    float *logits = new_test_floats((size_t)golden.clips * (size_t)info->classes);
    /* oneDNN makes a primitive for a number of rows that it meets first. */
    (void)calls_of_a_pass(&golden, video, logits);
    for (int i = 0; i < 3; i++)
        assert_int_equal(calls_of_a_pass(&golden, video, logits), 0);
    free(video);
    free(logits);
    golden_close(&golden);
}

static void the_counter_counts(void **state)
{
    (void)state;
    int before = atomic_load(&calls);
    float *block = new_test_floats(1);
    assert_true(atomic_load(&calls) > before);
    free(block);
}

static void native_passes_allocate_nothing(void **state)
{
    (void)state;
    check(M2C_PRECISION_F32, M2C_BACKEND_NATIVE);
    check(M2C_PRECISION_BF16, M2C_BACKEND_NATIVE);
    check(M2C_PRECISION_INT8, M2C_BACKEND_NATIVE);
}

static void library_passes_allocate_nothing_of_ours(void **state)
{
    (void)state;
    check(M2C_PRECISION_F32, M2C_BACKEND_OPENBLAS);
    check(M2C_PRECISION_F32, M2C_BACKEND_ONEDNN);
    check(M2C_PRECISION_BF16, M2C_BACKEND_ONEDNN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_counter_counts),
        cmocka_unit_test(native_passes_allocate_nothing),
        cmocka_unit_test(library_passes_allocate_nothing_of_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
