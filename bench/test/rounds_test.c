/*
 * Rounds over rows of an allocator that only notes whose turn it is.
 */
#include "measure/rounds.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "called.h"
#include "measure/interrupt.h"

enum {
    ROWS = 6,
    ROUNDS = 4,
    TURNS_MAX = 4096,
    SIZE = 64,
};

/* Whose row each run was, in order; round 0 runs some several times. */
static int turns[TURNS_MAX];
static size_t turns_count;
static int failing = -1; /* the row whose allocations fail */
static size_t interrupt_at = SIZE_MAX;

static int ids[ROWS];

static void
turn_trim(void *library)
{
    const int *id = library;

    if (turns_count == interrupt_at) {
        raise(SIGINT);
    }
    if (turns_count < TURNS_MAX) {
        turns[turns_count++] = *id;
    }
}

static void *
turn_create(void *library, size_t size, size_t count)
{
    (void) size;
    (void) count;
    return library;
}

static void *
turn_alloc(void *state, size_t size)
{
    static char object[SIZE];
    const int *id = state;

    assert_int_equal(size, sizeof(object));
    return *id == failing ? NULL : object;
}

static void
turn_end(void *state)
{
    (void) state;
}

static const struct allocator turn = {
    .name = "turn",
    .kind = ALLOCATOR_REGION,
    .create = turn_create,
    .alloc = turn_alloc,
    .fill = called_fill,
    .reset = turn_end,
    .destroy = turn_end,
    .trim = turn_trim,
};

/* Each row a region of one allocation. */
static struct plan *
plan_of_turns(void)
{
    static const uint32_t samples[] = {SIZE, SIZE};
    static const uint64_t sums[] = {0, SIZE};
    static const struct samples drawn = {samples, sums, 1};
    static void *pointers[1];
    struct plan *plan = calloc(1, sizeof(*plan));

    assert_non_null(plan);
    plan->count = ROWS;
    plan->rows = calloc(ROWS, sizeof(*plan->rows));
    assert_non_null(plan->rows);
    for (int i = 0; i < ROWS; i++) {
        struct row *row = &plan->rows[i];

        ids[i] = i;
        row->name[0] = (char) ('a' + i);
        row->workload = &workload_fill;
        row->region = (struct region){.allocator = &turn,
                                      .library = &ids[i],
                                      .n = 1,
                                      .size = SIZE,
                                      .samples = samples,
                                      .period = 1,
                                      .pointers = pointers};
        row->samples = &drawn;
        row->batch = 16;
        row->slices = 1;
    }
    turns_count = 0;
    failing = -1;
    interrupt_at = SIZE_MAX;
    return plan;
}

static struct rounds
rounds_of(int wanted)
{
    return (struct rounds){.wanted = wanted,
                           .layouts = 1,
                           .seconds = 1,
                           .limit = 60,
                           .run_max = 0.001};
}

static void
test_rounds_run_each_row_once_in_new_orders(void **state)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();
    const int *last;
    int same = 0;

    (void) state;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, ROUNDS);
    assert_false(rounds.interrupted);

    /* Behind round 0 a run is one turn. */
    assert_true(turns_count >= (ROUNDS + 1) * ROWS);
    last = turns + turns_count - ROUNDS * ROWS;
    for (int r = 0; r < ROUNDS; r++) {
        unsigned seen = 0;

        for (int i = 0; i < ROWS; i++) {
            seen |= 1u << last[r * ROWS + i];
        }
        assert_int_equal(seen, (1u << ROWS) - 1);
        same += r > 0 && memcmp(last, last + r * ROWS, ROWS * sizeof(int)) == 0;
    }
    assert_int_equal(same, 0);
    plan_destroy(plan);
}

static void
test_rounds_fix_iterations_and_fill_samples(void **state)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();

    (void) state;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &plan->rows[i];

        assert_true(row->iterations > 0);
        assert_int_equal(row->iterations % row->batch, 0);
        for (int r = 0; r < ROUNDS; r++) {
            if (r > 0) {
                assert_int_equal(row->readings[r].iterations, row->iterations);
            }
            assert_true(row->readings[r].real_ns > 0);
            assert_true(row->readings[r].cpu_ns > 0);
            assert_true(row->readings[r].items_per_second > 0);
            assert_float_equal(row->readings[r].bytes_per_second /
                                   row->readings[r].items_per_second,
                               SIZE, 1e-6);
        }
    }
    plan_destroy(plan);
}

static void
test_rounds_drop_a_row_that_fails(void **state)
{
    struct rounds rounds = rounds_of(2);
    struct plan *plan = plan_of_turns();
    size_t failed = 0;

    (void) state;
    failing = 3;
    plan->rows[3].iterations = 16;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, 2);
    assert_string_equal(plan->rows[3].reason, "an allocation failed");
    assert_int_equal(plan->rows[3].iterations, 16); /* not planned */
    assert_int_equal(plan_runnable(plan), ROWS - 1);
    for (size_t i = 0; i < turns_count; i++) {
        failed += turns[i] == 3;
    }
    assert_int_equal(failed, 1);
    plan_destroy(plan);
}

static void
test_rounds_stop_at_the_limit(void **state)
{
    struct rounds rounds = rounds_of(1000);
    struct plan *plan = plan_of_turns();

    (void) state;
    rounds.limit = 0.2;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_true(rounds.complete > 0);
    assert_true(rounds.complete < 1000);

    rounds.limit = 0;
    rounds.least = 3;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, 3);
    plan_destroy(plan);
}

/* Last: an interrupt that came stays. */
static void
test_rounds_keep_the_complete_ones_when_interrupted(void **state)
{
    struct rounds rounds = rounds_of(3);
    struct plan *plan = plan_of_turns();

    (void) state;
    interrupt_watch();
    for (size_t i = 0; i < ROWS; i++) {
        plan->rows[i].iterations = 16; /* known: round 0 takes ROWS turns */
    }
    interrupt_at = ROWS + 2 * ROWS + 1;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_true(rounds.interrupted);
    assert_int_equal(rounds.complete, 2);
    plan_destroy(plan);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds_drop_a_row_that_fails),
        cmocka_unit_test(test_rounds_fix_iterations_and_fill_samples),
        cmocka_unit_test(test_rounds_run_each_row_once_in_new_orders),
        cmocka_unit_test(test_rounds_stop_at_the_limit),
        cmocka_unit_test(test_rounds_keep_the_complete_ones_when_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
