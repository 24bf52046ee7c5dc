/* Ops as bytes and as text: each encoding can be read as the same ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "program.h"
#include "random_next.h"

enum {
    RANDOM_COUNT = 10000,
};

static const struct op_scale scale = {.max = 100, .left = 50, .page = 4096};

/* Makes a random op that a version can hold, with small and great numbers. */
static struct op
random_op(uint32_t *seed, enum op_version version)
{
    unsigned bits = version == OP_FIXED ? 1 : random_next(seed) % 2;
    uint32_t number = random_next(seed) >> random_next(seed) % 32;
    uint64_t value = ((uint64_t) random_next(seed) << 32 | random_next(seed)) >>
                     (3 + random_next(seed) % OP_VALUE_BITS);
    struct op op = {
        .code = (uint8_t) (random_next(seed) % OP_COUNT),
        .pool = bits ? random_next(seed) % OP_POOLS
                     : random_next(seed) >> random_next(seed) % 32,
        .number = number,
        .amount = op_amount((enum op_mode)(random_next(seed) % 8), value),
    };

    if (version == OP_FIXED) {
        op.number %= UINT8_MAX + 1;
        op.amount = op_amount(op_amount_mode(op.amount),
                              op_amount_value(op.amount) % OP_VALUES_1);
    }
    return op;
}

/* Versions 2 and 3 have only the operands that the op has. */
static void
check_same(const struct op *op, const struct op *again, enum op_version version)
{
    assert_int_equal(again->code, op->code);
    if (version == OP_FIXED || op_has(op->code, 'p')) {
        assert_int_equal(again->pool, op->pool);
    }
    if (version == OP_FIXED || op_has(op->code, 'n')) {
        assert_int_equal(again->number, op->number);
    }
    if (version == OP_FIXED || op_has(op->code, 's')) {
        assert_true(again->amount == op->amount);
    }
}

static void
test_bytes_are_the_same_after_decoding(void **state)
{
    unsigned code;
    struct op_before before = {0};

    (void) state;
    for (code = 0; code < OP_CODES; code++) {
        uint8_t bytes[OP_SIZE] = {(uint8_t) (code | 3 << 6), 0xa5, 0x5a, 0xff};
        uint8_t again[OP_SIZE_MAX];
        struct op op;

        assert_int_equal(op_decode(&op, OP_FIXED, &before, bytes, OP_SIZE),
                         OP_SIZE);
        assert_int_equal(op.code, code);
        assert_int_equal(op.pool, 3);
        assert_int_equal(op_encode(&op, OP_FIXED, &before, again), OP_SIZE);
        assert_memory_equal(bytes, again, OP_SIZE);
    }
}

static void
test_ops_are_the_same_after_encoding(void **state)
{
    static const enum op_version versions[] = {OP_FIXED, OP_VARIABLE, OP_NEAR};
    uint32_t seed = 5;
    size_t v;
    size_t i;

    (void) state;
    for (v = 0; v < sizeof(versions) / sizeof(versions[0]); v++) {
        struct op_before written = {0};
        struct op_before read = {0};

        for (i = 0; i < RANDOM_COUNT; i++) {
            struct op op = random_op(&seed, versions[v]);
            uint8_t bytes[OP_SIZE_MAX];
            size_t size = op_encode(&op, versions[v], &written, bytes);
            struct op again;

            assert_in_range(size, 1, OP_SIZE_MAX);
            assert_int_equal(
                op_decode(&again, versions[v], &read, bytes, sizeof(bytes)),
                size);
            check_same(&op, &again, versions[v]);
        }
    }
}

static void
test_ops_that_version_1_cannot_hold_are_refused(void **state)
{
    static const struct op ops[] = {
        {.code = OP_PALLOC, .pool = OP_POOLS},
        {.code = OP_PFREE_LARGE, .number = UINT8_MAX + 1},
        {.code = OP_PALLOC, .amount = OP_VALUES_1},
    };
    uint8_t bytes[OP_SIZE_MAX];
    struct op_before before = {0};
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_int_equal(op_encode(&ops[i], OP_FIXED, &before, bytes), 0);
        assert_true(op_encode(&ops[i], OP_VARIABLE, &before, bytes) > 0);
    }
}

/* The ops of recorded programs. */
static void
test_ops_are_short_in_version_2(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"palloc p7 127", 3}, /* another pool takes a byte */
        {"palloc p7 127", 2},       {"palloc p7 128", 3},
        {"palloc p7 16383", 3},     {"palloc p7 16384", 4},
        {"free #127", 2},           {"free #128", 3},
        {"destroy p7", 1},          {"reset p300", 3},
        {"pmemalign p300 #4 8", 3}, {"palloc p300 max+0", 2},
    };
    uint8_t bytes[OP_SIZE_MAX];
    struct op_before before = {0};
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct op op;

        assert_int_equal(op_parse(&op, cases[i].text), 0);
        assert_int_equal(op_encode(&op, OP_VARIABLE, &before, bytes),
                         cases[i].size);
    }
}

/* Version 3 writes a free's age, or its distance from the last free. */
static void
test_ops_near_frees_are_short_in_version_3(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"free #127", 2},   {"free #100000", 4}, /* far from the last free */
        {"free #99999", 2}, {"free #99998", 2},  /* the next younger one */
        {"palloc p0 8", 2}, {"free #99998", 2},  /* the next younger one */
        {"resize #7 8", 3}, {"free #100063", 3}, /* 64 older */
        {"free #99999", 2}, {"free #5", 2},      {"free #100000", 4},
    };
    struct op_before written = {0};
    struct op_before read = {0};
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t bytes[OP_SIZE_MAX];
        struct op op;
        struct op again;

        assert_int_equal(op_parse(&op, cases[i].text), 0);
        assert_int_equal(op_encode(&op, OP_NEAR, &written, bytes),
                         cases[i].size);
        assert_int_equal(
            op_decode(&again, OP_NEAR, &read, bytes, sizeof(bytes)),
            cases[i].size);
        check_same(&op, &again, OP_NEAR);
    }
}

/* The bytes are written by hand: files of version 3 must keep their meaning. */
static void
test_programs_of_version_3_are_read(void **state)
{
    /* free 10000, free 1 less, palloc, free 2 more, resize, free the same */
    const uint8_t bytes[] = {OP_NEAR,
                             OP_FREE,
                             0x90,
                             0x4e,
                             OP_FREE | 1 << 7,
                             1,
                             OP_PALLOC,
                             16,
                             OP_FREE | 1 << 7,
                             4,
                             OP_RESIZE,
                             7,
                             16,
                             OP_FREE | 1 << 7,
                             0};
    static const uint32_t ages[] = {10000, 9999, 0, 10002, 7, 10003};
    struct program program;
    struct op op;
    size_t i;

    (void) state;
    program_init(&program, bytes, sizeof(bytes));
    for (i = 0; program_next(&program, &op); i++) {
        assert_int_equal(op.number, ages[i]);
    }
    assert_int_equal(i, 6);
}

static void
test_text_is_the_same_after_parsing(void **state)
{
    uint32_t seed = 1;
    size_t i;

    (void) state;
    for (i = 0; i < RANDOM_COUNT; i++) {
        struct op op = random_op(&seed, i % 2 ? OP_FIXED : OP_VARIABLE);
        char text[OP_TEXT_SIZE];
        char text_again[OP_TEXT_SIZE];
        struct op again;
        size_t length = op_print(&op, text);

        assert_int_equal(length, strlen(text));
        assert_int_equal(op_parse(&again, text), 0);
        assert_int_equal(again.code, op.code);
        op_print(&again, text_again);
        assert_string_equal(text, text_again);
        /* The text of an op without a size does not have its amount. */
        if (op_has(op.code, 's')) {
            assert_int_equal(op_size(&again, &scale), op_size(&op, &scale));
        }
    }
}

static void
test_ops_have_the_size_of_their_text(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"palloc p0 0", 0},
        {"palloc p0 8191", 8191},
        {"palloc p0 16*8191", 131056},
        {"palloc p0 4096*31", 126976},
        {"palloc p0 max-3", 97},
        {"palloc p0 max+0", 100},
        {"palloc p0 max+3", 103},
        {"palloc p0 left-8", 42},
        {"palloc p0 left+8", 58},
        {"palloc p0 page-1", 4095},
        {"palloc p0 page+1", 4097},
        {"palloc p0 top-0", SIZE_MAX},
        {"palloc p0 top-8191", SIZE_MAX - 8191},
        {"palloc p4000000000 8192", 8192},
        {"resize #4000000000 100000000000", 100000000000},
        {"palloc p0 16*2305843009213693951", SIZE_MAX},
    };
    const struct op_scale nothing = {0};
    const struct op_scale little = {.left = 5};
    const struct op_scale all = {.max = SIZE_MAX - 1};
    struct op op;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(op_parse(&op, cases[i].text), 0);
        assert_int_equal(op_size(&op, &scale), cases[i].size);
    }
    assert_int_equal(op_parse(&op, "palloc p0 left-8"), 0);
    assert_int_equal(op_size(&op, &nothing), 0);
    assert_int_equal(op_size(&op, &little), 0);
    assert_int_equal(op_parse(&op, "palloc p0 max+1"), 0);
    assert_true(op_size(&op, &all) == SIZE_MAX);
    assert_int_equal(op_parse(&op, "palloc p0 max+2"), 0);
    assert_true(op_size(&op, &all) == SIZE_MAX);
}

static void
test_ops_refuse_text_that_is_no_op(void **state)
{
    static const char *const refused[] = {
        "pallok p0 1",
        "palloc",
        "palloc p0",
        "palloc p4294967296 1",
        "palloc p0 2305843009213693952",
        "palloc p0 18446744073709551617",
        "palloc p0 max+4",
        "palloc p0 left-9",
        "palloc p0 page+2",
        "palloc p0 max",
        "palloc p0 top+1",
        "palloc p0 -1",
        "palloc p0 1 2",
        "palloc 1",
        "pfree_large p0 #4294967296",
        "pfree_large p0 1",
        "palloc p0 1x",
        "palloc p0 4096*32",
        "a_word_that_is_longer_than_any_op's",
        "nop a_word_that_is_longer_than_any_op's",
    };
    static const char *const empty[] = {"", "  ", "\n", "# text", " \t# text"};
    struct op op;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(op_parse(&op, refused[i]), -EINVAL);
    }
    for (i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        assert_int_equal(op_parse(&op, empty[i]), -ENOENT);
    }
}

static void
test_unknown_ops_do_nothing(void **state)
{
    struct op op = {.code = OP_COUNT, .pool = 1, .number = 2, .amount = 3};
    char text[OP_TEXT_SIZE];

    (void) state;
    op_print(&op, text);
    assert_string_equal(text, "nop");
    assert_null(op_meaning(OP_COUNT));
    assert_string_equal(op_meaning(OP_NOP), "do nothing");
}

static void
test_any_bytes_are_a_program(void **state)
{
    uint8_t bytes[64];
    uint32_t seed = 2;
    size_t i;

    (void) state;
    for (i = 0; i < RANDOM_COUNT; i++) {
        size_t size = random_next(&seed) % sizeof(bytes);
        enum op_version version = (enum op_version)(OP_FIXED + i % 3);
        size_t ops = 0;
        struct program program;
        struct op op;
        size_t j;

        for (j = 0; j < size; j++) {
            bytes[j] = (uint8_t) random_next(&seed);
        }
        bytes[0] = (uint8_t) version;
        program_init(&program, bytes, size);
        while (program_next(&program, &op)) {
            ops++;
        }
        if (version == OP_FIXED) {
            assert_int_equal(ops, size == 0 ? 0 : (size - 1 + 3) / OP_SIZE);
        }
        assert_int_equal(program.offset, size);
    }
}

static void
test_prefixes_are_shorter_programs(void **state)
{
    uint8_t bytes[1 + 8 * OP_SIZE];
    struct op ops[8];
    uint32_t seed = 3;
    struct program program;
    struct op op;
    size_t size;
    size_t i;

    (void) state;
    bytes[0] = OP_FIXED;
    for (i = 1; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) random_next(&seed);
    }
    program_init(&program, bytes, sizeof(bytes));
    for (i = 0; i < 8; i++) {
        assert_true(program_next(&program, &ops[i]));
    }

    for (size = 0; size <= sizeof(bytes); size++) {
        program_init(&program, bytes, size);
        for (i = 0; program_next(&program, &op); i++) {
            assert_int_equal(op.code, ops[i].code);
            assert_int_equal(op.pool, ops[i].pool);
            if (size >= 1 + (i + 1) * OP_SIZE) {
                assert_int_equal(op.number, ops[i].number);
                assert_true(op.amount == ops[i].amount);
            }
        }
    }
}

static void
test_programs_cut_records_end_in_zeros(void **state)
{
    const uint8_t bytes[] = {OP_FIXED, OP_PALLOC, 7, 9};
    struct program program;
    struct op op;

    (void) state;
    program_init(&program, bytes, sizeof(bytes));
    assert_true(program_next(&program, &op));
    assert_int_equal(op.number, 7);
    assert_int_equal(op.amount, 9);
    program_init(&program, bytes, 2);
    assert_true(program_next(&program, &op));
    assert_int_equal(op.code, OP_PALLOC);
    assert_int_equal(op.number, 0);
    assert_int_equal(op.amount, 0);
    assert_false(program_next(&program, &op));
}

/* A cut varint, whose last byte says that another byte follows, ends there. */
static void
test_programs_cut_varints_end_in_zeros(void **state)
{
    const uint8_t bytes[] = {OP_VARIABLE, OP_PALLOC | 1 << 6, 0x81, 0x02, 0x83};
    struct program program;
    struct op op;

    (void) state;
    program_init(&program, bytes, sizeof(bytes));
    assert_true(program_next(&program, &op));
    assert_int_equal(op.pool, 1 + (2 << 7));
    assert_int_equal(op_size(&op, &scale), 3);
    assert_false(program_next(&program, &op));
    program_init(&program, bytes, 2);
    assert_true(program_next(&program, &op));
    assert_int_equal(op.code, OP_PALLOC);
    assert_int_equal(op.pool, 0);
    assert_false(program_next(&program, &op));
}

/* The bytes of a varint that exceed its number's bits do not count. */
static void
test_programs_long_varints_are_cut(void **state)
{
    uint8_t bytes[16] = {OP_VARIABLE, OP_FREE};
    struct program program;
    struct op op;

    (void) state;
    memset(bytes + 2, 0xff, sizeof(bytes) - 2);
    program_init(&program, bytes, sizeof(bytes));
    assert_true(program_next(&program, &op));
    assert_int_equal(op.number, UINT32_MAX);
    assert_int_equal(program.offset, 2 + 5);
    bytes[1] = OP_PALLOC;
    program_init(&program, bytes, sizeof(bytes));
    assert_true(program_next(&program, &op));
    assert_true(op_amount_value(op.amount) ==
                ((uint64_t) 1 << OP_VALUE_BITS) - 1);
    assert_int_equal(program.offset, 2 + 10);
}

static void
test_errors_of_text_have_the_line(void **state)
{
    uint8_t bytes[1 + 2 * OP_SIZE];
    size_t length;

    (void) state;
    assert_int_equal(program_parse("nop\n\n# text\nnop #1\n", OP_FIXED, bytes,
                                   sizeof(bytes), &length),
                     -EINVAL);
    assert_int_equal(length, 4);
    assert_int_equal(
        program_parse("nop\nnop\nnop", OP_FIXED, bytes, sizeof(bytes), &length),
        -ENOSPC);
    assert_int_equal(length, 3);
    assert_int_equal(program_parse("nop\npalloc p4 1", OP_FIXED, bytes,
                                   sizeof(bytes), &length),
                     -ERANGE);
    assert_int_equal(length, 2);
    assert_int_equal(program_parse("", OP_FIXED, bytes, 0, &length), -ENOSPC);
    assert_int_equal(
        program_parse("nop\nnop", OP_FIXED, bytes, sizeof(bytes), &length), 0);
    assert_int_equal(length, sizeof(bytes));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_the_same_after_decoding),
        cmocka_unit_test(test_ops_are_the_same_after_encoding),
        cmocka_unit_test(test_ops_that_version_1_cannot_hold_are_refused),
        cmocka_unit_test(test_ops_are_short_in_version_2),
        cmocka_unit_test(test_ops_near_frees_are_short_in_version_3),
        cmocka_unit_test(test_programs_of_version_3_are_read),
        cmocka_unit_test(test_text_is_the_same_after_parsing),
        cmocka_unit_test(test_ops_have_the_size_of_their_text),
        cmocka_unit_test(test_ops_refuse_text_that_is_no_op),
        cmocka_unit_test(test_unknown_ops_do_nothing),
        cmocka_unit_test(test_any_bytes_are_a_program),
        cmocka_unit_test(test_prefixes_are_shorter_programs),
        cmocka_unit_test(test_programs_cut_records_end_in_zeros),
        cmocka_unit_test(test_programs_cut_varints_end_in_zeros),
        cmocka_unit_test(test_programs_long_varints_are_cut),
        cmocka_unit_test(test_errors_of_text_have_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
