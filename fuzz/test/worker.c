/* Workers: a target's threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "worker.h"

enum {
    THREADS = 4000,
    GROWTH_MAX = 1024 * 1024, /* bytes; 262 to each thread */
};

static void
add(void *data)
{
    ++*(unsigned *) data;
}

/* Returns the process's memory in bytes. */
static size_t
memory(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
    (void) fclose(file);
    return pages * (size_t) sysconf(_SC_PAGESIZE);
}

/* A campaign of an hour starts some ten million threads. */
static void
test_ended_threads_take_no_memory(void **state)
{
    struct worker worker = {0};
    unsigned calls = 0;
    size_t before = 0;
    unsigned i;

    (void) state;
    for (i = 0; i < 2 * THREADS; i++) {
        if (i == THREADS) {
            before = memory();
        }
        worker_begin(&worker, add, &calls);
        worker_wait(&worker);
        worker_end(&worker);
    }
    assert_int_equal(calls, 2 * THREADS);
    assert_in_range(memory(), 0, before + GROWTH_MAX);
}

/* The tasks of a worker see each other's writes. */
static void
test_a_worker_does_one_task_at_a_time(void **state)
{
    struct worker worker = {0};
    unsigned calls = 0;
    unsigned i;

    (void) state;
    for (i = 1; i <= 100; i++) {
        worker_begin(&worker, add, &calls);
        worker_wait(&worker);
        assert_int_equal(calls, i);
    }
    worker_end(&worker);
    worker_end(&worker); /* has no thread any more */
    assert_int_equal(calls, 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_worker_does_one_task_at_a_time),
        cmocka_unit_test(test_ended_threads_take_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
