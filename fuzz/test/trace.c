/* Traces: the actions of programs, and that any trace is valid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "naive.h"
#include "program.h"
#include "random_next.h"
#include "roundtrip.h"
#include "trace.h"
#include "validity.h"

enum {
    TEXT_SIZE = 4096,
    RANDOM_COUNT = 20000,
    RANDOM_SIZE = 512,
    DAMAGED = 100000,
};

static const char *const names[TRACE_CODES] = {
    "create", "alloc",   "resize", "free",  "drop",
    "steal",  "cleanup", "run",    "reset", "destroy",
};

/* Prints the trace as text: code, region, then the code's other fields. */
static void
print(const struct trace *trace, char *out)
{
    size_t i;

    *out = '\0';
    for (i = 0; i < trace->count; i++) {
        const struct trace_action *action = &trace->actions[i];

        out += sprintf(out, "%s r%u", names[action->code], action->region);
        switch (action->code) {
        case TRACE_CREATE:
            out += sprintf(out, " %u", (unsigned) action->size);
            if (action->other != TRACE_NONE) {
                out += sprintf(out, " under r%u", action->other);
            }
            break;
        case TRACE_RESIZE:
            out += sprintf(out, " o%u %u of o%u", action->object,
                           (unsigned) action->size, action->other);
            break;
        case TRACE_ALLOC:
        case TRACE_STEAL:
            out += sprintf(out, " o%u %u", action->object,
                           (unsigned) action->size);
            break;
        case TRACE_FREE:
        case TRACE_DROP:
            out += sprintf(out, " o%u", action->object);
            break;
        default:
            break;
        }
        out += sprintf(out, "\n");
    }
}

static void
check(const char *text, const char *expected)
{
    uint8_t bytes[TEXT_SIZE];
    char printed[TEXT_SIZE];
    size_t length;
    struct trace trace;

    assert_int_equal(
        program_parse(text, OP_VARIABLE, bytes, sizeof(bytes), &length), 0);
    assert_int_equal(trace_init(&trace, bytes, length), 0);
    print(&trace, printed);
    assert_string_equal(printed, expected);
    trace_done(&trace);
}

static void
test_trace_drops_what_a_region_has_at_its_end(void **state)
{
    (void) state;
    check("create p7 1024\npalloc p7 8\npnalloc p7 9\nreset p7\npcalloc p7 10\n"
          "destroy p7\npalloc p7 11\n",
          "create r0 1024\nalloc r0 o0 8\nalloc r0 o1 9\ndrop r0 o0\n"
          "drop r0 o1\nreset r0\nalloc r0 o1 10\ndrop r0 o1\ndestroy r0\n");
}

static void
test_trace_ends_all_regions_newest_first(void **state)
{
    (void) state;
    check("create p1 1024\ncreate p2 1024\npalloc p1 1\n",
          "create r0 1024\ncreate r1 1024\nalloc r0 o0 1\ndestroy r1\n"
          "drop r0 o0\ndestroy r0\n");
}

static void
test_trace_uses_slots_again(void **state)
{
    (void) state;
    check("create p900 1024\ndestroy p900\ncreate p901 1024\npalloc p901 1\n"
          "free #0\npalloc p901 2\n",
          "create r0 1024\ndestroy r0\ncreate r0 1024\nalloc r0 o0 1\n"
          "free r0 o0\nalloc r0 o0 2\ndrop r0 o0\ndestroy r0\n");
}

/* Ops that made no object count, and ops whose object has ended. */
static void
test_trace_counts_ages_in_ops(void **state)
{
    (void) state;
    check("create p0 1024\npalloc p0 1\npalloc p0 2\npalloc p5 3\nfree #1\n"
          "free #1\nfree #0\nfree #3\nresize #2 4\nfree #0\n",
          "create r0 1024\nalloc r0 o0 1\nalloc r0 o1 2\nfree r0 o1\n"
          "resize r0 o1 4 of o0\nfree r0 o1\ndestroy r0\n");
}

static void
test_trace_ends_children_before_their_parent(void **state)
{
    (void) state;
    check("create p0 1024\ncreate_child p1 #0 2048\ncreate_child p2 #1 1024\n"
          "create_child p3 #0 1024\npalloc p2 5\nreset p0\npalloc p1 1\n"
          "create_child p1 #0 512\ndestroy p0",
          "create r0 1024\ncreate r1 2048 under r0\ncreate r2 1024 under r1\n"
          "create r3 1024 under r0\nalloc r2 o0 5\ndestroy r3\ndrop r2 o0\n"
          "destroy r2\ndestroy r1\nreset r0\ncreate r1 512 under r0\n"
          "destroy r1\ndestroy r0\n");
}

static void
test_trace_moves_regions_and_objects(void **state)
{
    (void) state;
    check("create p0 1024\ncreate p1 1024\ncreate_child p2 #0 1024\n"
          "adopt p2 #1\nadopt p1 #2\npalloc p0 9\nsteal p2 #0\ndestroy p0\n"
          "destroy p1\n",
          "create r0 1024\ncreate r1 1024\ncreate r2 1024 under r0\n"
          "alloc r0 o0 9\nsteal r2 o0 9\ndestroy r0\ndrop r2 o0\ndestroy r2\n"
          "destroy r1\n");
}

/* The numbers 59 and 118 share a slot of the hash table. */
static void
test_trace_finds_a_region_after_one_that_ended(void **state)
{
    (void) state;
    check("create p59 1024\ncreate p118 1024\ndestroy p59\npalloc p118 1\n",
          "create r0 1024\ncreate r1 1024\ndestroy r0\nalloc r1 o0 1\n"
          "drop r1 o0\ndestroy r1\n");
}

static void
test_trace_keeps_an_object_that_cannot_grow(void **state)
{
    (void) state;
    check("create p0 1024\npalloc p0 1\nresize #0 top-3\npalloc p0 2\n"
          "free #2\n",
          "create r0 1024\nalloc r0 o0 1\nalloc r0 o1 2\nfree r0 o0\n"
          "drop r0 o1\ndestroy r0\n");
}

/* A region that is made again below its own child gets no parent. */
static void
test_trace_makes_no_region_below_itself(void **state)
{
    (void) state;
    check("create p0 1024\ncreate_child p1 #0 1024\ncreate_child p0 #1 2048\n"
          "adopt p0 #0\n",
          "create r0 1024\ncreate r1 1024 under r0\ndestroy r1\ndestroy r0\n"
          "create r0 2048\ndestroy r0\n");
    check("create p0 1024\ncreate_child p1 #0 1024\ncreate_child p2 #1 1024\n"
          "create_child p3 #2 1024\nadopt p0 #3\ndestroy p0\n",
          "create r0 1024\ncreate r1 1024 under r0\ncreate r2 1024 under r1\n"
          "create r3 1024 under r2\ndestroy r3\ndestroy r2\ndestroy r1\n"
          "destroy r0\n");
}

static void
test_trace_runs_cleanups_once(void **state)
{
    (void) state;
    check("create p0 1024\ncleanup p0 #0 8\ncleanup_file p0 #1\n"
          "cleanup p0 #0 0\ncleanup_run p0 #0\nreset p0\ncleanup_run p0 #0\n",
          "create r0 1024\ncleanup r0\ncleanup r0\ncleanup r0\nrun r0\n"
          "run r0\nrun r0\nreset r0\ndestroy r0\n");
}

static void
test_trace_frees_large_ones_in_turn(void **state)
{
    (void) state;
    check("create p0 1024\npalloc p0 2000\npalloc p0 8\npmemalign p0 #5 8\n"
          "pfree_large p0 #3\npfree_large p0 #7\npfree_large p0 #0\n",
          "create r0 1024\nalloc r0 o0 2000\nalloc r0 o1 8\nalloc r0 o2 8\n"
          "free r0 o2\nfree r0 o0\ndrop r0 o1\ndestroy r0\n");
}

static void
test_trace_leaves_out_ops_of_fuzzers(void **state)
{
    struct trace trace;
    uint8_t bytes[TEXT_SIZE];
    size_t length;

    (void) state;
    check("create p0 95\npalloc p0 1\ncreate p1 1024\npalloc p1 top-1\n"
          "fail_alloc #0\ncache_trim\npalloc p1 max+0\nagain #1\n",
          "create r0 1024\nalloc r0 o0 928\nalloc r0 o1 928\nalloc r0 o2 928\n"
          "drop r0 o0\ndrop r0 o1\ndrop r0 o2\ndestroy r0\n");
    assert_int_equal(program_parse("palloc p0 1\ncreate p0 1024\nnop\n",
                                   OP_FIXED, bytes, sizeof(bytes), &length),
                     0);
    assert_int_equal(trace_init(&trace, bytes, length), 0);
    assert_int_equal(trace.ops, 3);
    assert_int_equal(trace.idle_ops, 2);
    trace_done(&trace);
    assert_int_equal(trace_init(&trace, bytes, 0), 0);
    assert_int_equal(trace.count, 0);
    trace_done(&trace);
}

static void
check_valid(const struct trace *trace, const uint8_t *data, size_t size)
{
    const char *broken = validity_check(trace);

    if (broken == NULL) {
        broken = naive_check(trace, data, size);
    }
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
}

/* Makes a random program. Pools are few, objects young, sizes usual, so that
 * most ops have an effect. */
static size_t
random_program(uint32_t *seed, uint8_t *out)
{
    struct program_end end;
    size_t size = program_end_init(
        &end, random_next(seed) % 2 ? OP_FIXED : OP_VARIABLE, out);

    while (size < RANDOM_SIZE) {
        const struct op op = {
            .code = (uint8_t) (random_next(seed) % OP_COUNT),
            .pool = random_next(seed) % 3,
            .number = random_next(seed) % 8,
            .amount = op_amount(OP_BYTES, random_next(seed) % 3000),
        };

        size += program_end_add(&end, &op, out + size);
    }
    return size;
}

static size_t
random_bytes(uint32_t *seed, uint8_t *out, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        out[i] = (uint8_t) random_next(seed);
    }
    return size;
}

static void
test_trace_of_any_program_is_valid(void **state)
{
    uint8_t bytes[RANDOM_SIZE + OP_SIZE_MAX];
    uint32_t seed = 9;
    size_t ops = 0;
    size_t idle_ops = 0;
    struct trace trace;
    size_t i;

    (void) state;
    for (i = 0; i < RANDOM_COUNT; i++) {
        size_t size = random_program(&seed, bytes);

        if (i % 4 == 0) {
            (void) random_bytes(&seed, bytes + 1, size - 1);
        }
        assert_int_equal(trace_init(&trace, bytes, size), 0);
        check_valid(&trace, bytes, size);
        ops += trace.ops;
        idle_ops += trace.idle_ops;
        trace_done(&trace);
    }
    assert_true(idle_ops < ops * 9 / 10);
}

/* A damaged file is refused, or is another program with a valid trace. */
static void
test_damaged_programs_are_refused_or_valid(void **state)
{
    uint8_t bytes[RANDOM_SIZE + OP_SIZE_MAX];
    uint32_t seed = 11;
    size_t refused = 0;
    size_t i;

    (void) state;
    for (i = 0; i < DAMAGED; i++) {
        size_t size = random_program(&seed, bytes) % (1 + i % RANDOM_SIZE);
        char error[PROGRAM_ERROR_MAX] = "";
        struct trace trace;

        switch (i % 3) {
        case 0: /* cut off above */
            break;
        case 1:
            bytes[random_next(&seed) % (size + 1)] ^=
                (uint8_t) (1 << random_next(&seed) % 8);
            break;
        default:
            size = random_bytes(&seed, bytes, size);
            break;
        }
        if (program_check(bytes, size, error) != 0) {
            assert_memory_equal(error, "offset ", 7);
            assert_non_null(strstr(error, "found "));
            assert_non_null(strstr(error, "expected "));
            refused++;
        }
        assert_int_equal(trace_init(&trace, bytes, size), 0);
        check_valid(&trace, bytes, size);
        trace_done(&trace);
        assert_null(roundtrip_check(bytes, size));
    }
    assert_in_range(refused, DAMAGED / 4, DAMAGED - DAMAGED / 10);
}

static void
test_check_finds_the_first_error(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t size;
        const char *error;
    } cases[] = {
        {{0}, 0, "offset 0: found the end, expected version 1 to 3"},
        {{4}, 1, "offset 0: found version 4, expected 1 to 3"},
        {{1, OP_COUNT}, 5, "offset 1: found opcode 37, expected one below 37"},
        {{2, 0, OP_COUNT},
         3,
         "offset 2: found opcode 37, expected one below 37"},
        {{1, OP_PALLOC, 0, 8},
         4,
         "offset 1: found 3 bytes of \"palloc\", expected the 4 bytes that a "
         "writer makes"},
        {{2, OP_NOP, OP_PALLOC},
         3,
         "offset 2: found 1 bytes of \"palloc\", expected the 2 bytes that a "
         "writer makes"},
        {{2, OP_PALLOC, 0x81, 0x00},
         4,
         "offset 1: found 3 bytes of \"palloc\", expected the 2 bytes that a "
         "writer makes"},
    };
    char error[PROGRAM_ERROR_MAX];
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(program_check(cases[i].bytes, cases[i].size, error),
                         -EINVAL);
        assert_string_equal(error, cases[i].error);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trace_drops_what_a_region_has_at_its_end),
        cmocka_unit_test(test_trace_ends_all_regions_newest_first),
        cmocka_unit_test(test_trace_uses_slots_again),
        cmocka_unit_test(test_trace_counts_ages_in_ops),
        cmocka_unit_test(test_trace_ends_children_before_their_parent),
        cmocka_unit_test(test_trace_moves_regions_and_objects),
        cmocka_unit_test(test_trace_finds_a_region_after_one_that_ended),
        cmocka_unit_test(test_trace_keeps_an_object_that_cannot_grow),
        cmocka_unit_test(test_trace_makes_no_region_below_itself),
        cmocka_unit_test(test_trace_runs_cleanups_once),
        cmocka_unit_test(test_trace_frees_large_ones_in_turn),
        cmocka_unit_test(test_trace_leaves_out_ops_of_fuzzers),
        cmocka_unit_test(test_trace_of_any_program_is_valid),
        cmocka_unit_test(test_damaged_programs_are_refused_or_valid),
        cmocka_unit_test(test_check_finds_the_first_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
