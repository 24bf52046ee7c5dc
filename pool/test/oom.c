/*
 * Out of memory at the 1st, 2nd, ... nth system allocation of each operation.
 * The operation fails. The pool is as before in every field, except that blocks
 * may have counted a failure. The same call succeeds when there is memory.
 */
#include <errno.h>
#include <stdlib.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "files.h"
#include "fixture.h"
#include "heap.h"
#include "lines.h"
#include "place.h"
#include "snapshot.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,

    LONG_LIST = 20,
    INDEX_SLOTS = 64, /* of the smallest index */
    INDEX_FULL = 56,  /* linked slots when it has to grow */
};

/* One operation, and the state in which it needs the most from the system. */
struct operation {
    size_t left;  /* bytes left in the only block */
    size_t takes; /* system allocations that must all succeed */
    void *(*run)(ngx_pool_t *pool);
};

static void check_operation(const struct operation *operation);
static void check_refusals(const struct operation *operation,
                           struct lines *lines);
static void check_line(const struct lines *lines, size_t count);

static void *
run_palloc_small(ngx_pool_t *pool)
{
    return ngx_palloc(pool, 64);
}

static void *
run_pnalloc_small(ngx_pool_t *pool)
{
    return ngx_pnalloc(pool, 64);
}

static void *
run_pcalloc_small(ngx_pool_t *pool)
{
    return ngx_pcalloc(pool, 64);
}

static void *
run_palloc_large(ngx_pool_t *pool)
{
    return ngx_palloc(pool, LARGE);
}

static void *
run_pnalloc_large(ngx_pool_t *pool)
{
    return ngx_pnalloc(pool, LARGE);
}

static void *
run_pcalloc_large(ngx_pool_t *pool)
{
    return ngx_pcalloc(pool, LARGE);
}

static void *
run_pmemalign(ngx_pool_t *pool)
{
    return ngx_pmemalign(pool, 64, 256);
}

static void *
run_cleanup_add(ngx_pool_t *pool)
{
    return ngx_pool_cleanup_add(pool, 0);
}

static void *
run_cleanup_add_small(ngx_pool_t *pool)
{
    return ngx_pool_cleanup_add(pool, 64);
}

static void *
run_cleanup_add_max(ngx_pool_t *pool)
{
    return ngx_pool_cleanup_add(pool, pool->max);
}

static void *
run_cleanup_add_large(ngx_pool_t *pool)
{
    return ngx_pool_cleanup_add(pool, LARGE);
}

static void
test_oom_create(void **state)
{
    struct lines lines;
    size_t blocks = heap_live_blocks();

    (void) state;
    lines_init(&lines, NGX_LOG_EMERG);
    heap_fail_at(0);
    assert_null(ngx_create_pool(POOL_SIZE, &lines.log));
    assert_int_equal(lines.count, 1);
    lines_check_memory(&lines, 0, "posix_memalign(16, 1024)");
    assert_int_equal(heap_live_blocks(), blocks);
}

static void
test_oom_palloc_of_a_new_block(void **state)
{
    (void) state;
    check_operation(&(struct operation){63, 1, run_palloc_small});
}

static void
test_oom_pnalloc_of_a_new_block(void **state)
{
    (void) state;
    check_operation(&(struct operation){63, 1, run_pnalloc_small});
}

static void
test_oom_pcalloc_of_a_new_block(void **state)
{
    (void) state;
    check_operation(&(struct operation){63, 1, run_pcalloc_small});
}

static void
test_oom_palloc_of_a_large(void **state)
{
    (void) state;
    check_operation(&(struct operation){64, 1, run_palloc_large});
}

static void
test_oom_palloc_of_a_large_and_its_entry(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 2, run_palloc_large});
}

static void
test_oom_pnalloc_of_a_large_and_its_entry(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 2, run_pnalloc_large});
}

static void
test_oom_pcalloc_of_a_large_and_its_entry(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 2, run_pcalloc_large});
}

static void
test_oom_pmemalign(void **state)
{
    (void) state;
    check_operation(&(struct operation){64, 1, run_pmemalign});
}

static void
test_oom_pmemalign_and_its_entry(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 2, run_pmemalign});
}

static void
test_oom_cleanup_add_without_data(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 1, run_cleanup_add});
}

/* The cleanup and its data are one allocation. */
static void
test_oom_cleanup_add_with_both_in_a_new_block(void **state)
{
    (void) state;
    check_operation(&(struct operation){0, 1, run_cleanup_add_small});
    check_operation(&(struct operation){0, 1, run_cleanup_add_max});
}

static void
test_oom_cleanup_add_where_it_fits_without_data(void **state)
{
    size_t left;

    (void) state;
    for (left = sizeof(ngx_pool_cleanup_t); left < 64; left++) {
        check_operation(&(struct operation){left, 1, run_cleanup_add_small});
        check_operation(&(struct operation){left, 1, run_cleanup_add_max});
    }
}

static void
test_oom_cleanup_add_with_large_data(void **state)
{
    (void) state;
    check_operation(&(struct operation){128, 1, run_cleanup_add_large});
    check_operation(&(struct operation){0, 2, run_cleanup_add_large});
}

static void
test_oom_after_a_reset(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) ngx_palloc(pool, pool->max);
    (void) ngx_palloc(pool, pool->max);
    ngx_reset_pool(pool);
    (void) ngx_palloc(pool, pool->max);
    (void) ngx_palloc(pool, pool->max);

    snapshot_take(&before, pool);
    heap_fail_at(0);
    assert_null(ngx_palloc(pool, pool->max));
    snapshot_check_missed(&before, pool);
    ngx_destroy_pool(pool);
}

/* The entry of a freed allocation serves the next one that succeeds. */
static void
test_oom_keeps_the_entries_of_freed_allocations(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    assert_int_equal(ngx_pfree(pool, ngx_palloc(pool, LARGE)), NGX_OK);
    snapshot_take(&before, pool);
    heap_fail_from(0);
    assert_null(ngx_palloc(pool, LARGE));
    assert_null(ngx_pmemalign(pool, LARGE, 64));
    heap_fail_at(HEAP_NEVER);
    snapshot_check(&before, pool);
    assert_non_null(ngx_palloc(pool, LARGE));
    assert_null(pool->spare);
    assert_int_equal(pool->d.last - (u_char *) pool,
                     sizeof(ngx_pool_t) + sizeof(ngx_pool_large_t));
    ngx_destroy_pool(pool);
}

/* However long memory is out, the failures that blocks count do no harm. */
static void
test_oom_that_lasts(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t n;

    (void) state;
    pool->d.last = pool->d.end - 64;
    heap_fail_from(0);
    for (n = 1; n <= 20; n++) {
        assert_null(ngx_palloc(pool, pool->max));
        assert_null(ngx_palloc(pool, LARGE));
        assert_int_equal(pool->d.failed, n);
    }
    place_check(pool, ngx_palloc(pool, 64), 0, POOL_SIZE - 64);
    heap_fail_at(HEAP_NEVER);
    place_check(pool, ngx_palloc(pool, 64), 1, sizeof(ngx_pool_data_t));
    assert_int_equal(place_current(pool), 1);
    ngx_destroy_pool(pool);
}

static void
test_oom_reset_and_destroy_need_no_memory(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t calls;
    size_t n;

    (void) state;
    for (n = 0; n < LONG_LIST; n++) {
        (void) ngx_palloc(pool, LARGE);
        (void) ngx_palloc(pool, 256);
        (void) ngx_pool_cleanup_add(pool, 16);
    }
    calls = heap_calls();
    ngx_reset_pool(pool);
    assert_int_equal(heap_calls(), calls);
    (void) ngx_palloc(pool, pool->max);
    (void) ngx_palloc(pool, pool->max);
    ngx_destroy_pool(pool);
    assert_int_equal(heap_calls(), calls);
}

static void
test_oom_of_an_index_makes_pfree_walk(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    void *p[LONG_LIST];
    size_t n;

    (void) state;
    for (n = 0; n < LONG_LIST; n++) {
        p[n] = ngx_palloc(pool, LARGE);
    }
    heap_fail_at(0);
    assert_int_equal(ngx_pfree(pool, p[0]), NGX_OK);
    assert_null(pool->index);
    heap_fail_at(0);
    assert_int_equal(ngx_pfree(pool, p[0]), NGX_DECLINED);
    assert_null(pool->index);
    for (n = 1; n < LONG_LIST; n++) {
        assert_int_equal(ngx_pfree(pool, p[n]), NGX_OK);
    }
    ngx_destroy_pool(pool);
}

/* An index that cannot grow takes no more entries. Those of the list do. */
static void
test_oom_of_a_grown_index_loses_no_allocation(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(16 * POOL_SIZE, NULL);
    const ngx_pool_index_t *index;
    void *p[2 * INDEX_SLOTS];
    size_t n;

    (void) state;
    for (n = 0; n < 2 * INDEX_SLOTS; n++) {
        if (n == INDEX_FULL - 1) {
            assert_int_equal(ngx_pfree(pool, &n), NGX_DECLINED);
        }
        if (n >= INDEX_FULL) {
            heap_fail_at(1); /* 0 is the allocation's own memory */
        }
        p[n] = ngx_palloc(pool, LARGE);
        assert_non_null(p[n]);
    }
    heap_fail_at(HEAP_NEVER);
    index = pool->index;
    assert_non_null(index);
    for (n = 0; n < 2 * INDEX_SLOTS; n++) {
        assert_int_equal(ngx_pfree(pool, p[n]), NGX_OK);
        assert_int_equal(ngx_pfree(pool, p[n]), NGX_DECLINED);
    }
    assert_ptr_equal(pool->index, index);
    ngx_destroy_pool(pool);
}

static void
test_oom_of_a_grown_index_and_an_entry(void **state)
{
    static struct snapshot before;
    ngx_pool_t *pool = ngx_create_pool(16 * POOL_SIZE, NULL);
    size_t n;

    (void) state;
    for (n = 0; n < LONG_LIST; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    assert_int_equal(ngx_pfree(pool, &n), NGX_DECLINED);
    for (; n < INDEX_FULL; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    place_leave(pool, 0, sizeof(ngx_pool_large_t) - 1);
    snapshot_take(&before, pool);
    heap_fail_from(1);
    assert_null(ngx_palloc(pool, LARGE));
    snapshot_check_missed(&before, pool);
    heap_fail_at(HEAP_NEVER);
    assert_non_null(ngx_palloc(pool, LARGE));
    ngx_destroy_pool(pool);
}

/* Every kind of failure: no line is written, and the log is not looked at. */
static void
test_oom_without_a_log(void **state)
{
    ngx_pool_cleanup_file_t file = {.fd = 7, .name = (u_char *) "name"};
    ngx_pool_t *pool;
    size_t n;

    (void) state;
    assert_null(ngx_create_pool(0, NULL));
    assert_null(ngx_create_pool(SIZE_MAX, NULL));
    ngx_pool_cache_limit(SIZE_MAX);
    heap_fail_from(0); /* for the bookkeeping as well */
    assert_null(ngx_create_pool(POOL_SIZE, NULL));
    heap_fail_at(0);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    for (n = 0; n < LONG_LIST; n++) {
        (void) ngx_palloc(pool, LARGE);
    }
    heap_fail_from(0);
    assert_int_equal(ngx_pfree(pool, &n), NGX_DECLINED); /* for an index */
    assert_null(ngx_palloc(pool, LARGE));
    assert_null(ngx_palloc(pool, pool->max));
    assert_null(ngx_pmemalign(pool, 8, 16));
    assert_null(ngx_pmemalign(pool, 8, 3));
    assert_null(ngx_pool_cleanup_add(pool, SIZE_MAX));

    files_fail(FILES_UNLINK, EACCES);
    files_fail(FILES_CLOSE, EBADF);
    ngx_pool_delete_file(&file);
    assert_int_equal(files_count(), 2);
    ngx_destroy_pool(pool);
}

static void
try_to_allocate(void *data)
{
    ngx_pool_t *pool = data;

    heap_fail_at(0);
    assert_null(ngx_palloc(pool, LARGE));
    heap_fail_at(0);
    assert_null(ngx_palloc(pool, pool->max));
    heap_fail_at(0);
    assert_null(ngx_pool_cleanup_add(pool, pool->max));
}

static void
test_oom_in_a_handler(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, 0);

    (void) state;
    cleanup->handler = try_to_allocate;
    cleanup->data = pool;
    ngx_reset_pool(pool);

    cleanup = ngx_pool_cleanup_add(pool, 0);
    cleanup->handler = try_to_allocate;
    cleanup->data = pool;
    ngx_destroy_pool(pool);
}

/* With a log, which gets one line for the refusal, and without. */
static void
check_operation(const struct operation *operation)
{
    struct lines lines;

    lines_init(&lines, NGX_LOG_DEBUG);
    check_refusals(operation, &lines);
    check_refusals(operation, NULL);
}

static void
check_refusals(const struct operation *operation, struct lines *lines)
{
    static struct snapshot before;
    ngx_log_t *log = lines == NULL ? NULL : &lines->log;
    size_t nth;
    int done = 0;

    for (nth = 0; !done; nth++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, log);
        size_t calls;

        pool->d.last = pool->d.end - operation->left;
        snapshot_take(&before, pool);
        calls = heap_calls();

        heap_fail_at(nth);
        done = operation->run(pool) != NULL;
        if (!done) {
            snapshot_check_missed(&before, pool);
            assert_int_equal(heap_calls(), calls + nth + 1);
            check_line(lines, nth + 1);
            assert_non_null(operation->run(pool));
        } else {
            assert_int_equal(heap_calls(), calls + operation->takes);
            check_line(lines, nth);
        }
        heap_fail_at(HEAP_NEVER);
        ngx_destroy_pool(pool);
    }
    assert_int_equal(nth, operation->takes + 1);
}

/* One line for each refusal so far, where there is a log. */
static void
check_line(const struct lines *lines, size_t count)
{
    if (lines == NULL) {
        return;
    }
    assert_int_equal(lines->count, count);
    if (count != 0) {
        assert_int_equal(lines->line[count - 1].level, NGX_LOG_EMERG);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_oom_create),
        FIXTURE_TEST(test_oom_palloc_of_a_new_block),
        FIXTURE_TEST(test_oom_pnalloc_of_a_new_block),
        FIXTURE_TEST(test_oom_pcalloc_of_a_new_block),
        FIXTURE_TEST(test_oom_palloc_of_a_large),
        FIXTURE_TEST(test_oom_palloc_of_a_large_and_its_entry),
        FIXTURE_TEST(test_oom_pnalloc_of_a_large_and_its_entry),
        FIXTURE_TEST(test_oom_pcalloc_of_a_large_and_its_entry),
        FIXTURE_TEST(test_oom_pmemalign),
        FIXTURE_TEST(test_oom_pmemalign_and_its_entry),
        FIXTURE_TEST(test_oom_cleanup_add_without_data),
        FIXTURE_TEST(test_oom_cleanup_add_with_both_in_a_new_block),
        FIXTURE_TEST(test_oom_cleanup_add_where_it_fits_without_data),
        FIXTURE_TEST(test_oom_cleanup_add_with_large_data),
        FIXTURE_TEST(test_oom_after_a_reset),
        FIXTURE_TEST(test_oom_keeps_the_entries_of_freed_allocations),
        FIXTURE_TEST(test_oom_that_lasts),
        FIXTURE_TEST(test_oom_reset_and_destroy_need_no_memory),
        FIXTURE_TEST(test_oom_of_an_index_makes_pfree_walk),
        FIXTURE_TEST(test_oom_of_a_grown_index_loses_no_allocation),
        FIXTURE_TEST(test_oom_of_a_grown_index_and_an_entry),
        FIXTURE_TEST(test_oom_without_a_log),
        FIXTURE_TEST(test_oom_in_a_handler),
    };

    return GROUP_RUN(tests);
}
