/* The checked executor: it depends on its program alone, and checks every
 * promise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "heap.h"
#include "oracle.h"
#include "program.h"
#include "random_next.h"

enum {
    PROGRAM_SIZE = 512,
    PROGRAMS = 300,
    PROMISES = 51,
    PROMISE_OF_THREADS = 47, /* a run has one thread, so it cannot check it */

    SLOTS = 64, /* places of large allocations */
    SLOT_SIZE = 16,
    ROUNDS = 20000,

    BYTES_MAX = 150, /* several rows of bytes.h, and a rest */
    BYTES_AROUND = 17,
};

static const struct run_options options = {.only = RUN_ALL};

static size_t
random_program(uint32_t *seed, uint8_t *ret_data)
{
    size_t size = random_next(seed) % PROGRAM_SIZE;
    size_t i;

    for (i = 0; i < size; i++) {
        ret_data[i] = (uint8_t) random_next(seed);
        if (i % OP_SIZE == 1) {
            /* Few pools and known ops, so that most ops have an effect. */
            ret_data[i] =
                (uint8_t) (random_next(seed) % OP_COUNT | ret_data[i] << 7);
        }
    }
    return size;
}

/* Promise 40, with other programs between. */
static void
test_run_depends_on_its_program_alone(void **state)
{
    static uint8_t programs[PROGRAMS][PROGRAM_SIZE];
    size_t sizes[PROGRAMS];
    uint64_t hashes[PROGRAMS];
    uint32_t seed = 1;
    size_t i;

    (void) state;
    for (i = 0; i < PROGRAMS; i++) {
        sizes[i] = random_program(&seed, programs[i]);
        hashes[i] = run_program(programs[i], sizes[i], &options)->hash;
    }
    for (i = PROGRAMS; i-- != 0;) {
        assert_int_equal(run_program(programs[i], sizes[i], &options)->hash,
                         hashes[i]);
    }
}

static void
test_run_hashes_of_programs_differ(void **state)
{
    static const char *const texts[] = {
        "create p0 1024\npalloc p0 8",
        "create p0 1024\npalloc p0 9",
        "create p0 1024\npalloc p1 8",
        "create p1 1024\npalloc p1 8",
        "create p0 1024\npalloc p0 8\nreset p0",
        "create p0 1024\nfail_alloc #0\npalloc p0 2000",
        "create p0 1024\npalloc p0 2000",
        "create p0 1024\npalloc p0 2000\nfree #0",
        "create p0 1024\npalloc p0 2000\nresize #0 3000",
        "create p0 1024\npalloc p0 2000\nresize #0 3000\nfree #0",
    };
    uint64_t hashes[sizeof(texts) / sizeof(texts[0])];
    size_t i;
    size_t j;

    (void) state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        uint8_t data[PROGRAM_SIZE];
        size_t size;

        assert_int_equal(
            program_parse(texts[i], OP_FIXED, data, sizeof(data), &size), 0);
        hashes[i] = run_program(data, size, &options)->hash;
        for (j = 0; j < i; j++) {
            assert_int_not_equal(hashes[i], hashes[j]);
        }
    }
}

static size_t last_limit;

static void
note_limit(const struct source_call *call)
{
    if (call->code == SOURCE_CACHE_LIMIT && call->size != 0) {
        last_limit = call->size;
    }
}

/* A pool of 1,000 bytes has ended, so these are kept. */
static void
test_run_limits_are_relative_to_what_is_kept(void **state)
{
    static const struct run_options noting = {
        .only = RUN_ALL,
        .note = note_limit,
    };
    static const struct {
        const char *text;
        size_t limit;
    } limits[] = {
        {"left-1", 999}, {"left+0", 1000}, {"left+8", 1008}, {"1001", 1001}};
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        uint8_t data[PROGRAM_SIZE];
        char text[64];
        size_t size;

        (void) snprintf(text, sizeof(text),
                        "cache_limit top-0\ncreate p0 1000\ndestroy p0\n"
                        "cache_limit %s\n",
                        limits[i].text);
        assert_int_equal(
            program_parse(text, OP_VARIABLE, data, sizeof(data), &size), 0);
        (void) run_program(data, size, &noting);
        assert_int_equal(last_limit, limits[i].limit);
    }
}

static void
test_run_leaves_no_memory(void **state)
{
    uint8_t data[PROGRAM_SIZE];
    uint32_t seed = 4;
    size_t i;

    (void) state;
    for (i = 0; i < PROGRAMS; i++) {
        size_t size = random_program(&seed, data);

        run_program(data, size, &options);
        assert_int_equal(heap_live_blocks(), 0);
        assert_int_equal(heap_live_bytes(), 0);
        assert_int_equal(ngx_pool_cache_size(), 0);
    }
}

static void
test_run_ends_at_its_bound(void **state)
{
    uint8_t data[1 + 2 * MODEL_OPS_MAX * OP_SIZE] = {OP_FIXED};
    const struct op create = {.code = OP_CREATE, .amount = 1024};
    const struct op handler = {.code = OP_CLEANUP, .number = SHADOW_ADDING};
    struct op_before before = {0};
    size_t i;

    (void) state;
    op_encode(&create, OP_FIXED, &before, data + 1);
    for (i = 1; i < 2 * MODEL_OPS_MAX; i++) {
        op_encode(&handler, OP_FIXED, &before, data + 1 + i * OP_SIZE);
    }
    assert_int_equal(run_program(data, sizeof(data), &options)->op_count,
                     MODEL_OPS_MAX);
}

static void
test_oracles_state_every_promise(void **state)
{
    unsigned stated[PROMISES + 1] = {0};
    unsigned number;
    size_t i;
    size_t j;

    (void) state;
    for (i = 0; i < oracle_count; i++) {
        assert_true(oracles[i]->promise_count > 0);
        for (j = 0; j < oracles[i]->promise_count; j++) {
            assert_non_null(oracles[i]->promises[j].words);
            assert_in_range(oracles[i]->promises[j].number, 1, PROMISES);
            stated[oracles[i]->promises[j].number]++;
        }
    }
    for (number = 1; number <= PROMISES; number++) {
        assert_true(stated[number] > 0 || number == PROMISE_OF_THREADS);
    }
}

/* A compiler may drop a variable that nothing reads. Then there is no such
 * section, and both addresses are NULL. */
extern unsigned char __start___libfuzzer_extra_counters[] __attribute__((weak));
extern unsigned char __stop___libfuzzer_extra_counters[] __attribute__((weak));

/* A state is a byte, and one program reaches several. */
static void
test_run_leaves_its_states_to_libfuzzer(void **state)
{
    unsigned char *states = __start___libfuzzer_extra_counters;
    size_t count = (size_t) (__stop___libfuzzer_extra_counters - states);
    uint8_t data[PROGRAM_SIZE];
    unsigned reached = 0;
    size_t size;
    size_t i;

    (void) state;
    assert_non_null(states);
    assert_int_equal(program_parse("create p0 1024\npalloc p0 5000", OP_FIXED,
                                   data, sizeof(data), &size),
                     0);
    memset(states, 0, count);
    (void) run_program(data, size, &options);
    for (i = 0; i < count; i++) {
        reached += states[i] != 0;
    }
    assert_in_range(reached, 4, count / 4);
}

/* The count is the same as when the range is compared with each. */
static void
test_shadow_counts_overlapping_allocations(void **state)
{
    static const struct model_spot large = {.place = MODEL_LARGE};
    static struct shadow_pool shadow;
    static unsigned char memory[SLOTS * SLOT_SIZE];
    uint32_t seed = 1;
    unsigned round;

    (void) state;
    shadow_clear(&shadow);
    for (round = 0; round < ROUNDS; round++) {
        unsigned char *p = memory + random_next(&seed) % SLOTS * SLOT_SIZE;
        size_t start = random_next(&seed) % sizeof(memory);
        size_t size = 1 + random_next(&seed) % (3 * SLOT_SIZE);
        struct shadow_range range = {memory + start, memory + start + size};
        unsigned expected = 0;
        size_t i;

        for (i = 0; i < shadow.allocation_count; i++) {
            if (shadow.allocations[i].p == p) {
                shadow_remove(&shadow, &shadow.allocations[i]);
                break;
            }
        }
        if (random_next(&seed) % 2 == 0) {
            shadow_add(&shadow, SHADOW_BYTES, p,
                       random_next(&seed) % (SLOT_SIZE + 1), &large, round);
        }
        for (i = 0; i < shadow.allocation_count; i++) {
            const struct shadow_allocation *live = &shadow.allocations[i];

            expected +=
                live->p < range.end && range.start < live->p + live->size;
        }
        assert_int_equal(shadow_count_overlapping(&shadow, range),
                         expected < 2 ? expected : 2);
    }
}

/* The allocation that the search finds is the first of its number that the
 * program's own ops made. Numbers grow along the list, some are missing, and
 * some are those of several allocations. */
static void
test_shadow_finds_the_allocation_of_a_number(void **state)
{
    static const struct model_spot small = {.place = MODEL_SMALL};
    static struct shadow_pool shadow;
    static unsigned char memory[1];
    uint32_t seed = 1;
    size_t number = 0;
    size_t wanted;
    size_t i;

    (void) state;
    shadow_clear(&shadow);
    for (i = 0; i < SLOTS; i++) {
        number += random_next(&seed) % 3;
        shadow_add(&shadow,
                   random_next(&seed) % 2 == 0 ? SHADOW_BYTES : SHADOW_NODE,
                   memory, 1, &small, number);
    }
    for (wanted = 0; wanted <= number + 1; wanted++) {
        struct shadow_allocation *expected = NULL;

        for (i = 0; i < SLOTS && expected == NULL && wanted != 0; i++) {
            if (shadow.allocations[i].number == wanted &&
                shadow.allocations[i].kind == SHADOW_BYTES) {
                expected = &shadow.allocations[i];
            }
        }
        assert_ptr_equal(shadow_numbered(&shadow, wanted), expected);
    }
}

/* At any address and of any size: all bytes are set and no other one, and one
 * byte that differs is seen. */
static void
test_bytes_are_filled_and_compared(void **state)
{
    unsigned char memory[BYTES_MAX + 2 * BYTES_AROUND];
    size_t start;
    size_t size;
    size_t i;

    (void) state;
    for (start = 1; start < BYTES_AROUND; start++) {
        for (size = 0; size <= BYTES_MAX; size++) {
            memset(memory, 0, sizeof(memory));
            bytes_fill(memory + start, 0xa5, size);
            for (i = 0; i < sizeof(memory); i++) {
                assert_int_equal(memory[i],
                                 i >= start && i < start + size ? 0xa5 : 0);
            }
            assert_true(bytes_are(memory + start, size, 0xa5));
            for (i = start; i < start + size; i++) {
                memory[i] ^= 0x80;
                assert_false(bytes_are(memory + start, size, 0xa5));
                memory[i] ^= 0x80;
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_depends_on_its_program_alone),
        cmocka_unit_test(test_run_hashes_of_programs_differ),
        cmocka_unit_test(test_run_limits_are_relative_to_what_is_kept),
        cmocka_unit_test(test_run_leaves_no_memory),
        cmocka_unit_test(test_run_ends_at_its_bound),
        cmocka_unit_test(test_oracles_state_every_promise),
        cmocka_unit_test(test_run_leaves_its_states_to_libfuzzer),
        cmocka_unit_test(test_shadow_counts_overlapping_allocations),
        cmocka_unit_test(test_shadow_finds_the_allocation_of_a_number),
        cmocka_unit_test(test_bytes_are_filled_and_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
