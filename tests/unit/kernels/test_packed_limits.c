#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "check_packed.h"
#include "runtime/team.h"

static enum m2c_status status_of(enum m2c_packed_form form, size_t in, size_t out)
{
    struct m2c_packed_weights *packed;
    struct m2c_error err;
    enum m2c_status status = m2c_packed_new(form, in, out, &packed, &err);
    assert_true((packed != NULL) == (status == M2C_OK));
    if (status == M2C_OK)
        assert_int_equal(m2c_packed_bytes(packed), m2c_packed_bytes_of(form, in, out));
    m2c_packed_free(&packed);
    return status;
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    for (int i = 0; i < CHECK_PACKED_FORMS; i++) {
        enum m2c_packed_form form = (enum m2c_packed_form)i;
        assert_int_equal(status_of(form, 1, 1), M2C_OK);
        assert_int_equal(status_of(form, 0, 1), M2C_BAD_MODEL);
        assert_int_equal(status_of(form, 1, 0), M2C_BAD_MODEL);
        assert_int_equal(status_of(form, 1, (size_t)INT_MAX + 1), M2C_BAD_MODEL);
        assert_int_equal(status_of(form, SIZE_MAX, SIZE_MAX), M2C_BAD_MODEL);
        assert_int_equal(m2c_packed_bytes_of(form, 0, 1), 0);
    }
    assert_int_equal(status_of(M2C_PACKED_INT8, 131072, 1), M2C_OK);
    assert_int_equal(status_of(M2C_PACKED_INT8, 131073, 1), M2C_BAD_MODEL);
    assert_int_equal(status_of(M2C_PACKED_F32, 131073, 1), M2C_OK);
}

static void null_may_be_freed(void **state)
{
    (void)state;
    struct m2c_packed_weights *packed = NULL;
    m2c_packed_free(&packed);
    assert_null(packed);
}

/* Half the bytes in bf16, a quarter in int8, and little more than the weights themselves. */
static void forms_take_the_bytes_they_promise(void **state)
{
    (void)state;
    size_t weights = (size_t)768 * 3072;
    assert_in_range(m2c_packed_bytes_of(M2C_PACKED_F32, 768, 3072), 4 * weights,
                    4 * weights + 64 * 1024);
    assert_in_range(m2c_packed_bytes_of(M2C_PACKED_BF16, 768, 3072), 2 * weights,
                    2 * weights + 64 * 1024);
    assert_in_range(m2c_packed_bytes_of(M2C_PACKED_INT8, 768, 3072), weights, weights + 64 * 1024);
}

/* A product of x [rows, in] by `kernel` alone; y: [rows, out]. */
static void multiply(const struct m2c_packed_kernel *kernel, const float *weight, size_t rows,
                     size_t in, size_t out, const float *x, float *y)
{
    struct m2c_packed_weights *packed = check_pack(kernel, in, out, weight);
    void *scratch = check_bytes(m2c_packed_scratch_bytes(packed));
    m2c_packed_multiply(packed, rows, x, in, y, out, NULL, M2C_EPILOGUE_STORE, scratch);
    m2c_packed_free(&packed);
}

/* Every product 127 * 127 of one sign, at the greatest depth: nothing saturates or wraps. */
static void int8_sums_reach_their_bound(void **state)
{
    (void)state;
    const size_t in = M2C_PACKED_INT8_IN_MAX;
    const struct m2c_packed_kernel *kernel;
    float *weight = check_floats(2 * in);
    float *x = check_floats(2 * in);
    for (size_t i = 0; i < in; i++) {
        weight[i] = x[i] = 1;
        weight[in + i] = x[in + i] = -1;
    }
    for (size_t i = 0; (kernel = m2c_packed_kernel_of(M2C_PACKED_INT8, i)) != NULL; i++) {
        float *y = check_floats(4);
        multiply(kernel, weight, 2, in, 2, x, y);
        for (size_t k = 0; k < 4; k++)
            assert_float_equal(y[k], k == 0 || k == 3 ? (float)in : -(float)in, 0.05F);
    }
}

/* Rows of zeros, of subnormal numbers and of what counts as zero give zero, not NaN; a zero column
 * of weights likewise. */
static void int8_takes_rows_without_a_scale(void **state)
{
    (void)state;
    enum { IN = 70, ROWS = 4 };
    static const float values[ROWS] = {0.0F, 1e-40F, 9e-31F, 1e-29F};
    const struct m2c_packed_kernel *kernel;
    float *weight = check_floats(2 * IN);
    float *x = check_floats((size_t)ROWS * IN);
    for (size_t i = 0; i < IN; i++) {
        weight[i] = 1e30F;
        weight[IN + i] = 0.0F;
        for (size_t row = 0; row < ROWS; row++)
            x[row * IN + i] = values[row];
    }
    for (size_t i = 0; (kernel = m2c_packed_kernel_of(M2C_PACKED_INT8, i)) != NULL; i++) {
        float *y = check_floats((size_t)2 * ROWS);
        multiply(kernel, weight, ROWS, IN, 2, x, y);
        for (size_t row = 0; row < ROWS; row++) {
            assert_float_equal(y[2 * row], row == 3 ? 10.0F * IN : 0.0F, 1e-2F);
            assert_float_equal(y[2 * row + 1], 0.0F, 0.0F);
        }
    }
}

/* x, weights and the results of one call, which parts of it must reproduce bit by bit. */
struct whole {
    struct m2c_packed_weights *packed;
    size_t rows, in, out;
    float *x, *bias, *want, *y;
};

static void make_whole(struct whole *w, enum m2c_packed_form form)
{
    struct m2c_error err;
    *w = (struct whole){.rows = 150, .in = 100, .out = 200};
    float *weight = check_floats(w->out * w->in);
    w->x = check_floats(w->rows * w->in);
    w->bias = check_floats(w->out);
    w->want = check_floats(w->rows * w->out);
    w->y = check_floats(w->rows * w->out);
    check_fill(weight, w->out, w->in, w->in, CHECK_NORMAL);
    check_fill(w->x, w->rows, w->in, w->in, CHECK_NORMAL);
    check_fill(w->bias, 1, w->out, w->out, CHECK_NORMAL);
    assert_int_equal(m2c_packed_new(form, w->in, w->out, &w->packed, &err), M2C_OK);
    assert_int_equal(m2c_packed_form_of(w->packed), form);
    assert_int_equal(m2c_packed_in(w->packed), w->in);
    assert_int_equal(m2c_packed_out(w->packed), w->out);
    m2c_packed_fill(w->packed, weight, 0, m2c_packed_panels(w->packed));
    m2c_packed_multiply(w->packed, w->rows, w->x, w->in, w->want, w->out, w->bias,
                        M2C_EPILOGUE_QUICK_GELU, check_bytes(m2c_packed_scratch_bytes(w->packed)));
}

static void end_whole(struct whole *w)
{
    assert_memory_equal(w->y, w->want, w->rows * w->out * sizeof *w->y);
    m2c_packed_free(&w->packed);
    (void)check_release(NULL);
}

static struct m2c_packed_call part_of(const struct whole *w, size_t first, size_t last)
{
    return (struct m2c_packed_call){
        .rows = last - first,
        .x = w->x + first * w->in,
        .ldx = w->in,
        .y = w->y + first * w->out,
        .ldy = w->out,
        .bias = w->bias,
        .epilogue = M2C_EPILOGUE_QUICK_GELU,
    };
}

static void panels_may_be_computed_apart(void **state)
{
    (void)state;
    check_seed(11);
    for (int form = 0; form < CHECK_PACKED_FORMS; form++) {
        struct whole w;
        make_whole(&w, (enum m2c_packed_form)form);
        void *scratch = check_bytes(m2c_packed_scratch_bytes(w.packed));
        struct m2c_packed_call call = part_of(&w, 0, w.rows);
        for (; call.first_panel < m2c_packed_panels(w.packed); call.first_panel++) {
            call.panel_count = 1;
            m2c_packed_apply(w.packed, &call, scratch);
        }
        end_whole(&w);
    }
}

static void no_rows_touch_nothing(void **state)
{
    (void)state;
    struct whole w;
    make_whole(&w, M2C_PACKED_F32);
    struct m2c_packed_call call = part_of(&w, 0, 0);
    m2c_packed_apply(w.packed, &call, check_bytes(m2c_packed_scratch_bytes(w.packed)));
    const float gap = check_gap();
    assert_memory_equal(w.y, &gap, sizeof gap);
    m2c_packed_free(&w.packed);
}

enum { TEAM = 3 };

struct shared {
    struct whole whole;
    unsigned char *scratch[TEAM];
};

static void multiply_share(void *argument, int member, int size)
{
    struct shared *shared = argument;
    struct m2c_range rows = m2c_team_share(shared->whole.rows, 1, member, size);
    struct m2c_packed_call call = part_of(&shared->whole, rows.begin, rows.end);
    m2c_packed_apply(shared->whole.packed, &call, shared->scratch[member]);
}

static void a_team_shares_weights(void **state)
{
    (void)state;
    check_seed(12);
    for (int form = 0; form < CHECK_PACKED_FORMS; form++) {
        struct shared shared;
        struct m2c_team *team;
        struct m2c_error err;
        make_whole(&shared.whole, (enum m2c_packed_form)form);
        for (int i = 0; i < TEAM; i++)
            shared.scratch[i] = check_bytes(m2c_packed_scratch_bytes(shared.whole.packed));
        assert_int_equal(m2c_team_new(TEAM, &team, &err), M2C_OK);
        m2c_team_run(team, multiply_share, &shared);
        m2c_team_free(&team);
        end_whole(&shared.whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(null_may_be_freed),
        cmocka_unit_test(forms_take_the_bytes_they_promise),
        cmocka_unit_test_teardown(int8_sums_reach_their_bound, check_release),
        cmocka_unit_test_teardown(int8_takes_rows_without_a_scale, check_release),
        cmocka_unit_test_teardown(panels_may_be_computed_apart, check_release),
        cmocka_unit_test_teardown(no_rows_touch_nothing, check_release),
        cmocka_unit_test_teardown(a_team_shares_weights, check_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
