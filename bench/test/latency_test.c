/* Histograms of known values. */
#include "measure/latency.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan/generator.h"

enum {
    VALUES = 10000,
};

/* The last bucket holds all values from this one on. */
#define LAST_NS ((uint64_t) 63 << 35)

static const double shares[] = {0.0001, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};

enum {
    SHARES = sizeof(shares) / sizeof(shares[0]),
};

static int
compare_ns(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}

static void
assert_near(double found, uint64_t expected)
{
    double error = (double) expected * LATENCY_ERROR;

    assert_true(found >= (double) expected - error);
    assert_true(found <= (double) expected + error);
}

/* Values of all sizes from 1 to below 2^bits. */
static void
fill_random(uint64_t *values, unsigned bits)
{
    struct generator generator;

    generator_init(&generator, bits);
    for (size_t i = 0; i < VALUES; i++) {
        uint64_t length = 1 + generator_below(&generator, bits);

        values[i] = (uint64_t) 1 << (length - 1);
        values[i] |= generator_next(&generator) & (values[i] - 1);
    }
}

static void
test_percentiles_are_within_the_error(void **state)
{
    static uint64_t values[VALUES];

    (void) state;
    for (unsigned bits = 1; bits <= 40; bits++) {
        struct latency latency = {0};

        fill_random(values, bits);
        for (size_t i = 0; i < VALUES; i++) {
            latency_add(&latency, values[i]);
        }
        qsort(values, VALUES, sizeof(values[0]), compare_ns);
        for (size_t i = 0; i < SHARES; i++) {
            size_t at = (size_t) (shares[i] * VALUES + 0.5);

            assert_near(latency_percentile(&latency, shares[i]),
                        values[at - 1]);
        }
    }
}

static void
test_each_value_alone_is_found_exactly(void **state)
{
    (void) state;
    for (unsigned bit = 0; bit < 41; bit++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t ns = ((uint64_t) 1 << bit) + (uint64_t) (int64_t) step;
            struct latency latency = {0};

            latency_add(&latency, ns);
            assert_int_equal(latency.max_ns, ns);
            assert_near(latency_percentile(&latency, 0.5), ns);
            assert_true(latency_percentile(&latency, 1) <= (double) ns);
        }
    }
}

static void
test_maximum_is_exact(void **state)
{
    struct latency latency = {0};

    (void) state;
    latency_add(&latency, 1000003);
    latency_add(&latency, 5);
    assert_int_equal(latency.max_ns, 1000003);
    latency_add(&latency, UINT64_MAX);
    assert_int_equal(latency.max_ns, UINT64_MAX);
    assert_int_equal(latency.regions, 3);
    assert_int_equal(latency.buckets[LATENCY_BUCKETS - 1], 1);
    latency_add(&latency, LAST_NS - 1);
    assert_int_equal(latency.buckets[LATENCY_BUCKETS - 1], 1);
    latency_add(&latency, LAST_NS);
    assert_int_equal(latency.buckets[LATENCY_BUCKETS - 1], 2);
}

static void
test_merge_is_as_if_added_to_one(void **state)
{
    static uint64_t values[VALUES];
    struct latency all = {0};
    struct latency parts[2] = {{0}};

    (void) state;
    fill_random(values, 30);
    for (size_t i = 0; i < VALUES; i++) {
        latency_add(&all, values[i]);
        latency_add(&parts[i % 3 == 0], values[i]);
    }
    latency_merge(&parts[0], &parts[1]);
    assert_memory_equal(&parts[0], &all, sizeof(all));

    /* An empty one adds nothing. */
    memset(&parts[1], 0, sizeof(parts[1]));
    latency_merge(&parts[0], &parts[1]);
    assert_memory_equal(&parts[0], &all, sizeof(all));
}

static void
test_empty_has_no_percentiles(void **state)
{
    const struct latency latency = {0};

    (void) state;
    for (size_t i = 0; i < SHARES; i++) {
        assert_float_equal(latency_percentile(&latency, shares[i]), 0, 0);
    }
}

static void
test_clock_goes_on_and_has_a_cost(void **state)
{
    uint64_t start = latency_now_ns();
    double cost = latency_clock_ns();

    (void) state;
    assert_true(latency_now_ns() > start);
    assert_true(cost >= 0);
    assert_true(cost < 1e6);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_goes_on_and_has_a_cost),
        cmocka_unit_test(test_each_value_alone_is_found_exactly),
        cmocka_unit_test(test_empty_has_no_percentiles),
        cmocka_unit_test(test_maximum_is_exact),
        cmocka_unit_test(test_merge_is_as_if_added_to_one),
        cmocka_unit_test(test_percentiles_are_within_the_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
