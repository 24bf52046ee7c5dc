/* Allocations that come from blocks: where they lie, and which block is tried
 * next. */
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    HEADER = sizeof(ngx_pool_t),           /* of the first block */
    NEXT_HEADER = sizeof(ngx_pool_data_t), /* of each further one */
    MAX = POOL_SIZE - HEADER,              /* of a pool of POOL_SIZE */
    GAP = HEADER - NEXT_HEADER, /* bytes of a further block that MAX leaves */
    LEFT_PART = 32, /* a block with a smaller part left is not tried */
};

static void fill_block(ngx_pool_t *pool);

static void
test_palloc_is_aligned(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t size;

    (void) state;
    for (size = 0; size <= MAX; size++) {
        assert_non_null(ngx_pnalloc(pool, 1 + size % 7));
        assert_int_equal((uintptr_t) ngx_palloc(pool, size) % NGX_ALIGNMENT, 0);
        assert_non_null(ngx_pnalloc(pool, 1 + size % 7));
        assert_int_equal((uintptr_t) ngx_pcalloc(pool, size) % NGX_ALIGNMENT,
                         0);
    }
    ngx_destroy_pool(pool);
}

static void
test_palloc_leaves_less_than_its_alignment(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t odd;

    (void) state;
    for (odd = 0; odd < 2 * NGX_ALIGNMENT; odd++) {
        u_char *before = ngx_pnalloc(pool, odd);
        u_char *p = ngx_palloc(pool, 1);

        assert_int_equal(
            p - before,
            (ptrdiff_t) (ngx_align_ptr(before + odd, NGX_ALIGNMENT) - before));
    }
    ngx_destroy_pool(pool);
}

static void
test_palloc_cuts_from_the_first_free_byte(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    place_check(pool, ngx_palloc(pool, NGX_ALIGNMENT), 0, HEADER);
    place_check(pool, ngx_palloc(pool, 3), 0, HEADER + NGX_ALIGNMENT);
    place_check(pool, ngx_palloc(pool, 16), 0, HEADER + 2 * NGX_ALIGNMENT);
    assert_ptr_equal(pool->d.last,
                     (u_char *) pool + HEADER + 2 * NGX_ALIGNMENT + 16);
    ngx_destroy_pool(pool);
}

static void
test_palloc_reads_last_afresh(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *p = ngx_palloc(pool, 16);

    (void) state;
    pool->d.last = p + 64; /* as ngx_array grows in place */
    place_check(pool, ngx_palloc(pool, 8), 0, HEADER + 64);
    pool->d.last = p; /* as ngx_array gives its elements back */
    assert_ptr_equal(ngx_palloc(pool, 8), p);
    ngx_destroy_pool(pool);
}

static void
test_pnalloc_packs(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *expected = pool->d.last;
    size_t size;

    (void) state;
    for (size = 0; size < 40; size++) {
        assert_ptr_equal(ngx_pnalloc(pool, size), expected);
        expected += size;
    }
    ngx_destroy_pool(pool);
}

static void
test_palloc_of_0_takes_no_byte(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *last = pool->d.last;

    (void) state;
    assert_ptr_equal(ngx_palloc(pool, 0), last);
    assert_ptr_equal(ngx_pnalloc(pool, 0), last);
    assert_ptr_equal(ngx_pcalloc(pool, 0), last);
    assert_ptr_equal(pool->d.last, last);

    fill_block(pool);
    assert_ptr_equal(ngx_palloc(pool, 0), pool->d.end);
    assert_null(pool->d.next);
    ngx_destroy_pool(pool);
}

static void
test_palloc_of_max_is_small(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    assert_int_equal(pool->max, MAX);
    place_check(pool, ngx_palloc(pool, MAX), 0, HEADER);
    place_check(pool, ngx_pnalloc(pool, MAX), 1, NEXT_HEADER);
    place_check(pool, ngx_pcalloc(pool, MAX), 2, NEXT_HEADER);
    assert_null(pool->large);
    ngx_destroy_pool(pool);
}

static void
test_palloc_of_more_than_max_is_large(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *p;

    (void) state;
    p = ngx_palloc(pool, MAX + 1);
    assert_ptr_equal(pool->large->alloc, p);
    p = ngx_pnalloc(pool, MAX + 1);
    assert_ptr_equal(pool->large->alloc, p);
    p = ngx_pcalloc(pool, MAX + 1);
    assert_ptr_equal(pool->large->alloc, p);
    ngx_destroy_pool(pool);
}

static void
test_palloc_of_a_page_is_large_in_any_pool(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(16 * ngx_pagesize, NULL);
    void *p;

    (void) state;
    place_check(pool, ngx_palloc(pool, ngx_pagesize - 1), 0, HEADER);
    assert_null(pool->large);
    p = ngx_palloc(pool, ngx_pagesize);
    assert_ptr_equal(pool->large->alloc, p);
    ngx_destroy_pool(pool);
}

static void
test_palloc_fills_a_block_to_its_end(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(pool, MAX - NGX_ALIGNMENT);
    place_check(pool, ngx_palloc(pool, NGX_ALIGNMENT), 0,
                POOL_SIZE - NGX_ALIGNMENT);
    assert_ptr_equal(pool->d.last, pool->d.end);
    place_check(pool, ngx_palloc(pool, 1), 1, NEXT_HEADER);
    ngx_destroy_pool(pool);
}

static void
test_palloc_takes_blocks_of_the_first_ones_size(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t bytes = heap_live_bytes();
    size_t n;

    (void) state;
    for (n = 1; n < 10; n++) {
        fill_block(pool);
        (void) ngx_palloc(pool, MAX);
        assert_int_equal(place_blocks(pool), n + 1);
        assert_int_equal(heap_live_bytes(), bytes + n * POOL_SIZE);
        assert_int_equal(place_block_size(pool, n), POOL_SIZE);
        assert_int_equal((uintptr_t) place_block(pool, n) % NGX_POOL_ALIGNMENT,
                         0);
    }
    ngx_destroy_pool(pool);
}

static void
test_palloc_returns_to_a_block_with_free_bytes(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(pool, MAX - 64);
    place_check(pool, ngx_palloc(pool, 128), 1, NEXT_HEADER);
    place_check(pool, ngx_palloc(pool, 64), 0, POOL_SIZE - 64);
    place_check(pool, ngx_palloc(pool, 64), 1, NEXT_HEADER + 128);
    ngx_destroy_pool(pool);
}

/* Each allocation takes a new block, where it leaves GAP bytes. The first block
 * has nothing left, so it is passed at its first failure. */
static void
test_palloc_counts_each_miss_of_each_block(void **state)
{
    static const size_t failed[] = {1, 3, 2, 1, 0};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < 5; n++) {
        (void) ngx_palloc(pool, MAX);
    }
    assert_int_equal(place_blocks(pool), 5);
    for (n = 0; n < 5; n++) {
        assert_int_equal(place_block(pool, n)->d.failed, failed[n]);
    }
    assert_int_equal(place_current(pool), 1);
    ngx_destroy_pool(pool);
}

static void
test_palloc_counts_no_failure_where_it_fits(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < MAX / NGX_ALIGNMENT; n++) {
        (void) ngx_palloc(pool, NGX_ALIGNMENT);
    }
    assert_int_equal(pool->d.failed, 0);
    (void) ngx_palloc(pool, NGX_ALIGNMENT);
    assert_int_equal(pool->d.failed, 1);
    assert_int_equal(place_block(pool, 1)->d.failed, 0);
    ngx_destroy_pool(pool);
}

/* Also after a reset, when no block has to be added. */
static void
test_palloc_counts_a_miss_before_a_block_that_fits(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(pool, MAX);
    (void) ngx_palloc(pool, MAX);
    ngx_reset_pool(pool);
    (void) ngx_palloc(pool, MAX - 64);
    place_check(pool, ngx_palloc(pool, 128), 1, NEXT_HEADER);
    assert_int_equal(pool->d.failed, 1);
    assert_int_equal(place_block(pool, 1)->d.failed, 0);
    ngx_destroy_pool(pool);
}

static void
test_palloc_passes_a_block_after_more_than_four_failures(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    (void) ngx_palloc(pool, MAX - 64);
    for (n = 1; n <= 4; n++) {
        (void) ngx_palloc(pool, MAX);
        assert_int_equal(pool->d.failed, n);
        assert_ptr_equal(pool->current, pool);
    }
    (void) ngx_palloc(pool, MAX);
    assert_int_equal(pool->d.failed, 5);
    assert_int_equal(place_current(pool), 1);
    assert_int_equal(pool->current->d.failed, 4);

    /* Its 64 bytes are passed too. */
    place_check(pool, ngx_palloc(pool, GAP), 1, NEXT_HEADER + MAX);
    ngx_destroy_pool(pool);
}

static void
test_palloc_passes_a_block_that_is_nearly_full_at_once(void **state)
{
    size_t left;

    (void) state;
    for (left = 0; left <= 128; left++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        place_leave(pool, 0, left);
        (void) ngx_palloc(pool, 136);
        assert_int_equal(place_current(pool),
                         left < POOL_SIZE / LEFT_PART ? 1 : 0);
        assert_int_equal(pool->d.failed, 1);
        ngx_destroy_pool(pool);
    }
}

/* Only a miss moves current, and never past the block that served. */
static void
test_palloc_keeps_a_full_block_current_until_a_miss(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(pool, MAX);
    assert_ptr_equal(pool->current, pool);
    place_leave(pool, 0, 8);
    (void) ngx_palloc(pool, MAX);
    place_leave(pool, 1, 0);
    (void) ngx_palloc(pool, 16);
    assert_int_equal(place_current(pool), 2);
    place_leave(pool, 2, 0);
    assert_int_equal(place_current(pool), 2);
    ngx_destroy_pool(pool);
}

static void
test_palloc_tries_at_most_five_blocks(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < 1000; n++) {
        (void) ngx_palloc(pool, MAX);
        assert_true(place_blocks(pool->current) <= 5);
    }
    ngx_destroy_pool(pool);
}

/* The size that a caller asked for stands in the head, as other code reads it,
 * whatever was allocated and wherever current is. */
static void
test_palloc_keeps_every_head_true(void **state)
{
    size_t size;

    (void) state;
    for (size = HEADER; size < 2 * POOL_SIZE; size += 61) {
        ngx_pool_t *pool = ngx_create_pool(size, NULL);
        size_t n;
        size_t i;

        for (n = 0; n < 50; n++) {
            (void) ngx_palloc(pool, n * 97 % (pool->max + 1));
            for (i = 0; i < place_blocks(pool); i++) {
                assert_int_equal(place_block_size(pool, i), size);
                assert_in_range(place_last(pool, i),
                                i == 0 ? HEADER : NEXT_HEADER, size);
            }
        }
        ngx_destroy_pool(pool);
    }
}

static void
test_palloc_in_a_block_with_unaligned_end_stays_inside(void **state)
{
    size_t odd;
    size_t left;

    (void) state;
    for (odd = 0; odd < 2 * NGX_POOL_ALIGNMENT; odd++) {
        for (left = 0; left < 24; left++) {
            ngx_pool_t *pool = ngx_create_pool(POOL_SIZE + odd, NULL);
            u_char *p;

            (void) ngx_pnalloc(pool, pool->max - left);
            p = ngx_palloc(pool, 8);
            if (place_blocks(pool) == 1) {
                assert_true(p + 8 <= pool->d.end);
                assert_true(p >= (u_char *) pool);
            } else {
                place_check(pool, p, 1, NEXT_HEADER);
            }
            ngx_destroy_pool(pool);
        }
    }
}

static void
test_palloc_aligned_past_the_end_takes_a_new_block(void **state)
{
    /* The end lies 3 bytes after a multiple of the alignment. */
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE + 3, NULL);

    (void) state;
    (void) ngx_pnalloc(pool, pool->max - 1);
    assert_true(ngx_align_ptr(pool->d.last, NGX_ALIGNMENT) > pool->d.end);
    place_check(pool, ngx_palloc(pool, 1), 1, NEXT_HEADER);
    place_check(pool, ngx_palloc(pool, 0), 1, NEXT_HEADER + NGX_ALIGNMENT);
    ngx_destroy_pool(pool);
}

static void
test_palloc_in_tiny_pools_stays_inside(void **state)
{
    size_t size;
    size_t n;

    (void) state;
    for (size = HEADER; size < NGX_MIN_POOL_SIZE + 64; size++) {
        ngx_pool_t *pool = ngx_create_pool(size, NULL);

        for (n = 0; n <= pool->max; n++) {
            u_char *p = n % 2 == 0 ? ngx_palloc(pool, n) : ngx_pnalloc(pool, n);
            struct place place = place_of(pool, p);

            assert_int_not_equal(place.block, PLACE_LARGE);
            assert_true(place.offset >=
                        (place.block == 0 ? HEADER : NEXT_HEADER));
            assert_true(place.offset + n <= size);
            memset(p, 0xa5, n);
        }
        assert_null(pool->large);
        ngx_destroy_pool(pool);
    }
}

static void
test_pcalloc_clears_used_memory(void **state)
{
    static const u_char zeros[MAX];
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t size;

    (void) state;
    for (size = 0; size <= MAX; size++) {
        memset(ngx_palloc(pool, MAX), 0xff, MAX);
        ngx_reset_pool(pool);
        assert_memory_equal(ngx_pcalloc(pool, size), zeros, size);
        ngx_reset_pool(pool);
    }
    ngx_destroy_pool(pool);
}

/* In each block of the chain, in memory that was written before, to its end; a
 * large one that is kept is cleared as well. */
static void
test_pcalloc_clears_in_every_block(void **state)
{
    enum {
        BLOCKS = 12,
    };
    static const u_char zeros[4 * POOL_SIZE];
    static const size_t sizes[] = {1, 200, 700, MAX};
    ngx_pool_t *pool;
    size_t i;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (n = 0; n < BLOCKS; n++) {
            memset(ngx_palloc(pool, MAX), 0xff, MAX);
            memset(ngx_palloc(pool, 4 * POOL_SIZE), 0xff, 4 * POOL_SIZE);
        }
        ngx_reset_pool(pool);
        while (place_used(pool) < BLOCKS) {
            assert_memory_equal(ngx_pcalloc(pool, sizes[i]), zeros, sizes[i]);
        }
        assert_memory_equal(ngx_pcalloc(pool, 4 * POOL_SIZE), zeros,
                            4 * POOL_SIZE);
        ngx_reset_pool(pool);
    }
    ngx_destroy_pool(pool);
}

static void
test_palloc_leaves_neighbours_alone(void **state)
{
    enum {
        COUNT = 600,
    };
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *p[COUNT];
    size_t size[COUNT];
    size_t i;
    size_t j;

    (void) state;
    for (i = 0; i < COUNT; i++) {
        size[i] = (i * 37) % (MAX + 200);
        switch (i % 3) {
        case 0:
            p[i] = ngx_palloc(pool, size[i]);
            break;
        case 1:
            p[i] = ngx_pnalloc(pool, size[i]);
            break;
        default:
            p[i] = ngx_pcalloc(pool, size[i]);
        }
        memset(p[i], (int) (i & 0xff), size[i]);
    }
    for (i = 0; i < COUNT; i++) {
        for (j = 0; j < size[i]; j++) {
            assert_int_equal(p[i][j], i & 0xff);
        }
    }
    ngx_destroy_pool(pool);
}

/* Leaves no byte free in the pool's first block. */
static void
fill_block(ngx_pool_t *pool)
{
    pool->d.last = pool->d.end;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_palloc_is_aligned),
        FIXTURE_TEST(test_palloc_leaves_less_than_its_alignment),
        FIXTURE_TEST(test_palloc_cuts_from_the_first_free_byte),
        FIXTURE_TEST(test_palloc_reads_last_afresh),
        FIXTURE_TEST(test_pnalloc_packs),
        FIXTURE_TEST(test_palloc_of_0_takes_no_byte),
        FIXTURE_TEST(test_palloc_of_max_is_small),
        FIXTURE_TEST(test_palloc_of_more_than_max_is_large),
        FIXTURE_TEST(test_palloc_of_a_page_is_large_in_any_pool),
        FIXTURE_TEST(test_palloc_fills_a_block_to_its_end),
        FIXTURE_TEST(test_palloc_takes_blocks_of_the_first_ones_size),
        FIXTURE_TEST(test_palloc_returns_to_a_block_with_free_bytes),
        FIXTURE_TEST(test_palloc_counts_each_miss_of_each_block),
        FIXTURE_TEST(test_palloc_counts_no_failure_where_it_fits),
        FIXTURE_TEST(test_palloc_counts_a_miss_before_a_block_that_fits),
        FIXTURE_TEST(test_palloc_passes_a_block_after_more_than_four_failures),
        FIXTURE_TEST(test_palloc_passes_a_block_that_is_nearly_full_at_once),
        FIXTURE_TEST(test_palloc_keeps_a_full_block_current_until_a_miss),
        FIXTURE_TEST(test_palloc_tries_at_most_five_blocks),
        FIXTURE_TEST(test_palloc_keeps_every_head_true),
        FIXTURE_TEST(test_palloc_in_a_block_with_unaligned_end_stays_inside),
        FIXTURE_TEST(test_palloc_aligned_past_the_end_takes_a_new_block),
        FIXTURE_TEST(test_palloc_in_tiny_pools_stays_inside),
        FIXTURE_TEST(test_pcalloc_clears_used_memory),
        FIXTURE_TEST(test_pcalloc_clears_in_every_block),
        FIXTURE_TEST(test_palloc_leaves_neighbours_alone),
    };

    return GROUP_RUN(tests);
}
