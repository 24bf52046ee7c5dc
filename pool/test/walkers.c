/*
 * Code that walks a pool's lists, as modules and debugging tools have it. It
 * knows nginx's public fields and nothing else. Its figures are compared with
 * the sizes that the test asked for and with the memory of the system.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "random_next.h"

enum {
    POOL_SIZE = 1024,
    HEADER = sizeof(ngx_pool_t),           /* of the first block */
    NEXT_HEADER = sizeof(ngx_pool_data_t), /* of each further one */
    MAX = POOL_SIZE - HEADER,
    GAP = HEADER - NEXT_HEADER, /* bytes of a further block that MAX leaves */
    ENTRY = sizeof(ngx_pool_large_t),
    CLEANUP = sizeof(ngx_pool_cleanup_t),
    LARGE = 4096,
    LONG_LIST = 100, /* larges, for which pfree builds an index */
};

/* The figures of a status page: sums over the blocks and the large ones. */
struct sums {
    size_t block_size;
    size_t blocks;
    size_t bytes; /* of all blocks */
    size_t used;
    size_t unused;
    size_t larges;
};

static struct sums sums_of(const ngx_pool_t *pool);
static void dump(const ngx_pool_t *pool, char *text, size_t size);
static void check_dump(const ngx_pool_t *pool, const char *expected, ...)
    __attribute__((format(printf, 2, 3)));
static void check_sums(const ngx_pool_t *pool, size_t used, size_t larges);
static size_t use(ngx_pool_t *pool, size_t allocations, uint32_t seed);
static void fill(ngx_pool_t *pool, size_t blocks);

static void
test_walkers_see_a_new_pool(void **state)
{
    size_t size;

    (void) state;
    for (size = HEADER; size < 10000; size += 123) {
        ngx_pool_t *pool = ngx_create_pool(size, NULL);
        struct sums sums = sums_of(pool);

        assert_int_equal(sums.block_size, size);
        assert_int_equal(sums.blocks, 1);
        assert_int_equal(sums.bytes, size);
        assert_int_equal(sums.used, 0);
        assert_int_equal(sums.unused, size - HEADER);
        assert_int_equal(sums.larges, 0);
        ngx_destroy_pool(pool);
    }
}

static void
test_walkers_sum_what_was_asked_for(void **state)
{
    uint32_t seed;

    (void) state;
    for (seed = 0; seed < 50; seed++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        check_sums(pool, use(pool, seed * 7, seed), 0);
        ngx_destroy_pool(pool);
    }
}

/* Right after a reset every block is empty, and says so. */
static void
test_walkers_sum_right_after_a_reset(void **state)
{
    static const size_t allocations[] = {400, 0, 1, 30, 500, 2, 2, 60, 0};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(allocations) / sizeof(allocations[0]); i++) {
        check_sums(pool, use(pool, allocations[i], (uint32_t) i), 0);
        ngx_reset_pool(pool);
        check_sums(pool, 0, 0);
    }
    ngx_destroy_pool(pool);
}

/* At each moment of a list that grows, shrinks in any order, and has an index
 * or not. */
static void
test_walkers_count_the_live_larges(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[LONG_LIST];
    uint32_t seed = 1;
    size_t round;

    (void) state;
    for (round = 0; round < 4; round++) {
        size_t live = 0;
        size_t most = round % 2 == 0 ? 10 : LONG_LIST;
        size_t step;

        for (step = 0; step < 1000; step++) {
            if (live == 0 || (live < most && random_next(&seed) % 3 != 0)) {
                p[live++] = ngx_palloc(pool, LARGE);
            } else {
                size_t i = random_next(&seed) % live;

                assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
                p[i] = p[--live];
            }
            assert_int_equal(sums_of(pool).larges, live);
        }
        assert_int_equal(pool->index != NULL, most == LONG_LIST);
        ngx_reset_pool(pool);
        assert_int_equal(sums_of(pool).larges, 0);
    }
    ngx_destroy_pool(pool);
}

/* The entries of large allocations lie in blocks, so they count as used. A list
 * without a pfree has no index. */
static void
test_walkers_sum_entries_of_larges(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 1; n <= LONG_LIST; n++) {
        (void) ngx_palloc(pool, LARGE);
        check_sums(pool, n * ENTRY, n);
    }
    ngx_reset_pool(pool);
    check_sums(pool, 0, 0);
    ngx_destroy_pool(pool);
}

/* All memory that the system has given is in a block, a live large allocation,
 * or the index. */
static void
test_walkers_find_all_memory(void **state)
{
    size_t bytes = heap_live_bytes();
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[LONG_LIST];
    ngx_pool_stats_t stats;
    size_t n;

    (void) state;
    for (n = 0; n < LONG_LIST; n++) {
        p[n] = ngx_palloc(pool, LARGE);
        (void) ngx_palloc(pool, n * 9 % MAX);
    }
    for (n = 0; n < LONG_LIST; n += 2) {
        assert_int_equal(ngx_pfree(pool, p[n]), NGX_OK);
    }
    ngx_pool_stats(pool, &stats);
    assert_true(stats.index > 0);
    assert_int_equal(sums_of(pool).bytes + sums_of(pool).larges * LARGE +
                         stats.index,
                     heap_live_bytes() - bytes);
    ngx_destroy_pool(pool);
}

static void
test_walkers_dump_a_new_pool(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    check_dump(pool,
               "max %d, current 0, larges 0, cleanups 0\n"
               "0: used 0, left %d, failed 0\n",
               (int) MAX, (int) MAX);
    ngx_destroy_pool(pool);
}

static void
test_walkers_dump_failures_and_current(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 4);
    (void) ngx_palloc(pool, GAP - ENTRY - 8);
    (void) ngx_palloc(pool, LARGE);
    check_dump(pool,
               "max %d, current 1, larges 1, cleanups 0\n"
               "0: used %d, left 0, failed 1\n"
               "1: used %d, left 8, failed 2\n"
               "2: used %d, left %d, failed 1\n"
               "3: used %d, left %d, failed 0\n",
               (int) MAX, (int) MAX, (int) (MAX + GAP - 8), (int) MAX,
               (int) GAP, (int) MAX, (int) GAP);
    ngx_destroy_pool(pool);
}

static void
test_walkers_dump_right_after_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    fill(pool, 3);
    (void) ngx_pool_cleanup_add(pool, 16);
    (void) ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    check_dump(pool,
               "max %d, current 0, larges 0, cleanups 0\n"
               "0: used 0, left %d, failed 0\n"
               "1: used 0, left %d, failed 0\n"
               "2: used 0, left %d, failed 0\n",
               (int) MAX, (int) MAX, (int) (MAX + GAP), (int) (MAX + GAP));

    (void) ngx_palloc(pool, MAX - 96);
    (void) ngx_palloc(pool, 200);
    (void) ngx_pool_cleanup_add(pool, 16);
    check_dump(pool,
               "max %d, current 0, larges 0, cleanups 1\n"
               "0: used %d, left %d, failed 1\n"
               "1: used 200, left %d, failed 0\n"
               "2: used 0, left %d, failed 0\n",
               (int) MAX, (int) (MAX - 96 + CLEANUP + 16),
               (int) (96 - CLEANUP - 16), (int) (MAX + GAP - 200),
               (int) (MAX + GAP));
    ngx_destroy_pool(pool);
}

static struct sums
sums_of(const ngx_pool_t *pool)
{
    struct sums sums = {0};
    size_t header = sizeof(ngx_pool_t);
    const ngx_pool_t *block;
    const ngx_pool_large_t *large;

    sums.block_size = (size_t) (pool->d.end - (const u_char *) pool);
    for (block = pool; block != NULL; block = block->d.next) {
        const u_char *start = (const u_char *) block;

        sums.blocks++;
        sums.bytes += (size_t) (block->d.end - start);
        sums.used += (size_t) (block->d.last - start) - header;
        sums.unused += (size_t) (block->d.end - block->d.last);
        header = sizeof(ngx_pool_data_t);
    }
    for (large = pool->large; large != NULL; large = large->next) {
        sums.larges += large->alloc != NULL;
    }
    return sums;
}

/* Writes the pool's fields as text, a line a block. */
static void
dump(const ngx_pool_t *pool, char *text, size_t size)
{
    size_t header = sizeof(ngx_pool_t);
    const ngx_pool_t *block;
    const ngx_pool_cleanup_t *cleanup;
    size_t current = 0;
    size_t cleanups = 0;
    size_t n = 0;
    int length;

    for (block = pool; block != pool->current; block = block->d.next) {
        current++;
    }
    for (cleanup = pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        cleanups++;
    }
    length =
        snprintf(text, size, "max %zu, current %zu, larges %zu, cleanups %zu\n",
                 pool->max, current, sums_of(pool).larges, cleanups);
    for (block = pool; block != NULL; block = block->d.next) {
        text += length;
        size -= (size_t) length;
        length = snprintf(
            text, size, "%zu: used %zu, left %zu, failed %zu\n", n++,
            (size_t) (block->d.last - (const u_char *) block) - header,
            (size_t) (block->d.end - block->d.last), (size_t) block->d.failed);
        assert_true((size_t) length < size);
        header = sizeof(ngx_pool_data_t);
    }
}

static void
check_dump(const ngx_pool_t *pool, const char *expected, ...)
{
    char text[1000];
    char expected_text[1000];
    va_list args;

    va_start(args, expected);
    (void) vsnprintf(expected_text, sizeof(expected_text), expected, args);
    va_end(args);
    dump(pool, text, sizeof(text));
    assert_string_equal(text, expected_text);
}

/* used and larges are the test's own figures. */
static void
check_sums(const ngx_pool_t *pool, size_t used, size_t larges)
{
    struct sums sums = sums_of(pool);

    assert_int_equal(sums.block_size, POOL_SIZE);
    assert_int_equal(sums.bytes, sums.blocks * POOL_SIZE);
    assert_int_equal(sums.used, used);
    assert_int_equal(sums.unused, sums.bytes - HEADER -
                                      (sums.blocks - 1) * NEXT_HEADER - used);
    assert_int_equal(sums.larges, larges);
    assert_int_equal(heap_live_bytes(), sums.bytes + larges * LARGE);
}

/* Allocates sizes that leave no gap for alignment. Returns their sum. */
static size_t
use(ngx_pool_t *pool, size_t allocations, uint32_t seed)
{
    size_t sum = 0;

    while (allocations-- > 0) {
        size_t size =
            random_next(&seed) % (MAX / NGX_ALIGNMENT) * NGX_ALIGNMENT;

        memset(ngx_palloc(pool, size), 0xff, size);
        sum += size;
    }
    return sum;
}

static void
fill(ngx_pool_t *pool, size_t blocks)
{
    while (blocks-- > 0) {
        (void) ngx_palloc(pool, MAX);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_walkers_see_a_new_pool),
        FIXTURE_TEST(test_walkers_sum_what_was_asked_for),
        FIXTURE_TEST(test_walkers_sum_right_after_a_reset),
        FIXTURE_TEST(test_walkers_count_the_live_larges),
        FIXTURE_TEST(test_walkers_sum_entries_of_larges),
        FIXTURE_TEST(test_walkers_find_all_memory),
        FIXTURE_TEST(test_walkers_dump_a_new_pool),
        FIXTURE_TEST(test_walkers_dump_failures_and_current),
        FIXTURE_TEST(test_walkers_dump_right_after_a_reset),
    };

    return GROUP_RUN(tests);
}
