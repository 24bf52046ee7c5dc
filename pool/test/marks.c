/*
 * The macros by which a build chooses marks, for each choice that a user has
 * (pool/README.md, Build switches). They are expanded where they are used, so
 * one file sees all of them.
 */
#undef NGX_POOL_POISON
#undef NGX_POOL_REDZONE

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "asan.h"
#include "fixture.h"

enum {
    REDZONE = 16,
    USUAL_POISON = NGX_POOL_POISON, /* where the build does not set it */
};

#undef NGX_DEBUG_PALLOC
#undef NGX_POOL_POISON

struct choice {
    int redzone;
    int is_checked;
};

/* The default red zone, without and with marks. */
#define NGX_DEBUG_PALLOC 0
#define NGX_POOL_POISON  0
static const struct choice none = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};
#undef NGX_POOL_POISON
#define NGX_POOL_POISON 1
static const struct choice marks = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};

/* With one of these alone. */
#undef NGX_POOL_REDZONE
#define NGX_POOL_REDZONE 0
static const struct choice no_redzone = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};
#undef NGX_POOL_POISON
#define NGX_POOL_POISON 0
static const struct choice neither = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};
#undef NGX_POOL_REDZONE
#define NGX_POOL_REDZONE 1
static const struct choice redzone = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};
#undef NGX_POOL_REDZONE
#define NGX_POOL_REDZONE 0
#undef NGX_DEBUG_PALLOC
#define NGX_DEBUG_PALLOC 1
static const struct choice debug = {NGX_POOL_REDZONE, NGX_POOL_CHECKED};

static void
test_marks_are_for_a_checker(void **state)
{
    (void) state;
    assert_int_equal(USUAL_POISON, ASAN_ON);
}

static void
test_marks_have_a_red_zone(void **state)
{
    (void) state;
    assert_int_equal(none.redzone, 0);
    assert_int_equal(marks.redzone, REDZONE);
}

static void
test_marks_of_any_kind_take_the_slow_path(void **state)
{
    (void) state;
    assert_true(marks.is_checked);
    assert_true(no_redzone.is_checked);
    assert_true(redzone.is_checked);
    assert_true(debug.is_checked);
}

static void
test_without_marks_the_fast_path_is_in_the_caller(void **state)
{
    (void) state;
    assert_false(none.is_checked);
    assert_false(neither.is_checked);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_marks_are_for_a_checker),
        FIXTURE_TEST(test_marks_have_a_red_zone),
        FIXTURE_TEST(test_marks_of_any_kind_take_the_slow_path),
        FIXTURE_TEST(test_without_marks_the_fast_path_is_in_the_caller),
    };

    return GROUP_RUN(tests);
}
