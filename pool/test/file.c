/* File cleanups. files.h stands in for the system, so no file is touched. */
#include <errno.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "files.h"
#include "fixture.h"
#include "lines.h"

enum {
    POOL_SIZE = 1024,
};

static u_char name[] = "some/file";

static void add_file(ngx_pool_t *pool, ngx_fd_t fd, ngx_pool_cleanup_pt handler,
                     ngx_log_t *log);
static void check_event(size_t n, enum files_kind kind, int fd);

static void
test_file_cleanup_closes(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    add_file(pool, 8, ngx_pool_cleanup_file, NULL);
    assert_int_equal(files_count(), 0);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 2);
    check_event(0, FILES_CLOSE, 8);
    check_event(1, FILES_CLOSE, 7);
}

static void
test_file_cleanup_closes_once_at_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    ngx_reset_pool(pool);
    assert_int_equal(files_count(), 1);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 1);
}

static void
test_file_cleanup_logs_a_failed_close(void **state)
{
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_ALERT);
    files_fail(FILES_CLOSE, EBADF);
    ngx_pool_cleanup_file(&file);
    assert_int_equal(lines.count, 1);
    lines_check(&lines, 0, NGX_LOG_ALERT,
                "close() \"some/file\" failed (9: Bad file descriptor)");

    file.log = NULL;
    ngx_pool_cleanup_file(&file);
    assert_int_equal(files_count(), 2);
}

static void
test_delete_file_unlinks_then_closes(void **state)
{
    struct lines lines;
    ngx_pool_t *pool;

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG);
    pool = ngx_create_pool(POOL_SIZE, &lines.log);
    add_file(pool, 7, ngx_pool_delete_file, &lines.log);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 2);
    check_event(0, FILES_UNLINK, -1);
    assert_ptr_equal(files_event(0)->name, name);
    check_event(1, FILES_CLOSE, 7);
    assert_int_equal(lines.count, 0);
}

static void
test_delete_file_of_a_file_that_is_gone_is_no_error(void **state)
{
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_DEBUG);
    files_fail(FILES_UNLINK, ENOENT);
    ngx_pool_delete_file(&file);
    assert_int_equal(lines.count, 0);
    assert_int_equal(files_count(), 2);
    check_event(1, FILES_CLOSE, 7);
}

static void
test_delete_file_logs_a_failure_and_closes(void **state)
{
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_CRIT);
    files_fail(FILES_UNLINK, EACCES);
    ngx_pool_delete_file(&file);
    assert_int_equal(lines.count, 1);
    lines_check(&lines, 0, NGX_LOG_CRIT,
                "unlink() \"some/file\" failed (13: Permission denied)");
    check_event(1, FILES_CLOSE, 7);

    file.log = NULL;
    ngx_pool_delete_file(&file);
    assert_int_equal(files_count(), 4);
}

static void
test_file_failures_write_nothing_to_a_log_of_lower_level(void **state)
{
    struct lines lines;
    ngx_pool_cleanup_file_t file = {7, name, &lines.log};

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    files_fail(FILES_UNLINK, EACCES);
    files_fail(FILES_CLOSE, EBADF);
    ngx_pool_delete_file(&file);
    assert_int_equal(files_count(), 2);
    assert_int_equal(lines.count, 0);
}

static void
test_run_cleanup_file_closes_that_file_alone(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    add_file(pool, 8, ngx_pool_cleanup_file, NULL);
    add_file(pool, 9, ngx_pool_cleanup_file, NULL);
    ngx_pool_run_cleanup_file(pool, 8);
    assert_int_equal(files_count(), 1);
    check_event(0, FILES_CLOSE, 8);

    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 3);
    check_event(1, FILES_CLOSE, 9);
    check_event(2, FILES_CLOSE, 7);
}

static void
run_file_7(void *data)
{
    ngx_pool_run_cleanup_file(data, 7);
}

/* The cleanup of a file that is older than the handler. */
static void
test_run_cleanup_file_in_a_handler(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup;

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    add_file(pool, 8, ngx_pool_cleanup_file, NULL);
    cleanup = ngx_pool_cleanup_add(pool, 0);
    cleanup->handler = run_file_7;
    cleanup->data = pool;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);

    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 3);
    check_event(0, FILES_CLOSE, 7);
    check_event(1, FILES_CLOSE, 7);
    check_event(2, FILES_CLOSE, 8);
}

static void
do_nothing(void *data)
{
    (void) data;
}

static void
test_run_cleanup_file_reads_no_other_data(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup;

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    cleanup = ngx_pool_cleanup_add(pool, 0);
    cleanup->handler = do_nothing;
    cleanup->data = (void *) (uintptr_t) 7; /* a number, not an address */
    ngx_pool_run_cleanup_file(pool, 7);
    assert_int_equal(files_count(), 1);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 1);
}

static void
test_run_cleanup_file_runs_once(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    ngx_pool_run_cleanup_file(pool, 7);
    ngx_pool_run_cleanup_file(pool, 7);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 1);
}

/* Whatever the line about a failed close leads to finds the cleanup
 * cancelled. */
static void
test_run_cleanup_file_clears_the_handler_first(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    files_watch(&pool->cleanup->handler);
    ngx_pool_run_cleanup_file(pool, 7);
    assert_int_equal(files_count(), 1);
    assert_int_equal(files_event(0)->is_set, 0);
    ngx_destroy_pool(pool);
}

static void
test_run_cleanup_file_takes_the_newest(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *older;

    (void) state;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    older = pool->cleanup;
    add_file(pool, 7, ngx_pool_cleanup_file, NULL);
    ngx_pool_run_cleanup_file(pool, 7);
    assert_null(pool->cleanup->handler);
    assert_true(older->handler == ngx_pool_cleanup_file);
    ngx_pool_run_cleanup_file(pool, 7);
    assert_null(older->handler);
    assert_int_equal(files_count(), 2);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 2);
}

static void
test_run_cleanup_file_without_a_match_does_nothing(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    ngx_pool_run_cleanup_file(pool, 7);
    add_file(pool, 8, ngx_pool_cleanup_file, NULL);
    ngx_pool_run_cleanup_file(pool, 7);
    assert_int_equal(files_count(), 0);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 1);
}

static void
test_run_cleanup_file_runs_no_other_handler(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    add_file(pool, 7, ngx_pool_delete_file, NULL);
    add_file(pool, 7, NULL, NULL);
    (void) ngx_pool_cleanup_add(pool, 0);
    ngx_pool_run_cleanup_file(pool, 7);
    assert_int_equal(files_count(), 0);
    ngx_destroy_pool(pool);
    assert_int_equal(files_count(), 2);
}

static void
add_file(ngx_pool_t *pool, ngx_fd_t fd, ngx_pool_cleanup_pt handler,
         ngx_log_t *log)
{
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(pool, sizeof(ngx_pool_cleanup_file_t));
    ngx_pool_cleanup_file_t *file = cleanup->data;

    cleanup->handler = handler;
    file->fd = fd;
    file->name = name;
    file->log = log;
}

static void
check_event(size_t n, enum files_kind kind, int fd)
{
    assert_true(n < files_count());
    assert_int_equal(files_event(n)->kind, kind);
    assert_int_equal(files_event(n)->fd, fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_file_cleanup_closes),
        FIXTURE_TEST(test_file_cleanup_closes_once_at_a_reset),
        FIXTURE_TEST(test_file_cleanup_logs_a_failed_close),
        FIXTURE_TEST(test_delete_file_unlinks_then_closes),
        FIXTURE_TEST(test_delete_file_of_a_file_that_is_gone_is_no_error),
        FIXTURE_TEST(test_delete_file_logs_a_failure_and_closes),
        FIXTURE_TEST(test_file_failures_write_nothing_to_a_log_of_lower_level),
        FIXTURE_TEST(test_run_cleanup_file_closes_that_file_alone),
        FIXTURE_TEST(test_run_cleanup_file_in_a_handler),
        FIXTURE_TEST(test_run_cleanup_file_reads_no_other_data),
        FIXTURE_TEST(test_run_cleanup_file_runs_once),
        FIXTURE_TEST(test_run_cleanup_file_clears_the_handler_first),
        FIXTURE_TEST(test_run_cleanup_file_takes_the_newest),
        FIXTURE_TEST(test_run_cleanup_file_without_a_match_does_nothing),
        FIXTURE_TEST(test_run_cleanup_file_runs_no_other_handler),
    };

    return GROUP_RUN(tests);
}
