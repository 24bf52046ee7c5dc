/*
 * Runs a part of a test on a thread of its own.
 */
#ifndef BENCH_TEST_THREAD_H
#define BENCH_TEST_THREAD_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Run function(data) on a new thread, to its end. */
static inline void
thread_run(void *(*function)(void *), void *data)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, function, data), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

#endif
