/*
 * The bytes that the pool takes from the system, against those of nginx's own
 * pool, which is compiled from its source as it is: for the same allocations,
 * of any distribution of sizes. And the bytes that stay of a great pool.
 * Both take their memory from pool/test/heap.h, which counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "heap.h"
#include "plan/sizes.h"

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    N = 30000, /* allocations of a pool */

    /* The bytes of a pool, at most: of sizes above any block's, both pools take
     * the same. */
    BYTES_MAX = 1024 * 1024 * 1024,

    /* Of a pool that is reset. Fewer, since nginx then tries every block that
     * it has for each allocation. */
    ROUND_N = 5000,
    ROUNDS = 3,

    GREAT = 1024 * 1024 * 1024,
    GREAT_SIZE = 4000,

    /* pool/README.md's promise: after this number of further pools that need
     * less, a thread keeps at most 1 MiB. */
    LATER = 64,
    LATER_LEFT = 1024 * 1024,
};

#if defined(BENCH_NGINX)

/* nginx's own, under the names that it has been given: a pool is a void. */
void *nginx_create_pool(size_t size, ngx_log_t *log);
void nginx_destroy_pool(void *pool);
void nginx_reset_pool(void *pool);
void *nginx_palloc(void *pool, size_t size);
void *nginx_pnalloc(void *pool, size_t size);
extern ngx_uint_t nginx_pagesize;

/* A pool's functions. */
struct kind {
    void *(*create)(size_t size, ngx_log_t *log);
    void *(*palloc)(void *pool, size_t size);
    void *(*pnalloc)(void *pool, size_t size);
    void (*reset)(void *pool);
    void (*destroy)(void *pool);
};

/* The program that a pool of each kind runs. */
struct plan {
    size_t n;      /* allocations of a round, at most N */
    size_t rounds; /* at most ROUNDS, with a reset between */
    size_t shift;  /* samples from one round's first to the next one's */
};

/* How many percent more than nginx's may be taken, by pool size. Of uniform
 * sizes the rule itself wastes more: a block is passed at its fifth miss, where
 * nginx would try it for more than five blocks. */
struct bar {
    size_t pool_size;
    double percent;
    double uniform_percent;
};

static void *
pool_create(size_t size, ngx_log_t *log)
{
    return ngx_create_pool(size, log);
}

static void *
pool_palloc(void *pool, size_t size)
{
    return ngx_palloc(pool, size);
}

static void *
pool_pnalloc(void *pool, size_t size)
{
    return ngx_pnalloc(pool, size);
}

static void
pool_reset(void *pool)
{
    ngx_reset_pool(pool);
}

static void
pool_destroy(void *pool)
{
    ngx_destroy_pool(pool);
}

static const struct kind kind_pool = {
    .create = pool_create,
    .palloc = pool_palloc,
    .pnalloc = pool_pnalloc,
    .reset = pool_reset,
    .destroy = pool_destroy,
};

static const struct kind kind_nginx = {
    .create = nginx_create_pool,
    .palloc = nginx_palloc,
    .pnalloc = nginx_pnalloc,
    .reset = nginx_reset_pool,
    .destroy = nginx_destroy_pool,
};

/* The most bytes that a pool has had at a round's end: its blocks, its large
 * allocations, and their index. */
static size_t
taken(const struct kind *kind, const struct plan *plan, const uint32_t *samples,
      size_t pool_size, size_t packed_one_in)
{
    size_t before = heap_live_bytes();
    void *pool = kind->create(pool_size, NULL);
    size_t most = 0;

    assert_non_null(pool);
    for (size_t round = 0; round < plan->rounds; round++) {
        const uint32_t *next = samples + round * plan->shift;
        size_t now;

        for (size_t i = 0, bytes = 0; i < plan->n && bytes < BYTES_MAX; i++) {
            int is_packed = packed_one_in != 0 && i % packed_one_in == 0;

            assert_non_null(
                (is_packed ? kind->pnalloc : kind->palloc)(pool, next[i]));
            bytes += next[i];
        }
        now = heap_live_bytes() - before;
        most = now > most ? now : most;
        kind->reset(pool);
    }
    kind->destroy(pool);
    assert_int_equal(heap_live_bytes(), before);
    return most;
}

/* The bytes that a round asks for. */
static double
asked(const struct plan *plan, const uint32_t *samples)
{
    size_t bytes = 0;

    for (size_t i = 0; i < plan->n && bytes < BYTES_MAX; i++) {
        bytes += samples[i];
    }
    return (double) bytes;
}

/* Returns whether the bar is met. Prints both pools' bytes over those asked for
 * in the first round, and how much the pool's are above nginx's. */
static int
check_sizes(const struct plan *plan, const struct sizes *sizes,
            const struct bar *bar, size_t packed_one_in)
{
    static uint32_t samples[ROUNDS * N];
    double ours;
    double theirs;
    double percent;

    sizes_sample(sizes, samples, ROUNDS * N);
    ours = (double) taken(&kind_pool, plan, samples, bar->pool_size,
                          packed_one_in);
    theirs = (double) taken(&kind_nginx, plan, samples, bar->pool_size,
                            packed_one_in);
    percent = 100 * (ours / theirs - 1);
    print_message("%-13s %5zu%s: %.4f, nginx %.4f, %+.2f %%\n", sizes->name,
                  bar->pool_size, packed_one_in != 0 ? " packed" : "",
                  ours / asked(plan, samples), theirs / asked(plan, samples),
                  percent);
    return percent <= (strcmp(sizes->name, "uniform") == 0
                           ? bar->uniform_percent
                           : bar->percent);
}

/* All distributions, in blocks of each bar's size, packed and not. */
static void
check_all(const struct plan *plan, const struct bar *bars, size_t count)
{
    char error[SIZES_ERROR_MAX];
    size_t sizes_count;
    struct sizes **list =
        sizes_list_create(BENCH_SIZES_DIR, &sizes_count, error);
    size_t missed = 0;

    assert_non_null(list);
    nginx_pagesize = ngx_pagesize;
    ngx_pool_cache_limit(0);
    for (size_t i = 0; i < sizes_count; i++) {
        for (size_t j = 0; j < count; j++) {
            missed += !check_sizes(plan, list[i], &bars[j], 0);
            missed += !check_sizes(plan, list[i], &bars[j], 2);
        }
    }
    sizes_list_destroy(list, sizes_count);
    assert_int_equal(missed, 0);
}

static void
test_memory_of_a_fresh_pool_is_nearly_nginxs(void **state)
{
    static const struct plan plan = {.n = N, .rounds = 1};
    static const struct bar bars[] = {
        {1024, 5, 5},
        {4096, 2, 2.7},
        {16384, 2, 2},
    };

    (void) state;
    check_all(&plan, bars, sizeof(bars) / sizeof(*bars));
}

static void
test_memory_after_resets_is_nearly_nginxs(void **state)
{
    static const struct plan plan = {.n = ROUND_N, .rounds = ROUNDS};
    static const struct bar bars[] = {
        {1024, 5, 5},
        {4096, 3, 3},
        {16384, 2, 2},
    };

    (void) state;
    check_all(&plan, bars, sizeof(bars) / sizeof(*bars));
}

static void
test_memory_of_other_sizes_after_resets_is_nearly_nginxs(void **state)
{
    static const struct plan plan = {
        .n = ROUND_N,
        .rounds = ROUNDS,
        .shift = ROUND_N,
    };
    static const struct bar bars[] = {
        {1024, 5, 5},
        {4096, 3, 3},
        {16384, 2, 2},
    };

    (void) state;
    check_all(&plan, bars, sizeof(bars) / sizeof(*bars));
}

#endif

/* Not touched, so that the machine need not have it. */
static void
test_memory_of_a_great_pool_is_given_back(void **state)
{
    size_t before = heap_live_bytes();
    ngx_pool_cache_stats_t stats;
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
    while (heap_live_bytes() - before < GREAT) {
        assert_non_null(ngx_palloc(pool, GREAT_SIZE));
    }
    ngx_destroy_pool(pool);
    ngx_pool_cache_stats(&stats);
    assert_in_range(stats.size, NGX_POOL_CACHE_SIZE / 2, NGX_POOL_CACHE_SIZE);
    assert_int_equal(heap_live_bytes() - before, stats.size + stats.overhead);

    for (int i = 0; i < LATER; i++) {
        ngx_destroy_pool(ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL));
    }
    ngx_pool_cache_stats(&stats);
    assert_in_range(stats.size, 1, LATER_LEFT);
    assert_int_equal(heap_live_bytes() - before, stats.size + stats.overhead);
    ngx_pool_cache_trim();
    assert_int_equal(heap_live_bytes(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_a_great_pool_is_given_back),
#if defined(BENCH_NGINX)
        cmocka_unit_test(test_memory_of_a_fresh_pool_is_nearly_nginxs),
        cmocka_unit_test(test_memory_after_resets_is_nearly_nginxs),
        cmocka_unit_test(
            test_memory_of_other_sizes_after_resets_is_nearly_nginxs),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
