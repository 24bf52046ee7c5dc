/* ngx_create_pool(): the sizes it accepts and refuses, and the new pool. */
#include <stdio.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "lines.h"

enum {
    POOL_SIZE = 1024,
};

static void
test_create_sets_every_field(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;

    (void) state;
    lines_init(&lines, NGX_LOG_INFO);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    assert_non_null(pool);
    assert_ptr_equal(pool->d.last, (u_char *) pool + sizeof(ngx_pool_t));
    assert_ptr_equal(pool->d.end, (u_char *) pool + POOL_SIZE);
    assert_null(pool->d.next);
    assert_int_equal(pool->d.failed, 0);
    assert_ptr_equal(pool->current, pool);
    assert_null(pool->chain);
    assert_null(pool->large);
    assert_null(pool->cleanup);
    assert_ptr_equal(pool->log, &lines.log);
    assert_null(pool->spare);
    assert_null(pool->index);
    assert_int_equal(lines.count, 0);
    ngx_destroy_pool(pool);
}

static void
test_create_has_the_fields_of_nginx_and_two_more(void **state)
{
    (void) state;
    assert_int_equal(offsetof(ngx_pool_t, d.last), 0);
    assert_int_equal(offsetof(ngx_pool_t, d.end), sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, d.next), 2 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, d.failed), 3 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, max), 4 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, current), 5 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, chain), 6 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, large), 7 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, cleanup), 8 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_t, log), 9 * sizeof(void *));
    assert_int_equal(sizeof(ngx_pool_t), 12 * sizeof(void *));
    assert_int_equal(sizeof(((ngx_pool_t *) NULL)->d.failed),
                     sizeof(ngx_uint_t));
    assert_int_equal(sizeof(ngx_pool_data_t), 4 * sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_large_t, alloc), sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_cleanup_t, data), sizeof(void *));
    assert_int_equal(offsetof(ngx_pool_cleanup_t, next), 2 * sizeof(void *));
}

static void
test_create_takes_one_block_of_size(void **state)
{
    size_t calls = heap_calls();
    size_t bytes = heap_live_bytes();
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    assert_int_equal(heap_calls(), calls + 1);
    assert_int_equal(heap_live_bytes(), bytes + POOL_SIZE);
    ngx_destroy_pool(pool);
    assert_int_equal(heap_live_bytes(), bytes);
}

static void
test_create_aligns_the_block(void **state)
{
    size_t size;

    (void) state;
    assert_int_equal(NGX_POOL_ALIGNMENT, 16);
    for (size = POOL_SIZE; size < POOL_SIZE + 64; size++) {
        ngx_pool_t *pool = ngx_create_pool(size, NULL);

        assert_int_equal((uintptr_t) pool % NGX_POOL_ALIGNMENT, 0);
        ngx_destroy_pool(pool);
    }
}

static void
test_create_max_is_the_first_blocks_free_bytes(void **state)
{
    size_t most = sizeof(ngx_pool_t) + ngx_pagesize - 1;
    size_t size;

    (void) state;
    for (size = sizeof(ngx_pool_t); size <= most; size++) {
        ngx_pool_t *pool = ngx_create_pool(size, NULL);

        assert_int_equal(pool->max, size - sizeof(ngx_pool_t));
        ngx_destroy_pool(pool);
    }
}

static void
test_create_max_is_less_than_a_page(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(sizeof(ngx_pool_t) + ngx_pagesize, NULL);

    (void) state;
    assert_int_equal(pool->max, ngx_pagesize - 1);
    assert_int_equal(NGX_MAX_ALLOC_FROM_POOL, ngx_pagesize - 1);
    ngx_destroy_pool(pool);

    pool = ngx_create_pool(64 * ngx_pagesize, NULL);
    assert_int_equal(pool->max, ngx_pagesize - 1);
    ngx_destroy_pool(pool);
}

static void
test_create_refuses_less_than_its_header(void **state)
{
    struct lines lines;
    size_t calls = heap_calls();
    size_t size;

    (void) state;
    for (size = 0; size < sizeof(ngx_pool_t); size++) {
        char text[LINES_TEXT_MAX];

        lines_init(&lines, NGX_LOG_ALERT);
        assert_null(ngx_create_pool(size, &lines.log));
        (void) snprintf(text, sizeof(text),
                        "pool size %zu is less than its header of %zu", size,
                        sizeof(ngx_pool_t));
        assert_int_equal(lines.count, 1);
        lines_check(&lines, 0, NGX_LOG_ALERT, text);
        assert_null(ngx_create_pool(size, NULL));
    }
    assert_int_equal(heap_calls(), calls);
}

static void
test_create_writes_nothing_to_a_log_of_lower_level(void **state)
{
    struct lines lines;

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    assert_null(ngx_create_pool(0, &lines.log));
    assert_int_equal(lines.count, 0);
}

static void
test_create_accepts_the_size_of_the_header(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(sizeof(ngx_pool_t), NULL);
    u_char *p;

    (void) state;
    assert_non_null(pool);
    assert_int_equal(pool->max, 0);
    assert_non_null(ngx_palloc(pool, 0));
    assert_ptr_equal(pool->d.last, pool->d.end);

    p = ngx_palloc(pool, 1);
    assert_ptr_equal(pool->large->alloc, p);
    p[0] = 1;
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    ngx_destroy_pool(pool);
}

static void
test_create_of_the_least_size_holds_two_larges(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(NGX_MIN_POOL_SIZE, NULL);

    (void) state;
    assert_int_equal(NGX_MIN_POOL_SIZE % NGX_POOL_ALIGNMENT, 0);
    assert_non_null(ngx_palloc(pool, ngx_pagesize));
    assert_non_null(ngx_palloc(pool, ngx_pagesize));
    assert_null(pool->d.next);
    ngx_destroy_pool(pool);
}

static void
test_create_default_size_is_16_kib(void **state)
{
    (void) state;
    assert_int_equal(NGX_DEFAULT_POOL_SIZE, 16384);
}

static void
test_create_refuses_sizes_near_the_greatest(void **state)
{
    struct lines lines;
    size_t blocks = heap_live_blocks();
    size_t less;

    (void) state;
    for (less = 0; less < 64; less++) {
        lines_init(&lines, NGX_LOG_EMERG);
        assert_null(ngx_create_pool(SIZE_MAX - less, &lines.log));
        assert_int_equal(lines.count, 1);
        assert_int_equal(lines.line[0].level, NGX_LOG_EMERG);
        assert_null(ngx_create_pool(SIZE_MAX - less, NULL));
    }
    assert_int_equal(heap_live_blocks(), blocks);
}

/* Sizes that differ from a good one in an upper bit alone. */
static void
test_create_refuses_sizes_of_every_bit(void **state)
{
    struct lines lines;
    size_t blocks = heap_live_blocks();
    size_t bit;

    (void) state;
    for (bit = 2 * (size_t) HEAP_SIZE_MAX; bit != 0; bit *= 2) {
        lines_init(&lines, NGX_LOG_EMERG);
        assert_null(ngx_create_pool(bit, &lines.log));
        assert_null(ngx_create_pool(bit | POOL_SIZE, &lines.log));
        assert_int_equal(lines.count, 2);
        assert_int_equal(lines.line[0].level, NGX_LOG_EMERG);
        assert_int_equal(lines.line[1].level, NGX_LOG_EMERG);
    }
    assert_int_equal(heap_live_blocks(), blocks);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_create_sets_every_field),
        FIXTURE_TEST(test_create_has_the_fields_of_nginx_and_two_more),
        FIXTURE_TEST(test_create_takes_one_block_of_size),
        FIXTURE_TEST(test_create_aligns_the_block),
        FIXTURE_TEST(test_create_max_is_the_first_blocks_free_bytes),
        FIXTURE_TEST(test_create_max_is_less_than_a_page),
        FIXTURE_TEST(test_create_refuses_less_than_its_header),
        FIXTURE_TEST(test_create_writes_nothing_to_a_log_of_lower_level),
        FIXTURE_TEST(test_create_accepts_the_size_of_the_header),
        FIXTURE_TEST(test_create_of_the_least_size_holds_two_larges),
        FIXTURE_TEST(test_create_default_size_is_16_kib),
        FIXTURE_TEST(test_create_refuses_sizes_near_the_greatest),
        FIXTURE_TEST(test_create_refuses_sizes_of_every_bit),
    };

    return GROUP_RUN(tests);
}
