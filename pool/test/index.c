/* The index by which ngx_pfree() finds one of many large allocations. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"
#include "random_next.h"

enum {
    POOL_SIZE = 4096,
    WALKED = 16,      /* entries of a list that is walked */
    INDEX_SLOTS = 64, /* of the smallest index */
    LISTED = 260,     /* more than the third growth of an index */
    COUNT = 2000,
    SIZE = 1, /* of each, by ngx_pmemalign(): large, but cheap */
    ALIGNMENT = 16,
};

static ngx_pool_t *make_index(size_t count);
static size_t slots_of(const ngx_pool_t *pool);
static void *allocate(ngx_pool_t *pool);
static ngx_pool_stats_t stats_of(const ngx_pool_t *pool);
static void check_list(const ngx_pool_t *pool, void *const *p, size_t count);
static size_t count_on_list(const ngx_pool_t *pool, const void *p);
static void shuffle(void **p, size_t count, uint32_t *seed);
static double pfree_seconds(size_t count);

static void
test_index_is_not_built_for_a_short_list(void **state)
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
    assert_null(pool->index);
    ngx_destroy_pool(pool);
}

static void
test_index_is_not_built_before_a_pfree(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        (void) allocate(pool);
    }
    assert_null(pool->index);
    ngx_destroy_pool(pool);
}

static void
test_index_is_built_once_for_a_long_list(void **state)
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
        assert_non_null(pool->index);
    }
    assert_int_equal(heap_calls(), calls + 1);
    ngx_destroy_pool(pool);
}

static void
test_index_is_released_at_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks = heap_live_blocks();
    size_t i;

    (void) state;
    for (i = 0; i < WALKED + 1; i++) {
        (void) allocate(pool);
    }
    assert_int_equal(ngx_pfree(pool, &blocks), NGX_DECLINED);
    assert_non_null(pool->index);
    ngx_reset_pool(pool);
    assert_null(pool->index);
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

static void
test_index_keeps_the_order_of_the_list(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    const ngx_pool_large_t *large;
    void *p[COUNT];
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        p[i] = allocate(pool);
        if (i == COUNT / 2) {
            assert_int_equal(ngx_pfree(pool, &i), NGX_DECLINED);
        }
    }
    large = pool->large;
    while (i-- > 0) {
        assert_ptr_equal(large->alloc, p[i]);
        large = large->next;
    }
    ngx_destroy_pool(pool);
}

/* In place, so that code that walks the list at this moment can go on. */
static void
test_index_lets_pfree_clear_an_entry_in_place(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_large_t *large;
    ngx_pool_large_t *next;
    size_t i;

    (void) state;
    for (i = 0; i < 2 * WALKED; i++) {
        (void) allocate(pool);
    }
    assert_int_equal(ngx_pfree(pool, &i), NGX_DECLINED);
    for (large = pool->large; large->alloc != NULL; large = large->next) {
        next = large->next;
        assert_int_equal(ngx_pfree(pool, large->alloc), NGX_OK);
        assert_null(large->alloc);
        assert_ptr_equal(large->next, next);
    }
    assert_null(large->next);
    assert_null(pool->spare);
    ngx_destroy_pool(pool);
}

/* Hash values collide, slots of freed entries are reused, the index grows.
 * After each step the index finds each live allocation and nothing else, and
 * the list holds each once. */
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
        i = random_next(&seed) % SLOTS;
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
        if (step % 500 == 0) {
            check_list(pool, slot, SLOTS);
        }
    }
    assert_non_null(pool->index);

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
    assert_non_null(pool->index);
    for (i = 0; i < COUNT; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
    }
    ngx_destroy_pool(pool);
}

/* Between two builds an eighth of the slots is filled. So however many entries
 * are live, most allocations build nothing. */
static void
test_index_is_built_seldom_by_turns_of_pfree_and_palloc(void **state)
{
    enum {
        TURNS = 400,
    };
    ngx_pool_t *pool = ngx_create_pool(16 * POOL_SIZE, NULL);
    uint32_t seed = 4;
    void *p[200];
    size_t count;

    (void) state;
    for (count = 0; count < sizeof(p) / sizeof(p[0]); count++) {
        size_t calls;
        size_t turn;

        p[count] = allocate(pool);
        (void) ngx_pfree(pool, &count);
        calls = heap_calls();
        for (turn = 0; turn < TURNS; turn++) {
            size_t i = random_next(&seed) % (count + 1);

            assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
            p[i] = allocate(pool);
        }
        assert_in_range(heap_calls() - calls, TURNS, TURNS + TURNS / 8 + 1);
    }
    ngx_destroy_pool(pool);
}

/* Its slots are a power of two, and at most three quarters of them are used. */
static void
test_index_takes_no_more_memory_than_it_needs(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t used = COUNT * sizeof(ngx_pool_large_t);
    size_t bytes;
    size_t i;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        (void) allocate(pool);
    }
    bytes = heap_live_bytes();
    assert_int_equal(stats_of(pool).index, 0);
    (void) ngx_pfree(pool, &i);
    bytes = heap_live_bytes() - bytes;
    assert_in_range(bytes, used / 3 * 4, used / 3 * 8 + 64);
    assert_int_equal(stats_of(pool).index, bytes);
    ngx_destroy_pool(pool);
}

/* A power of two of slots, 64 or more, of which three quarters hold the live
 * allocations, whatever their number. */
static void
test_index_has_the_slots_that_it_needs(void **state)
{
    size_t slots = INDEX_SLOTS;
    size_t count;

    (void) state;
    for (count = WALKED; count < LISTED; count++) {
        ngx_pool_t *pool = make_index(count);

        while (4 * count > 3 * slots) {
            slots *= 2;
        }
        assert_int_equal(slots_of(pool), slots);
        ngx_destroy_pool(pool);
    }
}

/* When seven eighths of its slots are linked, to the size that it needs. */
static void
test_index_grows_when_it_is_full(void **state)
{
    static const size_t grows_at[] = {57, 113, 225};
    ngx_pool_t *pool = make_index(WALKED);
    size_t slots = INDEX_SLOTS;
    size_t count;
    size_t nth = 0;

    (void) state;
    for (count = WALKED + 1; count < LISTED; count++) {
        (void) allocate(pool);
        if (nth < 3 && count == grows_at[nth]) {
            slots *= 2;
            nth++;
        }
        assert_int_equal(slots_of(pool), slots);
        assert_int_equal(stats_of(pool).large, count);
    }
    assert_int_equal(nth, 3);
    ngx_destroy_pool(pool);
}

/* Around each length at which it is made or grows. */
static void
test_index_of_every_length_finds_each(void **state)
{
    void *p[LISTED];
    size_t count;
    size_t i;

    (void) state;
    for (count = WALKED; count < LISTED; count++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        size_t built_at = count * 7919 % (count - WALKED + 1) + WALKED;

        for (i = 0; i < count; i++) {
            p[i] = allocate(pool);
            if (i + 1 == built_at) {
                assert_int_equal(ngx_pfree(pool, &i), NGX_DECLINED);
                assert_non_null(pool->index);
            }
        }
        for (i = 0; i < count; i += 2) {
            assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
            assert_int_equal(ngx_pfree(pool, p[i]), NGX_DECLINED);
            p[i] = NULL;
        }
        check_list(pool, p, count);
        for (i = 1; i < count; i += 2) {
            assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
        }
        assert_int_equal(stats_of(pool).large, 0);
        ngx_destroy_pool(pool);
    }
}

/* An index whose size had 16 bits would be too small for a search to end. */
static void
test_index_has_room_for_more_than_16_bits(void **state)
{
    const size_t count = 65536 + WALKED;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *oldest = allocate(pool);
    size_t i;

    (void) state;
    for (i = 1; i < count; i++) {
        (void) allocate(pool);
    }
    assert_int_equal(ngx_pfree(pool, oldest), NGX_OK);
    assert_int_equal(ngx_pfree(pool, oldest), NGX_DECLINED);
    assert_int_equal(stats_of(pool).large, count - 1);
    assert_in_range(slots_of(pool), count, 4 * count);
    ngx_destroy_pool(pool);
}

/* Four times as many frees take four times as long. With walks it would be
 * sixteen times. The clock is the thread's own, so that the load of other
 * programs counts less. */
static void
test_index_makes_pfree_linear(void **state)
{
    enum {
        FEW = 3000,
        TRIES = 5, /* noise does not disturb all of them */
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

/* A pool whose index was made for a list of that many. */
static ngx_pool_t *
make_index(size_t count)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    while (count-- > 0) {
        (void) allocate(pool);
    }
    assert_int_equal(ngx_pfree(pool, &pool), NGX_DECLINED);
    assert_non_null(pool->index);
    return pool;
}

/* Of the pool's index, whose head is less than four slots. */
static size_t
slots_of(const ngx_pool_t *pool)
{
    size_t bytes = stats_of(pool).index;

    return bytes / sizeof(ngx_pool_large_t) / INDEX_SLOTS * INDEX_SLOTS;
}

/* Checks that the list has each of p that is not NULL once, and no other. */
static void
check_list(const ngx_pool_t *pool, void *const *p, size_t count)
{
    size_t live = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        if (p[i] != NULL) {
            assert_int_equal(count_on_list(pool, p[i]), 1);
            live++;
        }
    }
    assert_int_equal(stats_of(pool).large, live);
}

static size_t
count_on_list(const ngx_pool_t *pool, const void *p)
{
    const ngx_pool_large_t *large;
    size_t count = 0;

    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc == p;
    }
    return count;
}

static void *
allocate(ngx_pool_t *pool)
{
    void *p = ngx_pmemalign(pool, SIZE, ALIGNMENT);

    assert_non_null(p);
    return p;
}

static ngx_pool_stats_t
stats_of(const ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;

    ngx_pool_stats(pool, &stats);
    return stats;
}

/* The algorithm is Fisher and Yates'. */
static void
shuffle(void **p, size_t count, uint32_t *seed)
{
    size_t i;

    for (i = count; i > 1; i--) {
        size_t j = random_next(seed) % i;
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
        FIXTURE_TEST(test_index_is_not_built_for_a_short_list),
        FIXTURE_TEST(test_index_is_not_built_before_a_pfree),
        FIXTURE_TEST(test_index_is_built_once_for_a_long_list),
        FIXTURE_TEST(test_index_is_released_at_a_reset),
        FIXTURE_TEST(test_index_finds_each_in_any_order),
        FIXTURE_TEST(test_index_keeps_the_order_of_the_list),
        FIXTURE_TEST(test_index_lets_pfree_clear_an_entry_in_place),
        FIXTURE_TEST(test_index_agrees_with_a_model),
        FIXTURE_TEST(test_index_grows_with_the_list),
        FIXTURE_TEST(test_index_is_built_seldom_by_turns_of_pfree_and_palloc),
        FIXTURE_TEST(test_index_takes_no_more_memory_than_it_needs),
        FIXTURE_TEST(test_index_has_the_slots_that_it_needs),
        FIXTURE_TEST(test_index_grows_when_it_is_full),
        FIXTURE_TEST(test_index_of_every_length_finds_each),
        FIXTURE_TEST(test_index_has_room_for_more_than_16_bits),
        FIXTURE_TEST(test_index_makes_pfree_linear),
    };

    return GROUP_RUN(tests);
}
