/*
 * Rounds over rows of an allocator that only notes whose turn it is.
 */
#include "measure/rounds.h"

#include <errno.h>
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
    BATCH = 16,
    TRIES = 20,
    SEEDS = 20,

    /* The same as in a quick run. */
    LAYOUTS_QUICK = 7,
    ROUNDS_QUICK = 9,

    SLOW_NS = 20 * 1000,
};

/* Whose row each run was, in order; the first pass runs some several times. */
static int turns[TURNS_MAX];
static size_t turns_count;
static int failing = -1; /* the row whose allocations fail */
static int slow = -1;    /* the row that is slow in the first pass */
static size_t interrupt_at = SIZE_MAX;

static int ids[ROWS];
static struct plan *current;

/* The calls of keep(), and the rounds at which it fails or interrupts. */
static struct {
    int rounds[ROUNDS];
    size_t turns[ROUNDS]; /* how many were over */
    int count;
    int fail_at;      /* the round that is not kept; -1: all are */
    int interrupt_at; /* the round after which Ctrl-C comes; -1: never */
} kept;

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

static void
spin(uint64_t ns)
{
    uint64_t end = latency_now_ns() + ns;

    while (latency_now_ns() < end) {
    }
}

static void *
turn_alloc(void *state, size_t size)
{
    static char object[SIZE];
    const int *id = state;

    assert_int_equal(size, sizeof(object));
    if (*id == slow && current->rows[*id].iterations == 0) {
        spin(SLOW_NS);
    }
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
    static const uint32_t sizes[] = {SIZE, SIZE};
    static const uint64_t sums[] = {0, SIZE};
    static const struct samples samples = {sizes, sums, 1};
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
                                      .samples = sizes,
                                      .period = 1,
                                      .pointers = pointers};
        row->samples = &samples;
        row->batch = BATCH;
        row->slices = 1;
    }
    turns_count = 0;
    failing = -1;
    slow = -1;
    interrupt_at = SIZE_MAX;
    kept.count = 0;
    kept.fail_at = -1;
    kept.interrupt_at = -1;
    current = plan;
    return plan;
}

static int
keep(const struct rounds *rounds, const struct plan *plan, int round,
     void *user)
{
    assert_ptr_equal(plan, current);
    assert_ptr_equal(user, &kept);
    assert_int_equal(rounds->complete, round + 1);
    assert_true(kept.count < ROUNDS);
    kept.rounds[kept.count] = round;
    kept.turns[kept.count++] = turns_count;
    if (round == kept.interrupt_at) {
        interrupt_at = turns_count + 2;
    }
    return round == kept.fail_at ? -EIO : 0;
}

static size_t
turns_of_a_round(void)
{
    size_t sum = 0;

    for (size_t i = 0; i < ROWS; i++) {
        sum += (size_t) current->rows[i].slices;
    }
    return sum;
}

static struct rounds
rounds_of(int wanted)
{
    return (struct rounds){.wanted = wanted,
                           .layouts = 1,
                           .seconds = 1,
                           .limit = 60,
                           .run_max = 0.001,
                           .keep = keep,
                           .user = &kept};
}

static void
test_rounds_run_each_slice_once_in_new_orders(void **state)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();
    size_t length;

    (void) state;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, ROUNDS);
    assert_int_equal(kept.count, ROUNDS);
    assert_false(rounds.interrupted);

    /* After the first round slices stay as they are. */
    length = turns_of_a_round();
    for (int r = 1; r < ROUNDS; r++) {
        const int *round = turns + kept.turns[r - 1];
        int seen[ROWS] = {0};

        assert_int_equal(kept.rounds[r], r);
        assert_int_equal(kept.turns[r] - kept.turns[r - 1], length);
        for (size_t i = 0; i < length; i++) {
            seen[round[i]]++;
        }
        for (size_t i = 0; i < ROWS; i++) {
            assert_int_equal(seen[i], plan->rows[i].slices);
        }
        if (r > 1) {
            assert_memory_not_equal(round, round - length,
                                    length * sizeof(int));
        }
    }
    plan_destroy(plan);
}

static void
test_rounds_fill_readings(void **state)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();

    (void) state;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &plan->rows[i];

        assert_true(row->iterations > 0);
        for (int r = 0; r < ROUNDS; r++) {
            const struct reading *reading = &row->readings[r];

            assert_int_equal(reading->iterations % row->batch, 0);
            if (r > 0) {
                assert_int_equal(reading->iterations, row->iterations);
            }
            assert_true(reading->real_ns > 0);
            assert_true(reading->cpu_ns > 0);
            assert_true(reading->items_per_second > 0);
            assert_float_equal(reading->bytes_per_second /
                                   reading->items_per_second,
                               SIZE, 1e-6);
        }
    }
    plan_destroy(plan);
}

/* Whether the first round found out that a row is not slow, which seemed so. */
static int
finds_fast_row(void)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();
    int is_found;

    slow = 2;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_true(plan->rows[slow].readings[0].iterations < 10 * BATCH);
    is_found = plan->rows[slow].iterations > 10 * BATCH;
    plan_destroy(plan);
    return is_found;
}

/* A busy machine may take the processor away in the first round. */
static void
test_rounds_set_iterations_again_after_the_first(void **state)
{
    int tries = 0;

    (void) state;
    while (!finds_fast_row()) {
        assert_true(++tries < TRIES);
    }
}

static void
test_rounds_drop_a_row_that_fails(void **state)
{
    struct rounds rounds = rounds_of(2);
    struct plan *plan = plan_of_turns();
    size_t failed = 0;

    (void) state;
    failing = 3;
    plan->rows[3].iterations = BATCH;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, 2);
    assert_string_equal(plan->rows[3].reason, "an allocation failed");
    assert_int_equal(plan->rows[3].iterations, BATCH); /* not planned */
    assert_int_equal(plan_runnable(plan), ROWS - 1);
    for (size_t i = 0; i < turns_count; i++) {
        failed += turns[i] == 3;
    }
    assert_int_equal(failed, 1);
    plan_destroy(plan);
}

/* One that has begun ends when time is up; a new one has the fewest rounds. */
static void
test_rounds_stop_at_the_limit(void **state)
{
    struct rounds rounds = rounds_of(1000);
    struct plan *plan = plan_of_turns();
    size_t before;
    int complete;

    (void) state;
    rounds.keep = NULL;
    rounds.limit = 0.2;
    rounds.least = 1;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_true(rounds.complete > 0);
    assert_true(rounds.complete < 1000);

    complete = rounds.complete;
    before = turns_count;
    rounds.limit = 0;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, complete);
    assert_int_equal(turns_count, before);

    rounds.complete = 0;
    rounds.least = 3;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, 3);
    plan_destroy(plan);
}

static void
test_rounds_go_on_where_keep_failed(void **state)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();
    struct reading before[ROWS][2];
    size_t turns_before;

    (void) state;
    kept.fail_at = 1;
    assert_int_equal(rounds_run(&rounds, plan), -EIO);
    assert_int_equal(kept.count, 2);
    assert_int_equal(rounds.complete, 2);
    for (size_t i = 0; i < ROWS; i++) {
        memcpy(before[i], plan->rows[i].readings, sizeof(before[i]));
    }

    /* There is no first pass again. */
    turns_before = turns_count;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(rounds.complete, ROUNDS);
    assert_int_equal(kept.count, ROUNDS);
    assert_int_equal(kept.rounds[2], 2);
    assert_int_equal(turns_count - turns_before, 2 * turns_of_a_round());
    for (size_t i = 0; i < ROWS; i++) {
        assert_memory_equal(before[i], plan->rows[i].readings,
                            sizeof(before[i]));
        assert_true(plan->rows[i].readings[ROUNDS - 1].real_ns > 0);
    }
    plan_destroy(plan);
}

/* Each layout comes once before one comes again. */
static void
test_layouts_depend_on_the_seed(void **state)
{
    struct rounds rounds = {.layouts = LAYOUTS_QUICK};
    unsigned before = 0;
    int same = 0;

    (void) state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        unsigned seen = 0;

        rounds.seed = seed;
        for (int r = 0; r < ROUNDS_QUICK; r++) {
            int layout = rounds_layout(&rounds, r);

            assert_in_range(layout, 0, BENCH_LAYOUTS - 1);
            assert_int_equal(layout, rounds_layout(&rounds, r));
            if (r < LAYOUTS_QUICK) {
                assert_int_equal(seen & 1u << layout, 0);
            } else {
                assert_int_equal(layout,
                                 rounds_layout(&rounds, r - LAYOUTS_QUICK));
            }
            seen |= 1u << layout;
        }
        same += seen == before;
        before = seen;
    }
    assert_true(same < SEEDS / 2);
}

/* The turns of all rounds, one a row. */
static void
turns_by_seed(uint64_t seed, int *ret_turns)
{
    struct rounds rounds = rounds_of(ROUNDS);
    struct plan *plan = plan_of_turns();

    rounds.seed = seed;
    rounds.run_max = 1e-9; /* a batch, so that there is one slice */
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_int_equal(turns_of_a_round(), ROWS);
    memcpy(ret_turns, turns + turns_count - ROUNDS * ROWS,
           ROUNDS * ROWS * sizeof(int));
    plan_destroy(plan);
}

/* Seeds that follow each other have no round's order in common, but by chance:
 * that is one in 720. */
static void
test_orders_depend_on_the_seed(void **state)
{
    int first[ROUNDS * ROWS];
    int again[ROUNDS * ROWS];
    int next[ROUNDS * ROWS];

    (void) state;
    turns_by_seed(1, first);
    turns_by_seed(1, again);
    turns_by_seed(2, next);
    assert_memory_equal(first, again, sizeof(first));
    for (int r = 0; r < ROUNDS; r++) {
        for (int s = 0; s < ROUNDS; s++) {
            assert_memory_not_equal(first + r * ROWS, next + s * ROWS,
                                    ROWS * sizeof(int));
        }
    }
}

/* Last: an interrupt that came stays. */
static void
test_rounds_keep_the_complete_ones_when_interrupted(void **state)
{
    struct rounds rounds = rounds_of(3);
    struct plan *plan = plan_of_turns();

    (void) state;
    interrupt_watch();
    kept.interrupt_at = 1;
    assert_int_equal(rounds_run(&rounds, plan), 0);
    assert_true(rounds.interrupted);
    assert_int_equal(rounds.complete, 2);
    assert_int_equal(kept.count, 2);
    assert_int_equal(turns_count, kept.turns[1] + 3);
    plan_destroy(plan);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts_depend_on_the_seed),
        cmocka_unit_test(test_orders_depend_on_the_seed),
        cmocka_unit_test(test_rounds_drop_a_row_that_fails),
        cmocka_unit_test(test_rounds_go_on_where_keep_failed),
        cmocka_unit_test(test_rounds_run_each_slice_once_in_new_orders),
        cmocka_unit_test(test_rounds_fill_readings),
        cmocka_unit_test(test_rounds_set_iterations_again_after_the_first),
        cmocka_unit_test(test_rounds_stop_at_the_limit),
        cmocka_unit_test(test_rounds_keep_the_complete_ones_when_interrupted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
