#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <cmocka.h>

#include "runtime/cpu.h"
#include "runtime/team.h"

enum {
    SIZE_MAX_TESTED = 5,
    ROUNDS = 10000,
    CROWDED_ROUNDS = 500, /* more members than cores: each barrier waits for a time slice */
};

static struct m2c_team *new_team(int size)
{
    struct m2c_error err;
    struct m2c_team *team = NULL;
    assert_int_equal(m2c_team_new(size, &team, &err), M2C_OK);
    assert_int_equal(m2c_team_size(team), size);
    return team;
}

static void check_shares(size_t count, size_t grain, int size)
{
    size_t end = 0;
    size_t least = SIZE_MAX;
    size_t most = 0;
    for (int member = 0; member < size; member++) {
        struct m2c_range range = m2c_team_share(count, grain, member, size);
        assert_int_equal(range.begin, end);
        assert_true(range.begin <= range.end);
        assert_true(range.end % grain == 0 || range.end == count);
        end = range.end;
        size_t grains = (range.end - range.begin + grain - 1) / grain;
        least = grains < least ? grains : least;
        most = grains > most ? grains : most;
    }
    assert_int_equal(end, count);
    assert_true(most - least <= 1);
}

static void shares_cover_all_items_without_overlap(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 5, 15, 16, 17, 63, 64, 65, 100, 197, 1576, 1577};
    static const size_t grains[] = {1, 2, 3, 8, 16, 64, 2000};
    (void)state;
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++)
            for (int size = 1; size <= 9; size++)
                check_shares(counts[c], grains[g], size);
}

struct tally {
    int calls[SIZE_MAX_TESTED];
    int sizes[SIZE_MAX_TESTED];
    int input;
    int seen[SIZE_MAX_TESTED];
};

static void count_call(void *argument, int member, int size)
{
    struct tally *tally = argument;
    tally->calls[member]++;
    tally->sizes[member] = size;
    tally->seen[member] = tally->input;
}

static void every_member_works_once_a_run(void **state)
{
    (void)state;
    for (int size = 1; size <= SIZE_MAX_TESTED; size++) {
        struct m2c_team *team = new_team(size);
        struct tally tally = {0};
        for (int run = 1; run <= 500; run++) {
            /* Written before a run, read in it; written in it, read after: neither needs a lock. */
            tally.input = run;
            m2c_team_run(team, count_call, &tally);
            for (int member = 0; member < size; member++) {
                assert_int_equal(tally.calls[member], run);
                assert_int_equal(tally.sizes[member], size);
                assert_int_equal(tally.seen[member], run);
            }
        }
        m2c_team_free(&team);
        assert_null(team);
    }
}

struct rounds {
    struct m2c_team *team;
    int count;
    int pause_every; /* this often one member comes late; 0: never */
    int slots[SIZE_MAX_TESTED];
    int wrong[SIZE_MAX_TESTED];
};

static void come_late(void)
{
    const struct timespec late = {.tv_nsec = 2000000};
    (void)nanosleep(&late, NULL);
}

/* Plain integers on purpose: were the barrier no barrier, the thread sanitizer would say so. */
static void write_then_read_all(void *argument, int member, int size)
{
    struct rounds *rounds = argument;
    for (int round = 1; round <= rounds->count; round++) {
        if (rounds->pause_every && round % rounds->pause_every == 0 && member == round % size)
            come_late();
        rounds->slots[member] = round;
        m2c_team_barrier(rounds->team);
        for (int other = 0; other < size; other++)
            rounds->wrong[member] += rounds->slots[other] != round;
        m2c_team_barrier(rounds->team);
    }
}

static void check_rounds(int size, int count, int pause_every)
{
    struct m2c_team *team = new_team(size);
    struct rounds rounds = {.team = team, .count = count, .pause_every = pause_every};
    m2c_team_run(team, write_then_read_all, &rounds);
    for (int member = 0; member < size; member++) {
        assert_int_equal(rounds.slots[member], count);
        assert_int_equal(rounds.wrong[member], 0);
    }
    m2c_team_free(&team);
}

static void barrier_orders_writes(void **state)
{
    (void)state;
    for (int size = 1; size <= SIZE_MAX_TESTED; size++)
        check_rounds(size, size <= m2c_cpu_count() ? ROUNDS : CROWDED_ROUNDS, 0);
}

/* Members that have spun long enough sleep, and must be woken. */
static void barrier_wakes_sleepers(void **state)
{
    (void)state;
    for (int size = 2; size <= SIZE_MAX_TESTED; size++)
        check_rounds(size, 40, 1);
}

/* Between runs the threads sleep too, and the next run must wake them. */
static void runs_after_a_pause_wake_the_team(void **state)
{
    (void)state;
    struct m2c_team *team = new_team(3);
    struct tally tally = {0};
    for (int run = 1; run <= 20; run++) {
        come_late();
        m2c_team_run(team, count_call, &tally);
        for (int member = 0; member < 3; member++)
            assert_int_equal(tally.calls[member], run);
    }
    m2c_team_free(&team);
}

static void teams_come_and_go(void **state)
{
    (void)state;
    for (int round = 0; round < 100; round++) {
        struct m2c_team *team = new_team(1 + round % SIZE_MAX_TESTED);
        struct tally tally = {0};
        if (round % 2)
            m2c_team_run(team, count_call, &tally);
        m2c_team_free(&team);
    }
    struct m2c_team *none = NULL;
    m2c_team_free(&none);
}

struct where {
    int cpu, nice;
};

static void note_where(void *argument, int member, int size)
{
    struct where *where = argument;
    (void)size;
    where[member] = (struct where){.cpu = sched_getcpu(), .nice = getpriority(PRIO_PROCESS, 0)};
}

static void members_run_where_they_are_placed(void **state)
{
    int cpus[CPU_SETSIZE];
    int count = m2c_cpu_list(cpus, CPU_SETSIZE);
    int own_nice = getpriority(PRIO_PROCESS, 0);
    struct where where[2];
    struct m2c_team *team;
    struct m2c_error err;
    (void)state;
    assert_in_range(count, 1, CPU_SETSIZE);
    const struct m2c_placement placement = {.cpus = &cpus[count - 1], .cpu_count = 1, .nice = 1};
    assert_int_equal(m2c_team_new_placed(2, &placement, &team, &err), M2C_OK);
    m2c_team_run(team, note_where, where);
    assert_int_equal(where[0].nice, own_nice); /* the caller places itself */
    assert_int_equal(where[1].cpu, cpus[count - 1]);
    assert_int_equal(where[1].nice, own_nice < 19 ? own_nice + 1 : 19);
    m2c_team_free(&team);
    assert_int_equal(m2c_cpu_list(cpus, CPU_SETSIZE), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_run_where_they_are_placed),
        cmocka_unit_test(shares_cover_all_items_without_overlap),
        cmocka_unit_test(every_member_works_once_a_run),
        cmocka_unit_test(barrier_orders_writes),
        cmocka_unit_test(barrier_wakes_sleepers),
        cmocka_unit_test(runs_after_a_pause_wake_the_team),
        cmocka_unit_test(teams_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
