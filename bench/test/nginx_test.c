/*
 * The row nginx runs nginx's own code, and the row pool this project's: both
 * are recognised by behaviour in which they differ. Both keep to nginx's rule
 * for the sizes that come from a block. Skipped where nginx's source is not at
 * hand.
 */
#include "allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    BLOCK = 16 * 1024, /* of both adapters */
    POOL_HEAD = 80,    /* of nginx's first block, and of its later ones */
    BLOCK_HEAD = 32,

    SIZE = 64,
    SECOND = (BLOCK - POOL_HEAD) / SIZE, /* allocations of the first block */
};

static const struct allocator *allocator;
static void *state;

/* Skips where the allocator is not there. */
static void
begin(const char *name)
{
    char reason[ALLOCATOR_REASON_MAX] = "";
    void *library;

    allocator = allocator_find(name);
    assert_non_null(allocator);
    library = allocator->open(reason);
    if (library == NULL) {
        print_message("no %s: %s\n", name, reason);
        skip();
    }
    state = allocator->create(library, 0, 0);
    assert_non_null(state);
}

static void
end(void)
{
    allocator->destroy(state);
}

static uintptr_t
take(size_t size)
{
    void *p = allocator->alloc(state, size);

    assert_non_null(p);
    return (uintptr_t) p;
}

/* Where the first allocation of the second block is. */
static uintptr_t
second_block(void)
{
    uintptr_t p = 0;

    for (int i = 0; i <= SECOND; i++) {
        p = take(SIZE);
    }
    return p;
}

/* The bytes that a later block loses by a reset. */
static ptrdiff_t
lost_by_reset(const char *name)
{
    ptrdiff_t lost;
    uintptr_t before;

    begin(name);
    before = second_block();
    allocator->reset(state);
    lost = (ptrdiff_t) (second_block() - before);
    end();
    return lost;
}

/* A documented fault, which ngx_reset_pool() of nginx has. */
static void
test_nginx_loses_bytes_in_a_reset(void **unused)
{
    (void) unused;
    assert_int_equal(lost_by_reset("nginx"), POOL_HEAD - BLOCK_HEAD);
}

static void
test_nginx_is_not_this_projects_pool(void **unused)
{
    (void) unused;
    assert_int_equal(lost_by_reset("pool"), 0);
}

/* nginx's limit is known only once its ngx_pagesize is. */
static void
check_max(const char *name)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    uintptr_t first;
    uintptr_t large;

    begin(name);
    if (page > BLOCK / 4) {
        end();
        skip();
    }
    first = take(SIZE);
    assert_true(take(page - 1) - first < BLOCK - POOL_HEAD);
    large = take(page);
    assert_true(large < first || large - first >= BLOCK - POOL_HEAD);
    end();
}

static void
test_nginx_takes_a_page_from_the_system(void **unused)
{
    (void) unused;
    check_max("nginx");
}

static void
test_pool_takes_a_page_from_the_system(void **unused)
{
    (void) unused;
    check_max("pool");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nginx_is_not_this_projects_pool),
        cmocka_unit_test(test_nginx_loses_bytes_in_a_reset),
        cmocka_unit_test(test_nginx_takes_a_page_from_the_system),
        cmocka_unit_test(test_pool_takes_a_page_from_the_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
