/*
 * What stays resident of this process when a pool of 1 GiB is destroyed, of the
 * library as it is installed: what the thread keeps, which is bounded, and a
 * little. GREAT_SIZE is the size of the allocations.
 */
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <ngx_config.h>
#include <ngx_core.h>

#define MIB   ((size_t) 1024 * 1024)
#define GREAT (1024 * MIB)

enum {
    TOUCHED = 4096, /* no page is larger that is smaller than a block */
    LEFT_MIB = 4,   /* that malloc() keeps of its own, at most */
    SKIPPED = 77,   /* Meson's status */
};

static uint64_t
resident(void)
{
    struct memory_usage now;

    assert_int_equal(memory_read(&now), 0);
    return now.resident;
}

static void
test_memory_of_a_great_pool_is_given_back(void **state)
{
    uint64_t before = resident();
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);

    (void) state;
    assert_non_null(pool);
    for (size_t asked = 0; asked < GREAT; asked += GREAT_SIZE) {
        char *p = ngx_palloc(pool, GREAT_SIZE);

        assert_non_null(p);
        for (size_t i = 0; i < GREAT_SIZE; i += TOUCHED) {
            p[i] = 1;
        }
        p[GREAT_SIZE - 1] = 1;
    }
    assert_true(resident() - before >= GREAT);
    ngx_destroy_pool(pool);
    assert_in_range(ngx_pool_cache_size(), 1, NGX_POOL_CACHE_SIZE);
    assert_in_range(resident(), 0,
                    before + NGX_POOL_CACHE_SIZE + LEFT_MIB * MIB);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_a_great_pool_is_given_back),
    };
    size_t free_size =
        (size_t) sysconf(_SC_AVPHYS_PAGES) * (size_t) sysconf(_SC_PAGESIZE);

    if (free_size < 2 * GREAT) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
