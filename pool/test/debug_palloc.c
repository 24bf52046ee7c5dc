/* NGX_DEBUG_PALLOC: every allocation comes from the system. */
#include <pthread.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"
#include "snapshot.h"

enum {
    POOL_SIZE = 1024,
};

static void
test_debug_palloc_makes_all_large(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t size;

    (void) state;
    for (size = 0; size < POOL_SIZE; size += 11) {
        size_t bytes = heap_live_bytes();
        u_char *p[3];
        size_t i;

        p[0] = ngx_palloc(pool, size);
        p[1] = ngx_pnalloc(pool, size);
        p[2] = ngx_pcalloc(pool, size);
        assert_int_equal(heap_live_bytes(), bytes + 3 * size);
        for (i = 0; i < 3; i++) {
            assert_non_null(p[i]);
            assert_int_equal(place_of(pool, p[i]).block, PLACE_LARGE);
            memset(p[i], 0xa5, size);
            assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
        }
        assert_int_equal(heap_live_bytes(), bytes);
    }
    ngx_destroy_pool(pool);
}

static void
test_debug_palloc_makes_a_cleanup_with_its_data_large(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, 8);

    (void) state;
    assert_ptr_equal(pool->large->alloc, cleanup);
    assert_ptr_equal(cleanup->data, cleanup + 1);
    cleanup = ngx_pool_cleanup_add(pool, 0);
    assert_ptr_equal(pool->large->alloc, cleanup);
    assert_null(cleanup->data);
    ngx_destroy_pool(pool);
}

static void *
read_limit(void *limit)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    *(size_t *) limit = stats.limit;
    return NULL;
}

static void
test_debug_palloc_a_threads_limit_is_0_at_first(void **state)
{
    size_t limit = 1;
    pthread_t thread;

    (void) state;
    assert_int_equal(pthread_create(&thread, NULL, read_limit, &limit), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(limit, 0);
}

static void
test_debug_palloc_keeps_no_block(void **state)
{
    size_t blocks = heap_live_blocks();
    ngx_pool_cache_stats_t stats;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    ngx_pool_cache_stats(&stats);
    assert_int_equal(stats.limit, 0);
    assert_int_equal(stats.overhead, 0);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_debug_palloc_out_of_memory_changes_nothing(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t nth;

    (void) state;
    pool->d.last = pool->d.end;
    snapshot_take(&before, pool);
    for (nth = 0; nth < 2; nth++) {
        heap_fail_at(nth);
        assert_null(ngx_palloc(pool, 8));
        snapshot_check_missed(&before, pool);
        snapshot_take(&before, pool);
        heap_fail_at(nth);
        assert_null(ngx_pool_cleanup_add(pool, 8));
        snapshot_check_missed(&before, pool);
        snapshot_take(&before, pool);
    }
    assert_non_null(ngx_pool_cleanup_add(pool, 8));
    ngx_destroy_pool(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_debug_palloc_makes_all_large),
        FIXTURE_TEST(test_debug_palloc_makes_a_cleanup_with_its_data_large),
        FIXTURE_TEST(test_debug_palloc_a_threads_limit_is_0_at_first),
        FIXTURE_TEST(test_debug_palloc_keeps_no_block),
        FIXTURE_TEST(test_debug_palloc_out_of_memory_changes_nothing),
    };

    return GROUP_RUN(tests);
}
