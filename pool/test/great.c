/*
 * Blocks and large allocations of more than 4 GiB, over the library as it is
 * installed. The system gives a page only where something is written, so these
 * take little memory. Where it refuses them, and where no size is so large, the
 * tests are skipped. One thread.
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include "group.h"

/* A little more than 4 GiB: with 32 bits it would be a small size. */
#define GREAT(size) (((size_t) UINT32_MAX + 1) + (size))

static ngx_pool_t *
create(size_t size)
{
    ngx_pool_t *pool =
        SIZE_MAX > UINT32_MAX ? ngx_create_pool(size, NULL) : NULL;

    if (pool == NULL) {
        skip();
    }
    return pool;
}

static void *
allocate(ngx_pool_t *pool, size_t size)
{
    void *p = SIZE_MAX > UINT32_MAX ? ngx_palloc(pool, size) : NULL;

    if (p == NULL) {
        ngx_destroy_pool(pool);
        skip();
    }
    return p;
}

static void
test_great_pool_has_the_usual_max(void **state)
{
    ngx_pool_t *pool = create(GREAT(200));
    ngx_pool_stats_t stats;
    u_char *p;

    (void) state;
    assert_int_equal(pool->max, ngx_pagesize - 1);
    p = ngx_palloc(pool, 4000);
    assert_in_range((uintptr_t) p, (uintptr_t) pool, (uintptr_t) pool + 4096);
    ngx_pool_stats(pool, &stats);
    assert_int_equal(stats.size, GREAT(200));
    assert_int_equal(stats.large, 0);
    ngx_destroy_pool(pool);
}

static void
test_great_block_is_kept_whole(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    pool = create(GREAT(200));
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), GREAT(200));
    assert_ptr_equal(create(GREAT(200)), pool);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
    ngx_pool_cache_limit(0);
}

static void
test_great_large_allocation_is_kept_whole(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(4096, NULL);
    void *p;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    p = allocate(pool, GREAT(8192));
    ngx_reset_pool(pool);
    assert_in_range(ngx_pool_cache_size(), GREAT(8192), GREAT(64 * 1024));
    assert_ptr_equal(ngx_palloc(pool, GREAT(8192)), p);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
    ngx_pool_cache_limit(0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_great_pool_has_the_usual_max),
        cmocka_unit_test(test_great_block_is_kept_whole),
        cmocka_unit_test(test_great_large_allocation_is_kept_whole),
    };

    return GROUP_RUN(tests);
}
