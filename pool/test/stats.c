/* The figures of ngx_pool_stats() and ngx_pool_cache_stats(). */
#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    FIRST = POOL_SIZE - sizeof(ngx_pool_t),      /* free in a new first block */
    LATER = POOL_SIZE - sizeof(ngx_pool_data_t), /* free in any other */
    LARGE = 5000,
    LONG_LIST = 20, /* larges, for which pfree builds an index */
};

static ngx_pool_stats_t stats_of(const ngx_pool_t *pool);
static ngx_pool_cache_stats_t cache_stats(void);
static void fill(ngx_pool_t *pool, size_t blocks);

static void
test_stats_of_a_new_pool(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_stats_t stats = stats_of(pool);

    (void) state;
    assert_int_equal(stats.size, POOL_SIZE);
    assert_int_equal(stats.blocks, 1);
    assert_int_equal(stats.unused, 1);
    assert_int_equal(stats.used, 0);
    assert_int_equal(stats.free, FIRST);
    assert_int_equal(stats.wasted, 0);
    assert_int_equal(stats.large, 0);
    assert_int_equal(stats.index, 0);
    assert_int_equal(stats.cleanups, 0);
    ngx_destroy_pool(pool);
}

static void
test_stats_count_used_bytes_and_gaps(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_pnalloc(pool, 3);
    assert_int_equal(stats_of(pool).used, 3);
    (void) ngx_palloc(pool, 10);
    assert_int_equal(stats_of(pool).used, NGX_ALIGNMENT + 10);
    assert_int_equal(stats_of(pool).free, FIRST - NGX_ALIGNMENT - 10);
    ngx_destroy_pool(pool);
}

static void
test_stats_count_blocks_that_no_allocation_has_tried(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 10);
    assert_int_equal(stats_of(pool).blocks, 10);
    assert_int_equal(stats_of(pool).unused, 0);
    ngx_reset_pool(pool);
    assert_int_equal(stats_of(pool).unused, 10);
    fill(pool, 3);
    assert_int_equal(stats_of(pool).blocks, 10);
    assert_int_equal(stats_of(pool).unused, 7);
    assert_int_equal(stats_of(pool).size, 10 * POOL_SIZE);
    assert_int_equal(stats_of(pool).free + stats_of(pool).wasted,
                     3 * (LATER - FIRST) - (LATER - FIRST) + 7 * LATER);
    ngx_destroy_pool(pool);
}

/* Nothing was cut from the first block, but the cleanup did not fit there. */
static void
test_stats_count_a_block_that_failed_as_tried(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_pool_cleanup_add(pool, pool->max);
    assert_int_equal(place_last(pool, 0), sizeof(ngx_pool_t));
    assert_int_equal(stats_of(pool).blocks, 2);
    assert_int_equal(stats_of(pool).unused, 0);
    ngx_reset_pool(pool);
    assert_int_equal(stats_of(pool).unused, 2);
    ngx_destroy_pool(pool);
}

/* Each block but the first has some bytes left. Those before current are
 * wasted. */
static void
test_stats_split_what_is_left_at_current(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_stats_t stats;
    size_t passed;

    (void) state;
    fill(pool, 20);
    passed = place_current(pool);
    assert_true(passed > 1);
    stats = stats_of(pool);
    assert_int_equal(stats.used, 20 * FIRST);
    assert_int_equal(stats.wasted, (passed - 1) * (LATER - FIRST));
    assert_int_equal(stats.free, (20 - passed) * (LATER - FIRST));
    ngx_destroy_pool(pool);
}

static void
test_stats_count_larges_cleanups_and_the_index(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[LONG_LIST];
    size_t bytes;
    size_t n;

    (void) state;
    for (n = 0; n < LONG_LIST; n++) {
        p[n] = ngx_palloc(pool, LARGE);
        (void) ngx_pool_cleanup_add(pool, 0);
    }
    assert_int_equal(ngx_pfree(pool, p[LONG_LIST - 1]), NGX_OK);
    assert_null(pool->index);
    assert_int_equal(stats_of(pool).large, LONG_LIST - 1);
    assert_int_equal(stats_of(pool).index, 0);
    assert_int_equal(stats_of(pool).cleanups, LONG_LIST);

    bytes = heap_live_bytes();
    assert_int_equal(ngx_pfree(pool, p[0]), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p[1]), NGX_OK);
    assert_non_null(pool->index);
    assert_int_equal(stats_of(pool).large, LONG_LIST - 3);
    assert_int_equal(stats_of(pool).index,
                     heap_live_bytes() - (bytes - 2 * LARGE));
    ngx_destroy_pool(pool);
}

static void
test_stats_change_nothing(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t before;

    (void) state;
    fill(pool, 5);
    before = *pool;
    (void) stats_of(pool);
    assert_memory_equal(pool, &before, sizeof(before));
    ngx_destroy_pool(pool);
}

static void
test_cache_stats_count_what_is_kept(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(100 * POOL_SIZE);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    fill(pool, 5);
    (void) ngx_palloc(pool, LARGE);
    ngx_destroy_pool(pool);
    ngx_destroy_pool(ngx_create_pool(2 * POOL_SIZE, NULL));
    assert_int_equal(cache_stats().limit, 100 * POOL_SIZE);
    assert_int_equal(cache_stats().size, 7 * POOL_SIZE + LARGE);
    assert_int_equal(cache_stats().size, ngx_pool_cache_size());
    assert_int_equal(cache_stats().blocks, 6);
    assert_int_equal(cache_stats().large, 1);
    ngx_pool_cache_limit(0);
    assert_int_equal(cache_stats().limit, 0);
    assert_int_equal(cache_stats().size, 0);
    assert_int_equal(cache_stats().blocks, 0);
    assert_int_equal(cache_stats().large, 0);
}

/* All that the system gave is a pool's, is kept, or is overhead. */
static void
test_cache_stats_count_the_bookkeeping(void **state)
{
    size_t bytes = heap_live_bytes();

    (void) state;
    assert_int_equal(cache_stats().overhead, 0);
    ngx_pool_cache_limit(100 * POOL_SIZE);
    assert_int_equal(cache_stats().overhead, 0);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    assert_true(cache_stats().overhead > 0);
    assert_int_equal(heap_live_bytes() - bytes,
                     cache_stats().size + cache_stats().overhead);
    ngx_pool_cache_trim();
    assert_int_equal(cache_stats().overhead, 0);
}

static ngx_pool_stats_t
stats_of(const ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;

    ngx_pool_stats(pool, &stats);
    return stats;
}

static ngx_pool_cache_stats_t
cache_stats(void)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    return stats;
}

/* Makes that many blocks used, each by one allocation. */
static void
fill(ngx_pool_t *pool, size_t blocks)
{
    while (blocks-- > 0) {
        assert_non_null(ngx_palloc(pool, FIRST));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_stats_of_a_new_pool),
        FIXTURE_TEST(test_stats_count_used_bytes_and_gaps),
        FIXTURE_TEST(test_stats_count_blocks_that_no_allocation_has_tried),
        FIXTURE_TEST(test_stats_count_a_block_that_failed_as_tried),
        FIXTURE_TEST(test_stats_split_what_is_left_at_current),
        FIXTURE_TEST(test_stats_count_larges_cleanups_and_the_index),
        FIXTURE_TEST(test_stats_change_nothing),
        FIXTURE_TEST(test_cache_stats_count_what_is_kept),
        FIXTURE_TEST(test_cache_stats_count_the_bookkeeping),
    };

    return GROUP_RUN(tests);
}
