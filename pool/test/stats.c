/* What ngx_pool_stats() and ngx_pool_cache_stats() tell. */
#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    ROOM = POOL_SIZE - sizeof(ngx_pool_t),            /* of a first block */
    LATER_ROOM = POOL_SIZE - sizeof(ngx_pool_data_t), /* of another */
    LARGE = 5000,
    INDEXED = 20, /* larges that a list is not walked for */
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
    assert_int_equal(stats.kept, 0);
    assert_int_equal(stats.used, 0);
    assert_int_equal(stats.free, ROOM);
    assert_int_equal(stats.wasted, 0);
    assert_int_equal(stats.large, 0);
    assert_int_equal(stats.slots, 0);
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
    assert_int_equal(stats_of(pool).used, 8 + 10);
    assert_int_equal(stats_of(pool).free, ROOM - 18);
    ngx_destroy_pool(pool);
}

static void
test_stats_count_blocks_kept_by_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 10);
    assert_int_equal(stats_of(pool).blocks, 10);
    assert_int_equal(stats_of(pool).kept, 0);
    ngx_reset_pool(pool);
    fill(pool, 3);
    assert_int_equal(stats_of(pool).blocks, 3);
    assert_int_equal(stats_of(pool).kept, 7);
    assert_int_equal(stats_of(pool).size, 10 * POOL_SIZE);
    ngx_destroy_pool(pool);
}

/* Each block is filled but for 48 bytes or none; those before current are
 * passed. */
static void
test_stats_tell_what_is_wasted(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_stats_t stats;
    size_t passed;

    (void) state;
    fill(pool, 20);
    passed = place_current(pool);
    assert_true(passed > 1);
    stats = stats_of(pool);
    assert_int_equal(stats.used, 20 * ROOM);
    assert_int_equal(stats.wasted, (passed - 1) * (LATER_ROOM - ROOM));
    assert_int_equal(stats.free, (20 - passed) * (LATER_ROOM - ROOM));
    ngx_destroy_pool(pool);
}

static void
test_stats_count_larges_slots_and_cleanups(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[INDEXED];
    size_t n;

    (void) state;
    for (n = 0; n < INDEXED; n++) {
        p[n] = ngx_palloc(pool, LARGE);
        (void) ngx_pool_cleanup_add(pool, 0);
    }
    assert_int_equal(ngx_pfree(pool, p[INDEXED - 1]), NGX_OK);
    assert_false(place_has_index(pool));
    assert_int_equal(stats_of(pool).large, INDEXED - 1);
    assert_int_equal(stats_of(pool).slots, 1);
    assert_int_equal(stats_of(pool).cleanups, INDEXED);

    assert_int_equal(ngx_pfree(pool, p[0]), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p[1]), NGX_OK);
    assert_true(place_has_index(pool));
    assert_int_equal(stats_of(pool).large, INDEXED - 3);
    assert_int_equal(stats_of(pool).slots, 0);
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
test_cache_stats_tell_what_is_kept(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(100 * POOL_SIZE);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    fill(pool, 5);
    ngx_destroy_pool(pool);
    ngx_destroy_pool(ngx_create_pool(2 * POOL_SIZE, NULL));
    assert_int_equal(cache_stats().limit, 100 * POOL_SIZE);
    assert_int_equal(cache_stats().size, 7 * POOL_SIZE);
    assert_int_equal(cache_stats().blocks, 6);
    ngx_pool_cache_limit(0);
    assert_int_equal(cache_stats().limit, 0);
    assert_int_equal(cache_stats().size, 0);
    assert_int_equal(cache_stats().blocks, 0);
}

/* By the seam's own count: blocks, large allocations, indexes. */
static void
test_cache_stats_count_the_systems_calls(void **state)
{
    ngx_pool_cache_stats_t before = cache_stats();
    size_t calls = heap_calls();
    size_t blocks = heap_live_blocks();
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cache_stats_t now;
    void *p = NULL;
    size_t n;

    (void) state;
    fill(pool, 3);
    for (n = 0; n < INDEXED; n++) {
        p = ngx_palloc(pool, LARGE);
        (void) ngx_pmemalign(pool, 1, 64);
        (void) ngx_pool_cleanup_add(pool, LARGE);
    }
    (void) ngx_pfree(pool, &n);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    heap_fail_at(0);
    assert_null(ngx_palloc(pool, LARGE * 2));

    now = cache_stats();
    assert_int_equal(now.allocated - before.allocated,
                     heap_calls() - calls - 1);
    assert_int_equal((now.allocated - before.allocated) -
                         (now.given_back - before.given_back),
                     heap_live_blocks() - blocks);
    ngx_destroy_pool(pool);
    now = cache_stats();
    assert_int_equal(now.allocated - before.allocated,
                     now.given_back - before.given_back);
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

/* Makes that many blocks be in use, each by one allocation. */
static void
fill(ngx_pool_t *pool, size_t blocks)
{
    while (blocks-- > 0) {
        assert_non_null(ngx_palloc(pool, ROOM));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_stats_of_a_new_pool),
        FIXTURE_TEST(test_stats_count_used_bytes_and_gaps),
        FIXTURE_TEST(test_stats_count_blocks_kept_by_a_reset),
        FIXTURE_TEST(test_stats_tell_what_is_wasted),
        FIXTURE_TEST(test_stats_count_larges_slots_and_cleanups),
        FIXTURE_TEST(test_stats_change_nothing),
        FIXTURE_TEST(test_cache_stats_tell_what_is_kept),
        FIXTURE_TEST(test_cache_stats_count_the_systems_calls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
