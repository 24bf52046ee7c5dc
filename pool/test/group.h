/*
 * Runs a program's tests, each in a process of its own. So the state of threads
 * and of the process is as main() found it when a test starts: a test passes or
 * fails alone as it does among the others, in any order. alone.py proves it.
 *
 * In the environment, TEST_ONLY=name,... runs those tests alone,
 * TEST_ORDER=reverse starts with the last one, TEST_FAIL_FAST=1 ends after the
 * first test that fails, and TEST_LIST=1 prints the names and runs none.
 */
#ifndef POOL_TEST_GROUP_H
#define POOL_TEST_GROUP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define GROUP_RUN(tests) group_run(tests, sizeof(tests) / sizeof((tests)[0]))

/* Returns the program's exit status: 0, or 1 when a test has failed or
 * TEST_ONLY names none. */
int group_run(const struct CMUnitTest *tests, size_t count);

#endif
