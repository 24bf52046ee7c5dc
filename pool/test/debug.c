/* The log lines of a build with NGX_DEBUG. */
#include <stdio.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "lines.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
};

static u_char name[] = "some/file";

static void check_debug_line(const struct lines *lines, size_t n,
                             const char *what, const void *p);
static void check_block_line(const struct lines *lines, size_t n,
                             const void *block, size_t unused);

static void
do_nothing(void *data)
{
    (void) data;
}

static void
test_debug_logs_pfree(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;
    void *p;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    p = ngx_palloc(pool, LARGE);
    assert_int_equal(lines.count, 0);
    assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    assert_int_equal(lines.count, 1);
    check_debug_line(&lines, 0, "free", p);
    (void) ngx_pfree(pool, p);
    assert_int_equal(lines.count, 1);
    ngx_destroy_pool(pool);
}

static void
test_debug_logs_each_large_at_the_end(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;
    void *p[2];

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    p[0] = ngx_palloc(pool, LARGE);
    p[1] = ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    assert_int_equal(lines.count, 2);
    check_debug_line(&lines, 0, "free", p[0]);
    check_debug_line(&lines, 1, "free", p[1]);

    p[0] = ngx_palloc(pool, LARGE);
    ngx_destroy_pool(pool);
    check_debug_line(&lines, 2, "free", p[0]);
}

/* The later blocks in the chain's order, the first one last. */
static void
test_debug_logs_each_block_at_a_destroy(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;
    ngx_pool_t *next;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    (void) ngx_palloc(pool, pool->max - 72);
    (void) ngx_palloc(pool, 100);
    next = pool->d.next;
    ngx_destroy_pool(pool);
    assert_int_equal(lines.count, 2);
    check_block_line(&lines, 0, next,
                     POOL_SIZE - sizeof(ngx_pool_data_t) - 100);
    check_block_line(&lines, 1, pool, 72);
}

/* A reset releases no block, so it logs none. */
static void
test_debug_logs_no_block_at_a_reset(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    (void) ngx_palloc(pool, 100);
    ngx_reset_pool(pool);
    assert_int_equal(lines.count, 0);
    ngx_destroy_pool(pool);
}

static void
test_debug_logs_cleanups(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;
    ngx_pool_cleanup_t *cleanup;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    cleanup = ngx_pool_cleanup_add(pool, 0);
    assert_int_equal(lines.count, 1);
    check_debug_line(&lines, 0, "add cleanup", cleanup);

    cleanup->handler = do_nothing;
    ngx_destroy_pool(pool);
    check_debug_line(&lines, 1, "run cleanup", cleanup);
}

static void
test_debug_logs_a_file_cleanup(void **state)
{
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG_ALLOC);
    ngx_pool_cleanup_file(&file);
    assert_int_equal(lines.count, 1);
    lines_check(&lines, 0, NGX_LOG_DEBUG, "file cleanup: fd:7");
}

static void
test_debug_logs_its_category_alone(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    ngx_pool_cleanup_add(pool, 0)->handler = do_nothing;
    (void) ngx_pfree(pool, ngx_palloc(pool, LARGE));
    (void) ngx_palloc(pool, LARGE);
    ngx_pool_cleanup_file(&file);
    ngx_destroy_pool(pool);
    assert_int_equal(lines.count, 0);
}

static void
test_debug_without_a_log_is_silent(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_file_t file = {7, name, NULL};

    (void) state;
    ngx_pool_cleanup_add(pool, 0)->handler = do_nothing;
    (void) ngx_pfree(pool, ngx_palloc(pool, LARGE));
    (void) ngx_palloc(pool, LARGE);
    ngx_pool_cleanup_file(&file);
    ngx_destroy_pool(pool);
}

static void
check_debug_line(const struct lines *lines, size_t n, const char *what,
                 const void *p)
{
    char text[LINES_TEXT_MAX];

    (void) snprintf(text, sizeof(text), "%s: %p", what, p);
    lines_check(lines, n, NGX_LOG_DEBUG, text);
}

static void
check_block_line(const struct lines *lines, size_t n, const void *block,
                 size_t unused)
{
    char text[LINES_TEXT_MAX];

    (void) snprintf(text, sizeof(text), "free: %p, unused: %zu", block, unused);
    lines_check(lines, n, NGX_LOG_DEBUG, text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_debug_logs_pfree),
        FIXTURE_TEST(test_debug_logs_each_large_at_the_end),
        FIXTURE_TEST(test_debug_logs_each_block_at_a_destroy),
        FIXTURE_TEST(test_debug_logs_no_block_at_a_reset),
        FIXTURE_TEST(test_debug_logs_cleanups),
        FIXTURE_TEST(test_debug_logs_a_file_cleanup),
        FIXTURE_TEST(test_debug_logs_its_category_alone),
        FIXTURE_TEST(test_debug_without_a_log_is_silent),
    };

    return GROUP_RUN(tests);
}
