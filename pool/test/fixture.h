/*
 * The setup and teardown of every cmocka test of a seam build. A test starts in
 * a process of its own (group.h), with an empty cache whose limit is 0. One
 * thread.
 */
#ifndef POOL_TEST_FIXTURE_H
#define POOL_TEST_FIXTURE_H

#include "group.h"

#define FIXTURE_TEST(test)                                                     \
    cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int fixture_setup(void **state);

/* Fails when the test has not released all memory. */
int fixture_teardown(void **state);

#endif
