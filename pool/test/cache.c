/* The memory that a thread keeps for its next pools. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "asan.h"
#include "fixture.h"
#include "heap.h"
#include "lines.h"
#include "place.h"
#include "random_next.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 10240,
    MIB = 1024 * 1024,
    LIMIT = 16 * MIB,

    SWEEP_REGIONS = 32,        /* pools that end between two sweeps */
    SWEEP_LEAVES = 512 * 1024, /* bytes that a sweep does not release */

    TRIES = 8,                     /* pieces of a bin that are looked at */
    KEPT_MIN = 2 * sizeof(size_t), /* a smaller piece is not kept */
};

static void miss(size_t size);
static void keep(size_t size, size_t blocks);
static void grow(ngx_pool_t *pool, size_t blocks);
static void run_region(size_t size, size_t bytes, size_t large);
static void run_pieces(size_t size, size_t count);
static void end_regions(size_t count);
static ngx_pool_cache_stats_t stats(void);
static void check_marks(const u_char *p, size_t start, size_t end,
                        int is_marked);
static void in_a_thread(void *(*run)(void *), void *data);

static void
test_cache_serves_the_next_pool(void **state)
{
    ngx_pool_t *pool;
    ngx_pool_t *again;
    size_t calls;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);

    calls = heap_calls();
    for (n = 0; n < 100; n++) {
        again = ngx_create_pool(POOL_SIZE, NULL);
        assert_ptr_equal(again, pool);
        assert_int_equal(ngx_pool_cache_size(), 0);
        ngx_destroy_pool(again);
    }
    assert_int_equal(heap_calls(), calls);
}

static void
test_cache_makes_a_pool_as_new(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, pool->max);
    (void) ngx_palloc(pool, pool->max);
    (void) ngx_palloc(pool, 4096);
    (void) ngx_pfree(pool, ngx_palloc(pool, 4096));
    (void) ngx_pool_cleanup_add(pool, 8);
    ngx_destroy_pool(pool);

    pool = ngx_create_pool(POOL_SIZE, NULL);
    place_check_empty(pool, POOL_SIZE);
    assert_null(pool->d.next);
    assert_ptr_equal(pool->current, pool);
    assert_null(pool->chain);
    assert_null(pool->large);
    assert_null(pool->spare);
    assert_null(pool->index);
    assert_null(pool->cleanup);
    memset(ngx_palloc(pool, pool->max), 0xff, pool->max);
    memset(ngx_palloc(pool, pool->max), 0xff, pool->max);
    ngx_destroy_pool(pool);
}

static void
test_cache_serves_later_blocks_too(void **state)
{
    ngx_pool_t *pool;
    size_t calls;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 10);
    assert_int_equal(ngx_pool_cache_size(), 10 * POOL_SIZE);
    calls = heap_calls();
    pool = ngx_create_pool(POOL_SIZE, NULL);
    grow(pool, 10);
    assert_int_equal(heap_calls(), calls);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
}

static void
test_cache_serves_the_newest_block_first(void **state)
{
    ngx_pool_t *pool[3];
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < 3; i++) {
        pool[i] = ngx_create_pool(POOL_SIZE, NULL);
    }
    for (i = 0; i < 3; i++) {
        ngx_destroy_pool(pool[i]);
    }
    for (i = 3; i-- > 0;) {
        assert_ptr_equal(ngx_create_pool(POOL_SIZE, NULL), pool[i]);
    }
    for (i = 0; i < 3; i++) {
        ngx_destroy_pool(pool[i]);
    }
}

/* A kept block serves no smaller size and no larger one. */
static void
test_cache_serves_blocks_of_the_very_size_alone(void **state)
{
    size_t size;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(4 * POOL_SIZE, 1);
    for (size = 4 * POOL_SIZE - 1; size > POOL_SIZE / 2; size--) {
        size_t calls = heap_calls();
        size_t kept = ngx_pool_cache_size();
        ngx_pool_t *pool = ngx_create_pool(size, NULL);

        assert_int_equal(heap_calls(), calls + 1);
        assert_int_equal(place_block_size(pool, 0), size);
        assert_int_equal(ngx_pool_cache_size(), kept);
        ngx_destroy_pool(pool);
    }
}

/* By a destroy and by a reset, and for cleanups with their data as well. */
static void
test_cache_serves_large_allocations(void **state)
{
    ngx_pool_t *pool;
    size_t calls;
    void *p;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    p = ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), LARGE);
    assert_int_equal(stats().large, 1);

    calls = heap_calls();
    assert_ptr_equal(ngx_palloc(pool, LARGE), p);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_ptr_equal(ngx_pool_cleanup_add(pool, LARGE - 100), p);
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* Also for lists with an index, of every length around those at which an index
 * is made or grows. */
static void
test_cache_serves_large_allocations_of_an_index(void **state)
{
    enum {
        LISTED = 130,
    };
    size_t count;
    size_t turn;
    size_t i;

    (void) state;
    for (count = 1; count < LISTED; count++) {
        ngx_pool_t *pool;
        size_t calls = 0;

        ngx_pool_cache_limit(LIMIT);
        pool = ngx_create_pool(16 * POOL_SIZE, NULL);
        for (turn = 0; turn < 3; turn++) {
            calls = heap_calls();
            for (i = 0; i < count; i++) {
                assert_non_null(ngx_palloc(pool, LARGE));
            }
            assert_int_equal(heap_calls() - calls, turn == 0 ? count : 0);
            assert_int_equal(ngx_pfree(pool, &count), NGX_DECLINED);
            assert_int_equal(pool->index != NULL, count >= 16);
            ngx_reset_pool(pool);
            assert_int_equal(stats().large, count);
            assert_int_equal(ngx_pool_cache_size(), count * LARGE);
        }
        ngx_destroy_pool(pool);
        ngx_pool_cache_limit(0);
    }
}

/* Kept memory that is served holds the size that was asked for. It is of that
 * size's class or of the next, and a class is a quarter wide. */
static void
test_cache_serves_large_allocations_that_fit(void **state)
{
    ngx_pool_t *pool;
    size_t kept;
    size_t asked;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (kept = 1000; kept < 4500; kept += 61) {
        for (asked = 1000; asked < 4500; asked += 67) {
            size_t calls;
            u_char *p;

            (void) ngx_palloc(pool, kept);
            ngx_reset_pool(pool);
            calls = heap_calls();
            p = ngx_palloc(pool, asked);
            memset(p, 0xa5, asked);
            if (heap_calls() == calls) {
                assert_true(asked <= kept);
                assert_true(kept <= asked * 25 / 16);
            }
            ngx_reset_pool(pool);
            ngx_pool_cache_trim();
            ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
        }
    }
    ngx_destroy_pool(pool);
}

static void
test_cache_serves_a_large_allocation_of_the_next_class(void **state)
{
    ngx_pool_t *pool;
    size_t calls;
    void *p;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    p = ngx_palloc(pool, 5 * 1024);
    ngx_reset_pool(pool);
    calls = heap_calls();
    assert_ptr_equal(ngx_palloc(pool, 4 * 1024), p);
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* The largest size of a class is almost half more than the least one of the
 * class below. */
static void
test_cache_serves_the_least_size_by_the_largest_of_the_next_class(void **state)
{
    ngx_pool_t *pool;
    size_t calls;
    void *p;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    p = ngx_palloc(pool, 6 * 1024 - 1);
    ngx_reset_pool(pool);
    calls = heap_calls();
    assert_ptr_equal(ngx_palloc(pool, 4 * 1024), p);
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* ngx_pfree() releases to the system, since the size is not known to be wanted
 * again. */
static void
test_cache_keeps_nothing_of_pfree(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_int_equal(ngx_pfree(pool, ngx_palloc(pool, LARGE)), NGX_OK);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
}

/* Kept memory then lies before released memory, and the heap can shrink. A list
 * and an index have the same order. */
static void
test_cache_keeps_the_oldest_large_allocations(void **state)
{
    enum {
        COUNT = 20, /* enough for an index */
    };
    int is_indexed;

    (void) state;
    for (is_indexed = 0; is_indexed < 2; is_indexed++) {
        ngx_pool_t *pool;
        void *p[COUNT];
        size_t i;

        ngx_pool_cache_limit(2 * LARGE + LARGE / 2);
        pool = ngx_create_pool(POOL_SIZE, NULL);
        for (i = 0; i < COUNT; i++) {
            p[i] = ngx_palloc(pool, LARGE);
        }
        if (is_indexed) {
            assert_int_equal(ngx_pfree(pool, &i), NGX_DECLINED);
            assert_non_null(pool->index);
        }
        ngx_reset_pool(pool);
        assert_int_equal(stats().large, 2);
        assert_ptr_equal(ngx_palloc(pool, LARGE), p[1]);
        assert_ptr_equal(ngx_palloc(pool, LARGE), p[0]);
        ngx_destroy_pool(pool);
        ngx_pool_cache_limit(0);
    }
}

/* A piece that is too small for the cache's own words is not kept. Any other
 * size is, up to the bytes that were asked of the system. */
static void
test_cache_keeps_large_allocations_of_any_size(void **state)
{
    static const size_t sizes[] = {
        1,    KEPT_MIN - 1, KEPT_MIN,     63,       64,
        1000, MIB,          64 * MIB - 1, 64 * MIB, 100 * MIB};
    ngx_pool_t *pool;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    miss(240 * MIB); /* more than all sizes together */
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t size = sizes[i];
        size_t kept = ngx_pool_cache_size();

        assert_non_null(ngx_pmemalign(pool, size, NGX_ALIGNMENT));
        ngx_reset_pool(pool);
        assert_int_equal(ngx_pool_cache_size() - kept,
                         size >= KEPT_MIN ? size : 0);
    }
    ngx_destroy_pool(pool);
}

/* Beyond what any system has: no bin is read that does not exist. */
static void
test_cache_serves_no_size_near_the_greatest(void **state)
{
    ngx_pool_t *pool;
    size_t size;
    size_t less;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, 100 * MIB);
    ngx_reset_pool(pool);
    for (less = 0; less < 64; less++) {
        assert_null(ngx_palloc(pool, SIZE_MAX - less));
    }
    for (size = SIZE_MAX; size > HEAP_SIZE_MAX; size /= 2) {
        assert_null(ngx_palloc(pool, size));
    }
    assert_int_equal(stats().large, 1);
    ngx_destroy_pool(pool);
}

/* Some of these sizes share a hash, whichever hash it is. One after the other,
 * one within the other, or overlapping: each size serves its own next pool. */
static void
test_cache_serves_any_two_sizes_by_turns(void **state)
{
    enum {
        SIZES = 100,
        STEP = 80,
        TURNS = 9,
        BLOCKS = TRIES - 1,
    };
    size_t one;
    size_t other;
    size_t n;

    (void) state;
    for (one = 0; one < SIZES; one++) {
        for (other = 0; other < one; other++) {
            size_t size[2] = {POOL_SIZE + one * STEP, POOL_SIZE + other * STEP};
            size_t calls = 0;

            ngx_pool_cache_limit(LIMIT);
            for (n = 0; n < TURNS; n++) {
                ngx_pool_t *pool[2];

                keep(size[0], BLOCKS);
                keep(size[1], BLOCKS);
                pool[0] = ngx_create_pool(size[0], NULL);
                pool[1] = ngx_create_pool(size[1], NULL);
                grow(pool[0], 1 + n % BLOCKS);
                grow(pool[1], 1 + n % BLOCKS);
                ngx_destroy_pool(pool[n % 2]);
                ngx_destroy_pool(pool[1 - n % 2]);
                calls = n == 0 ? heap_calls() : calls;
            }
            assert_int_equal(heap_calls(), calls);
            assert_int_equal(stats().blocks, 2 * BLOCKS);
            ngx_pool_cache_limit(0);
        }
    }
}

/* The same with one block of each: a bin is empty while the block of the other
 * size is looked for. */
static void
test_cache_serves_any_two_sizes_that_overlap(void **state)
{
    enum {
        SIZES = 100,
        STEP = 80,
        TURNS = 4,
    };
    size_t one;
    size_t other;
    size_t order;
    size_t n;

    (void) state;
    for (one = 0; one < SIZES; one++) {
        for (other = 0; other < one; other++) {
            for (order = 0; order < 2; order++) {
                size_t calls = 0;

                ngx_pool_cache_limit(LIMIT);
                for (n = 0; n < TURNS; n++) {
                    ngx_pool_t *pool[2];

                    pool[0] = ngx_create_pool(POOL_SIZE + one * STEP, NULL);
                    pool[1] = ngx_create_pool(POOL_SIZE + other * STEP, NULL);
                    ngx_destroy_pool(pool[order]);
                    ngx_destroy_pool(pool[1 - order]);
                    calls = n == 0 ? heap_calls() : calls;
                }
                assert_int_equal(heap_calls(), calls);
                ngx_pool_cache_limit(0);
            }
        }
    }
}

static void
destroy(void *pool)
{
    ngx_destroy_pool(pool);
}

/* The same where one of the pools, of two blocks, destroys the other. */
static void
test_cache_serves_any_two_sizes_that_end_together(void **state)
{
    enum {
        SIZES = 100,
        STEP = 80,
        TURNS = 3,
    };
    size_t one;
    size_t other;
    size_t n;

    (void) state;
    for (one = 0; one < SIZES; one++) {
        for (other = 0; other < SIZES; other++) {
            size_t calls = 0;

            ngx_pool_cache_limit(LIMIT);
            for (n = 0; n < TURNS; n++) {
                ngx_pool_t *first =
                    ngx_create_pool(POOL_SIZE + other * STEP, NULL);
                ngx_pool_t *second =
                    ngx_create_pool(POOL_SIZE + one * STEP, NULL);
                ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(second, 0);

                cleanup->handler = destroy;
                cleanup->data = first;
                grow(second, 2);
                ngx_destroy_pool(second);
                calls = n == 0 ? heap_calls() : calls;
            }
            assert_int_equal(heap_calls(), calls);
            ngx_pool_cache_limit(0);
        }
    }
}

/* Regions of any size up to the limit, of small allocations, of large ones and
 * of both: after the first one nothing is asked of the system. */
static void
test_cache_serves_steady_regions_up_to_the_limit(void **state)
{
    static const size_t bytes[] = {1000,    20000,   300 * 1024, MIB,
                                   3 * MIB, 8 * MIB, 12 * MIB,   14 * MIB};
    static const size_t larges[] = {0, 5000, 100 * 1024};
    size_t i;
    size_t j;
    size_t n;

    (void) state;
    for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        for (j = 0; j < sizeof(larges) / sizeof(larges[0]); j++) {
            size_t calls;

            ngx_pool_cache_limit(LIMIT);
            run_region(16 * 1024, bytes[i], larges[j]);
            calls = heap_calls();
            for (n = 0; n < 3 * SWEEP_REGIONS; n++) {
                run_region(16 * 1024, bytes[i], larges[j]);
            }
            assert_int_equal(heap_calls(), calls);
            ngx_pool_cache_limit(0);
        }
    }
}

/* A region's smallest allocation is kept last, and is too small for the next
 * region's first ones. As many sizes of one class as pieces are looked at are
 * served all the same. */
static void
test_cache_serves_descending_large_sizes_of_one_class(void **state)
{
    size_t count;
    size_t n;
    size_t i;

    (void) state;
    for (count = 1; count <= TRIES; count++) {
        size_t calls = 0;

        ngx_pool_cache_limit(LIMIT);
        for (n = 0; n < 3 * SWEEP_REGIONS; n++) {
            ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

            for (i = 0; i < count; i++) {
                (void) ngx_palloc(pool, 64 * 1024 - 1 - i * 1000);
            }
            ngx_destroy_pool(pool);
            calls = n == 0 ? heap_calls() : calls;
        }
        assert_int_equal(heap_calls(), calls);
        assert_int_equal(stats().large, count);
        ngx_pool_cache_limit(0);
    }
}

/* Only the newest pieces of a class of sizes are looked at. So, of many sizes,
 * most are served, but not all. */
static void
test_cache_serves_most_of_mixed_large_sizes(void **state)
{
    enum {
        REGIONS = 100,
        LARGES = 100,
    };
    size_t calls = 0;
    size_t n;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (n = 0; n < 2 + REGIONS; n++) {
        ngx_pool_t *pool = ngx_create_pool(16 * 1024, NULL);
        uint32_t seed = (uint32_t) n;

        if (n == 2) {
            calls = heap_calls();
        }
        for (i = 0; i < LARGES; i++) {
            (void) ngx_palloc(pool, 4100 + random_next(&seed) % 60000);
        }
        ngx_destroy_pool(pool);
    }
    assert_in_range(heap_calls() - calls, 0, REGIONS * LARGES * 15 / 100);
}

/* The fitting piece is the oldest one of its class, and an allocation costs the
 * same whatever is kept. */
static void
test_cache_looks_at_few_pieces_of_a_class(void **state)
{
    enum {
        FITTING = 64 * 1024 - 1,
        SMALLER = FITTING - 5000,
    };
    ngx_pool_t *pool;
    size_t calls;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, FITTING);
    for (i = 0; i < 10 * TRIES; i++) {
        (void) ngx_palloc(pool, SMALLER);
    }
    ngx_destroy_pool(pool);
    assert_int_equal(stats().large, 10 * TRIES + 1);

    pool = ngx_create_pool(POOL_SIZE, NULL);
    calls = heap_calls();
    (void) ngx_palloc(pool, FITTING);
    assert_int_equal(heap_calls(), calls + 1);
    ngx_destroy_pool(pool);
}

/* The same by resets of one pool. */
static void
test_cache_serves_steady_resets_up_to_the_limit(void **state)
{
    ngx_pool_t *pool;
    size_t calls = 0;
    size_t n;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (n = 0; n < 3 * SWEEP_REGIONS; n++) {
        for (i = 0; i < 100; i++) {
            (void) ngx_palloc(pool, LIMIT / 101);
        }
        ngx_reset_pool(pool);
        if (n == 0) {
            calls = heap_calls();
        }
    }
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* Pools of two sizes at a time, as those of connections and of requests. */
static void
test_cache_serves_pools_within_pools(void **state)
{
    static const size_t inner[] = {POOL_SIZE / 2, 4 * POOL_SIZE, LARGE};
    size_t i;
    size_t n;

    (void) state;
    for (i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
        size_t calls = 0;

        ngx_pool_cache_limit(LIMIT);
        for (n = 0; n < 2 * SWEEP_REGIONS; n++) {
            ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

            run_region(inner[i], 20000, 0);
            grow(pool, 4);
            run_region(inner[i], 20000, 5000);
            ngx_destroy_pool(pool);
            if (n == 0) {
                calls = heap_calls();
            }
        }
        assert_int_equal(heap_calls(), calls);
        ngx_pool_cache_limit(0);
    }
}

/* Memory that a burst left goes back while small regions go on. */
static void
test_cache_releases_a_burst_within_64_regions(void **state)
{
    static const size_t larges[] = {0, 5000, 100 * 1024, MIB};
    size_t j;
    size_t n;

    (void) state;
    for (j = 0; j < sizeof(larges) / sizeof(larges[0]); j++) {
        size_t before;

        /* In any state of the count of regions. */
        for (before = 0; before < SWEEP_REGIONS; before += 5) {
            ngx_pool_cache_limit(LIMIT);
            end_regions(before);
            run_region(16 * 1024, LIMIT, larges[j]);
            assert_true(ngx_pool_cache_size() > LIMIT / 4 * 3);
            for (n = 0; n < 2 * SWEEP_REGIONS; n++) {
                run_region(16 * 1024, 20000, 0);
            }
            assert_true(ngx_pool_cache_size() <= SWEEP_LEAVES);
            assert_true(ngx_pool_cache_size() > SWEEP_LEAVES / 2);
            ngx_pool_cache_limit(0);
        }
    }
}

/* A burst that comes back before it is forgotten asks little of the system. */
static void
test_cache_keeps_what_is_needed_between_two_sweeps(void **state)
{
    size_t calls;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    run_region(16 * 1024, 8 * MIB, 0);
    calls = heap_calls();
    for (n = 0; n < 8 * SWEEP_REGIONS; n++) {
        run_region(16 * 1024, n % (SWEEP_REGIONS / 2) == 0 ? 8 * MIB : 9000, 0);
    }
    assert_int_equal(heap_calls(), calls);
}

static void
test_cache_keeps_what_every_32nd_pool_needs(void **state)
{
    size_t calls;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    run_region(16 * 1024, 2 * MIB, 0);
    calls = heap_calls();
    for (n = 1; n < 40 * SWEEP_REGIONS; n++) {
        run_region(16 * 1024, n % SWEEP_REGIONS == 0 ? 2 * MIB : 9000, 0);
    }
    assert_int_equal(heap_calls(), calls);
}

static void
test_cache_sweeps_leave_512_kib(void **state)
{
    enum {
        SMALL = 256,
    };

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(SMALL, 2 * SWEEP_LEAVES / SMALL);
    end_regions(10 * SWEEP_REGIONS);
    assert_int_equal(ngx_pool_cache_size(), SWEEP_LEAVES);
}

static void
test_cache_sweeps_count_resets_of_unused_pools(void **state)
{
    ngx_pool_t *pool;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(16 * 1024, 2 * SWEEP_LEAVES / (16 * 1024));
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (i = 0; i < 2 * SWEEP_REGIONS; i++) {
        ngx_reset_pool(pool);
    }
    assert_in_range(ngx_pool_cache_size(), 1, SWEEP_LEAVES);
    ngx_destroy_pool(pool);
}

static void
test_cache_sweeps_leave_what_is_little(void **state)
{
    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(16 * 1024, SWEEP_LEAVES / (16 * 1024));
    assert_int_equal(ngx_pool_cache_size(), SWEEP_LEAVES);
    end_regions(10 * SWEEP_REGIONS);
    assert_in_range(ngx_pool_cache_size(), SWEEP_LEAVES - 16 * 1024,
                    SWEEP_LEAVES + POOL_SIZE);
}

/* Memory that was needed just before the limit was lowered stays at the next
 * sweep. */
static void
test_cache_limit_is_no_sweep(void **state)
{
    enum {
        SIZE = 64 * 1024,
        PIECES = MIB / SIZE + 1,
    };

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    end_regions(SWEEP_REGIONS - 3);
    run_pieces(SIZE, PIECES);
    run_pieces(SIZE, PIECES);
    ngx_pool_cache_limit(MIB);
    end_regions(1);
    assert_in_range(ngx_pool_cache_size(), MIB - SIZE, MIB);
}

/* What a lower limit releases is first of all what was not needed. */
static void
test_cache_limit_leaves_what_was_needed(void **state)
{
    enum {
        SIZE = 128 * 1024,
        PIECES = 20,
        NEEDED = 15,
        LEFT = 8,
    };

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    run_pieces(SIZE, PIECES);
    end_regions(SWEEP_REGIONS - 1);
    run_pieces(SIZE, NEEDED);
    ngx_pool_cache_limit(LEFT * SIZE);
    end_regions(SWEEP_REGIONS - 1);
    assert_in_range(ngx_pool_cache_size(), (LEFT - 1) * SIZE, LEFT * SIZE);
}

/* No count of pieces is too large. */
static void
test_cache_trim_releases_any_number_of_blocks(void **state)
{
    enum {
        SIZE = 256,
        BLOCKS = 70000, /* more than 16 bits count */
    };
    size_t live;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    live = heap_live_bytes();
    keep(SIZE, BLOCKS);
    assert_int_equal(stats().blocks, BLOCKS);
    ngx_pool_cache_trim();
    assert_true(heap_live_bytes() <= live);
}

/* Pools that are destroyed oldest first: the newest memory is released, and the
 * system's heap can shrink. */
static void
test_cache_sweeps_leave_the_oldest_pools(void **state)
{
    enum {
        SIZE = 16 * 1024,
        POOLS = 4 * SWEEP_LEAVES / SIZE,
    };
    static ngx_pool_t *pools[POOLS];
    size_t blocks;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < POOLS; i++) {
        pools[i] = ngx_create_pool(SIZE, NULL);
    }
    for (i = 0; i < POOLS; i++) {
        ngx_destroy_pool(pools[i]);
    }
    end_regions(2 * SWEEP_REGIONS);
    blocks = ngx_pool_cache_size() / SIZE;
    assert_in_range(blocks, SWEEP_LEAVES / SIZE - 1, SWEEP_LEAVES / SIZE);
    for (i = blocks; i-- > 0;) {
        assert_ptr_equal(ngx_create_pool(SIZE, NULL), pools[i]);
    }
    for (i = 0; i < blocks; i++) {
        ngx_destroy_pool(pools[i]);
    }
}

/* As much less is kept as a sweep released: a pool whose blocks are not counted
 * as this cache's misses finds no space. */
static void
test_cache_keeps_less_after_a_sweep(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(0);
    pool = ngx_create_pool(16 * 1024, NULL);
    grow(pool, 100);
    ngx_pool_cache_limit(LIMIT);
    run_region(16 * 1024, 8 * MIB, 0);
    end_regions(2 * SWEEP_REGIONS);
    assert_in_range(ngx_pool_cache_size(), SWEEP_LEAVES / 2,
                    SWEEP_LEAVES + POOL_SIZE);
    ngx_destroy_pool(pool);
    assert_in_range(ngx_pool_cache_size(), SWEEP_LEAVES / 2,
                    SWEEP_LEAVES + POOL_SIZE);
}

/* For every limit, and for regions of all kinds. */
/* It is released last, so that the heap can shrink. */
static void
test_cache_serves_the_first_block_of_a_pool_first(void **state)
{
    ngx_pool_t *pool;
    const ngx_pool_t *first;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    first = pool;
    grow(pool, TRIES);
    ngx_destroy_pool(pool);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_ptr_equal(pool, first);
    ngx_destroy_pool(pool);
}

/* A handler that makes and destroys many pools. */
static void
end_many(void *data)
{
    (void) data;
    end_regions(2 * SWEEP_REGIONS);
}

static void
test_cache_counts_pools_that_end_in_a_handler(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    run_region(POOL_SIZE, 2 * MIB, LARGE);
    assert_true(ngx_pool_cache_size() > MIB);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_add(pool, 0)->handler = end_many;
    ngx_destroy_pool(pool);
    assert_true(ngx_pool_cache_size() <= SWEEP_LEAVES + POOL_SIZE);
}

static void
test_cache_never_keeps_more_than_its_limit(void **state)
{
    static const size_t limits[] = {
        0,          1,   63,    64,           POOL_SIZE - 1, 5 * LARGE,
        100 * 1000, MIB, LIMIT, SIZE_MAX / 2, SIZE_MAX - 1,  SIZE_MAX,
    };
    uint32_t seed = 7;
    size_t i;
    size_t n;

    (void) state;
    for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        ngx_pool_cache_limit(limits[i]);
        for (n = 0; n < 200; n++) {
            uint32_t random = random_next(&seed);

            run_region(POOL_SIZE + random % 5000, random % 200000,
                       random % 3 == 0 ? 4097 + random % 50000 : 0);
            assert_true(ngx_pool_cache_size() <= limits[i]);
            assert_int_equal(stats().limit, limits[i]);
            assert_true(heap_live_bytes() >= stats().size + stats().overhead);
        }
        assert_int_equal(ngx_pool_cache_size() > 0, limits[i] > POOL_SIZE);
        ngx_pool_cache_trim();
    }
}

static void
test_cache_keeps_a_block_of_its_limit(void **state)
{
    (void) state;
    ngx_pool_cache_limit(POOL_SIZE);
    keep(POOL_SIZE + 1, 1);
    assert_int_equal(ngx_pool_cache_size(), 0);
    keep(POOL_SIZE, 1);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
}

/* Nothing is kept, and no bookkeeping is made. */
static void
test_cache_limit_of_0_keeps_nothing(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t calls;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    ngx_pool_cache_limit(0);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
    calls = heap_calls();
    keep(POOL_SIZE, 5);
    assert_int_equal(heap_calls(), calls + 5);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_cache_limit_releases_what_is_beyond(void **state)
{
    size_t blocks = heap_live_blocks() + 1; /* the bookkeeping is one */
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < 8; i++) {
        keep(POOL_SIZE << i, 1);
    }
    assert_int_equal(heap_live_blocks(), blocks + 8);
    ngx_pool_cache_limit(ngx_pool_cache_size());
    assert_int_equal(heap_live_blocks(), blocks + 8);
    ngx_pool_cache_limit(ngx_pool_cache_size() - 1);
    assert_int_equal(heap_live_blocks(), blocks + 7);
    ngx_pool_cache_limit(POOL_SIZE);
    assert_true(ngx_pool_cache_size() <= POOL_SIZE);
    assert_int_equal(stats().limit, POOL_SIZE);
    ngx_pool_cache_limit(1);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

/* The limit falls while nothing is kept, so it releases nothing. */
static void
test_cache_limit_holds_for_pools_that_live(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    grow(pool, 4);
    (void) ngx_palloc(pool, LARGE);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_pool_cache_limit(2 * POOL_SIZE);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE);
}

static void
test_cache_limit_can_be_raised(void **state)
{
    (void) state;
    ngx_pool_cache_limit(POOL_SIZE);
    keep(POOL_SIZE, 3);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
    ngx_pool_cache_limit(2 * POOL_SIZE);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
    keep(POOL_SIZE, 3);
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE);
    ngx_pool_cache_limit(SIZE_MAX);
    keep(POOL_SIZE, 3);
    assert_int_equal(ngx_pool_cache_size(), 3 * POOL_SIZE);
    ngx_pool_cache_limit(POOL_SIZE);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
}

/* For each highest bit of a limit: memory up to the limit is kept, to the byte.
 * Of a limit far above the memory of a thread, all bits are kept. */
static void
test_cache_limit_of_every_bit(void **state)
{
    enum {
        BLOCKS = 3,
    };
    size_t bit;
    size_t i;

    (void) state;
    for (bit = 1; bit != 0; bit *= 2) {
        const size_t limits[] = {bit - 1, bit, bit + 1, bit | POOL_SIZE};

        for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
            size_t fits = limits[i] / POOL_SIZE;

            ngx_pool_cache_limit(limits[i]);
            keep(POOL_SIZE, BLOCKS);
            assert_int_equal(stats().limit, limits[i]);
            assert_int_equal(stats().blocks, fits < BLOCKS ? fits : BLOCKS);
            ngx_pool_cache_trim();
            assert_int_equal(stats().limit, limits[i]);
        }
    }
}

/* Each as large as all memory: the limit is no sum that wraps. */
static void
test_cache_limit_is_not_reached_by_what_fails(void **state)
{
    ngx_pool_t *pool;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    keep(POOL_SIZE, 3);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (n = 0; n < 10; n++) {
        assert_null(ngx_palloc(pool, SIZE_MAX / 2));
        assert_null(ngx_palloc(pool, SIZE_MAX));
    }
    (void) ngx_palloc(pool, LARGE);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 3 * POOL_SIZE + LARGE);
}

static void
test_cache_trim_releases_all_and_keeps_the_limit(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < 8; i++) {
        run_region(POOL_SIZE + i * 100, 20000, i % 2 * LARGE);
    }
    ngx_pool_cache_trim();
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(stats().overhead, 0);
    assert_int_equal(stats().limit, LIMIT);
    assert_int_equal(heap_live_blocks(), blocks);
    ngx_pool_cache_trim();
    keep(POOL_SIZE, 1);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
}

/* A pool that lives on ends as any other. Only bytes that are allocated after
 * the trim count for the memory that may be kept. */
static void
test_cache_trim_while_pools_live(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, LARGE);
    ngx_pool_cache_trim();
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 0);
    grow(pool, 3);
    (void) ngx_palloc(pool, LARGE);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE + LARGE);
}

/* Of kept memory, only the library's own words may be touched; of memory that
 * is served again, only the bytes that were asked for. */
static void
test_cache_marks_every_byte_that_it_keeps(void **state)
{
    enum {
        SHORT = LARGE - 100,
    };
    ngx_pool_t *pool;
    u_char *block;
    u_char *p;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    grow(pool, 2);
    block = (u_char *) pool->d.next;
    p = ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    check_marks(p, 0, KEPT_MIN, 0);
    check_marks(p, KEPT_MIN, LARGE, NGX_POOL_POISON);

    assert_ptr_equal(ngx_palloc(pool, SHORT), p);
    check_marks(p, 0, SHORT, 0);
    check_marks(p, SHORT, LARGE, NGX_POOL_POISON);
    ngx_destroy_pool(pool);
    check_marks(p, KEPT_MIN, LARGE, NGX_POOL_POISON);
    check_marks(block, KEPT_MIN, POOL_SIZE, NGX_POOL_POISON);
    check_marks((u_char *) pool, KEPT_MIN, POOL_SIZE, NGX_POOL_POISON);

    pool = ngx_create_pool(POOL_SIZE, NULL);
    check_marks((u_char *) pool, 0, sizeof(ngx_pool_t), 0);
    check_marks((u_char *) pool, sizeof(ngx_pool_t), POOL_SIZE,
                NGX_POOL_POISON);
    ngx_destroy_pool(pool);
}

static void
test_cache_serves_when_memory_runs_out(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 2);
    heap_fail_from(0);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_non_null(pool);
    grow(pool, 2);
    place_leave(pool, 1, 0);
    assert_null(ngx_palloc(pool, pool->max));
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE);
}

/* Without memory for its bookkeeping there is no cache, but there are pools. */
static void
test_cache_without_memory_for_itself_keeps_nothing(void **state)
{
    size_t blocks = heap_live_blocks();
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    heap_fail_at(0);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_non_null(pool);
    assert_int_equal(stats().overhead, 0);
    ngx_destroy_pool(pool);
    assert_int_equal(heap_live_blocks(), blocks);
    keep(POOL_SIZE, 1);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
}

static void
test_cache_logs_that_there_is_no_memory_for_itself(void **state)
{
    struct lines lines;
    char call[64];

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    ngx_pool_cache_limit(LIMIT);
    heap_fail_at(0);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, &lines.log));
    keep(POOL_SIZE, 1);
    (void) snprintf(call, sizeof(call), "calloc(%zu)", stats().overhead);
    assert_int_equal(lines.count, 1);
    lines_check_memory(&lines, 0, call);
}

static void
write_with_a_pool(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    (void) log;
    (void) level;
    (void) buf;
    (void) len;
    keep(POOL_SIZE, 1);
}

/* The line says that there is no memory for the cache; when it is written,
 * there is. */
static void
test_cache_is_made_by_a_pool_of_the_logs_writer(void **state)
{
    ngx_log_t log = {.log_level = NGX_LOG_EMERG, .writer = write_with_a_pool};

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    heap_fail_at(0);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, &log));
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE);
    assert_int_equal(heap_live_blocks(), 2 + 1); /* the bookkeeping is one */
}

/* Figures of a thread, checked when it has ended. */
struct sight {
    size_t limit_at_start;
    size_t size_at_start; /* kept */
    size_t size_at_end;
    size_t blocks_at_end;
    ngx_pool_t *pool; /* for the thread to destroy */
    pthread_key_t key;
};

static void *
keep_up_to_the_limit(void *data)
{
    struct sight *sight = data;

    sight->limit_at_start = stats().limit;
    keep(16 * 1024, NGX_POOL_CACHE_SIZE / (16 * 1024) + 10);
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
test_cache_limit_is_16_mib_at_first_or_0_under_asan(void **state)
{
    struct sight sight;

    (void) state;
    in_a_thread(keep_up_to_the_limit, &sight);
    assert_int_equal(NGX_POOL_CACHE_SIZE, LIMIT);
    assert_int_equal(sight.limit_at_start, ASAN_ON ? 0 : LIMIT);
    assert_int_equal(sight.size_at_end, ASAN_ON ? 0 : LIMIT);
}

static void *
keep_in_thread(void *data)
{
    struct sight *sight = data;

    sight->size_at_start = ngx_pool_cache_size();
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    keep(2 * POOL_SIZE, 5);
    run_region(POOL_SIZE, 4 * LARGE, LARGE);
    sight->blocks_at_end = heap_live_blocks();
    return NULL;
}

static void
test_cache_is_released_at_its_threads_end(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    in_a_thread(keep_in_thread, &sight);
    assert_true(sight.blocks_at_end > blocks + 10);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_cache_is_each_threads_own(void **state)
{
    struct sight sight;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 3);
    in_a_thread(keep_in_thread, &sight);
    assert_int_equal(sight.size_at_start, 0);
    assert_int_equal(ngx_pool_cache_size(), 3 * POOL_SIZE);
}

/* The thread keeps as much as it has allocated itself, also of a pool that
 * another thread filled. */
static void *
destroy_in_thread(void *data)
{
    struct sight *sight = data;

    ngx_pool_cache_limit(LIMIT);
    keep(2 * POOL_SIZE, 1);
    ngx_pool_cache_trim();
    miss(2 * POOL_SIZE);
    sight->size_at_start = ngx_pool_cache_size();
    ngx_destroy_pool(sight->pool);
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
test_cache_keeps_blocks_of_pools_of_other_threads(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    sight.pool = ngx_create_pool(POOL_SIZE, NULL);
    grow(sight.pool, 4);
    in_a_thread(destroy_in_thread, &sight);
    assert_int_equal(sight.size_at_end, sight.size_at_start + 2 * POOL_SIZE);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_pool_cache_trim();
    assert_int_equal(heap_live_blocks(), blocks);
}

/* A thread that has one small pool of its own, and destroys large ones that
 * other threads hand to it. */
static void *
destroy_all_in_thread(void *data)
{
    struct sight *sight = data;
    ngx_pool_t *next;

    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 1);
    sight->size_at_start = ngx_pool_cache_size();
    for (; sight->pool != NULL; sight->pool = next) {
        next = *(ngx_pool_t **) (sight->pool + 1);
        ngx_destroy_pool(sight->pool);
        assert_int_equal(ngx_pool_cache_size(), sight->size_at_start);
    }
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
make_pools_for_others(struct sight *sight)
{
    size_t n;

    for (n = 0; n < 3 * SWEEP_REGIONS; n++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        ngx_pool_t **next = ngx_palloc(pool, sizeof(ngx_pool_t *));

        *next = sight->pool;
        sight->pool = pool;
        grow(pool, 4);
        (void) ngx_palloc(pool, LARGE);
    }
}

static void
test_cache_keeps_nothing_where_pools_are_only_destroyed(void **state)
{
    struct sight sight = {.pool = NULL};

    (void) state;
    make_pools_for_others(&sight);
    in_a_thread(destroy_all_in_thread, &sight);
    assert_int_equal(sight.size_at_start, POOL_SIZE);
    assert_int_equal(sight.size_at_end, POOL_SIZE);
}

/* The system refuses memory, for a block and for a large allocation. */
static void *
destroy_all_after_refusals_in_thread(void *data)
{
    ngx_pool_t *pool;

    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_non_null(pool);
    assert_null(ngx_palloc(pool, SIZE_MAX / 2));
    assert_null(ngx_create_pool(SIZE_MAX / 2, NULL));
    ngx_destroy_pool(pool);
    return destroy_all_in_thread(data);
}

static void
test_cache_keeps_nothing_for_what_was_refused(void **state)
{
    struct sight sight = {.pool = NULL};

    (void) state;
    make_pools_for_others(&sight);
    in_a_thread(destroy_all_after_refusals_in_thread, &sight);
    assert_int_equal(sight.size_at_end, POOL_SIZE);
}

/* In a thread that has asked for no block yet there is no cache. */
static void *
destroy_alone_in_thread(void *data)
{
    struct sight *sight = data;

    ngx_pool_cache_limit(LIMIT);
    (void) ngx_palloc(sight->pool, LARGE);
    ngx_destroy_pool(sight->pool);
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
test_cache_is_not_made_by_a_destroy(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    sight.pool = ngx_create_pool(POOL_SIZE, NULL);
    in_a_thread(destroy_alone_in_thread, &sight);
    assert_int_equal(sight.size_at_end, 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

/* Memory that a later handler destroys or asks to keep is released. */
static void
destroy_at_thread_end(void *data)
{
    struct sight *sight = data;

    ngx_destroy_pool(sight->pool);
    sight->size_at_start = ngx_pool_cache_size();
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    sight->size_at_end = ngx_pool_cache_size();
}

static void *
use_until_thread_end(void *data)
{
    struct sight *sight = data;

    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    sight->pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) pthread_setspecific(sight->key, sight);
    return NULL;
}

/* The library took its key before main(), so at a thread's end its handler runs
 * before that of a later key. */
static void
test_cache_loses_nothing_that_later_handlers_destroy(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    assert_int_equal(pthread_key_create(&sight.key, destroy_at_thread_end), 0);
    in_a_thread(use_until_thread_end, &sight);
    assert_int_equal(sight.size_at_start, 0);
    assert_int_equal(sight.size_at_end, 5 * POOL_SIZE);
    assert_int_equal(heap_live_blocks(), blocks);
    assert_int_equal(pthread_key_delete(sight.key), 0);
}

/* Where ThreadSanitizer is not linked, this is NULL. */
void __tsan_init(void) __attribute__((weak));

/* ThreadSanitizer forgets a thread in the last round, so one less is used. */
static size_t
last_round(void)
{
    return PTHREAD_DESTRUCTOR_ITERATIONS - (size_t) (__tsan_init != NULL);
}

/* A thread's end calls handlers in rounds, as long as one of them sets its key
 * again. In the last round the library's own handler has run before. */
static void
use_in_each_round(void *data)
{
    struct sight *sight = data;

    keep(POOL_SIZE, 5);
    sight->size_at_end = ngx_pool_cache_size();
    if (++sight->blocks_at_end < last_round()) {
        (void) pthread_setspecific(sight->key, sight);
    }
}

static void
test_cache_keeps_nothing_of_later_handlers_pools(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight = {0};

    (void) state;
    assert_int_equal(pthread_key_create(&sight.key, use_in_each_round), 0);
    in_a_thread(use_until_thread_end, &sight);
    ngx_destroy_pool(sight.pool);
    assert_int_equal(sight.blocks_at_end, last_round());
    assert_int_equal(sight.size_at_end, 0);
    assert_int_equal(heap_live_blocks(), blocks);
    assert_int_equal(pthread_key_delete(sight.key), 0);
}

/* The numbers of live blocks that a child of fork() reports at its very end. */
struct last_sight {
    size_t after_library; /* when the library's destructor has run */
    size_t after_use;     /* when another destructor has used pools */
};

static int end_fd = -1; /* -1: no report */
static ngx_pool_t *end_pool;

/* Runs after destructors of the default priority, so after the library's. */
__attribute__((destructor(101))) static void
report_live_blocks(void)
{
    struct last_sight sight = {heap_live_blocks(), 0};

    if (end_fd == -1) {
        return;
    }
    ngx_destroy_pool(end_pool);
    keep(POOL_SIZE, 2);
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 2);
    sight.after_use = heap_live_blocks();
    if (write(end_fd, &sight, sizeof(sight)) < 0) {
        abort();
    }
}

/* Also memory that is used after the library's own destructor. */
static void
test_cache_is_released_at_the_processs_end(void **state)
{
    size_t blocks = heap_live_blocks();
    struct last_sight sight = {SIZE_MAX, SIZE_MAX};
    int fds[2];
    pid_t child;

    (void) state;
    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        end_fd = fds[1];
        ngx_pool_cache_limit(LIMIT);
        end_pool = ngx_create_pool(POOL_SIZE, NULL);
        keep(POOL_SIZE, 5);
        exit(stats().blocks == 5 ? 0 : 1);
    }

    (void) close(fds[1]);
    assert_int_equal(read(fds[0], &sight, sizeof(sight)), sizeof(sight));
    (void) close(fds[0]);
    assert_int_equal(sight.after_library, blocks + 1); /* end_pool */
    assert_int_equal(sight.after_use, blocks);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Asks the system for size bytes and returns them to it: from now on the thread
 * keeps that much more. */
static void
miss(size_t size)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    assert_int_equal(ngx_pfree(pool, ngx_palloc(pool, size)), NGX_OK);
    ngx_destroy_pool(pool);
}

/* Destroys a pool with that number of blocks. */
static void
keep(size_t size, size_t blocks)
{
    ngx_pool_t *pool = ngx_create_pool(size, NULL);

    assert_non_null(pool);
    grow(pool, blocks);
    ngx_destroy_pool(pool);
}

/* Allocates until the pool has that number of blocks. */
static void
grow(ngx_pool_t *pool, size_t blocks)
{
    const ngx_pool_t *last = pool;
    size_t count;

    for (count = 1; count < blocks; count++) {
        while (last->d.next == NULL) {
            assert_non_null(ngx_palloc(pool, pool->max));
        }
        last = last->d.next;
    }
}

/* Creates a pool, allocates about bytes bytes, half of them in allocations of
 * large bytes unless large is 0, and destroys the pool. */
static void
run_region(size_t size, size_t bytes, size_t large)
{
    ngx_pool_t *pool = ngx_create_pool(size, NULL);
    size_t small = size / 8 - 32;
    size_t taken[2] = {0, 0};

    assert_non_null(pool);
    while (taken[0] < (large == 0 ? bytes : bytes / 2)) {
        assert_non_null(ngx_palloc(pool, small));
        taken[0] += small;
    }
    while (large != 0 && taken[1] < bytes / 2) {
        assert_non_null(ngx_palloc(pool, large));
        taken[1] += large;
    }
    ngx_destroy_pool(pool);
}

/* A pool makes count large allocations of size bytes, and ends. */
static void
run_pieces(size_t size, size_t count)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    for (; count > 0; count--) {
        assert_non_null(ngx_palloc(pool, size));
    }
    ngx_destroy_pool(pool);
}

static void
end_regions(size_t count)
{
    while (count-- > 0) {
        ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    }
}

static ngx_pool_cache_stats_t
stats(void)
{
    ngx_pool_cache_stats_t cache;

    ngx_pool_cache_stats(&cache);
    return cache;
}

/* Each of p's bytes from start to end is marked, or none is. */
static void
check_marks(const u_char *p, size_t start, size_t end, int is_marked)
{
    for (; start < end; start++) {
        assert_int_equal(ASAN_IS_MARKED(p + start), is_marked);
    }
}

static void
in_a_thread(void *(*run)(void *), void *data)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, data), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_cache_serves_the_next_pool),
        FIXTURE_TEST(test_cache_makes_a_pool_as_new),
        FIXTURE_TEST(test_cache_serves_later_blocks_too),
        FIXTURE_TEST(test_cache_serves_the_newest_block_first),
        FIXTURE_TEST(test_cache_serves_blocks_of_the_very_size_alone),
        FIXTURE_TEST(test_cache_serves_large_allocations),
        FIXTURE_TEST(test_cache_serves_large_allocations_of_an_index),
        FIXTURE_TEST(test_cache_serves_large_allocations_that_fit),
        FIXTURE_TEST(test_cache_serves_a_large_allocation_of_the_next_class),
        FIXTURE_TEST(
            test_cache_serves_the_least_size_by_the_largest_of_the_next_class),
        FIXTURE_TEST(test_cache_keeps_nothing_of_pfree),
        FIXTURE_TEST(test_cache_keeps_the_oldest_large_allocations),
        FIXTURE_TEST(test_cache_keeps_large_allocations_of_any_size),
        FIXTURE_TEST(test_cache_serves_no_size_near_the_greatest),
        FIXTURE_TEST(test_cache_serves_any_two_sizes_by_turns),
        FIXTURE_TEST(test_cache_serves_any_two_sizes_that_overlap),
        FIXTURE_TEST(test_cache_serves_any_two_sizes_that_end_together),
        FIXTURE_TEST(test_cache_serves_steady_regions_up_to_the_limit),
        FIXTURE_TEST(test_cache_serves_descending_large_sizes_of_one_class),
        FIXTURE_TEST(test_cache_serves_most_of_mixed_large_sizes),
        FIXTURE_TEST(test_cache_looks_at_few_pieces_of_a_class),
        FIXTURE_TEST(test_cache_serves_steady_resets_up_to_the_limit),
        FIXTURE_TEST(test_cache_serves_pools_within_pools),
        FIXTURE_TEST(test_cache_releases_a_burst_within_64_regions),
        FIXTURE_TEST(test_cache_keeps_what_is_needed_between_two_sweeps),
        FIXTURE_TEST(test_cache_keeps_what_every_32nd_pool_needs),
        FIXTURE_TEST(test_cache_sweeps_leave_512_kib),
        FIXTURE_TEST(test_cache_sweeps_count_resets_of_unused_pools),
        FIXTURE_TEST(test_cache_sweeps_leave_what_is_little),
        FIXTURE_TEST(test_cache_limit_is_no_sweep),
        FIXTURE_TEST(test_cache_limit_leaves_what_was_needed),
        FIXTURE_TEST(test_cache_trim_releases_any_number_of_blocks),
        FIXTURE_TEST(test_cache_sweeps_leave_the_oldest_pools),
        FIXTURE_TEST(test_cache_keeps_less_after_a_sweep),
        FIXTURE_TEST(test_cache_serves_the_first_block_of_a_pool_first),
        FIXTURE_TEST(test_cache_counts_pools_that_end_in_a_handler),
        FIXTURE_TEST(test_cache_never_keeps_more_than_its_limit),
        FIXTURE_TEST(test_cache_keeps_a_block_of_its_limit),
        FIXTURE_TEST(test_cache_limit_of_0_keeps_nothing),
        FIXTURE_TEST(test_cache_limit_releases_what_is_beyond),
        FIXTURE_TEST(test_cache_limit_holds_for_pools_that_live),
        FIXTURE_TEST(test_cache_limit_can_be_raised),
        FIXTURE_TEST(test_cache_limit_of_every_bit),
        FIXTURE_TEST(test_cache_limit_is_not_reached_by_what_fails),
        FIXTURE_TEST(test_cache_trim_releases_all_and_keeps_the_limit),
        FIXTURE_TEST(test_cache_trim_while_pools_live),
        FIXTURE_TEST(test_cache_marks_every_byte_that_it_keeps),
        FIXTURE_TEST(test_cache_serves_when_memory_runs_out),
        FIXTURE_TEST(test_cache_without_memory_for_itself_keeps_nothing),
        FIXTURE_TEST(test_cache_logs_that_there_is_no_memory_for_itself),
        FIXTURE_TEST(test_cache_is_made_by_a_pool_of_the_logs_writer),
        FIXTURE_TEST(test_cache_limit_is_16_mib_at_first_or_0_under_asan),
        FIXTURE_TEST(test_cache_is_released_at_its_threads_end),
        FIXTURE_TEST(test_cache_is_each_threads_own),
        FIXTURE_TEST(test_cache_keeps_blocks_of_pools_of_other_threads),
        FIXTURE_TEST(test_cache_keeps_nothing_for_what_was_refused),
        FIXTURE_TEST(test_cache_keeps_nothing_where_pools_are_only_destroyed),
        FIXTURE_TEST(test_cache_is_not_made_by_a_destroy),
        FIXTURE_TEST(test_cache_loses_nothing_that_later_handlers_destroy),
        FIXTURE_TEST(test_cache_keeps_nothing_of_later_handlers_pools),
        FIXTURE_TEST(test_cache_is_released_at_the_processs_end),
    };

    return GROUP_RUN(tests);
}
