/* The mutator: each mutation makes its change and no other, the output is a
 * program that fits, and all depends on input and seed alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mutator.h"
#include "program.h"
#include "random_next.h"
#include "regions.h"
#include "sample.h"

enum {
    SEEDS = 3000,
    SEEDS_MANY = 30000, /* enough to see one of several thousand tweaks */
    BYTES_MAX = 300,
    GUARD = 0xee, /* the bytes after the output */
    GUARD_SIZE = 16,
};

/* The hash of all outputs of test_output_is_the_same_everywhere. It changes
 * only with the mutator's mutations and samples, and with the list of ops. */
static const uint32_t everywhere = 0xc5285c7b;

/* The program that mutations start from: each op once, with its own numbers. */
static const char text[] = "create p0 1000\n"
                           "palloc p0 100\n"
                           "create p1 2000\n"
                           "pnalloc p1 max+1\n"
                           "again #15\n"
                           "pcalloc p0 left+0\n"
                           "pmemalign p1 #3 16*300\n"
                           "cleanup p0 #2 24\n"
                           "cache_limit top-0\n"
                           "pfree_large p0 #0\n"
                           "reset p0\n"
                           "cache_trim\n"
                           "free #5\n"
                           "destroy p1\n";

static const char other_text[] = "create p2 4096*3\n"
                                 "palloc p2 page+0\n"
                                 "fail_alloc #1\n"
                                 "cleanup_file p2 #7\n"
                                 "run_cleanup_file p2 #7\n"
                                 "destroy p2\n";

/* The engines' interface, see fuzz/engines/. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t length, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t length, size_t size_max,
                               unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t length,
                                 const uint8_t *more, size_t more_length,
                                 uint8_t *out, size_t size_max, unsigned seed);
void *afl_custom_init(void *afl, unsigned seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t length, uint8_t **out,
                       uint8_t *more, size_t more_length, size_t size_max);
void afl_custom_deinit(void *data);

static unsigned byte_mutations; /* calls of libFuzzer's own mutation */

/* Too large for the stack. Each test starts it again. */
static struct mutator before;
static struct mutator after;

static uint8_t bytes[BYTES_MAX];
static size_t size;
static uint8_t other[BYTES_MAX];
static size_t other_size;

typedef int (*mutation_fn)(struct mutator *mutator);

static int
splice(struct mutator *mutator)
{
    return mutator_splice(mutator, other, other_size);
}

static int
cross(struct mutator *mutator)
{
    return mutator_cross(mutator, other, other_size);
}

static int
setup(void **state)
{
    (void) state;
    assert_int_equal(
        program_parse(text, OP_VARIABLE, bytes, sizeof(bytes), &size), 0);
    assert_int_equal(program_parse(other_text, OP_VARIABLE, other,
                                   sizeof(other), &other_size),
                     0);
    return 0;
}

static void
start(enum mutator_use use, uint64_t seed)
{
    mutator_init(&before, use, seed);
    mutator_read(&before, bytes, size);
}

/* Mutate what start() has read. */
static void
change(mutation_fn mutation)
{
    after = before;
    assert_int_equal(mutation(&after), 1);
}

static void
mutate(mutation_fn mutation, uint64_t seed)
{
    start(MUTATOR_POOL, seed);
    change(mutation);
}

static int
is_same(const struct op *a, const struct op *b)
{
    return a->code == b->code && a->pool == b->pool && a->number == b->number &&
           a->amount == b->amount;
}

/* Returns the number of equal ops at the start of two programs. */
static size_t
same_head(const struct mutator *a, const struct mutator *b)
{
    size_t i = 0;

    while (i < a->count && i < b->count && is_same(&a->ops[i], &b->ops[i])) {
        i++;
    }
    return i;
}

/* Returns the number of equal ops at the end of two programs. */
static size_t
same_tail(const struct mutator *a, const struct mutator *b)
{
    size_t i = 0;

    while (i < a->count && i < b->count &&
           is_same(&a->ops[a->count - 1 - i], &b->ops[b->count - 1 - i])) {
        i++;
    }
    return i;
}

/* Whether the program has the ops, one after the other. */
static int
is_run(const struct mutator *mutator, const struct op *ops, size_t count)
{
    size_t from;
    size_t i;

    for (from = 0; from + count <= mutator->count; from++) {
        for (i = 0; i < count && is_same(&mutator->ops[from + i], &ops[i]);
             i++) {
        }
        if (i == count) {
            return 1;
        }
    }
    return 0;
}

/* Whether the run and the count ops after it repeat with the run's length. */
static int
is_loop(const struct op *ops, size_t run, size_t count)
{
    size_t i = 0;

    while (i < count && is_same(&ops[i], &ops[i + run])) {
        i++;
    }
    return i == count;
}

/* Both are the same, but for one run of ops that only after has. */
static size_t
check_inserted(size_t *ret_at)
{
    size_t head = same_head(&before, &after);

    assert_true(after.count > before.count);
    assert_true(head + same_tail(&before, &after) >= before.count);
    *ret_at = head;
    return after.count - before.count;
}

/* Returns the number of ops that a program does. */
static size_t
work_of(const struct mutator *mutator)
{
    size_t work = 0;
    size_t i;

    for (i = 0; i < mutator->count; i++) {
        const struct op *op = &mutator->ops[i];

        work += op->code == OP_AGAIN ? 1 + op->number % 16 : 1;
    }
    return work;
}

/* Returns the limit that is relative to the kept bytes, or NULL. */
static const struct op *
find_limit(const struct mutator *mutator)
{
    for (size_t i = 0; i < mutator->count; i++) {
        const struct op *op = &mutator->ops[i];

        if (op->code == OP_CACHE_LIMIT &&
            op_amount_mode(op->amount) == OP_LEFT) {
            return op;
        }
    }
    return NULL;
}

static unsigned
operands_changed(const struct op *a, const struct op *b)
{
    return (unsigned) (a->pool != b->pool) +
           (unsigned) (a->number != b->number) +
           (unsigned) (a->amount != b->amount);
}

static void
test_insert_adds_a_run_of_ops(void **state)
{
    size_t most = 0;
    uint64_t seed;
    size_t at;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t count;

        mutate(mutator_insert, seed);
        count = check_inserted(&at);
        most = count > most ? count : most;
    }
    assert_in_range(most, 4, 8);
}

static void
test_insert_creates_a_pool_before_it_is_used(void **state)
{
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t i = 0;

        mutator_init(&after, MUTATOR_POOL, seed);
        assert_int_equal(mutator_insert(&after), 1);
        while (i < after.count && !op_has(after.ops[i].code, 'p')) {
            i++;
        }
        if (i < after.count) {
            assert_int_equal(after.ops[i].code, OP_CREATE);
        }
    }
}

/* All ops but nop and those that have lost their meaning. */
static void
test_insert_knows_every_op_of_the_list(void **state)
{
    unsigned counts[OP_COUNT] = {0};
    enum mutator_use use;
    uint64_t seed;
    unsigned code;

    (void) state;
    for (use = MUTATOR_POOL; use < MUTATOR_USES; use++) {
        for (seed = 0; seed < SEEDS; seed++) {
            mutator_init(&after, use, seed);
            mutator_read(&after, bytes, size);
            mutator_insert(&after);
            while (after.count-- != 0) {
                counts[after.ops[after.count].code] += use + 1u;
            }
        }
    }
    for (code = 0; code < OP_COUNT; code++) {
        if (code == OP_NOP || code == OP_GROW) {
            assert_int_equal(counts[code], 0);
        } else {
            assert_int_not_equal(counts[code], 0);
        }
    }
}

static void
test_insert_leaves_nginx_to_the_mixed_pool(void **state)
{
    enum mutator_use use;
    uint64_t seed;

    (void) state;
    for (use = MUTATOR_POOL; use < MUTATOR_USES; use++) {
        unsigned count = 0;

        for (seed = 0; seed < SEEDS; seed++) {
            mutator_init(&after, use, seed);
            mutator_insert(&after);
            while (after.count-- != 0) {
                count += after.ops[after.count].code == OP_NGINX;
            }
        }
        assert_int_equal(count != 0, use == MUTATOR_MIXED);
    }
}

/* Some threads end, but most do not. */
static void
test_insert_makes_ops_of_regions_for_threads(void **state)
{
    static const char *const others[] = {
        "pfree_foreign", "pfree_null",       "cleanup_file", "delete_file",
        "tail_grow",     "run_cleanup_file", "fail_files",   "adopt",
    };
    unsigned ends = 0;
    unsigned all = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        mutator_init(&after, MUTATOR_THREADS, seed);
        mutator_insert(&after);
        while (after.count-- != 0) {
            const struct op *op = &after.ops[after.count];
            size_t i;

            for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                assert_string_not_equal(op_name(op->code), others[i]);
            }
            if (op->code == OP_THREAD) {
                assert_true(op->number < 2 * REGIONS_THREADS);
                ends += op->number >= REGIONS_THREADS;
                all++;
            }
        }
    }
    assert_in_range(ends, all / 16, all / 4);
}

static void
test_delete_removes_one_run(void **state)
{
    size_t most = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t gone;

        mutate(mutator_delete, seed);
        gone = before.count - after.count;
        assert_in_range(gone, 1, before.count);
        assert_true(same_head(&before, &after) + same_tail(&before, &after) >=
                    after.count);
        most = gone > most ? gone : most;
    }
    assert_int_equal(most, before.count);
}

static void
test_swap_exchanges_two_ops(void **state)
{
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t one;
        size_t two;
        struct op op;

        mutate(mutator_swap, seed);
        assert_int_equal(after.count, before.count);
        one = same_head(&before, &after);
        two = before.count - 1 - same_tail(&before, &after);
        assert_true(one < two && two < before.count);
        op = after.ops[one];
        after.ops[one] = after.ops[two];
        after.ops[two] = op;
        assert_int_equal(same_head(&before, &after), before.count);
    }
}

static void
test_tweak_changes_one_operand_that_the_op_has(void **state)
{
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        const struct op *old;
        const struct op *new;
        size_t at;

        mutate(mutator_tweak, seed);
        assert_int_equal(after.count, before.count);
        at = same_head(&before, &after);
        assert_int_equal(at + 1 + same_tail(&before, &after), before.count);
        old = &before.ops[at];
        new = &after.ops[at];
        assert_int_equal(old->code, new->code);
        assert_int_equal(operands_changed(old, new), 1);
        assert_true(old->pool == new->pool || op_has(old->code, 'p'));
        assert_true(old->number == new->number || op_has(old->code, 'n'));
        assert_true(old->amount == new->amount || op_has(old->code, 's'));
    }
}

/* Whether a tweak gives the amount to op number at. */
static int
reaches(size_t at, uint64_t amount)
{
    uint64_t seed;

    for (seed = 0; seed < SEEDS_MANY; seed++) {
        mutate(mutator_tweak, seed);
        if (after.ops[at].amount == amount && before.ops[at].amount != amount) {
            return 1;
        }
    }
    return 0;
}

static void
test_tweak_reaches_neighbours_boundaries_and_other_ops(void **state)
{
    enum {
        PALLOC = 1,
    };

    (void) state;
    assert_true(reaches(PALLOC, op_amount(OP_BYTES, 99)));
    assert_true(reaches(PALLOC, op_amount(OP_BYTES, 101)));
    assert_true(reaches(PALLOC, op_amount(OP_MAX, 3)));
    assert_true(reaches(PALLOC, op_amount(OP_MAX, 4)));
    assert_true(reaches(PALLOC, op_amount(OP_LEFT, 8)));
    assert_true(reaches(PALLOC, op_amount(OP_LEFT, 9)));
    assert_true(reaches(PALLOC, op_amount(OP_PAGE, 1)));
    assert_true(reaches(PALLOC, op_amount(OP_BEYOND, 0)));
    assert_true(reaches(PALLOC, op_amount(OP_UNITS, 300)));
    assert_true(reaches(PALLOC, op_amount(OP_BYTES, 1000)));
}

/* Such a size passes for a small one where only 32 bits of it are compared. */
static void
test_some_sizes_beyond_have_a_small_lower_half(void **state)
{
    size_t seen[2] = {0, 0};
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS_MANY; seed++) {
        uint64_t amount;

        mutator_init(&after, MUTATOR_POOL, seed);
        amount = sample_amount(&after, OP_PALLOC);
        if (op_amount_mode(amount) == OP_BEYOND) {
            uint64_t bytes_asked = UINT64_MAX - op_amount_value(amount);
            uint32_t lower = (uint32_t) bytes_asked;

            assert_true(bytes_asked >> 32 == UINT32_MAX);
            assert_true(lower < 4096 || UINT32_MAX - lower < 4096);
            seen[lower < 4096]++;
        }
    }
    assert_true(seen[1] != 0);
    assert_in_range(seen[1], seen[0] / 6, seen[0] / 2);
}

static void
test_replace_keeps_the_operands_that_both_have(void **state)
{
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        const struct op *old;
        const struct op *new;
        size_t at;

        mutate(mutator_replace, seed);
        assert_int_equal(after.count, before.count);
        at = same_head(&before, &after);
        assert_int_equal(at + 1 + same_tail(&before, &after), before.count);
        old = &before.ops[at];
        new = &after.ops[at];
        assert_int_not_equal(old->code, new->code);
        assert_true(old->pool == new->pool || !op_has(old->code, 'p') ||
                    !op_has(new->code, 'p'));
        assert_true(old->number == new->number || !op_has(old->code, 'n') ||
                    !op_has(new->code, 'n'));
        assert_true(old->amount == new->amount || !op_has(old->code, 's') ||
                    !op_has(new->code, 's'));
    }
}

/* The added run is a run of the program, once or a few times. */
static void
test_duplicate_copies_a_run(void **state)
{
    unsigned seen[5] = {0};
    unsigned follows = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t copies;
        size_t count;
        size_t at;
        size_t i;

        mutate(mutator_duplicate, seed);
        count = check_inserted(&at);
        for (copies = 1; copies <= 4; copies++) {
            size_t run = count / copies;

            if (count % copies != 0 || !is_run(&before, &after.ops[at], run)) {
                continue;
            }
            for (i = run; i < count &&
                          is_same(&after.ops[at + i], &after.ops[at + i - run]);
                 i++) {
            }
            if (i == count) {
                break;
            }
        }
        assert_in_range(copies, 1, 4);
        seen[copies]++;
        for (i = 0;
             i < count / copies && at >= count / copies &&
             is_same(&after.ops[at + i], &after.ops[at + i - count / copies]);
             i++) {
        }
        follows += i == count / copies;
    }
    assert_true(seen[1] != 0 && seen[2] != 0 && seen[3] != 0 && seen[4] != 0);
    assert_in_range(follows, SEEDS / 2, SEEDS - 1);
}

/* Also where the program already has as many ops as work_most allows. A few of
 * the programs then do 1,024 ops, or up to 15 less. */
static void
test_repeat_lets_an_op_be_done_more_often(void **state)
{
    size_t most = 0;
    size_t filled = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t count;
        size_t at;
        size_t i;

        start(MUTATOR_POOL, seed);
        before.work_most = 16;
        change(mutator_repeat);
        count = check_inserted(&at);
        assert_true(at != 0);
        for (i = 0; i < count; i++) {
            assert_int_equal(after.ops[at + i].code, OP_AGAIN);
            assert_int_equal(after.ops[at + i].number, 15);
        }
        if (count > 8) {
            assert_int_equal(after.work_most, 1024);
            assert_in_range(work_of(&after), 1024 - 15, 1024);
            filled++;
            continue;
        }
        assert_int_equal(after.work_most - before.work_most, 16 * count);
        most = count > most ? count : most;
    }
    assert_int_equal(most, 8);
    assert_in_range(filled, SEEDS / 32, SEEDS / 8);
}

/* Each round is equal to the run before it, and the program does no more ops
 * than it may. */
static void
test_loop_lets_a_run_follow_itself(void **state)
{
    unsigned seen[9] = {0}; /* indexed by the length of the run */
    size_t most = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t run = 1;
        size_t count;
        size_t at;

        mutate(mutator_loop, seed);
        count = check_inserted(&at);
        assert_in_range(work_of(&after), 0, after.work_most);
        while (run < 8 && (run > at || count % run != 0 ||
                           !is_loop(&after.ops[at - run], run, count))) {
            run++;
        }
        assert_true(run <= at && is_loop(&after.ops[at - run], run, count));
        assert_int_equal(count % run, 0);
        seen[run]++;
        most = count / run > most ? count / run : most;
    }
    assert_true(seen[1] != 0 && seen[4] != 0 && seen[8] != 0);
    assert_int_equal(most, 64);
}

/* Each round of such a loop has pools of its own. */
static void
test_loop_spreads_the_pools_of_traces_alone(void **state)
{
    static const enum mutator_use uses[] = {MUTATOR_POOL, MUTATOR_MIXED,
                                            MUTATOR_THREADS, MUTATOR_TRACE};
    size_t spread[MUTATOR_USES] = {0};
    uint64_t seed;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        for (seed = 0; seed < SEEDS; seed++) {
            uint32_t most = 0;
            size_t at;

            mutator_init(&after, uses[i], seed);
            mutator_read(&after, bytes, size);
            (void) mutator_loop(&after);
            for (at = 0; at < after.count; at++) {
                most = after.ops[at].pool > most ? after.ops[at].pool : most;
            }
            spread[uses[i]] += most >= OP_POOLS;
        }
    }
    assert_in_range(spread[MUTATOR_TRACE], SEEDS / 8, SEEDS / 2);
    assert_int_equal(spread[MUTATOR_POOL] + spread[MUTATOR_MIXED] +
                         spread[MUTATOR_THREADS],
                     0);
}

/* Returns the number of ops again from an index on, each of which repeats 16
 * times. */
static size_t
count_again(size_t at)
{
    size_t count = 0;

    while (at + count < after.count && after.ops[at + count].code == OP_AGAIN &&
           after.ops[at + count].number == 15) {
        count++;
    }
    return count;
}

/* The repeated op is a reset, or a create where there is no pool. */
static void
test_age_ends_many_regions(void **state)
{
    size_t least = SIZE_MAX;
    size_t most = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t count;
        size_t at;

        start(MUTATOR_POOL, seed);
        before.work_most = 16;
        change(mutator_age);
        count = check_inserted(&at);
        /* If the next op is a reset too, the first different op is the one
         * after. */
        at -= after.ops[at].code == OP_AGAIN;
        assert_int_equal(after.ops[at].code, at == 0 ? OP_CREATE : OP_RESET);
        assert_true(count_again(at + 1) >= count - 1);
        assert_int_equal(after.work_most - before.work_most,
                         1 + 16 * (count - 1));
        least = count < least ? count : least;
        most = count > most ? count : most;
    }
    assert_int_equal(least, 5);
    assert_int_equal(most, 9);
}

/* A row of frees; before it may be a row of large allocations, and before that
 * an op that lets all allocations of cleared memory fail. */
static void
test_drain_repeats_a_free(void **state)
{
    size_t seen[3] = {0, 0, 0}; /* one row, two rows, and the op before them */
    size_t most = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t rows = 0;
        size_t inserted;
        size_t end;
        size_t at;

        start(MUTATOR_POOL, seed);
        before.work_most = 16;
        change(mutator_drain);
        inserted = check_inserted(&at);
        at -= after.ops[at].code == OP_AGAIN;
        if (at == 0) {
            assert_int_equal(after.ops[at].code, OP_CREATE);
            continue;
        }
        end = at + inserted;
        if (after.ops[at].code == OP_FAIL_ALLOC) {
            assert_int_equal(after.ops[at].number, OP_FAIL_CLEARED);
            seen[2]++;
            at++;
        }
        if (after.ops[at].code == OP_PALLOC) {
            assert_int_equal(op_amount_mode(after.ops[at].amount), OP_BIG);
            assert_in_range(op_amount_value(after.ops[at].amount), 2, 5);
            rows = count_again(at + 1);
            assert_in_range(rows, 1, 8);
            at += 1 + rows;
            seen[1]++;
        }
        assert_int_equal(after.ops[at].code, OP_PFREE_LARGE);
        assert_in_range(end - at - 1, 1, 8);
        assert_true(count_again(at + 1) >= end - at - 1);
        most = end - at - 1 > most ? end - at - 1 : most;
        rows += end - at - 1;
        assert_true(after.work_most - before.work_most >= 16 * rows);
        seen[0]++;
    }
    assert_int_equal(most, 8);
    assert_in_range(seen[1], seen[0] * 2 / 5, seen[0] * 3 / 5);
    assert_in_range(seen[2], seen[1] * 2 / 5, seen[1] * 3 / 5);
}

/* The program but for an op nginx at each end of a run. */
static void
test_nginx_starts_and_ends_a_run(void **state)
{
    size_t longest = 0;
    size_t ends = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t from;
        size_t tail;
        size_t to;

        start(MUTATOR_MIXED, seed);
        change(mutator_nginx);
        from = same_head(&before, &after);
        tail = same_tail(&before, &after);
        to = after.count - 1 - tail;
        assert_int_equal(after.count, before.count + 2);
        assert_int_equal(after.ops[from].code, OP_NGINX);
        assert_int_equal(after.ops[to].code, OP_NGINX);
        assert_true(to == from + 1 ||
                    is_run(&before, &after.ops[from + 1], to - from - 1));
        longest = to - from - 1 > longest ? to - from - 1 : longest;
        ends += after.ops[to].number == 0;
    }
    assert_int_equal(longest, before.count);
    assert_in_range(ends, SEEDS * 2 / 5, SEEDS * 7 / 10);

    after = before;
    after.count = MUTATOR_OPS_MAX - 1;
    assert_int_equal(mutator_nginx(&after), 0);
    start(MUTATOR_POOL, 0);
    assert_int_equal(mutator_nginx(&before), 0);
}

/* The lowest digit, in base 15, is what the handler does; a handler that adds a
 * cleanup takes the next digit. */
static void
test_handlers_have_one_to_three_digits(void **state)
{
    size_t seen[3] = {0};
    uint64_t seed;
    size_t at;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        mutate(mutator_insert, seed);
        if (check_inserted(&at) == 1 && after.ops[at].code == OP_CLEANUP) {
            uint32_t number = after.ops[at].number;

            assert_in_range(number, 0, 15 * 15 * 15 - 1);
            seen[(number >= 15) + (number >= 15 * 15)]++;
        }
    }
    assert_true(seen[0] != 0 && seen[1] != 0 && seen[2] != 0);
}

/* A region ends, the limit becomes 1 to 8 bytes less than what is kept, and 33
 * regions end. Half of the mutations have a row of ends before, and some a few
 * ops of the program after that row. Half of these have no limit. */
static void
test_lower_keeps_less_than_there_is(void **state)
{
    size_t seen[6] = {0}; /* by the ops that are copied; the last: no row */
    size_t unlimited = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        const struct op *limit;
        const struct op *end;
        size_t count;
        size_t at;

        mutate(mutator_lower, seed);
        count = check_inserted(&at);
        limit = find_limit(&after);
        if (limit == NULL) {
            assert_in_range(count, 7, 11);
            unlimited++;
            continue;
        }
        assert_true(op_amount_value(limit->amount) < 8);
        end = limit + 1;
        assert_int_equal(limit[-1].code, end->code);
        assert_true(end->code == OP_RESET || end->code == OP_CREATE);
        assert_int_equal(end[1].code, OP_AGAIN);
        assert_int_equal(end[1].number, 15);
        assert_int_equal(end[2].code, OP_AGAIN);
        assert_int_equal(end[2].number, 15);
        assert_in_range(count, 5, 12);
        assert_true(count == 5 || count >= 8);
        seen[count == 5 ? 5 : count - 8]++;
    }
    assert_in_range(seen[5], SEEDS / 3, SEEDS * 2 / 3);
    assert_in_range(unlimited, SEEDS / 6, SEEDS / 3);
    assert_true(seen[0] != 0 && seen[1] != 0 && seen[2] != 0 && seen[3] != 0 &&
                seen[4] != 0);
}

/* A program that has a limit at its start does not change. Some limits are as
 * small as an allocation, others are up to 32 MiB, or above 32 bits. */
static void
test_keep_starts_with_a_limit(void **state)
{
    const struct op_scale scale = {.max = 4095, .left = 0, .page = 4096};
    size_t seen[3] = {0, 0, 0};
    size_t count;
    size_t limit;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        mutator_init(&after, MUTATOR_POOL, seed);
        mutator_read(&after, bytes, size);
        count = after.count;
        assert_true(mutator_keep(&after));
        assert_int_equal(after.count, count + 1);
        assert_int_equal(after.ops[0].code, OP_CACHE_LIMIT);
        assert_int_equal(after.ops[1].code, OP_CREATE);
        assert_false(mutator_keep(&after));
        assert_int_equal(after.count, count + 1);

        limit = op_size(&after.ops[0], &scale);
        seen[0] += limit < 256 * 1024;
        seen[1] += limit > 1024 * 1024 && limit < 32 * 1024 * 1024;
        seen[2] += op_amount_value(after.ops[0].amount) >> 32 != 0;
    }
    assert_true(seen[0] > SEEDS / 5 && seen[1] > SEEDS / 25 &&
                seen[2] > SEEDS / 25);
}

static void
test_splice_inserts_a_run_of_the_other_program(void **state)
{
    static struct mutator donor;
    uint64_t seed;

    (void) state;
    mutator_init(&donor, MUTATOR_POOL, 0);
    mutator_read(&donor, other, other_size);
    for (seed = 0; seed < SEEDS; seed++) {
        size_t count;
        size_t at;

        mutate(splice, seed);
        count = check_inserted(&at);
        assert_in_range(count, 1, donor.count);
        assert_true(is_run(&donor, &after.ops[at], count));
    }
}

static void
test_cross_joins_a_head_and_a_tail(void **state)
{
    static struct mutator donor;
    unsigned whole = 0;
    uint64_t seed;

    (void) state;
    mutator_init(&donor, MUTATOR_POOL, 0);
    mutator_read(&donor, other, other_size);
    for (seed = 0; seed < SEEDS; seed++) {
        size_t head;
        size_t tail;

        mutate(cross, seed);
        head = same_head(&before, &after);
        tail = same_tail(&donor, &after);
        assert_in_range(tail, 1, donor.count);
        assert_int_equal(head + tail, after.count);
        whole += tail == donor.count;
    }
    assert_in_range(whole, SEEDS / 4, SEEDS - 1);
}

static void
test_mutations_of_nothing_change_nothing(void **state)
{
    static const mutation_fn mutations[] = {
        mutator_delete,    mutator_swap,   mutator_tweak, mutator_replace,
        mutator_duplicate, mutator_repeat, mutator_loop,
    };
    size_t i;

    (void) state;
    mutator_init(&after, MUTATOR_POOL, 0);
    for (i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
        assert_int_equal(mutations[i](&after), 0);
        assert_int_equal(after.count, 0);
    }
    assert_int_equal(mutator_splice(&after, NULL, 0), 0);
    assert_int_equal(mutator_cross(&after, NULL, 0), 0);
    assert_int_equal(after.count, 0);
}

static void
test_full_programs_get_no_more_ops(void **state)
{
    static const mutation_fn mutations[] = {
        mutator_insert, mutator_duplicate, mutator_repeat,
        mutator_loop,   mutator_age,       mutator_drain,
        mutator_lower,  mutator_nginx,     splice,
    };
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(mutations) / sizeof(mutations[0]); i++) {
        mutator_init(&before, MUTATOR_MIXED, i);
        while (before.count != MUTATOR_OPS_MAX) {
            before.ops[before.count++] = (struct op){.code = OP_CREATE};
        }
        after = before;
        assert_int_equal(mutations[i](&after), 0);
        assert_int_equal(after.count, MUTATOR_OPS_MAX);
        assert_int_equal(same_head(&before, &after), MUTATOR_OPS_MAX);
    }
    assert_int_equal(cross(&after), 1);
    assert_in_range(after.count, 1, MUTATOR_OPS_MAX);
}

static void
test_a_mutation_changes_the_program(void **state)
{
    uint64_t seed;
    size_t same = 0;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        uint8_t out[BYTES_MAX];
        size_t length;

        mutator_init(&after, MUTATOR_POOL, seed);
        mutator_read(&after, bytes, size);
        mutator_mutate(&after, NULL, 0);
        length = mutator_write(&after, out, sizeof(out));
        same += length == size && memcmp(out, bytes, size) == 0;
    }
    /* Several mutations may undo each other. */
    assert_true(same < SEEDS / 100);
}

/* One in four long programs may stay long. Of the others, half do at most 16
 * ops, and a quarter at most 32. */
static void
test_long_programs_are_rare(void **state)
{
    size_t within_16 = 0;
    size_t within_32 = 0;
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t work;

        mutator_init(&after, MUTATOR_POOL, seed);
        while (after.count != MUTATOR_OPS_MAX) {
            after.ops[after.count++] =
                (struct op){.code = OP_AGAIN, .number = 15};
        }
        mutator_mutate(&after, NULL, 0);
        work = work_of(&after);
        assert_in_range(work, 0, 1024);
        within_16 += work <= 16;
        within_32 += work <= 32;
    }
    assert_in_range(within_16, SEEDS * 3 / 10, SEEDS * 45 / 100);
    assert_in_range(within_32, SEEDS * 45 / 100, SEEDS * 65 / 100);
}

/* Makes random bytes. Most start with a version; many have known opcodes. */
static size_t
random_bytes(uint32_t *seed, uint8_t *out)
{
    size_t length = random_next(seed) % BYTES_MAX;
    unsigned way = random_next(seed) % 4;
    size_t i;

    for (i = 0; i < length; i++) {
        out[i] = (uint8_t) random_next(seed);
        if (way == 0) {
            out[i] %= OP_COUNT + 2;
        }
    }
    if (length != 0 && way < 3) {
        out[0] = 1 + (uint8_t) (random_next(seed) % 2);
    }
    return length;
}

/* Copies bytes into memory of their size, so that a checker sees reads after
 * the end. */
static uint8_t *
exactly(const uint8_t *data, size_t length)
{
    uint8_t *copy = malloc(length != 0 ? length : 1);

    assert_non_null(copy);
    memcpy(copy, data, length);
    return copy;
}

static uint64_t
mix(uint64_t hash, const uint8_t *data, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        hash = (hash ^ data[i]) * 0x100000001b3;
    }
    return (hash ^ length) * 0x100000001b3;
}

/* Mutate random bytes with other random bytes, and check the output. Returns
 * its hash. */
static uint64_t
check_output(uint32_t *seed)
{
    uint8_t buffers[2][BYTES_MAX];
    uint8_t out[2 * BYTES_MAX + GUARD_SIZE];
    char error[PROGRAM_ERROR_MAX] = "";
    enum mutator_use use;
    size_t lengths[2];
    uint8_t *data[2];
    size_t size_max;
    size_t length;
    uint64_t hash;
    size_t i;

    for (i = 0; i < 2; i++) {
        lengths[i] = random_bytes(seed, buffers[i]);
        data[i] = exactly(buffers[i], lengths[i]);
    }
    size_max = 1 + random_next(seed) % (2 * BYTES_MAX);
    memset(out, GUARD, sizeof(out));

    /* One statement each, since the order of arguments is not defined. */
    use = (enum mutator_use)(random_next(seed) % MUTATOR_USES);
    mutator_init(&after, use, random_next(seed));
    mutator_read(&after, data[0], lengths[0]);
    mutator_mutate(&after, random_next(seed) % 2 ? data[1] : NULL, lengths[1]);
    length = mutator_write(&after, out, size_max);

    assert_in_range(length, 1, size_max);
    for (i = 0; i < GUARD_SIZE; i++) {
        assert_int_equal(out[size_max + i], GUARD);
    }
    assert_int_equal(program_check(out, length, error), 0);
    assert_string_equal(error, "");
    assert_int_equal(out[0], lengths[0] != 0 && data[0][0] == OP_FIXED
                                 ? OP_FIXED
                                 : OP_VARIABLE);
    hash = mix(0, out, length);
    free(data[0]);
    free(data[1]);
    return hash;
}

static void
test_output_of_any_input_is_a_program_that_fits(void **state)
{
    uint32_t seed = 1;
    size_t i;

    (void) state;
    for (i = 0; i < SEEDS; i++) {
        (void) check_output(&seed);
    }
}

static void
test_output_of_no_bytes_is_none(void **state)
{
    uint8_t out[1] = {GUARD};

    (void) state;
    mutator_init(&after, MUTATOR_POOL, 1);
    mutator_read(&after, bytes, size);
    assert_int_equal(mutator_write(&after, out, 0), 0);
    assert_int_equal(out[0], GUARD);
    assert_int_equal(mutator_write(&after, out, 1), 1);
    assert_int_equal(out[0], OP_VARIABLE);
}

static void
test_output_of_version_1_has_numbers_that_it_can_hold(void **state)
{
    static const uint8_t version[] = {OP_FIXED};
    uint8_t out[1 + OP_SIZE];
    struct op op;
    struct op_before start = {0};

    (void) state;
    mutator_init(&after, MUTATOR_POOL, 1);
    mutator_read(&after, version, sizeof(version));
    after.ops[after.count++] = (struct op){
        .code = OP_PMEMALIGN,
        .pool = OP_POOLS + 1,
        .number = UINT8_MAX + 3,
        .amount = op_amount(OP_UNITS, OP_VALUES_1 + 5),
    };
    assert_int_equal(mutator_write(&after, out, sizeof(out)), sizeof(out));
    op_decode(&op, OP_FIXED, &start, out + 1, OP_SIZE);
    assert_int_equal(op.code, OP_PMEMALIGN);
    assert_int_equal(op.pool, 1);
    assert_int_equal(op.number, 2);
    assert_true(op.amount == op_amount(OP_UNITS, 5));
}

static void
test_output_that_is_unchanged_is_the_input(void **state)
{
    uint8_t out[BYTES_MAX];

    (void) state;
    mutator_init(&after, MUTATOR_POOL, 1);
    mutator_read(&after, bytes, size);
    assert_int_equal(mutator_write(&after, out, size), size);
    assert_memory_equal(out, bytes, size);
}

/* A few bytes change, at any place. The output never has more bytes than
 * size_max. */
static void
test_bytes_are_changed_inserted_and_deleted(void **state)
{
    unsigned shorter = 0;
    unsigned longer = 0;
    unsigned changed[BYTES_MAX] = {0};
    uint64_t seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        uint8_t out[BYTES_MAX + GUARD_SIZE];
        size_t size_max = seed % 2 ? BYTES_MAX : size;
        size_t length;
        size_t i;

        memset(out, GUARD, sizeof(out));
        mutator_init(&after, MUTATOR_POOL, seed);
        assert_int_equal(mutator_bytes(&after, bytes, size, out, 0), 0);
        length = mutator_bytes(&after, bytes, size, out, size_max);
        assert_in_range(length, size - 4,
                        size_max < size + 4 ? size_max : size + 4);
        assert_int_equal(out[size_max], GUARD);
        shorter += length < size;
        longer += length > size;
        for (i = 0; length == size && i < size; i++) {
            changed[i] += out[i] != bytes[i];
        }
    }
    assert_in_range(shorter, SEEDS / 8, SEEDS / 2);
    assert_in_range(longer, SEEDS / 16, SEEDS / 4);
    assert_true(changed[0] != 0 && changed[size - 1] != 0);
}

/* For every compiler, machine and optimization. */
static void
test_output_is_the_same_everywhere(void **state)
{
    uint32_t seed = 1;
    uint64_t hash = 0;
    size_t i;

    (void) state;
    for (i = 0; i < SEEDS; i++) {
        uint32_t again = seed;
        uint64_t one = check_output(&seed);

        assert_true(one == check_output(&again));
        hash = hash * 31 + one;
    }
    assert_int_equal((uint32_t) (hash >> 32), everywhere);
}

size_t
LLVMFuzzerMutate(uint8_t *data, size_t length, size_t size_max)
{
    assert_in_range(length, 0, size_max);
    assert_non_null(data);
    byte_mutations++;
    return length;
}

/* Whether a program has an op of the other program that no mutation makes. */
static int
has_of_other(const uint8_t *data, size_t length)
{
    struct mutator program;
    size_t i;

    mutator_init(&program, MUTATOR_POOL, 0);
    mutator_read(&program, data, length);
    for (i = 0; i < program.count; i++) {
        const struct op *op = &program.ops[i];

        if ((op->code == OP_RUN_FILE || op->code == OP_CLEANUP_FILE) &&
            op->number == 7) {
            return 1;
        }
    }
    return 0;
}

/* The mutation is in place. Sometimes libFuzzer's own mutation is called. */
static void
test_libfuzzer_mutates_records_and_bytes(void **state)
{
    char error[PROGRAM_ERROR_MAX];
    unsigned seed;

    (void) state;
    byte_mutations = 0;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t size_max = size + seed % 32;
        uint8_t *data = malloc(size_max);
        size_t length;

        assert_non_null(data);
        memcpy(data, bytes, size);
        length = LLVMFuzzerCustomMutator(data, size, size_max, seed);
        assert_in_range(length, 1, size_max);
        assert_int_equal(program_check(data, length, error), 0);
        free(data);
    }
    assert_in_range(byte_mutations, 1, SEEDS / 2);
}

/* What a comparison of mutators asks for. */
static void
test_libfuzzer_mutates_bytes_alone(void **state)
{
    static uint8_t out[BYTES_MAX];
    unsigned seed;

    (void) state;
    byte_mutations = 0;
    assert_int_equal(setenv("NGXPOOL_MUTATOR", "bytes", 1), 0);
    for (seed = 1; seed <= SEEDS; seed++) {
        memcpy(out, bytes, size);
        (void) LLVMFuzzerCustomMutator(out, size, sizeof(out), seed);
        (void) LLVMFuzzerCustomCrossOver(bytes, size, other, other_size, out,
                                         1 + seed % sizeof(out), seed);
    }
    assert_int_equal(unsetenv("NGXPOOL_MUTATOR"), 0);
    assert_int_equal(byte_mutations, 2 * SEEDS);
}

static void
test_libfuzzer_crosses_over(void **state)
{
    char error[PROGRAM_ERROR_MAX];
    unsigned from_other = 0;
    unsigned seed;

    (void) state;
    for (seed = 0; seed < SEEDS; seed++) {
        size_t size_max = 1 + seed % BYTES_MAX;
        uint8_t *out = malloc(size_max);
        size_t length;

        assert_non_null(out);
        length = LLVMFuzzerCustomCrossOver(bytes, size, other, other_size, out,
                                           size_max, seed);
        assert_in_range(length, 1, size_max);
        assert_int_equal(program_check(out, length, error), 0);
        from_other += has_of_other(out, length);
        free(out);
    }
    assert_in_range(from_other, SEEDS / 8, SEEDS);
}

static void
test_afl_keeps_to_its_limit(void **state)
{
    char error[PROGRAM_ERROR_MAX];
    unsigned from_other = 0;
    unsigned no_program = 0;
    void *data;
    unsigned i;

    (void) state;
    assert_int_equal(setenv("AFL_INPUT_LEN_MAX", "40", 1), 0);
    data = afl_custom_init(NULL, 1);
    assert_non_null(data);
    for (i = 0; i < SEEDS; i++) {
        size_t size_max = i % 2 ? BYTES_MAX : 20;
        uint8_t *out;
        size_t length = afl_custom_fuzz(data, bytes, size, &out, other,
                                        other_size, size_max);

        assert_in_range(length, 1, i % 2 ? 40 : 20);
        no_program += program_check(out, length, error) != 0;
        from_other += has_of_other(out, length);
    }
    assert_in_range(from_other, SEEDS / 16, SEEDS);
    assert_in_range(no_program, 1, SEEDS / 16); /* where bytes are mutated */
    afl_custom_deinit(data);
}

/* The same seed gives the same outputs, also without another program. */
static void
test_afl_depends_on_its_seed(void **state)
{
    void *data[2];
    unsigned i;

    (void) state;
    assert_int_equal(unsetenv("AFL_INPUT_LEN_MAX"), 0);
    data[0] = afl_custom_init(NULL, 7);
    data[1] = afl_custom_init(NULL, 7);
    assert_true(data[0] != NULL && data[1] != NULL);
    for (i = 0; i < SEEDS; i++) {
        size_t lengths[2];
        uint8_t *outs[2];
        unsigned j;

        for (j = 0; j < 2; j++) {
            lengths[j] = afl_custom_fuzz(data[j], bytes, size, &outs[j], NULL,
                                         0, BYTES_MAX);
        }
        assert_int_equal(lengths[0], lengths[1]);
        assert_memory_equal(outs[0], outs[1], lengths[0]);
    }
    afl_custom_deinit(data[0]);
    afl_custom_deinit(data[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_insert_adds_a_run_of_ops),
        cmocka_unit_test(test_insert_creates_a_pool_before_it_is_used),
        cmocka_unit_test(test_insert_knows_every_op_of_the_list),
        cmocka_unit_test(test_insert_leaves_nginx_to_the_mixed_pool),
        cmocka_unit_test(test_insert_makes_ops_of_regions_for_threads),
        cmocka_unit_test(test_delete_removes_one_run),
        cmocka_unit_test(test_swap_exchanges_two_ops),
        cmocka_unit_test(test_tweak_changes_one_operand_that_the_op_has),
        cmocka_unit_test(
            test_tweak_reaches_neighbours_boundaries_and_other_ops),
        cmocka_unit_test(test_some_sizes_beyond_have_a_small_lower_half),
        cmocka_unit_test(test_replace_keeps_the_operands_that_both_have),
        cmocka_unit_test(test_duplicate_copies_a_run),
        cmocka_unit_test(test_repeat_lets_an_op_be_done_more_often),
        cmocka_unit_test(test_loop_lets_a_run_follow_itself),
        cmocka_unit_test(test_loop_spreads_the_pools_of_traces_alone),
        cmocka_unit_test(test_age_ends_many_regions),
        cmocka_unit_test(test_drain_repeats_a_free),
        cmocka_unit_test(test_nginx_starts_and_ends_a_run),
        cmocka_unit_test(test_handlers_have_one_to_three_digits),
        cmocka_unit_test(test_lower_keeps_less_than_there_is),
        cmocka_unit_test(test_keep_starts_with_a_limit),
        cmocka_unit_test(test_splice_inserts_a_run_of_the_other_program),
        cmocka_unit_test(test_cross_joins_a_head_and_a_tail),
        cmocka_unit_test(test_mutations_of_nothing_change_nothing),
        cmocka_unit_test(test_full_programs_get_no_more_ops),
        cmocka_unit_test(test_a_mutation_changes_the_program),
        cmocka_unit_test(test_long_programs_are_rare),
        cmocka_unit_test(test_output_of_any_input_is_a_program_that_fits),
        cmocka_unit_test(test_output_of_no_bytes_is_none),
        cmocka_unit_test(test_output_of_version_1_has_numbers_that_it_can_hold),
        cmocka_unit_test(test_output_that_is_unchanged_is_the_input),
        cmocka_unit_test(test_bytes_are_changed_inserted_and_deleted),
        cmocka_unit_test(test_output_is_the_same_everywhere),
        cmocka_unit_test(test_libfuzzer_mutates_records_and_bytes),
        cmocka_unit_test(test_libfuzzer_mutates_bytes_alone),
        cmocka_unit_test(test_libfuzzer_crosses_over),
        cmocka_unit_test(test_afl_keeps_to_its_limit),
        cmocka_unit_test(test_afl_depends_on_its_seed),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
