/* Allocations that come from the system, and their release before the pool's
 * end. */
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "lines.h"
#include "place.h"
#include "snapshot.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
    MANY_PAGES = 256 * 1024, /* malloc() maps them at first */
};

static size_t count_larges(const ngx_pool_t *pool);
static size_t count_entries(const ngx_pool_large_t *large);

static void
test_large_takes_its_size_from_the_system(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t bytes = heap_live_bytes();
    u_char *p = ngx_palloc(pool, LARGE);

    (void) state;
    assert_int_equal(heap_live_bytes(), bytes + LARGE);
    assert_int_equal(place_of(pool, p).block, PLACE_LARGE);
    memset(p, 0xa5, LARGE);
    ngx_destroy_pool(pool);
}

static void
test_large_goes_onto_the_lists_head(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *first = ngx_palloc(pool, LARGE);
    void *second = ngx_pnalloc(pool, LARGE);
    void *third = ngx_pcalloc(pool, LARGE);

    (void) state;
    assert_ptr_equal(pool->large->alloc, third);
    assert_ptr_equal(pool->large->next->alloc, second);
    assert_ptr_equal(pool->large->next->next->alloc, first);
    assert_null(pool->large->next->next->next);
    ngx_destroy_pool(pool);
}

static void
test_large_is_aligned(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t size;

    (void) state;
    for (size = POOL_SIZE; size < POOL_SIZE + 32; size++) {
        void *p = ngx_palloc(pool, size);

        assert_int_equal((uintptr_t) p % NGX_ALIGNMENT, 0);
    }
    ngx_destroy_pool(pool);
}

/* Of sizes that malloc() maps each for itself, too. */
static void
test_large_pcalloc_clears_kept_memory(void **state)
{
    static const u_char zeros[1024 * 1024];
    size_t size;

    (void) state;
    ngx_pool_cache_limit(SIZE_MAX);
    for (size = LARGE; size <= sizeof(zeros); size *= 2) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        memset(ngx_palloc(pool, size), 0xa5, size);
        ngx_reset_pool(pool);
        assert_memory_equal(ngx_pcalloc(pool, size), zeros, size);
        ngx_destroy_pool(pool);
    }
    ngx_pool_cache_limit(0);
}

/* Fresh pages are zero without a memset(), used ones are not. */
static void
test_large_pcalloc_is_zero(void **state)
{
    static const u_char zeros[MANY_PAGES];
    static const size_t sizes[] = {LARGE, MANY_PAGES};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < 8; n++) {
        size_t size = sizes[n / 4];
        u_char *p = ngx_palloc(pool, size);

        memset(p, 0xff, size);
        (void) ngx_pfree(pool, p);
        p = ngx_pcalloc(pool, size);
        assert_memory_equal(p, zeros, size);
        (void) ngx_pfree(pool, p);
    }
    ngx_destroy_pool(pool);
}

static void
test_large_refuses_sizes_near_the_greatest(void **state)
{
    static struct snapshot before;
    struct lines lines;
    ngx_pool_t *pool;
    size_t less;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    snapshot_take(&before, pool);
    for (less = 0; less < POOL_SIZE; less++) {
        lines.count = 0;
        assert_null(ngx_palloc(pool, SIZE_MAX - less));
        assert_null(ngx_pnalloc(pool, SIZE_MAX - less));
        assert_null(ngx_pcalloc(pool, SIZE_MAX - less));
        assert_null(ngx_pmemalign(pool, SIZE_MAX - less, 16));
        assert_null(ngx_pool_cleanup_add(pool, SIZE_MAX - less));
        assert_int_equal(lines.count, 5);
    }
    assert_int_equal(lines.line[0].level, NGX_LOG_EMERG);
    snapshot_check(&before, pool);
    ngx_destroy_pool(pool);
}

/* Sizes that differ from a small one, or from 0, in an upper bit alone. */
static void
test_large_refuses_sizes_of_every_bit(void **state)
{
    static struct snapshot before;
    struct lines lines;
    ngx_pool_t *pool;
    size_t bit;
    size_t less;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    snapshot_take(&before, pool);
    for (bit = 2 * (size_t) HEAP_SIZE_MAX; bit != 0; bit *= 2) {
        for (less = 0; less < 64; less += 9) {
            lines.count = 0;
            assert_null(ngx_palloc(pool, bit | less));
            assert_null(ngx_pnalloc(pool, bit | less));
            assert_null(ngx_pcalloc(pool, bit | less));
            assert_null(ngx_pmemalign(pool, bit | less, 16));
            assert_null(ngx_pool_cleanup_add(pool, bit | less));
            assert_int_equal(lines.count, 5);
        }
    }
    snapshot_check(&before, pool);
    ngx_destroy_pool(pool);
}

static void
test_pmemalign_aligns_as_asked(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t alignment;

    (void) state;
    for (alignment = 1; alignment <= 64 * 1024; alignment *= 2) {
        u_char *p = ngx_pmemalign(pool, 100, alignment);

        assert_int_equal((uintptr_t) p % alignment, 0);
        memset(p, 0xa5, 100);
    }
    ngx_destroy_pool(pool);
}

static void
test_pmemalign_is_large_at_any_size(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t alignment;
    size_t size;

    (void) state;
    for (alignment = 1; alignment <= ngx_pagesize; alignment *= 2) {
        for (size = 0; size < POOL_SIZE; size += 31) {
            size_t bytes = heap_live_bytes();
            void *p = ngx_pmemalign(pool, size, alignment);

            assert_non_null(p);
            assert_ptr_equal(pool->large->alloc, p);
            assert_int_equal(heap_live_bytes(), bytes + size);
            assert_int_equal(ngx_pfree(pool, p), NGX_OK);
            assert_int_equal(heap_live_bytes(), bytes);
        }
    }
    ngx_destroy_pool(pool);
}

static void
test_pmemalign_refuses_other_alignments_than_powers_of_two(void **state)
{
    static const size_t alignments[] = {
        0, 3, 5, 6, 7, 12, 24, 48, 96, 4095, SIZE_MAX, SIZE_MAX - 1};
    static struct snapshot before;
    struct lines lines;
    ngx_pool_t *pool;
    size_t i;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    snapshot_take(&before, pool);
    for (i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
        size_t calls = heap_calls();

        assert_null(ngx_pmemalign(pool, 8, alignments[i]));
        assert_int_equal(heap_calls(), calls);
        assert_int_equal(lines.count, i + 1);
        assert_int_equal(lines.line[i].level, NGX_LOG_EMERG);
        snapshot_check(&before, pool);
    }
    lines_check(&lines, 1, NGX_LOG_EMERG,
                "posix_memalign(3, 8) failed (22: Invalid argument)");
    lines_init(&lines, NGX_LOG_STDERR);
    assert_null(ngx_pmemalign(pool, 8, 3));
    assert_int_equal(lines.count, 0);
    pool->log = NULL;
    assert_null(ngx_pmemalign(pool, 8, 3));
    ngx_destroy_pool(pool);
}

/* Alignments of two bits, which never reach the system, and of one bit that is
 * too great. */
static void
test_pmemalign_refuses_alignments_of_every_bit(void **state)
{
    static struct snapshot before;
    struct lines lines;
    ngx_pool_t *pool;
    size_t bit;
    size_t other;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    snapshot_take(&before, pool);
    for (bit = 1; bit != 0; bit *= 2) {
        size_t calls = heap_calls();

        for (other = 1; other < bit; other *= 2) {
            assert_null(ngx_pmemalign(pool, 8, bit | other));
        }
        assert_int_equal(heap_calls(), calls);
        if (bit > HEAP_SIZE_MAX) {
            assert_null(ngx_pmemalign(pool, 8, bit));
        }
    }
    snapshot_check(&before, pool);
    ngx_destroy_pool(pool);
}

static void
test_pfree_releases_a_large_to_the_system(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t blocks = heap_live_blocks();
    void *p = ngx_palloc(pool, LARGE);

    (void) state;
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(heap_live_blocks(), blocks);
    ngx_destroy_pool(pool);
}

static void
test_pfree_takes_the_entry_off_the_list(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *first = ngx_palloc(pool, LARGE);
    void *second = ngx_palloc(pool, LARGE);
    void *third = ngx_palloc(pool, LARGE);

    (void) state;
    assert_int_equal(ngx_pfree(pool, second), NGX_OK);
    assert_ptr_equal(pool->large->alloc, third);
    assert_ptr_equal(pool->large->next->alloc, first);
    assert_null(pool->large->next->next);
    assert_int_equal(ngx_pfree(pool, third), NGX_OK);
    assert_ptr_equal(pool->large->alloc, first);
    assert_int_equal(ngx_pfree(pool, first), NGX_OK);
    assert_null(pool->large);
    assert_int_equal(count_entries(pool->spare), 3);
    ngx_destroy_pool(pool);
}

static void
test_pfree_declines_a_small_one(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc(pool, 16);

    (void) state;
    (void) ngx_palloc(pool, LARGE);
    snapshot_take(&before, pool);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    snapshot_check(&before, pool);
    ngx_destroy_pool(pool);
}

static void
test_pfree_declines_a_large_of_another_pool(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_t *other = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc(other, LARGE);

    (void) state;
    (void) ngx_palloc(pool, LARGE);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    assert_int_equal(ngx_pfree(other, p), NGX_OK);
    ngx_destroy_pool(other);
    ngx_destroy_pool(pool);
}

static void
test_pfree_declines_an_inner_pointer(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    u_char *p = ngx_palloc(pool, LARGE);

    (void) state;
    assert_int_equal(ngx_pfree(pool, p + 1), NGX_DECLINED);
    assert_int_equal(ngx_pfree(pool, p + LARGE - 1), NGX_DECLINED);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    ngx_destroy_pool(pool);
}

/* None of these values may be dereferenced. */
static void
test_pfree_declines_any_other_value(void **state)
{
    static const uintptr_t values[] = {1, 16, 4096, UINTPTR_MAX};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;
    size_t i;

    (void) state;
    for (n = 0; n < 40; n++) { /* a long list gets an index */
        for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            assert_int_equal(ngx_pfree(pool, (void *) values[i]), NGX_DECLINED);
        }
        assert_int_equal(ngx_pfree(pool, pool), NGX_DECLINED);
        (void) ngx_palloc(pool, LARGE);
    }
    assert_int_equal(count_larges(pool), n);
    ngx_destroy_pool(pool);
}

static void
test_pfree_declines_the_second_time(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *kept = ngx_palloc(pool, LARGE);
    void *p = ngx_palloc(pool, LARGE);

    (void) state;
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    assert_ptr_equal(pool->large->alloc, kept);
    ngx_destroy_pool(pool);
}

static void
test_pfree_declines_what_a_reset_released(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p = ngx_palloc(pool, LARGE);

    (void) state;
    ngx_reset_pool(pool);
    assert_int_equal(ngx_pfree(pool, p), NGX_DECLINED);
    ngx_destroy_pool(pool);
}

static void
test_pfree_of_null_changes_nothing(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < 20; n++) { /* more than a walk passes without an index */
        snapshot_take(&before, pool);
        assert_int_equal(ngx_pfree(pool, NULL), NGX_DECLINED);
        snapshot_check(&before, pool);
        (void) ngx_palloc(pool, LARGE);
    }
    (void) ngx_pfree(pool, pool->large->alloc);
    snapshot_take(&before, pool);
    assert_int_equal(ngx_pfree(pool, NULL), NGX_DECLINED);
    snapshot_check(&before, pool);
    ngx_destroy_pool(pool);
}

static void
test_pfree_keeps_the_others(void **state)
{
    enum {
        COUNT = 8,
    };
    size_t freed;
    size_t i;

    (void) state;
    for (freed = 0; freed < COUNT; freed++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        u_char *p[COUNT];

        for (i = 0; i < COUNT; i++) {
            p[i] = ngx_palloc(pool, LARGE);
            memset(p[i], (int) i, LARGE);
        }
        assert_int_equal(ngx_pfree(pool, p[freed]), NGX_OK);
        assert_int_equal(count_larges(pool), COUNT - 1);
        for (i = 0; i < COUNT; i++) {
            if (i != freed) {
                assert_int_equal(p[i][0], i);
                assert_int_equal(p[i][LARGE - 1], i);
                assert_int_equal(ngx_pfree(pool, p[i]), NGX_OK);
            }
        }
        assert_int_equal(count_larges(pool), 0);
        ngx_destroy_pool(pool);
    }
}

static void
test_pfree_lets_entries_be_used_again(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[3];
    u_char *last;
    size_t n;
    size_t i;

    (void) state;
    for (i = 0; i < 3; i++) {
        p[i] = ngx_palloc(pool, LARGE);
    }
    last = pool->d.last;
    for (n = 0; n < 1000; n++) {
        for (i = 0; i < 3; i++) {
            assert_int_equal(ngx_pfree(pool, p[(i + n) % 3]), NGX_OK);
        }
        assert_null(pool->large);
        assert_int_equal(count_entries(pool->spare), 3);
        p[0] = ngx_palloc(pool, LARGE);
        p[1] = ngx_pcalloc(pool, LARGE);
        p[2] = ngx_pmemalign(pool, 1, 64);
        assert_int_equal(count_entries(pool->large), 3);
        assert_null(pool->spare);
    }
    assert_ptr_equal(pool->d.last, last);
    assert_null(pool->d.next);
    ngx_destroy_pool(pool);
}

static size_t
count_larges(const ngx_pool_t *pool)
{
    ngx_pool_stats_t stats;

    ngx_pool_stats(pool, &stats);
    return stats.large;
}

static size_t
count_entries(const ngx_pool_large_t *large)
{
    size_t count = 0;

    for (; large != NULL; large = large->next) {
        count++;
    }
    return count;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_large_takes_its_size_from_the_system),
        FIXTURE_TEST(test_large_goes_onto_the_lists_head),
        FIXTURE_TEST(test_large_is_aligned),
        FIXTURE_TEST(test_large_pcalloc_clears_kept_memory),
        FIXTURE_TEST(test_large_pcalloc_is_zero),
        FIXTURE_TEST(test_large_refuses_sizes_near_the_greatest),
        FIXTURE_TEST(test_large_refuses_sizes_of_every_bit),
        FIXTURE_TEST(test_pmemalign_aligns_as_asked),
        FIXTURE_TEST(test_pmemalign_is_large_at_any_size),
        FIXTURE_TEST(
            test_pmemalign_refuses_other_alignments_than_powers_of_two),
        FIXTURE_TEST(test_pmemalign_refuses_alignments_of_every_bit),
        FIXTURE_TEST(test_pfree_releases_a_large_to_the_system),
        FIXTURE_TEST(test_pfree_takes_the_entry_off_the_list),
        FIXTURE_TEST(test_pfree_declines_a_small_one),
        FIXTURE_TEST(test_pfree_declines_a_large_of_another_pool),
        FIXTURE_TEST(test_pfree_declines_an_inner_pointer),
        FIXTURE_TEST(test_pfree_declines_any_other_value),
        FIXTURE_TEST(test_pfree_declines_the_second_time),
        FIXTURE_TEST(test_pfree_declines_what_a_reset_released),
        FIXTURE_TEST(test_pfree_of_null_changes_nothing),
        FIXTURE_TEST(test_pfree_keeps_the_others),
        FIXTURE_TEST(test_pfree_lets_entries_be_used_again),
    };

    return GROUP_RUN(tests);
}
