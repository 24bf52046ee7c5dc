/*
 * ngx_palloc_inline() and ngx_pnalloc_inline() do the same as the functions:
 * the same program on two pools, with the inline functions and with the others,
 * leaves the same pools.
 */
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"
#include "random_next.h"

enum {
    STEPS = 4000,
    POOL_SIZE = 1024,
};

static void check_program(size_t size, uint32_t seed, uint32_t most);
static void check_same(ngx_pool_t *one, ngx_pool_t *other);
static void check_end(size_t pool_size, size_t left, size_t size,
                      void *(*allocate)(ngx_pool_t *pool, size_t size),
                      size_t alignment);

static void
test_inline_places_as_the_functions_do(void **state)
{
    static const uint32_t mosts[] = {60, 300, 700, 2000};
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 8; seed++) {
        check_program(4096, seed, mosts[seed % 4]);
        check_program(POOL_SIZE, seed, mosts[seed % 4]);
        check_program(512 + seed, seed, mosts[seed % 4]);
        check_program(sizeof(ngx_pool_t) + 32 + seed, seed, 100);
    }
}

/* A compiler knows these sizes, and may drop a part of the inline function. */
static void
test_inline_of_a_constant_does_the_same_as_the_functions(void **state)
{
    ngx_pool_t *one = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t *other = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_pnalloc(one, 1);
    (void) ngx_palloc(one, 16);
    (void) ngx_pnalloc(one, 1);
    (void) ngx_palloc(one, 8);
    (void) ngx_pnalloc(one, 16);
    (void) ngx_palloc(one, 7);
    (void) ngx_pnalloc_inline(other, 1);
    (void) ngx_palloc_inline(other, 16);
    (void) ngx_pnalloc_inline(other, 1);
    (void) ngx_palloc_inline(other, 8);
    (void) ngx_pnalloc_inline(other, 16);
    (void) ngx_palloc_inline(other, 7);
    check_same(one, other);
    ngx_destroy_pool(one);
    ngx_destroy_pool(other);
}

static void
test_inline_of_0_does_the_same_as_the_functions(void **state)
{
    ngx_pool_t *one = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t *other = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(one, 0);
    (void) ngx_pnalloc(one, 0);
    assert_non_null(ngx_palloc_inline(other, 0));
    assert_non_null(ngx_pnalloc_inline(other, 0));
    check_same(one, other);
    ngx_destroy_pool(one);
    ngx_destroy_pool(other);
}

/* For every end of a block and every last before it: an allocation that is
 * aligned past the end goes to the next block. */
static void
test_inline_at_every_end_stays_inside(void **state)
{
    size_t odd;
    size_t left;
    size_t size;

    (void) state;
    for (odd = 0; odd < NGX_POOL_ALIGNMENT; odd++) {
        for (left = 0; left < 24; left++) {
            for (size = 0; size < 24; size++) {
                check_end(POOL_SIZE + odd, left, size, ngx_palloc_inline,
                          NGX_ALIGNMENT);
                check_end(POOL_SIZE + odd, left, size, ngx_pnalloc_inline,
                          NGX_POOL_REDZONE == 0 ? 1 : 8);
            }
        }
    }
}

static void
test_inline_of_more_than_max_is_large(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc_inline(pool, pool->max + 1);
    void *q = ngx_pnalloc_inline(pool, pool->max + 1);

    (void) state;
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(ngx_pfree(pool, q), NGX_OK);
    ngx_destroy_pool(pool);
}

/* In blocks where a size above max would fit. */
static void
test_inline_of_more_than_max_is_large_where_it_would_fit(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(4 * ngx_pagesize, NULL);

    (void) state;
    while (place_used(pool) < 2) {
        assert_int_equal(
            ngx_pfree(pool, ngx_palloc_inline(pool, pool->max + 1)), NGX_OK);
        (void) ngx_palloc_inline(pool, pool->max);
    }
    assert_int_equal(ngx_pfree(pool, ngx_palloc_inline(pool, pool->max + 1)),
                     NGX_OK);
    ngx_destroy_pool(pool);
}

static void
test_inline_refuses_sizes_near_the_greatest(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t less;

    (void) state;
    for (less = 0; less < 64; less++) {
        assert_null(ngx_palloc_inline(pool, SIZE_MAX - less));
        assert_null(ngx_pnalloc_inline(pool, SIZE_MAX - less));
    }
    ngx_destroy_pool(pool);
}

static void
test_inline_returns_null_when_memory_runs_out(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc_inline(pool, pool->max);
    heap_fail_at(0);
    assert_null(ngx_palloc_inline(pool, 100));
    heap_fail_at(0);
    assert_null(ngx_pnalloc_inline(pool, 100));
    assert_non_null(ngx_palloc_inline(pool, 100));
    ngx_destroy_pool(pool);
}

static void
check_program(size_t size, uint32_t seed, uint32_t most)
{
    ngx_pool_t *one = ngx_create_pool(size, NULL);
    ngx_pool_t *other = ngx_create_pool(size, NULL);
    int step;

    for (step = 0; step < STEPS; step++) {
        uint32_t random = random_next(&seed);
        size_t bytes = random_next(&seed) % most;
        u_char *p;
        u_char *q;

        if (random % 500 == 0) {
            ngx_reset_pool(one);
            ngx_reset_pool(other);
        }
        if (random % 2 == 0) {
            p = ngx_palloc(one, bytes);
            q = ngx_palloc_inline(other, bytes);
        } else {
            p = ngx_pnalloc(one, bytes);
            q = ngx_pnalloc_inline(other, bytes);
        }
        assert_non_null(q);
        memset(q, 0xff, bytes);
        assert_int_equal(place_of(one, p).block, place_of(other, q).block);
        assert_int_equal(place_of(one, p).offset, place_of(other, q).offset);
    }
    check_same(one, other);
    ngx_destroy_pool(one);
    ngx_destroy_pool(other);
}

static void
check_same(ngx_pool_t *one, ngx_pool_t *other)
{
    ngx_pool_stats_t a;
    ngx_pool_stats_t b;
    size_t i;

    ngx_pool_stats(one, &a);
    ngx_pool_stats(other, &b);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(place_current(one), place_current(other));
    for (i = 0; i < a.blocks; i++) {
        assert_int_equal(place_last(one, i), place_last(other, i));
        assert_int_equal(place_block(one, i)->d.failed,
                         place_block(other, i)->d.failed);
    }
}

/* size bytes are allocated where left bytes are free in the first block: there,
 * if they fit once last is aligned, else in a new one. */
static void
check_end(size_t pool_size, size_t left, size_t size,
          void *(*allocate)(ngx_pool_t *pool, size_t size), size_t alignment)
{
    ngx_pool_t *pool = ngx_create_pool(pool_size, NULL);
    size_t start;

    place_leave(pool, 0, left);
    start = (pool_size - left + alignment - 1) / alignment * alignment;
    if (start + size + NGX_POOL_REDZONE <= pool_size) {
        place_check(pool, allocate(pool, size), 0, start);
    } else {
        place_check(pool, allocate(pool, size), 1, sizeof(ngx_pool_data_t));
    }
    ngx_destroy_pool(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_inline_places_as_the_functions_do),
        FIXTURE_TEST(test_inline_of_a_constant_does_the_same_as_the_functions),
        FIXTURE_TEST(test_inline_of_0_does_the_same_as_the_functions),
        FIXTURE_TEST(test_inline_at_every_end_stays_inside),
        FIXTURE_TEST(test_inline_of_more_than_max_is_large),
        FIXTURE_TEST(test_inline_of_more_than_max_is_large_where_it_would_fit),
        FIXTURE_TEST(test_inline_refuses_sizes_near_the_greatest),
        FIXTURE_TEST(test_inline_returns_null_when_memory_runs_out),
    };

    return GROUP_RUN(tests);
}
