/*
 * ngx_pagesize where the system answers PAGESIZE_ANSWER. The linker makes the
 * pool call the sysconf() below instead of the C library's.
 */
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"

enum {
    EXPECTED = PAGESIZE_ANSWER > 0 ? PAGESIZE_ANSWER : 4096,
};

enum {
    EARLY_PRIORITY = 102, /* the second that the compilers grant */
};

static ngx_uint_t early;

long __real_sysconf(int name);
long __wrap_sysconf(int name);

long
__wrap_sysconf(int name)
{
    return name == _SC_PAGESIZE ? PAGESIZE_ANSWER : __real_sysconf(name);
}

/* A constructor of the program's. It comes before those of the library that
 * have its priority, since it is linked first. */
__attribute__((constructor(EARLY_PRIORITY))) static void
note_early(void)
{
    early = ngx_pagesize;
}

static void
test_pagesize_is_known_to_constructors(void **state)
{
    (void) state;
    assert_int_equal(early, EXPECTED);
}

static void
test_pagesize_is_what_the_system_answers(void **state)
{
    (void) state;
    assert_int_equal(ngx_pagesize, EXPECTED);
}

static void
test_pagesize_bounds_small_allocations(void **state)
{
    ngx_pool_t *pool = ngx_create_pool((size_t) 4 * EXPECTED, NULL);

    (void) state;
    assert_int_equal(pool->max, EXPECTED - 1);
    (void) ngx_palloc(pool, EXPECTED - 1);
    assert_null(pool->large);
    (void) ngx_palloc(pool, EXPECTED);
    assert_non_null(pool->large);
    ngx_destroy_pool(pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_pagesize_is_known_to_constructors),
        FIXTURE_TEST(test_pagesize_is_what_the_system_answers),
        FIXTURE_TEST(test_pagesize_bounds_small_allocations),
    };

    return GROUP_RUN(tests);
}
