/*
 * Memory of pools, of the library as it is installed, as the system sees it.
 * When a pool of 1 GiB is destroyed, only the memory that the thread keeps, and
 * a little more, stays resident: at once at most the thread's limit, and 64
 * small pools later at most 1 MiB. And steady pools within the limit take no
 * page faults. GREAT_SIZE is the size of the allocations.
 */
#include "measure/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include <ngx_config.h>
#include <ngx_core.h>

#define MIB   ((size_t) 1024 * 1024)
#define GREAT (1024 * MIB)

enum {
    TOUCHED = 4096, /* no page is larger that is smaller than a block */
    LEFT_MIB = 4,   /* that malloc() keeps of its own, at most */
    LATER = 64,     /* pools, after which memory they did not need is gone */
    SKIPPED = 77,   /* Meson's status */
};

static uint64_t
resident(void)
{
    struct memory_usage now;

    assert_int_equal(memory_read(&now), 0);
    return now.resident;
}

/* Allocate size bytes in all, and touch them. */
static void
fill(ngx_pool_t *pool, size_t size)
{
    for (size_t asked = 0; asked < size; asked += GREAT_SIZE) {
        char *p = ngx_palloc(pool, GREAT_SIZE);

        assert_non_null(p);
        for (size_t i = 0; i < GREAT_SIZE; i += TOUCHED) {
            p[i] = 1;
        }
        p[GREAT_SIZE - 1] = 1;
    }
}

static void
test_memory_of_a_great_pool_is_given_back(void **state)
{
    uint64_t before = resident();
    ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);

    (void) state;
    assert_non_null(pool);
    fill(pool, GREAT);
    assert_true(resident() - before >= GREAT);
    ngx_destroy_pool(pool);
    assert_in_range(ngx_pool_cache_size(), 1, NGX_POOL_CACHE_SIZE);
    assert_in_range(resident(), 0,
                    before + NGX_POOL_CACHE_SIZE + LEFT_MIB * MIB);

    for (int i = 0; i < LATER; i++) {
        pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
        assert_non_null(ngx_palloc(pool, 1));
        ngx_destroy_pool(pool);
    }
    assert_in_range(ngx_pool_cache_size(), 1, MIB);
    assert_in_range(resident(), 0, before + MIB + LEFT_MIB * MIB);
}

static long
page_faults(void)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return usage.ru_minflt;
}

static void
run_regions(size_t size)
{
    for (int i = 0; i < LATER; i++) {
        ngx_pool_t *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);

        assert_non_null(pool);
        fill(pool, size);
        ngx_destroy_pool(pool);
    }
}

/* Up to nearly the limit: blocks take a little more than is asked for. */
static void
test_memory_of_steady_pools_takes_no_page_faults(void **state)
{
    static const size_t sizes[] = {MIB / 4, MIB, 4 * MIB, 15 * MIB};

    (void) state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        long before;

        run_regions(sizes[i]);
        before = page_faults();
        run_regions(sizes[i]);
        assert_in_range(page_faults() - before, 0, LATER - 1);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_a_great_pool_is_given_back),
        cmocka_unit_test(test_memory_of_steady_pools_takes_no_page_faults),
    };
    size_t free_size =
        (size_t) sysconf(_SC_AVPHYS_PAGES) * (size_t) sysconf(_SC_PAGESIZE);

    if (free_size < 2 * GREAT) {
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
