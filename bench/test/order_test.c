/* The order of a round, of rows that are never run. */
#include "measure/order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum {
    CELLS = 8,
    MEMBERS = 5, /* rows of a cell */
    ROWS = CELLS * MEMBERS,
    SEEDS = 50,
};

static struct row rows[ROWS];
static struct row *list[ROWS];

/* Cells of one workload, as two inputs and four n make them. The rows of a
 * cell do not follow each other, as in a plan. */
static void
make_rows(int slices)
{
    for (size_t i = 0; i < ROWS; i++) {
        size_t cell = i % CELLS;

        rows[i] = (struct row){
            .key = {.input = (uint32_t) (cell % 2),
                    .contender = (uint32_t) (i / CELLS)},
            .region = {.n = 1 + cell / 2},
            .slices = slices,
        };
        list[i] = &rows[i];
    }
}

static size_t
cell_of(uint32_t row)
{
    return row % CELLS;
}

static void
test_rows_of_a_cell_stand_together_and_alternate(void **state)
{
    (void) state;
    make_rows(3);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct order order;
        unsigned cells = 0;

        assert_int_equal(order_init(&order, list, ROWS, seed), 0);
        assert_int_equal(order.count, 3 * ROWS);
        for (size_t i = 0; i < order.count; i += MEMBERS) {
            size_t cell = cell_of(order.turns[i]);
            unsigned seen = 0;

            /* Each slice of the cell has all of its rows. */
            for (size_t j = 0; j < MEMBERS; j++) {
                assert_int_equal(cell_of(order.turns[i + j]), cell);
                seen |= 1u << (order.turns[i + j] / CELLS);
            }
            assert_int_equal(seen, (1u << MEMBERS) - 1);
            if (i % (3 * MEMBERS) == 0) {
                assert_int_equal(cells & 1u << cell, 0); /* only once */
                cells |= 1u << cell;
            }
            assert_true(cells & 1u << cell);
        }
        order_done(&order);
    }
}

static void
test_rows_have_as_many_turns_as_slices(void **state)
{
    struct order order;
    int seen[ROWS] = {0};

    (void) state;
    make_rows(1);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i].slices = 1 + (int) (i % 3) * 2;
    }
    assert_int_equal(order_init(&order, list, ROWS, 1), 0);
    for (size_t i = 0; i < order.count; i++) {
        seen[order.turns[i]]++;
    }
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(seen[i], rows[i].slices);
    }
    order_done(&order);
}

/* Each seed has an order; in many of them each cell comes first, and each row
 * within its cell. */
static void
test_order_depends_on_the_seed_alone(void **state)
{
    size_t size = ROWS * sizeof(uint32_t);
    unsigned first_cells = 0;
    unsigned first_members = 0;
    struct order before = {0};

    (void) state;
    make_rows(1);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct order order;
        struct order again;

        assert_int_equal(order_init(&order, list, ROWS, seed), 0);
        assert_int_equal(order_init(&again, list, ROWS, seed), 0);
        assert_memory_equal(order.turns, again.turns, size);
        order_done(&again);
        if (seed > 0) {
            assert_memory_not_equal(order.turns, before.turns, size);
        }
        first_cells |= 1u << cell_of(order.turns[0]);
        first_members |= 1u << (order.turns[0] / CELLS);
        order_done(&before);
        before = order;
    }
    order_done(&before);
    assert_int_equal(first_cells, (1u << CELLS) - 1);
    assert_int_equal(first_members, (1u << MEMBERS) - 1);
}

static void
test_no_rows_have_no_turns(void **state)
{
    struct order order;

    (void) state;
    assert_int_equal(order_init(&order, list, 0, 1), 0);
    assert_int_equal(order.count, 0);
    order_done(&order);
    order_done(&order);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rows_have_no_turns),
        cmocka_unit_test(test_order_depends_on_the_seed_alone),
        cmocka_unit_test(test_rows_have_as_many_turns_as_slices),
        cmocka_unit_test(test_rows_of_a_cell_stand_together_and_alternate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
