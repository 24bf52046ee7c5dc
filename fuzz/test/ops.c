/* Ops as bytes and as text: what goes in comes out, and nothing is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "draw.h"
#include "program.h"

enum {
    FILE_SIZE = 4096, /* no seed is as long */
    PATH_SIZE = 512,
    DRAWN = 10000,
    SEEDS_MIN = 20, /* fewer: the folder was not found */
};

static const struct op_scale scale = {.max = 100, .left = 50, .page = 4096};

static void
test_ops_bytes_come_back(void **state)
{
    unsigned code;

    (void) state;
    for (code = 0; code < OP_CODES; code++) {
        uint8_t bytes[OP_SIZE] = {(uint8_t) (code | 3 << 6), 0xa5, 0x5a, 0xff};
        uint8_t again[OP_SIZE];
        struct op op;

        assert_int_equal(op_decode(&op, bytes, OP_SIZE), OP_SIZE);
        assert_int_equal(op.code, code);
        assert_int_equal(op.pool, 3);
        op_encode(&op, again);
        assert_memory_equal(bytes, again, OP_SIZE);
    }
}

static void
test_ops_text_comes_back(void **state)
{
    uint32_t seed = 1;
    size_t i;

    (void) state;
    for (i = 0; i < DRAWN; i++) {
        struct op op = {
            .code = (uint8_t) (draw(&seed) % OP_COUNT),
            .pool = (uint8_t) (draw(&seed) % OP_POOLS),
            .who = (uint8_t) draw(&seed),
            .amount = (uint16_t) draw(&seed),
        };
        char text[OP_TEXT_SIZE];
        char text_again[OP_TEXT_SIZE];
        struct op again;
        size_t length = op_print(&op, text);

        assert_int_equal(length, strlen(text));
        assert_int_equal(op_parse(&again, text), 0);
        assert_int_equal(again.code, op.code);
        op_print(&again, text_again);
        assert_string_equal(text, text_again);
        /* Only where the text shows the amount must it come back. */
        op.amount ^= 1;
        op_print(&op, text_again);
        op.amount ^= 1;
        if (strcmp(text, text_again) != 0) {
            assert_int_equal(op_size(&again, &scale), op_size(&op, &scale));
        }
    }
}

static void
test_ops_sizes_are_what_their_text_says(void **state)
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
    };
    const struct op_scale nothing = {0};
    struct op op;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(op_parse(&op, cases[i].text), 0);
        assert_int_equal(op_size(&op, &scale), cases[i].size);
    }
    assert_int_equal(op_parse(&op, "palloc p0 left-8"), 0);
    assert_int_equal(op_size(&op, &nothing), 0);
}

static void
test_ops_refuse_what_is_no_text_of_theirs(void **state)
{
    static const char *const refused[] = {
        "pallok p0 1",
        "palloc",
        "palloc p0",
        "palloc p4 1",
        "palloc p0 8192",
        "palloc p0 16*8192",
        "palloc p0 max+4",
        "palloc p0 left-9",
        "palloc p0 page+2",
        "palloc p0 max",
        "palloc p0 top+1",
        "palloc p0 -1",
        "palloc p0 1 2",
        "palloc 1",
        "pfree_large p0 #256",
        "pfree_large p0 1",
        "palloc p0 1x",
        "palloc p0 4096*32",
        "a_word_that_is_longer_than_any_op's",
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
test_ops_unknown_ones_do_nothing(void **state)
{
    struct op op = {.code = OP_COUNT, .pool = 1, .who = 2, .amount = 3};
    char text[OP_TEXT_SIZE];

    (void) state;
    op_print(&op, text);
    assert_string_equal(text, "nop");
    assert_null(op_meaning(OP_COUNT));
    assert_string_equal(op_meaning(OP_NOP), "do nothing");
}

static void
test_programs_any_bytes_are_one(void **state)
{
    uint8_t bytes[64];
    uint32_t seed = 2;
    size_t i;

    (void) state;
    for (i = 0; i < DRAWN; i++) {
        size_t size = draw(&seed) % sizeof(bytes);
        size_t ops = 0;
        struct program program;
        struct op op;
        size_t j;

        for (j = 0; j < size; j++) {
            bytes[j] = (uint8_t) draw(&seed);
        }
        program_init(&program, bytes, size);
        while (program_next(&program, &op)) {
            ops++;
        }
        assert_int_equal(ops, size == 0 ? 0 : (size - 1 + 3) / OP_SIZE);
        assert_int_equal(program.offset, size);
    }
}

static void
test_programs_prefixes_are_shorter_ones(void **state)
{
    uint8_t bytes[1 + 8 * OP_SIZE];
    struct op ops[8];
    uint32_t seed = 3;
    struct program program;
    struct op op;
    size_t size;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) draw(&seed);
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
                assert_int_equal(op.who, ops[i].who);
                assert_int_equal(op.amount, ops[i].amount);
            }
        }
    }
}

static void
test_programs_cut_records_end_in_zeros(void **state)
{
    const uint8_t bytes[] = {PROGRAM_VERSION, OP_PALLOC, 7, 9};
    struct program program;
    struct op op;

    (void) state;
    program_init(&program, bytes, sizeof(bytes));
    assert_true(program_next(&program, &op));
    assert_int_equal(op.who, 7);
    assert_int_equal(op.amount, 9);
    program_init(&program, bytes, 2);
    assert_true(program_next(&program, &op));
    assert_int_equal(op.code, OP_PALLOC);
    assert_int_equal(op.who, 0);
    assert_int_equal(op.amount, 0);
    assert_false(program_next(&program, &op));
}

static void
test_programs_text_tells_the_line(void **state)
{
    uint8_t bytes[1 + 2 * OP_SIZE];
    size_t length;

    (void) state;
    assert_int_equal(
        program_parse("nop\n\n# text\nnop #1\n", bytes, sizeof(bytes), &length),
        -EINVAL);
    assert_int_equal(length, 4);
    assert_int_equal(
        program_parse("nop\nnop\nnop", bytes, sizeof(bytes), &length), -ENOSPC);
    assert_int_equal(length, 3);
    assert_int_equal(program_parse("", bytes, 0, &length), -ENOSPC);
    assert_int_equal(program_parse("nop\nnop", bytes, sizeof(bytes), &length),
                     0);
    assert_int_equal(length, sizeof(bytes));
}

static size_t
read_file(const char *path, uint8_t *ret_data)
{
    FILE *file = fopen(path, "rb");
    size_t size;

    assert_non_null(file);
    size = fread(ret_data, 1, FILE_SIZE, file);
    assert_int_equal(fclose(file), 0);
    assert_true(size < FILE_SIZE);
    ret_data[size] = '\0';
    return size;
}

/* corpus/seeds/NAME.ops is corpus/pool_ops/NAME. */
static void
test_programs_seeds_are_their_text(void **state)
{
    DIR *folder = opendir(CORPUS "/seeds");
    struct dirent *entry;
    size_t seeds = 0;

    (void) state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        size_t stem = strcspn(entry->d_name, ".");
        uint8_t text[FILE_SIZE];
        uint8_t bytes[FILE_SIZE];
        uint8_t parsed[FILE_SIZE];
        char path[PATH_SIZE];
        size_t length;

        if (strcmp(entry->d_name + stem, ".ops") != 0) {
            continue;
        }
        snprintf(path, sizeof(path), CORPUS "/seeds/%s", entry->d_name);
        read_file(path, text);
        assert_int_equal(
            program_parse((const char *) text, parsed, sizeof(parsed), &length),
            0);
        snprintf(path, sizeof(path), CORPUS "/pool_ops/%.*s", (int) stem,
                 entry->d_name);
        assert_int_equal(read_file(path, bytes), length);
        assert_memory_equal(bytes, parsed, length);
        seeds++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(seeds >= SEEDS_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops_bytes_come_back),
        cmocka_unit_test(test_ops_text_comes_back),
        cmocka_unit_test(test_ops_sizes_are_what_their_text_says),
        cmocka_unit_test(test_ops_refuse_what_is_no_text_of_theirs),
        cmocka_unit_test(test_ops_unknown_ones_do_nothing),
        cmocka_unit_test(test_programs_any_bytes_are_one),
        cmocka_unit_test(test_programs_prefixes_are_shorter_ones),
        cmocka_unit_test(test_programs_cut_records_end_in_zeros),
        cmocka_unit_test(test_programs_text_tells_the_line),
        cmocka_unit_test(test_programs_seeds_are_their_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
