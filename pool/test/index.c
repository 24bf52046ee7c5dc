/* The index by which ngx_pfree() finds one of many large allocations. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "draw.h"
#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 4096,
    WALKED = 16, /* a list so long is still walked */
    COUNT = 2000,
    SIZE = 1, /* of each, by ngx_pmemalign(): large, but cheap */
    ALIGNMENT = 16,
};

static void *allocate(ngx_pool_t *pool);
static ngx_pool_stats_t stats_of(const ngx_pool_t *pool);
static void shuffle(void **p, size_t count, uint32_t *seed);
static double pfree_seconds(size_t count);

static void
test_index_is_not_made_for_a_short_list(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[WALKED];
    size_t calls;
    size_t i;

    (void) state;
    for (i = 0; i < WALKED; i++) {
        p[i] = allocate(pool);
    }
    calls = heap_calls();
    for (i = 0; i < WALKED; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
    }
    assert_int_equal(heap_calls(), calls);
    assert_false(place_has_index(pool));
    ngx_destroy_pool(pool);
}

static void
test_index_is_not_made_before_a_pfree(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        (void) allocate(pool);
    }
    assert_false(place_has_index(pool));
    ngx_destroy_pool(pool);
}

static void
test_index_is_made_once_for_a_long_list(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[COUNT];
    size_t calls;
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        p[i] = allocate(pool);
    }
    calls = heap_calls();
    for (i = 0; i < COUNT; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
        assert_true(place_has_index(pool));
    }
    assert_int_equal(heap_calls(), calls + 1);
    ngx_destroy_pool(pool);
}

static void
test_index_goes_at_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks = heap_live_blocks();
    size_t i;

    (void) state;
    for (i = 0; i < WALKED + 1; i++) {
        (void) allocate(pool);
    }
    assert_int_equal(ngx_pfree(pool, &blocks), NGX_DECLINED);
    assert_true(place_has_index(pool));
    ngx_reset_pool(pool);
    assert_false(place_has_index(pool));
    assert_int_equal(heap_live_blocks(), blocks);
    ngx_destroy_pool(pool);
}

static void
test_index_finds_each_in_any_order(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    uint32_t seed = 1;
    void *p[COUNT];
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        p[i] = allocate(pool);
    }
    shuffle(p, COUNT, &seed);
    for (i = 0; i < COUNT; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_DECLINED);
    }
    assert_int_equal(stats_of(pool).large, 0);
    ngx_destroy_pool(pool);
}

/* Addresses collide, entries move back over the holes that others leave, the
 * index grows: whatever happens, it knows what is live and nothing else. */
static void
test_index_agrees_with_a_model(void **state)
{
    enum {
        SLOTS = 300,
        STEPS = 20000,
    };
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks;
    uint32_t seed = 2;
    void *slot[SLOTS] = {NULL};
    size_t live = 0;
    size_t step;
    size_t i;

    (void) state;
    for (step = 0; step < STEPS; step++) {
        i = draw(&seed) % SLOTS;
        if (slot[i] == NULL) {
            slot[i] = allocate(pool);
            live++;
        } else {
            assert_int_equal(ngx_pfree(pool, (u_char *) slot[i] + 1),
                             NGX_DECLINED);
            assert_int_equal(ngx_pfree(pool, slot[i]), NGX_OK);
            slot[i] = NULL;
            live--;
        }
    }
    assert_true(place_has_index(pool));

    blocks = heap_live_blocks();
    for (i = 0; i < SLOTS; i++) {
        if (slot[i] != NULL) {
            assert_int_equal(ngx_pfree(pool, slot[i]), NGX_OK);
        }
    }
    assert_int_equal(heap_live_blocks(), blocks - live);
    assert_int_equal(stats_of(pool).large, 0);
    ngx_destroy_pool(pool);
}

static void
test_index_grows_with_the_list(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[COUNT];
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        p[i] = allocate(pool);
        if (i == WALKED) {
            assert_int_equal(ngx_pfree(pool, &i), NGX_DECLINED);
        }
    }
    assert_true(place_has_index(pool));
    for (i = 0; i < COUNT; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
    }
    ngx_destroy_pool(pool);
}

/* Not at each turn where the next entry would be one too many. */
static void
test_index_is_not_made_anew_by_turns(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(16 * POOL_SIZE, NULL);
    void *p = NULL;
    size_t count;
    size_t calls;
    size_t turn;

    (void) state;
    for (count = 1; count < 200; count++) {
        p = allocate(pool);
        (void) ngx_pfree(pool, &count);
        calls = heap_calls();
        for (turn = 0; turn < 10; turn++) {
            assert_int_equal(ngx_pfree(pool, p), NGX_OK);
            p = allocate(pool);
        }
        assert_int_equal(heap_calls(), calls + 10);
    }
    ngx_destroy_pool(pool);
}

static void
test_index_has_no_more_memory_than_it_needs(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t bytes;
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        (void) allocate(pool);
    }
    bytes = heap_live_bytes();
    (void) ngx_pfree(pool, &i);

    /* At most four fifths full, but two at least, and four words of its own. */
    assert_in_range(heap_live_bytes() - bytes, 5 * COUNT / 4 * sizeof(void *),
                    (5 * COUNT / 2 + 4) * sizeof(void *));
    ngx_destroy_pool(pool);
}

/* Four times as many frees take four times as long; a walked list would need
 * sixteen times. The thread's own clock, so that others' load counts less. */
static void
test_index_makes_pfree_linear(void **state)
{
    enum {
        FEW = 3000,
        TRIES = 5, /* what disturbs all of them is no noise */
        BOUND = 10,
    };
    size_t n;

    (void) state;
    for (n = 0; n < TRIES; n++) {
        double few = pfree_seconds(FEW);
        double many = pfree_seconds(4 * FEW);

        if (many < BOUND * few) {
            return;
        }
    }
    fail_msg("ngx_pfree() of four times as many is over %d times slower",
             BOUND);
}

static void *
allocate(ngx_pool_t *pool)
{
    void *p = ngx_pmemalign(pool, SIZE, ALIGNMENT);

    assert_non_null(p);
    return p;
}

/* Fisher and Yates. */
static ngx_pool_stats_t
stats_of(const ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;

    ngx_pool_stats(pool, &stats);
    return stats;
}

static void
shuffle(void **p, size_t count, uint32_t *seed)
{
    size_t i;

    for (i = count; i > 1; i--) {
        size_t j = draw(seed) % i;
        void *swapped = p[i - 1];

        p[i - 1] = p[j];
        p[j] = swapped;
    }
}

static double
pfree_seconds(size_t count)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void **p = calloc(count, sizeof(void *));
    uint32_t seed = 3;
    struct timespec start;
    struct timespec end;
    size_t i;

    assert_non_null(p);
    for (i = 0; i < count; i++) {
        p[i] = allocate(pool);
    }
    shuffle(p, count, &seed);

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
    for (i = 0; i < count; i++) {
        (void) ngx_pfree(pool, p[i]);
    }
    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);

    assert_int_equal(stats_of(pool).large, 0);
    ngx_destroy_pool(pool);
    free(p);
    return (double) (end.tv_sec - start.tv_sec) +
           1e-9 * (double) (end.tv_nsec - start.tv_nsec);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_index_is_not_made_for_a_short_list),
        FIXTURE_TEST(test_index_is_not_made_before_a_pfree),
        FIXTURE_TEST(test_index_is_made_once_for_a_long_list),
        FIXTURE_TEST(test_index_goes_at_reset),
        FIXTURE_TEST(test_index_finds_each_in_any_order),
        FIXTURE_TEST(test_index_agrees_with_a_model),
        FIXTURE_TEST(test_index_grows_with_the_list),
        FIXTURE_TEST(test_index_is_not_made_anew_by_turns),
        FIXTURE_TEST(test_index_has_no_more_memory_than_it_needs),
        FIXTURE_TEST(test_index_makes_pfree_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
