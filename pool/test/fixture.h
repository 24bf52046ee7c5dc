/*
 * What every cmocka test of a seam build starts from and is checked for: no
 * block kept, no failure ordered, no file called, and at its end no memory of
 * the system's left. One thread.
 */
#ifndef POOL_TEST_FIXTURE_H
#define POOL_TEST_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FIXTURE_TEST(test)                                                     \
    cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int fixture_setup(void **state);

/* Fails when the test left memory behind. */
int fixture_teardown(void **state);

#endif
