#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "runtime/clock.h"

static void clock_never_goes_back(void **state)
{
    (void)state;
    double before = m2c_clock_ms();
    for (int i = 0; i < 100000; i++) {
        double now = m2c_clock_ms();
        assert_true(now >= before);
        before = now;
    }
}

static void clock_counts_milliseconds(void **state)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    (void)state;
    double begin = m2c_clock_ms();
    (void)nanosleep(&pause, NULL);
    double spent = m2c_clock_ms() - begin;
    assert_true(spent >= 19.9 && spent < 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_never_goes_back),
        cmocka_unit_test(clock_counts_milliseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
