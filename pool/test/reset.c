/* ngx_reset_pool() makes the pool as new and keeps its blocks. */
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
    MAX = POOL_SIZE - sizeof(ngx_pool_t), /* of a pool of POOL_SIZE */
};

static void fill(ngx_pool_t *pool, size_t blocks);
static void check_placed_as_new(ngx_pool_t *pool, size_t allocations);
static size_t size_of(size_t n);

static void
test_reset_makes_the_fields_as_new(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_chain_t *chain = (ngx_chain_t *) (void *) &pool;

    (void) state;
    fill(pool, 10);
    (void) ngx_palloc(pool, LARGE);
    (void) ngx_pfree(pool, ngx_palloc(pool, LARGE));
    (void) ngx_pool_cleanup_add(pool, 8);
    pool->chain = chain;

    ngx_reset_pool(pool);
    place_check_empty(pool, POOL_SIZE);
    assert_int_equal(pool->max, MAX);
    assert_ptr_equal(pool->current, pool);
    assert_null(pool->chain);
    assert_null(pool->large);
    assert_null(pool->spare);
    assert_null(pool->index);
    assert_null(pool->cleanup);
    ngx_destroy_pool(pool);
}

/* After use of no block, of some, and of all. */
static void
test_reset_empties_every_block_at_once(void **state)
{
    enum {
        BLOCKS = 12,
    };
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t used;

    (void) state;
    fill(pool, BLOCKS);
    for (used = 0; used <= BLOCKS; used++) {
        ngx_reset_pool(pool);
        place_check_empty(pool, POOL_SIZE);
        fill(pool, used);
        assert_int_equal(place_used(pool), used);
    }
    ngx_destroy_pool(pool);
}

/* A reset costs time only for used blocks. A value that cannot be right stands
 * in a block beyond two unused ones and is still there afterwards. */
static void
test_reset_touches_no_block_beyond_two_unused_ones(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t *beyond;
    u_char *last;

    (void) state;
    fill(pool, 10);
    ngx_reset_pool(pool);
    fill(pool, 3);
    beyond = place_block(pool, 5);
    last = beyond->d.last;
    beyond->d.last = last + 1;
    ngx_reset_pool(pool);
    assert_ptr_equal(beyond->d.last, last + 1);
    assert_int_equal(place_last(pool, 2), sizeof(ngx_pool_data_t));
    beyond->d.last = last;
    ngx_destroy_pool(pool);
}

/* Its user moved last back to its start, so it looks unused, except for the
 * failures that it counted. */
static void
test_reset_empties_used_blocks_after_emptied_ones(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t i;

    (void) state;
    fill(pool, 6);
    for (i = 0; i < 5; i++) {
        place_empty(pool, i);
    }
    ngx_reset_pool(pool);
    place_check_empty(pool, POOL_SIZE);
    ngx_destroy_pool(pool);
}

/* nginx's own functions append a block without a failure in the one before. */
static void
test_reset_empties_a_used_block_after_an_unused_one(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t i;

    (void) state;
    fill(pool, 4);
    for (i = 0; i < 3; i += 2) {
        place_empty(pool, i);
        place_block(pool, i)->d.failed = 0;
    }
    ngx_reset_pool(pool);
    place_check_empty(pool, POOL_SIZE);
    ngx_destroy_pool(pool);
}

/* A later block's allocation may end where the first block's header would. */
static void
test_reset_empties_a_block_that_has_little(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t *later;

    (void) state;
    fill(pool, 2);
    place_empty(pool, 0);
    place_empty(pool, 1);
    later = place_block(pool, 1);
    pool->d.failed = 0;
    later->d.failed = 0;
    later->d.last = (u_char *) later + sizeof(ngx_pool_t);
    ngx_reset_pool(pool);
    place_check_empty(pool, POOL_SIZE);
    ngx_destroy_pool(pool);
}

static void
test_reset_frees_the_large_ones(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks = heap_live_blocks();
    size_t n;

    (void) state;
    for (n = 0; n < 10; n++) {
        (void) ngx_palloc(pool, LARGE);
        (void) ngx_pmemalign(pool, 1, 64);
    }
    ngx_reset_pool(pool);
    assert_int_equal(heap_live_blocks(), blocks);
    ngx_destroy_pool(pool);
}

static void
test_reset_keeps_blocks(void **state)
{
    enum {
        BLOCKS = 20,
    };
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    const ngx_pool_t *blocks[BLOCKS];
    size_t calls;
    size_t n;
    size_t i;

    (void) state;
    fill(pool, BLOCKS);
    for (i = 0; i < BLOCKS; i++) {
        blocks[i] = place_block(pool, i);
    }
    calls = heap_calls();
    for (n = 0; n < 5; n++) {
        ngx_reset_pool(pool);
        fill(pool, BLOCKS);
        assert_int_equal(place_blocks(pool), BLOCKS);
        for (i = 0; i < BLOCKS; i++) {
            assert_ptr_equal(place_block(pool, i), blocks[i]);
        }
    }
    assert_int_equal(heap_calls(), calls);
    (void) ngx_palloc(pool, MAX);
    assert_int_equal(heap_calls(), calls + 1);
    assert_int_equal(place_blocks(pool), BLOCKS + 1);
    ngx_destroy_pool(pool);
}

static void
test_reset_gives_later_blocks_all_of_their_bytes(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 3);
    ngx_reset_pool(pool);
    (void) ngx_palloc(pool, MAX);
    place_check(pool, ngx_palloc(pool, MAX), 1, sizeof(ngx_pool_data_t));
    place_check(pool,
                ngx_palloc(pool, sizeof(ngx_pool_t) - sizeof(ngx_pool_data_t)),
                1, sizeof(ngx_pool_data_t) + MAX);
    ngx_destroy_pool(pool);
}

static void
test_reset_places_as_new(void **state)
{
    static const size_t before[] = {0, 1, 10, 100, 1000, 5000};
    size_t i;
    size_t n;

    (void) state;
    for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        for (n = 0; n < before[i]; n++) {
            (void) ngx_palloc(pool, size_of(n + i) % MAX);
        }
        ngx_reset_pool(pool);
        check_placed_as_new(pool, 3000);
        ngx_reset_pool(pool);
        check_placed_as_new(pool, 100); /* many blocks stay unused */
        ngx_reset_pool(pool);
        check_placed_as_new(pool, 4000);
        ngx_destroy_pool(pool);
    }
}

/* In nginx each allocation would walk all full blocks. */
static void
test_reset_leaves_no_blocks_to_walk(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    fill(pool, 1000);
    ngx_reset_pool(pool);
    for (n = 0; n < 1000; n++) {
        const ngx_pool_t *block = ngx_palloc(pool, MAX);
        size_t place = place_of(pool, block).block;

        /* The blocks from current to this one were tried. */
        assert_true(place < place_current(pool) + 5);
    }
    ngx_destroy_pool(pool);
}

static void
test_reset_of_a_new_pool_changes_nothing(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    ngx_reset_pool(pool);
    ngx_reset_pool(pool);
    assert_null(pool->d.next);
    check_placed_as_new(pool, 100);
    ngx_destroy_pool(pool);
}

static void
test_reset_lets_all_be_written_again(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;
    size_t round;

    (void) state;
    for (round = 0; round < 4; round++) {
        for (n = 0; n < 200; n++) {
            size_t size = size_of(n);

            memset(ngx_palloc(pool, size), 0xff, size);
        }
        ngx_reset_pool(pool);
    }
    ngx_destroy_pool(pool);
}

static void
allocate_in_handler(void *data)
{
    fill(data, 5);
}

static void
test_reset_releases_what_handlers_allocate(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, 0);

    (void) state;
    cleanup->handler = allocate_in_handler;
    cleanup->data = pool;
    ngx_reset_pool(pool);
    check_placed_as_new(pool, 500);
    ngx_destroy_pool(pool);
}

/* As ngx_free_chain() does with a link. */
static void
free_in_handler(void *data)
{
    ngx_pool_t *pool = data;

    assert_int_equal(ngx_pfree(pool, pool->large->alloc), NGX_OK);
    pool->chain = data;
}

static void
test_reset_forgets_what_handlers_free(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, 0);

    (void) state;
    (void) ngx_palloc(pool, LARGE);
    cleanup->handler = free_in_handler;
    cleanup->data = pool;
    ngx_reset_pool(pool);
    assert_null(pool->spare);
    assert_null(pool->chain);
    ngx_destroy_pool(pool);
}

static void
test_destroy_frees_used_and_unused_blocks(void **state)
{
    size_t blocks = heap_live_blocks();
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 10);
    ngx_reset_pool(pool);
    fill(pool, 4);
    (void) ngx_palloc(pool, LARGE);
    assert_int_equal(heap_live_blocks(), blocks + 11);
    ngx_destroy_pool(pool);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_destroy_of_a_new_pool_frees_it(void **state)
{
    size_t blocks = heap_live_blocks();

    (void) state;
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_destroy_frees_larges_and_index(void **state)
{
    size_t blocks = heap_live_blocks();
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = NULL;
    size_t n;

    (void) state;
    for (n = 0; n < 100; n++) {
        p = ngx_palloc(pool, LARGE);
    }
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    (void) ngx_pfree(pool, &n);
    assert_non_null(pool->index);
    ngx_destroy_pool(pool);
    assert_int_equal(heap_live_blocks(), blocks);
}

/* Makes that many blocks used, each by one allocation of max bytes. */
static void
fill(ngx_pool_t *pool, size_t blocks)
{
    size_t n;

    for (n = 0; n < blocks; n++) {
        assert_non_null(ngx_palloc(pool, MAX));
    }
}

/* Allocates from pool, which was reset just now, and from a new one, and checks
 * that there is no difference. */
static void
check_placed_as_new(ngx_pool_t *pool, size_t allocations)
{
    ngx_pool_t *fresh = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    for (n = 0; n < allocations; n++) {
        size_t size = size_of(n);
        void *p = n % 2 ? ngx_palloc(pool, size) : ngx_pnalloc(pool, size);
        void *q = n % 2 ? ngx_palloc(fresh, size) : ngx_pnalloc(fresh, size);
        struct place place = place_of(pool, p);
        struct place expected = place_of(fresh, q);

        assert_int_equal(place.block, expected.block);
        assert_int_equal(place.offset, expected.offset);
    }

    assert_int_equal(place_used(pool), place_used(fresh));
    assert_int_equal(place_current(pool), place_current(fresh));
    for (n = 0; n < place_used(fresh); n++) {
        assert_int_equal(place_block(pool, n)->d.failed,
                         place_block(fresh, n)->d.failed);
        assert_int_equal(place_last(pool, n), place_last(fresh, n));
    }
    ngx_destroy_pool(fresh);
}

/* Small sizes, large ones, and some that fill a block. */
static size_t
size_of(size_t n)
{
    return n * n * 7919 % (n % 5 == 0 ? MAX + 100 : 200);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_reset_makes_the_fields_as_new),
        FIXTURE_TEST(test_reset_empties_every_block_at_once),
        FIXTURE_TEST(test_reset_touches_no_block_beyond_two_unused_ones),
        FIXTURE_TEST(test_reset_empties_used_blocks_after_emptied_ones),
        FIXTURE_TEST(test_reset_empties_a_used_block_after_an_unused_one),
        FIXTURE_TEST(test_reset_empties_a_block_that_has_little),
        FIXTURE_TEST(test_reset_frees_the_large_ones),
        FIXTURE_TEST(test_reset_keeps_blocks),
        FIXTURE_TEST(test_reset_gives_later_blocks_all_of_their_bytes),
        FIXTURE_TEST(test_reset_places_as_new),
        FIXTURE_TEST(test_reset_leaves_no_blocks_to_walk),
        FIXTURE_TEST(test_reset_of_a_new_pool_changes_nothing),
        FIXTURE_TEST(test_reset_lets_all_be_written_again),
        FIXTURE_TEST(test_reset_releases_what_handlers_allocate),
        FIXTURE_TEST(test_reset_forgets_what_handlers_free),
        FIXTURE_TEST(test_destroy_frees_used_and_unused_blocks),
        FIXTURE_TEST(test_destroy_of_a_new_pool_frees_it),
        FIXTURE_TEST(test_destroy_frees_larges_and_index),
    };

    return GROUP_RUN(tests);
}
