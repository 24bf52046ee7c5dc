/*
 * The cache where dladdr() does not know who serves malloc(), as in a program
 * without dynamic linking: the linker puts the function below in its place,
 * whose call number DLADDR_FAILS fails. The library asks before main().
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
};

/* Dl_info, whose header needs a switch that this file has no use for. */
struct info {
    const char *name;
    void *base;
    const char *symbol;
    void *address;
};

int __wrap_dladdr(const void *address, struct info *info);

static int calls;

/* Fills info in any case, so that only the answer shows the failure. */
int
__wrap_dladdr(const void *address, struct info *info)
{
    (void) address;
    *info = (struct info){.base = &calls};
    return ++calls != DLADDR_FAILS;
}

static void
test_dladdr_decides_whether_large_allocations_are_kept(void **state)
{
    ngx_pool_cache_stats_t stats;
    ngx_pool_t *pool;

    (void) state;
    assert_true(calls >= 1);
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    assert_non_null(ngx_palloc(pool, LARGE));
    ngx_destroy_pool(pool);
    ngx_pool_cache_stats(&stats);
    assert_int_equal(stats.blocks, 1);
    assert_int_equal(stats.large, DLADDR_FAILS == 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_dladdr_decides_whether_large_allocations_are_kept),
    };

    return GROUP_RUN(tests);
}
