/* ngx_pool_grow(): later blocks double, up to a bound. */
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    MOST = 8 * POOL_SIZE,
};

static void fill(ngx_pool_t *pool, size_t blocks);

static void
test_grow_doubles_blocks_up_to_the_most(void **state)
{
    static const size_t sizes[] = {1024, 2048, 4096, 8192, 8192, 8192};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    ngx_pool_grow(pool, MOST);
    fill(pool, 6);
    for (n = 0; n < 6; n++) {
        assert_int_equal(place_block_size(pool, n), sizes[n]);
    }
    ngx_destroy_pool(pool);
}

static void
test_grow_never_passes_the_most(void **state)
{
    size_t most;

    (void) state;
    for (most = 0; most < 3 * MOST; most += 97) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE + 3, NULL);
        size_t n;

        ngx_pool_grow(pool, most);
        fill(pool, 6);
        for (n = 1; n < 6; n++) {
            size_t before = place_block_size(pool, n - 1);
            size_t size = place_block_size(pool, n);

            assert_true(size == before || size == 2 * before);
            assert_true(size <= most || size == POOL_SIZE + 3);
        }
        ngx_destroy_pool(pool);
    }
}

static void
test_grow_is_off_at_first_and_by_0(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 3);
    assert_int_equal(place_block_size(pool, 2), POOL_SIZE);
    ngx_pool_grow(pool, MOST);
    ngx_pool_grow(pool, 0);
    fill(pool, 4);
    assert_int_equal(place_block_size(pool, 3), POOL_SIZE);
    ngx_pool_grow(pool, SIZE_MAX);
    fill(pool, 5);
    assert_int_equal(place_block_size(pool, 4), 2 * POOL_SIZE);
    ngx_destroy_pool(pool);
}

/* The bound of a small allocation is the first block's. */
static void
test_grow_leaves_max_as_it_is(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p;

    (void) state;
    ngx_pool_grow(pool, MOST);
    fill(pool, 4);
    p = ngx_palloc(pool, pool->max + 1);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    ngx_destroy_pool(pool);
}

static void
test_grow_keeps_all_blocks_for_after_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks;
    size_t bytes;
    size_t n;

    (void) state;
    ngx_pool_grow(pool, MOST);
    fill(pool, 8);
    blocks = heap_live_blocks();
    bytes = heap_live_bytes();
    for (n = 0; n < 3; n++) {
        ngx_reset_pool(pool);
        while (place_used(pool) < 8) {
            memset(ngx_palloc(pool, 700), 0xff, 700);
        }
        assert_int_equal(heap_live_blocks(), blocks);
        assert_int_equal(heap_live_bytes(), bytes);
    }
    ngx_destroy_pool(pool);
}

static void
test_grow_gives_blocks_to_the_cache_by_their_size(void **state)
{
    ngx_pool_t *pool;
    size_t calls;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_grow(pool, MOST);
    fill(pool, 5);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), (1 + 2 + 4 + 8 + 8) * POOL_SIZE);

    calls = heap_calls();
    pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_grow(pool, MOST);
    fill(pool, 5);
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* Makes that many blocks be in use. */
static void
fill(ngx_pool_t *pool, size_t blocks)
{
    while (place_used(pool) < blocks) {
        u_char *p = ngx_palloc(pool, 700);

        assert_non_null(p);
        memset(p, 0xff, 700);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_grow_doubles_blocks_up_to_the_most),
        FIXTURE_TEST(test_grow_never_passes_the_most),
        FIXTURE_TEST(test_grow_is_off_at_first_and_by_0),
        FIXTURE_TEST(test_grow_leaves_max_as_it_is),
        FIXTURE_TEST(test_grow_keeps_all_blocks_for_after_a_reset),
        FIXTURE_TEST(test_grow_gives_blocks_to_the_cache_by_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
