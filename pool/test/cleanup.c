/* Cleanups: how they are added, in which order handlers run, and the calls that
 * a handler may make. */
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"
#include "place.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
    RUNS_MAX = 1024,
};

/* The numbers that note() was called with, in order. */
static struct {
    size_t count;
    int runs[RUNS_MAX];
} notes;

/* The data of the handlers below: a number to note, and all that they use. */
struct duty {
    int number;
    ngx_pool_t *pool;
    void *large;
    struct duty *next;
    ngx_pool_cleanup_t *cancelled;
};

static struct duty *add_duty(ngx_pool_t *pool, int number,
                             ngx_pool_cleanup_pt handler);
static void note(void *data);
static void destroy_pool(ngx_pool_t *pool);
static void reset_and_destroy_pool(ngx_pool_t *pool);
static void check_runs(const int *numbers, size_t count);

/* The two ways to make cleanups run. */
static void (*const ends[])(ngx_pool_t *pool) = {
    destroy_pool,
    reset_and_destroy_pool,
};

enum {
    ENDS = sizeof(ends) / sizeof(ends[0]),
};

static int
setup(void **state)
{
    notes.count = 0;
    return fixture_setup(state);
}

static void
test_cleanup_add_gives_cleared_handler_and_data(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    size_t size;

    (void) state;
    for (size = 1; size <= 2 * POOL_SIZE; size += 13) {
        ngx_pool_cleanup_t *cleanup;

        (void) ngx_pnalloc(pool, 1);
        cleanup = ngx_pool_cleanup_add(pool, size);
        assert_ptr_equal(pool->cleanup, cleanup);
        assert_null(cleanup->handler);
        assert_non_null(cleanup->data);
        assert_int_equal((uintptr_t) cleanup % NGX_ALIGNMENT, 0);
        assert_int_equal((uintptr_t) cleanup->data % NGX_ALIGNMENT, 0);
        memset(cleanup->data, 0xa5, size);
        assert_int_equal(size > pool->max,
                         place_of(pool, cleanup).block == PLACE_LARGE);
        assert_int_equal(size > pool->max,
                         place_of(pool, cleanup->data).block == PLACE_LARGE);
    }
    ngx_destroy_pool(pool);
}

/* So a failed call keeps nothing, and a large one is released as one. */
static void
test_cleanup_and_its_data_are_one_allocation(void **state)
{
    static const size_t sizes[] = {1, 8, 500, LARGE};
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ptrdiff_t offset = 0;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, sizes[i]);
        ptrdiff_t between = (u_char *) cleanup->data - (u_char *) cleanup;

        assert_true(between >= (ptrdiff_t) sizeof(*cleanup));
        assert_true(offset == 0 || offset == between);
        offset = between;
    }
    assert_ptr_equal(pool->large->alloc, pool->cleanup);
    assert_null(pool->large->next);
    ngx_destroy_pool(pool);
}

/* At most max bytes of data are small: the cleanup itself does not count. */
static void
test_cleanup_of_max_fits_into_a_block(void **state)
{
    static const size_t sizes[] = {sizeof(ngx_pool_t) + 64, POOL_SIZE, 5000};
    size_t i;

    (void) state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ngx_pool_t *pool = ngx_create_pool(sizes[i], NULL);
        ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, pool->max);
        u_char *data = cleanup->data;

        assert_null(pool->large);
        memset(data, 0xa5, pool->max);
        assert_true(data + pool->max <= place_block(pool, 0)->d.end ||
                    data + pool->max <= place_block(pool, 1)->d.end);
        ngx_destroy_pool(pool);
    }
}

static void
test_cleanup_add_of_0_has_no_data(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, 0);

    (void) state;
    assert_null(cleanup->handler);
    assert_null(cleanup->data);
    ngx_destroy_pool(pool);
}

static void
test_cleanup_add_links_newest_first(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    ngx_pool_cleanup_t *first = ngx_pool_cleanup_add(pool, 0);
    ngx_pool_cleanup_t *second = ngx_pool_cleanup_add(pool, 8);

    (void) state;
    assert_ptr_equal(pool->cleanup, second);
    assert_ptr_equal(second->next, first);
    assert_null(first->next);
    ngx_destroy_pool(pool);
}

static void
test_cleanup_runs_newest_first_and_once(void **state)
{
    size_t end;
    int i;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        for (i = 0; i < 100; i++) {
            (void) add_duty(pool, i, note);
        }
        ends[end](pool);
        assert_int_equal(notes.count, 100);
        for (i = 0; i < 100; i++) {
            assert_int_equal(notes.runs[i], 99 - i);
        }
    }
}

static void
test_cleanup_finds_its_data_intact(void **state)
{
    static const size_t sizes[] = {sizeof(struct duty), 64, 900, LARGE};
    size_t end;
    size_t i;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(pool, sizes[i]);

            cleanup->handler = note;
            memset(cleanup->data, 0xff, sizes[i]);
            ((struct duty *) cleanup->data)->number = (int) i;
            memset(ngx_palloc(pool, 300), 0xff, 300);
        }
        ends[end](pool);
        assert_int_equal(notes.count, i);
        while (i-- > 0) {
            assert_int_equal(notes.runs[notes.count - 1 - i], i);
        }
    }
}

static void
note_null(void *data)
{
    assert_null(data);
    notes.count++;
}

static void
test_cleanup_without_data_runs(void **state)
{
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        ngx_pool_cleanup_add(pool, 0)->handler = note_null;
        ends[end](pool);
        assert_int_equal(notes.count, 1);
    }
}

static void
test_cleanup_without_a_handler_is_skipped(void **state)
{
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        (void) add_duty(pool, 1, note);
        (void) add_duty(pool, 2, NULL);
        (void) add_duty(pool, 3, note);
        (void) add_duty(pool, 4, NULL);
        ends[end](pool);
        assert_int_equal(notes.count, 2);
        assert_int_equal(notes.runs[0], 3);
        assert_int_equal(notes.runs[1], 1);
    }
}

static void
test_cleanup_is_cancelled_by_clearing_its_handler(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) add_duty(pool, 1, note);
    (void) add_duty(pool, 2, note);
    pool->cleanup->handler = NULL;
    ngx_destroy_pool(pool);
    assert_int_equal(notes.count, 1);
    assert_int_equal(notes.runs[0], 1);
}

static void
test_cleanup_list_is_empty_after_a_reset(void **state)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

    (void) state;
    (void) add_duty(pool, 1, note);
    ngx_reset_pool(pool);
    assert_null(pool->cleanup);
    memset(ngx_palloc(pool, 512), 0xff, 512); /* where the cleanup was */
    ngx_reset_pool(pool);
    ngx_destroy_pool(pool);
    assert_int_equal(notes.count, 1);
}

static void
note_and_read(void *data)
{
    struct duty *duty = data;
    size_t i;

    note(duty);
    for (i = 0; i < LARGE; i++) {
        assert_int_equal(((u_char *) duty->large)[i], 0x5a);
    }
    assert_int_equal(duty->next == NULL, duty->number == 0);
    if (duty->next != NULL) {
        assert_int_equal(duty->next->number, duty->number - 1);
    }
}

static void
test_cleanup_runs_before_anything_is_freed(void **state)
{
    size_t end;
    int i;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        struct duty *duty = NULL;

        notes.count = 0;
        for (i = 0; i < 50; i++) {
            struct duty *next = duty;

            duty = add_duty(pool, i, note_and_read);
            duty->next = next;
            duty->large = ngx_palloc(pool, LARGE);
            memset(duty->large, 0x5a, LARGE);
        }
        ends[end](pool);
        assert_int_equal(notes.count, 50);
    }
}

static void
note_and_allocate(void *data)
{
    struct duty *duty = data;
    int i;

    note(duty);
    for (i = 0; i < 20; i++) {
        memset(ngx_palloc(duty->pool, 500), 0xff, 500);
        memset(ngx_pnalloc(duty->pool, 33), 0xff, 33);
        memset(ngx_pcalloc(duty->pool, LARGE), 0xff, LARGE);
        memset(ngx_pmemalign(duty->pool, 64, 64), 0xff, 64);
    }
}

static void
test_cleanup_may_allocate(void **state)
{
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        (void) add_duty(pool, 1, note);
        (void) add_duty(pool, 2, note_and_allocate);
        (void) add_duty(pool, 3, note_and_allocate);
        ends[end](pool);
        assert_int_equal(notes.count, 3);
        assert_int_equal(notes.runs[2], 1);
    }
}

static void
note_and_pfree(void *data)
{
    struct duty *duty = data;

    note(duty);
    assert_int_equal(ngx_pfree(duty->pool, duty->large), NGX_OK);
    assert_int_equal(ngx_pfree(duty->pool, duty->large), NGX_DECLINED);
}

static void
test_cleanup_may_pfree(void **state)
{
    size_t end;
    int i;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        for (i = 0; i < 40; i++) { /* enough for an index */
            struct duty *duty = add_duty(pool, i, note_and_pfree);

            duty->large = ngx_palloc(pool, LARGE);
        }
        ends[end](pool);
        assert_int_equal(notes.count, 40);
    }
}

static void
note_and_add(void *data)
{
    struct duty *duty = data;

    note(duty);
    if (duty->number % 10 != 0) {
        (void) add_duty(duty->pool, duty->number - 1, note_and_add);
    }
}

static void
test_cleanup_may_add_others_that_run_next(void **state)
{
    static const int expected[] = {23, 22, 21, 20, 5, 12, 11, 10};
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        (void) add_duty(pool, 12, note_and_add);
        (void) add_duty(pool, 5, note);
        (void) add_duty(pool, 23, note_and_add);
        ends[end](pool);
        check_runs(expected, sizeof(expected) / sizeof(expected[0]));
    }
}

static void
note_and_destroy_another_pool(void *data)
{
    ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
    struct duty *duty = data;

    note(duty);
    (void) add_duty(pool, duty->number + 1, note);
    memset(ngx_palloc(pool, LARGE), 0xff, LARGE);
    memset(ngx_palloc(pool, LARGE), 0xff, LARGE);
    ngx_destroy_pool(pool);
}

static void
test_cleanup_may_destroy_another_pool(void **state)
{
    static const int expected[] = {5, 3, 4, 1, 2};
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        notes.count = 0;
        (void) add_duty(pool, 1, note_and_destroy_another_pool);
        (void) add_duty(pool, 3, note_and_destroy_another_pool);
        (void) add_duty(pool, 5, note);
        memset(ngx_palloc(pool, LARGE), 0xff, LARGE);
        memset(ngx_palloc(pool, LARGE), 0xff, LARGE);
        ends[end](pool);
        check_runs(expected, sizeof(expected) / sizeof(expected[0]));
    }
}

static void
note_and_cancel_another(void *data)
{
    struct duty *duty = data;

    duty->cancelled->handler = NULL;
    note(data);
}

/* As a program does that need not know which of its handlers runs first. */
static void
test_cleanup_may_cancel_one_that_has_run(void **state)
{
    static const int expected[] = {2, 1};
    size_t end;

    (void) state;
    for (end = 0; end < ENDS; end++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
        struct duty *duty = add_duty(pool, 1, note_and_cancel_another);

        notes.count = 0;
        (void) add_duty(pool, 2, note);
        duty->cancelled = pool->cleanup;
        ends[end](pool);
        check_runs(expected, sizeof(expected) / sizeof(expected[0]));
    }
}

/* Checks the numbers of the duties that ran, and their order. */
static void
check_runs(const int *numbers, size_t count)
{
    size_t i;

    assert_int_equal(notes.count, count);
    for (i = 0; i < count; i++) {
        assert_int_equal(notes.runs[i], numbers[i]);
    }
}

static struct duty *
add_duty(ngx_pool_t *pool, int number, ngx_pool_cleanup_pt handler)
{
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(pool, sizeof(struct duty));
    struct duty *duty = cleanup->data;

    cleanup->handler = handler;
    duty->number = number;
    duty->pool = pool;
    duty->large = NULL;
    duty->next = NULL;
    duty->cancelled = NULL;
    return duty;
}

static void
note(void *data)
{
    const struct duty *duty = data;

    assert_true(notes.count < RUNS_MAX);
    notes.runs[notes.count++] = duty->number;
}

static void
destroy_pool(ngx_pool_t *pool)
{
    ngx_destroy_pool(pool);
}

static void
reset_and_destroy_pool(ngx_pool_t *pool)
{
    ngx_reset_pool(pool);
    assert_null(pool->cleanup);
    assert_null(pool->large);
    ngx_destroy_pool(pool);
}

#define CLEANUP_TEST(test)                                                     \
    cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        CLEANUP_TEST(test_cleanup_add_gives_cleared_handler_and_data),
        CLEANUP_TEST(test_cleanup_and_its_data_are_one_allocation),
        CLEANUP_TEST(test_cleanup_of_max_fits_into_a_block),
        CLEANUP_TEST(test_cleanup_add_of_0_has_no_data),
        CLEANUP_TEST(test_cleanup_add_links_newest_first),
        CLEANUP_TEST(test_cleanup_runs_newest_first_and_once),
        CLEANUP_TEST(test_cleanup_finds_its_data_intact),
        CLEANUP_TEST(test_cleanup_without_data_runs),
        CLEANUP_TEST(test_cleanup_without_a_handler_is_skipped),
        CLEANUP_TEST(test_cleanup_is_cancelled_by_clearing_its_handler),
        CLEANUP_TEST(test_cleanup_list_is_empty_after_a_reset),
        CLEANUP_TEST(test_cleanup_runs_before_anything_is_freed),
        CLEANUP_TEST(test_cleanup_may_allocate),
        CLEANUP_TEST(test_cleanup_may_pfree),
        CLEANUP_TEST(test_cleanup_may_add_others_that_run_next),
        CLEANUP_TEST(test_cleanup_may_destroy_another_pool),
        CLEANUP_TEST(test_cleanup_may_cancel_one_that_has_run),
    };

    return GROUP_RUN(tests);
}
