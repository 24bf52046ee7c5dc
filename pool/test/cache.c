/* The blocks of destroyed pools that a thread keeps for its next ones. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "asan.h"
#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    BINS = 8, /* sizes that are kept at a time */
    LIMIT = 1024 * 1024,
    MANY = 4, /* large allocations for each block but the first */

    LARGE = 10240,
    SLACK = 32,            /* what is kept serves so many bytes less */
    KEPT_LARGE = 64,       /* of one pool, at most */
    KEPT_SIZE = 64 * 1024, /* of each, at most */

    LINK = sizeof(ngx_pool_data_t), /* the least that is kept */
};

static void keep(size_t size, size_t blocks);
static void grow(ngx_pool_t *pool, size_t blocks);
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
    assert_ptr_equal(pool->d.last, (u_char *) pool + sizeof(ngx_pool_t));
    assert_ptr_equal(pool->d.end, (u_char *) pool + POOL_SIZE);
    assert_null(pool->d.next);
    assert_int_equal(pool->d.failed, 0);
    assert_ptr_equal(pool->current, pool);
    assert_null(pool->large);
    assert_int_equal(pool->d.slots, 0);
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
test_cache_gives_the_last_kept_first(void **state)
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

static void
test_cache_serves_its_size_alone(void **state)
{
    ngx_pool_t *pool;
    size_t calls = heap_calls();

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 1);
    pool = ngx_create_pool(POOL_SIZE + 1, NULL);
    assert_int_equal(heap_calls(), calls + 2);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
    ngx_destroy_pool(pool);
    pool = ngx_create_pool(POOL_SIZE - 1, NULL);
    assert_int_equal(heap_calls(), calls + 3);
    ngx_destroy_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 3 * POOL_SIZE);
}

static void
test_cache_never_keeps_more_than_its_limit(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t n;

    (void) state;
    ngx_pool_cache_limit(10 * POOL_SIZE + POOL_SIZE / 2);
    for (n = 1; n <= 20; n++) {
        keep(POOL_SIZE, n);
        assert_int_equal(ngx_pool_cache_size(), (n < 10 ? n : 10) * POOL_SIZE);
        assert_int_equal(heap_live_blocks(), blocks + (n < 10 ? n : 10));
    }
    keep(POOL_SIZE / 2, 3); /* there is room for one */
    assert_int_equal(ngx_pool_cache_size(), 10 * POOL_SIZE + POOL_SIZE / 2);
    assert_int_equal(heap_live_blocks(), blocks + 11);
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

/* Kept, they would pin the heap that the large ones leave behind. */
static void
test_cache_takes_no_block_from_among_many_large_ones(void **state)
{
    size_t large;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (large = 0; large <= 2 * MANY; large++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        ngx_pool_cache_stats_t stats;
        size_t n;

        for (n = 0; n < large; n++) {
            assert_non_null(ngx_palloc(pool, pool->max + 1));
        }
        grow(pool, 3);
        ngx_destroy_pool(pool);
        ngx_pool_cache_stats(&stats);
        assert_int_equal(stats.blocks, large < 2 * MANY ? 3 : 1);
        assert_int_equal(stats.large, large);
        ngx_pool_cache_trim();
    }
}

/* By a destroy and by a reset, and for data of cleanups as well. */
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

    calls = heap_calls();
    assert_ptr_equal(ngx_palloc(pool, LARGE - SLACK), p);
    assert_int_equal(ngx_pool_cache_size(), 0);
    ngx_destroy_pool(pool);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_ptr_equal(ngx_pool_cleanup_add(pool, LARGE)->data, p);
    assert_int_equal(heap_calls(), calls);
    ngx_destroy_pool(pool);
}

/* A larger or a much smaller one is the system's. */
static void
test_cache_serves_no_large_allocation_of_another_size(void **state)
{
    static const size_t others[] = {LARGE + 1, LARGE - SLACK - 1,
                                    HEAP_SIZE_MAX + (size_t) 1, SIZE_MAX,
                                    SIZE_MAX - SLACK + 1};
    ngx_pool_t *pool;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, LARGE);
    (void) ngx_pmemalign(pool, LINK, NGX_ALIGNMENT);
    ngx_reset_pool(pool);
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        size_t calls = heap_calls();

        (void) ngx_palloc(pool, others[i]);
        assert_int_equal(heap_calls(), calls + 1);
    }
    ngx_destroy_pool(pool);
}

/* ngx_pfree() gives to the system, and so do a pool with many large ones and
 * one that is too large or too small to be kept. */
static void
test_cache_keeps_few_large_allocations(void **state)
{
    static const size_t alone[] = {KEPT_SIZE + 1, LINK - 1};
    ngx_pool_t *pool;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(2 * LIMIT);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_int_equal(ngx_pfree(pool, ngx_palloc(pool, LARGE)), NGX_OK);
    for (n = 0; n < sizeof(alone) / sizeof(alone[0]); n++) {
        (void) ngx_pmemalign(pool, alone[n], NGX_ALIGNMENT);
    }
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 0);

    for (n = 0; n < KEPT_LARGE + 1; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), 0);

    for (n = 0; n < KEPT_LARGE; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pool_cache_size(), KEPT_LARGE * LARGE);
    ngx_destroy_pool(pool);
}

static void
test_cache_limit_of_0_keeps_nothing(void **state)
{
    size_t blocks = heap_live_blocks();

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    ngx_pool_cache_limit(0);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
    keep(POOL_SIZE, 5);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_cache_limit_releases_what_is_beyond(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 4);
    }
    ngx_pool_cache_limit(ngx_pool_cache_size());
    assert_int_equal(heap_live_blocks(), blocks + 4 * BINS);
    ngx_pool_cache_limit(ngx_pool_cache_size() - 1);
    assert_int_equal(heap_live_blocks(), blocks + 4 * (BINS - 1));
    ngx_pool_cache_limit(POOL_SIZE);
    assert_true(ngx_pool_cache_size() <= POOL_SIZE);
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_cache_limit_can_be_raised(void **state)
{
    (void) state;
    ngx_pool_cache_limit(POOL_SIZE);
    keep(POOL_SIZE, 3);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
    ngx_pool_cache_limit(2 * POOL_SIZE);
    keep(POOL_SIZE, 3);
    assert_int_equal(ngx_pool_cache_size(), 2 * POOL_SIZE);
}

static void
test_cache_trim_releases_all_and_keeps_the_limit(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 4);
    }
    ngx_pool_cache_trim();
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
    keep(POOL_SIZE, 1);
    assert_int_equal(ngx_pool_cache_size(), POOL_SIZE);
}

static void
test_cache_empties_the_size_used_longest_ago_for_another(void **state)
{
    size_t sizes = 0;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 2);
        sizes += 2 * (POOL_SIZE + i);
    }
    assert_int_equal(ngx_pool_cache_size(), sizes);
    for (i = 0; i < 3 * BINS; i++) {
        size_t calls;
        ngx_pool_t *pool;

        keep(POOL_SIZE + BINS + i, 2);
        sizes += 2 * BINS;
        assert_int_equal(ngx_pool_cache_size(), sizes);

        calls = heap_calls();
        pool = ngx_create_pool(POOL_SIZE + BINS + i, NULL);
        assert_int_equal(heap_calls(), calls);
        ngx_destroy_pool(pool);
    }
}

/* A size that is used again becomes the newest. */
static void
test_cache_keeps_the_size_that_was_used_last(void **state)
{
    size_t calls;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 1);
    }
    keep(POOL_SIZE, 1);
    keep(POOL_SIZE + BINS, 1); /* in place of POOL_SIZE + 1 */
    calls = heap_calls();
    keep(POOL_SIZE, 1);
    for (i = 2; i <= BINS; i++) {
        keep(POOL_SIZE + i, 1);
    }
    assert_int_equal(heap_calls(), calls);
    keep(POOL_SIZE + 1, 1);
    assert_int_equal(heap_calls(), calls + 1);
}

static void
test_cache_uses_emptied_places_for_other_sizes(void **state)
{
    ngx_pool_t *pool;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 1);
    }
    pool = ngx_create_pool(POOL_SIZE + 3, NULL);
    keep(2 * POOL_SIZE, 1);
    for (i = 0; i < BINS; i++) {
        ngx_pool_t *other;
        size_t calls = heap_calls();

        other = ngx_create_pool(POOL_SIZE + i, NULL);
        assert_int_equal(heap_calls(), calls + (i == 3 ? 1 : 0));
        if (i != 3) {
            ngx_destroy_pool(other);
        } else {
            ngx_pool_cache_limit(0); /* else it took another one's place */
            ngx_destroy_pool(other);
            break;
        }
    }
    ngx_destroy_pool(pool);
}

static void
test_cache_block_too_large_leaves_other_sizes_kept(void **state)
{
    size_t size;
    size_t i;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    for (i = 0; i < BINS; i++) {
        keep(POOL_SIZE + i, 1);
    }
    size = ngx_pool_cache_size();
    keep(LIMIT + 1, 1);
    assert_int_equal(ngx_pool_cache_size(), size);
}

static void
test_cache_serves_when_memory_is_out(void **state)
{
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 2);
    heap_fail_at(0);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_non_null(pool);
    grow(pool, 2);
    place_leave(pool, 1, 0);
    assert_null(ngx_palloc(pool, pool->max));
    ngx_destroy_pool(pool);
}

/* What a thread saw; checked once it has ended. */
struct sight {
    size_t size_at_start;
    size_t size_at_end; /* of what it keeps */
    size_t blocks_at_end;
    ngx_pool_t *pool; /* for the thread to destroy */
    pthread_key_t key;
};

static void *
keep_up_to_the_limit(void *data)
{
    struct sight *sight = data;

    keep(4096, NGX_POOL_CACHE_SIZE / 4096 + 10);
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
test_cache_limit_is_at_first_its_size_or_0_under_asan(void **state)
{
    struct sight sight;

    (void) state;
    in_a_thread(keep_up_to_the_limit, &sight);
    assert_int_equal(NGX_POOL_CACHE_SIZE, 1024 * 1024);
    assert_int_equal(sight.size_at_end, ASAN_ON ? 0 : NGX_POOL_CACHE_SIZE);
}

static void *
keep_in_thread(void *data)
{
    struct sight *sight = data;

    sight->size_at_start = ngx_pool_cache_size();
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 5);
    keep(2 * POOL_SIZE, 5);
    sight->blocks_at_end = heap_live_blocks();
    return NULL;
}

static void
test_cache_goes_with_its_thread(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    in_a_thread(keep_in_thread, &sight);
    assert_int_equal(sight.blocks_at_end, blocks + 10);
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

static void *
destroy_in_thread(void *data)
{
    struct sight *sight = data;

    ngx_pool_cache_limit(LIMIT);
    ngx_destroy_pool(sight->pool);
    sight->size_at_end = ngx_pool_cache_size();
    return NULL;
}

static void
test_cache_takes_blocks_of_pools_of_other_threads(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    sight.pool = ngx_create_pool(POOL_SIZE, NULL);
    grow(sight.pool, 2);
    in_a_thread(destroy_in_thread, &sight);
    assert_int_equal(sight.size_at_end, 2 * POOL_SIZE);
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);
}

/* Not only what it destroys is given back, but also what it asks to keep. */
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

/* The pool's handler runs at the thread's end before that of a later key. */
static void
test_cache_loses_nothing_that_later_handlers_destroy(void **state)
{
    size_t blocks = heap_live_blocks();
    struct sight sight;

    (void) state;
    ngx_pool_cache_limit(LIMIT);
    keep(POOL_SIZE, 1); /* the pool has its key from here on */
    ngx_pool_cache_limit(0);
    assert_int_equal(pthread_key_create(&sight.key, destroy_at_thread_end), 0);
    in_a_thread(use_until_thread_end, &sight);
    assert_int_equal(sight.size_at_start, 0);
    assert_int_equal(sight.size_at_end, 5 * POOL_SIZE);
    assert_int_equal(heap_live_blocks(), blocks);
    assert_int_equal(pthread_key_delete(sight.key), 0);
}

/* Where a child of fork() reports at its very end; -1 in all others. */
static int end_fd = -1;

/* After all destructors of the default priority, the library's among them. */
__attribute__((destructor(101))) static void
report_live_blocks(void)
{
    size_t blocks = heap_live_blocks();

    if (end_fd != -1 && write(end_fd, &blocks, sizeof(blocks)) < 0) {
        abort();
    }
}

static void
test_cache_goes_with_the_process(void **state)
{
    size_t blocks = heap_live_blocks();
    size_t left = SIZE_MAX;
    int fds[2];
    pid_t child;

    (void) state;
    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_int_not_equal(child, -1);
    if (child == 0) {
        end_fd = fds[1];
        ngx_pool_cache_limit(LIMIT);
        keep(POOL_SIZE, 5);
        exit(heap_live_blocks() == blocks + 5 ? 0 : 1);
    }

    (void) close(fds[1]);
    assert_int_equal(read(fds[0], &left, sizeof(left)), sizeof(left));
    (void) close(fds[0]);
    assert_int_equal(left, blocks);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* Destroys a pool of that many blocks. */
static void
keep(size_t size, size_t blocks)
{
    ngx_pool_t *pool = ngx_create_pool(size, NULL);

    assert_non_null(pool);
    grow(pool, blocks);
    ngx_destroy_pool(pool);
}

/* Allocates until the pool has that many blocks. */
static void
grow(ngx_pool_t *pool, size_t blocks)
{
    while (place_blocks(pool) < blocks) {
        assert_non_null(ngx_palloc(pool, pool->max));
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
        FIXTURE_TEST(test_cache_gives_the_last_kept_first),
        FIXTURE_TEST(test_cache_serves_its_size_alone),
        FIXTURE_TEST(test_cache_never_keeps_more_than_its_limit),
        FIXTURE_TEST(test_cache_keeps_a_block_of_its_limit),
        FIXTURE_TEST(test_cache_takes_no_block_from_among_many_large_ones),
        FIXTURE_TEST(test_cache_serves_large_allocations),
        FIXTURE_TEST(test_cache_serves_no_large_allocation_of_another_size),
        FIXTURE_TEST(test_cache_keeps_few_large_allocations),
        FIXTURE_TEST(test_cache_limit_of_0_keeps_nothing),
        FIXTURE_TEST(test_cache_limit_releases_what_is_beyond),
        FIXTURE_TEST(test_cache_limit_can_be_raised),
        FIXTURE_TEST(test_cache_trim_releases_all_and_keeps_the_limit),
        FIXTURE_TEST(test_cache_empties_the_size_used_longest_ago_for_another),
        FIXTURE_TEST(test_cache_keeps_the_size_that_was_used_last),
        FIXTURE_TEST(test_cache_uses_emptied_places_for_other_sizes),
        FIXTURE_TEST(test_cache_block_too_large_leaves_other_sizes_kept),
        FIXTURE_TEST(test_cache_serves_when_memory_is_out),
        FIXTURE_TEST(test_cache_limit_is_at_first_its_size_or_0_under_asan),
        FIXTURE_TEST(test_cache_goes_with_its_thread),
        FIXTURE_TEST(test_cache_is_each_threads_own),
        FIXTURE_TEST(test_cache_takes_blocks_of_pools_of_other_threads),
        FIXTURE_TEST(test_cache_loses_nothing_that_later_handlers_destroy),
        FIXTURE_TEST(test_cache_goes_with_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
