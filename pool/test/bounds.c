/* Values at and beside the ones where the pool's behaviour changes. */
#include <errno.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_pool_cache.h>
#include <ngx_pool_index.h>

#include "files.h"
#include "fixture.h"
#include "heap.h"
#include "lines.h"

enum {
    POOL_SIZE = 4096,
    SIZE = 1, /* of each, by ngx_pmemalign(): large, but cheap */
    ALIGNMENT = 16,
    ERRNO_MAX = 133, /* the greatest of Linux */
    WALKED = 16,     /* entries of the longest list that is walked */
    SLOTS = 64,      /* of the smallest index */
    COUNT = 400,
    SWEEP = 32,            /* pools from one sweep of kept memory to the next */
    LARGEST = 1024 * 1024, /* of a pool: a sweep leaves less */
    LEAST = 128,           /* of a pool here, a power of two */
};

static void *allocate(ngx_pool_t *pool);
static void pass(size_t size);
static size_t count_live(const ngx_pool_t *pool);
static size_t slots_of(const ngx_pool_t *pool);

/* nginx's own, since code that is compiled against nginx's headers has them. */
static void
test_bounds_of_what_headers_define(void **state)
{
    static const int levels[] = {
        NGX_LOG_STDERR, NGX_LOG_EMERG, NGX_LOG_ALERT,
        NGX_LOG_CRIT,   NGX_LOG_ERR,   NGX_LOG_WARN,
        NGX_LOG_NOTICE, NGX_LOG_INFO,  NGX_LOG_DEBUG,
    };
    size_t n;

    (void) state;
    for (n = 0; n < sizeof(levels) / sizeof(*levels); n++) {
        assert_int_equal(levels[n], n);
    }
    assert_int_equal(NGX_LOG_DEBUG_ALLOC, 0x020);
    assert_int_equal(NGX_OK, 0);
    assert_int_equal(NGX_DECLINED, -5);
    assert_int_equal(NGX_FILE_ERROR, -1);
    assert_int_equal(NGX_POOL_ALIGNMENT, 16);
    assert_int_equal(NGX_DEFAULT_POOL_SIZE, 16384);
    assert_int_equal(NGX_POOL_CACHE_SIZE, 16777216);
}

static void
test_bounds_of_aligned_sizes(void **state)
{
    size_t a;
    size_t n;

    (void) state;
    for (a = 1; a <= 64; a *= 2) {
        for (n = 0; n <= 3 * a; n++) {
            size_t expected = n % a == 0 ? n : n + a - n % a;

            assert_int_equal(ngx_align(n, a), expected);
            assert_int_equal((uintptr_t) ngx_align_ptr(n, a), expected);
        }
    }
}

/* The operands may be expressions, or narrower than an address. */
static void
test_bounds_of_aligned_sizes_of_any_operands(void **state)
{
    uintptr_t high = (uintptr_t) 3 << (8 * sizeof(uintptr_t) - 4);

    (void) state;
    assert_int_equal(ngx_align(1 | 4, 8 | 8), 8);
    assert_int_equal((uintptr_t) ngx_align_ptr(high + 1, 64u), high + 64);
    assert_int_equal((uintptr_t) ngx_align_ptr(high | 1, 32u | 32u), high + 32);
}

/* EPERM is the least error. ENOENT, the one that is none, is the next. */
static void
test_bounds_of_errors_of_delete_file(void **state)
{
    static u_char name[] = "some/file";
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};
    int err;

    (void) state;
    for (err = EPERM; err <= ERRNO_MAX; err++) {
        lines_init(&lines, NGX_LOG_CRIT);
        files_fail(FILES_UNLINK, err);
        ngx_pool_delete_file(&file);
        assert_int_equal(lines.count, err != ENOENT);
    }
}

/* The walk that meets the sixteenth entry in vain builds the index. */
static void
test_bounds_of_a_list_that_is_walked(void **state)
{
    size_t count;

    (void) state;
    for (count = WALKED - 1; count <= WALKED; count++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        size_t i;

        for (i = 0; i < count; i++) {
            (void) allocate(pool);
        }
        assert_int_equal(ngx_pfree(pool, &count), NGX_DECLINED);
        assert_int_equal(pool->index != NULL, count == WALKED);
        ngx_destroy_pool(pool);
    }
}

/* A new index is the smallest of which at most three quarters are linked. */
static void
test_bounds_of_a_new_index(void **state)
{
    size_t count;

    (void) state;
    for (count = WALKED; count <= COUNT; count++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        size_t slots;
        size_t i;

        for (i = 0; i < count; i++) {
            (void) allocate(pool);
        }
        (void) ngx_pfree(pool, &count);
        slots = slots_of(pool);
        assert_true(4 * count <= 3 * slots);
        assert_true(slots == SLOTS || 4 * count > 3 * slots / 2);
        assert_int_equal(count_live(pool), count);
        ngx_destroy_pool(pool);
    }
}

/* An index grows when seven eighths are linked, and finds without a walk all
 * entries that were added before and after. */
static void
test_bounds_of_an_index_that_grows(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[COUNT];
    size_t grown = 0;
    size_t i;
    size_t j;

    (void) state;
    for (i = 0; i < WALKED; i++) {
        p[i] = allocate(pool);
    }
    (void) ngx_pfree(pool, &i);
    for (; i < COUNT; i++) {
        size_t before = slots_of(pool);

        p[i] = allocate(pool);
        assert_int_equal(slots_of(pool) != before, 8 * i >= 7 * before);
        grown += slots_of(pool) != before;
        for (j = 0; j <= i; j++) {
            assert_non_null(ngx_pool_index_find(pool->index, p[j]));
        }
    }
    assert_int_equal(grown, 3);
    ngx_destroy_pool(pool);
}

/* A full index that is built again has no live entry. */
static void
test_bounds_of_an_index_of_freed_entries(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[SLOTS / 8 * 7];
    size_t count = sizeof(p) / sizeof(*p);
    size_t i;

    (void) state;
    for (i = 0; i < count; i++) {
        p[i] = allocate(pool);
        if (i == WALKED) {
            (void) ngx_pfree(pool, &i);
        }
    }
    for (i = 0; i < count; i++) {
        assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
    }
    p[0] = allocate(pool);
    assert_int_equal(pool->index->linked, 1);
    assert_int_equal(slots_of(pool), SLOTS);
    assert_int_equal(count_live(pool), 1);
    assert_int_equal(ngx_pfree(pool, p[0]), NGX_OK);
    ngx_destroy_pool(pool);
}

/* A slot of an index holds only what a search finds there: where the index
 * cannot grow, the next entry is not the freed slot that the list begins with.
 */
static void
test_bounds_of_a_full_index_without_memory(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_large_t *first;
    size_t i;
    void *p = NULL;

    (void) state;
    for (i = 0; i < SLOTS / 8 * 7; i++) {
        p = allocate(pool);
        if (i == WALKED) {
            (void) ngx_pfree(pool, &i);
        }
    }
    first = pool->large;
    assert_ptr_equal(first->alloc, p);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    heap_fail_at(1);
    p = allocate(pool);
    assert_int_equal(slots_of(pool), SLOTS);
    assert_ptr_not_equal(pool->large, first);
    assert_ptr_equal(pool->large->alloc, p);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    ngx_destroy_pool(pool);
}

/* Setting the limit again, to the kept size, does not make a sweep forget that
 * blocks were needed: pools of two sizes by turns ask the system for nothing.
 */
static void
test_bounds_of_a_limit_that_is_set_again(void **state)
{
    size_t calls = 0;
    size_t kept = SIZE_MAX;
    size_t n;

    (void) state;
    for (n = 0; n < 4 * SWEEP; n++) {
        if (n == 2) {
            calls = heap_calls();
            kept = ngx_pool_cache_size();
            assert_int_equal(kept, LARGEST + LARGEST / 2);
        }
        ngx_pool_cache_limit(kept);
        pass(n % 2 == 0 ? LARGEST : LARGEST / 2);
    }
    assert_int_equal(heap_calls(), calls);
    assert_int_equal(ngx_pool_cache_size(), kept);
}

/* Kept blocks of each power of two have a bin of their own. */
static void
test_bounds_of_sizes_of_kept_blocks(void **state)
{
    size_t calls = 0;
    size_t size;
    int again;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    for (again = 0; again <= 1; again++) {
        for (size = LEAST; size <= LARGEST; size *= 2) {
            pass(size);
        }
        assert_true(!again || heap_calls() == calls);
        calls = heap_calls();
    }
}

/* One size more than there are bins for the last hash: two share the last bin,
 * of which the newest block alone is found. No bin of large ones is used.
 * Without a cache, a size's bin is its hash's. */
static void
test_bounds_of_bins_of_one_hash(void **state)
{
    enum {
        LAST = NGX_POOL_BLOCK_BINS - NGX_POOL_TRIES - 1,
        OWN = NGX_POOL_TRIES, /* sizes with a bin of their own */
        SIZES = OWN + 2,
    };
    ngx_pool_cache_stats_t stats;
    size_t sizes[SIZES];
    size_t size = LEAST;
    size_t calls;
    size_t n;

    (void) state;
    for (n = 0; n < SIZES && size < LARGEST; size++) {
        if (ngx_pool_block_bin(size, 0) == LAST) {
            sizes[n++] = size;
        }
    }
    ngx_pool_cache_limit(SIZE_MAX);
    for (n = 0; n < SIZES; n++) {
        pass(sizes[n]);
    }
    ngx_pool_cache_stats(&stats);
    assert_int_equal(stats.blocks, SIZES);
    assert_int_equal(stats.large, 0);

    calls = heap_calls();
    for (n = 0; n < OWN; n++) {
        pass(sizes[n]);
    }
    assert_int_equal(heap_calls(), calls);
    pass(sizes[OWN]);
    assert_int_equal(heap_calls(), calls + 1);
}

/* The least sizes that are large, which no class of sizes is made for. */
static void
test_bounds_of_large_sizes(void **state)
{
    size_t size;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    for (size = 1; size <= 2 * sizeof(ngx_pool_t); size++) {
        ngx_pool_t *pool = ngx_create_pool(sizeof(ngx_pool_t), NULL);

        assert_int_equal(pool->max, 0);
        assert_non_null(ngx_palloc(pool, size));
        assert_int_equal(count_live(pool), 1);
        ngx_destroy_pool(pool);
    }
}

/* The text of an argument is no format, bytes above ASCII are text, and only z
 * may follow %u. */
static void
test_bounds_of_messages(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "%s|", "a%%b");
    lines_check(&lines, 0, NGX_LOG_INFO, "a%%b|");
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "caf\xc3\xa9 %d", 1);
    lines_check(&lines, 1, NGX_LOG_INFO, "caf\xc3\xa9 1");
    ngx_log_error(NGX_LOG_INFO, &lines.log, 0, "a%u{b", (size_t) 1);
    lines_check(&lines, 2, NGX_LOG_INFO, "a");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_bounds_of_what_headers_define),
        FIXTURE_TEST(test_bounds_of_aligned_sizes),
        FIXTURE_TEST(test_bounds_of_aligned_sizes_of_any_operands),
        FIXTURE_TEST(test_bounds_of_errors_of_delete_file),
        FIXTURE_TEST(test_bounds_of_a_list_that_is_walked),
        FIXTURE_TEST(test_bounds_of_a_new_index),
        FIXTURE_TEST(test_bounds_of_an_index_that_grows),
        FIXTURE_TEST(test_bounds_of_an_index_of_freed_entries),
        FIXTURE_TEST(test_bounds_of_a_full_index_without_memory),
        FIXTURE_TEST(test_bounds_of_a_limit_that_is_set_again),
        FIXTURE_TEST(test_bounds_of_sizes_of_kept_blocks),
        FIXTURE_TEST(test_bounds_of_bins_of_one_hash),
        FIXTURE_TEST(test_bounds_of_large_sizes),
        FIXTURE_TEST(test_bounds_of_messages),
    };

    return GROUP_RUN(tests);
}

static void *
allocate(ngx_pool_t *pool)
{
    void *p = ngx_pmemalign(pool, SIZE, ALIGNMENT);

    assert_non_null(p);
    return p;
}

/* A pool that is created and destroyed. */
static void
pass(size_t size)
{
    ngx_destroy_pool(ngx_create_pool(size, NULL));
}

static size_t
count_live(const ngx_pool_t *pool)
{
    const ngx_pool_large_t *large;
    size_t count = 0;

    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc != NULL;
    }
    return count;
}

static size_t
slots_of(const ngx_pool_t *pool)
{
    assert_non_null(pool->index);
    return pool->index->mask + 1;
}
