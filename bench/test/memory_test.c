/*
 * What the pool takes from the system, against nginx's own pool, which is
 * compiled from its source as it is: never more, after any number of
 * allocations of any distribution of sizes; and what stays of a great pool.
 * Both take their memory from pool/test/heap.h, which counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "heap.h"
#include "sizes.h"

#include <ngx_config.h>
#include <ngx_core.h>

enum {
    ALLOCATIONS = 20000,
    BYTES_MAX = 64 * 1024 * 1024, /* of a program; the rest is left out */
    ROUNDS = 3,                   /* with a reset between */

    GREAT = 1024 * 1024 * 1024,
    GREAT_SIZE = 4000,
};

#if defined(BENCH_NGINX)

/* nginx's own, under the names that it has been given: a pool is a void. */
void *nginx_create_pool(size_t size, ngx_log_t *log);
void nginx_destroy_pool(void *pool);
void nginx_reset_pool(void *pool);
void *nginx_palloc(void *pool, size_t size);
void *nginx_pnalloc(void *pool, size_t size);
extern ngx_uint_t nginx_pagesize;

struct both {
    ngx_pool_t *pool;
    void *nginx;
    size_t pool_bytes;
    size_t nginx_bytes;
};

static void
both_allocate(struct both *both, size_t size, int is_packed)
{
    size_t before = heap_live_bytes();
    void *p = is_packed ? ngx_pnalloc(both->pool, size)
                        : ngx_palloc(both->pool, size);
    size_t between = heap_live_bytes();
    void *q = is_packed ? nginx_pnalloc(both->nginx, size)
                        : nginx_palloc(both->nginx, size);

    assert_non_null(p);
    assert_non_null(q);
    both->pool_bytes += between - before;
    both->nginx_bytes += heap_live_bytes() - between;
}

static void
both_reset(struct both *both)
{
    size_t before = heap_live_bytes();

    ngx_reset_pool(both->pool);
    both->pool_bytes -= before - heap_live_bytes();
    before = heap_live_bytes();
    nginx_reset_pool(both->nginx);
    both->nginx_bytes -= before - heap_live_bytes();
}

static void
check_sizes(const struct sizes *sizes, size_t pool_size, int packed_one_in)
{
    static uint32_t draws[ALLOCATIONS];
    size_t before = heap_live_bytes();
    struct both both = {.pool_bytes = pool_size, .nginx_bytes = pool_size};

    sizes_draw(sizes, draws, ALLOCATIONS);
    both.pool = ngx_create_pool(pool_size, NULL);
    both.nginx = nginx_create_pool(pool_size, NULL);
    assert_int_equal(heap_live_bytes() - before, 2 * pool_size);

    for (size_t round = 0; round < ROUNDS; round++) {
        size_t bytes = 0;

        for (size_t n = 0; n < ALLOCATIONS && bytes < BYTES_MAX; n++) {
            both_allocate(&both, draws[n],
                          packed_one_in != 0 &&
                              n % (size_t) packed_one_in == 0);
            bytes += draws[n];
            if (both.pool_bytes > both.nginx_bytes) {
                fail_msg("%s, pool of %zu, round %zu, n = %zu: %zu bytes, "
                         "nginx has %zu",
                         sizes->name, pool_size, round, n + 1, both.pool_bytes,
                         both.nginx_bytes);
            }
        }
        both_reset(&both);
    }
    ngx_destroy_pool(both.pool);
    nginx_destroy_pool(both.nginx);
    assert_int_equal(heap_live_bytes(), before);
}

static void
test_memory_is_never_above_nginxs(void **state)
{
    static const size_t pool_sizes[] = {512, 1024, 4096, 16384};
    char error[SIZES_ERROR_MAX];
    size_t count;
    struct sizes **list = sizes_list_create(BENCH_SIZES_DIR, &count, error);

    (void) state;
    assert_non_null(list);
    nginx_pagesize = ngx_pagesize;
    ngx_pool_cache_limit(0);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sizeof(pool_sizes) / sizeof(*pool_sizes); j++) {
            check_sizes(list[i], pool_sizes[j], 0);
            check_sizes(list[i], pool_sizes[j], 2);
        }
    }
    sizes_list_destroy(list, count);
}

#endif

/* Not touched, so that the machine need not have it. */
static void
test_memory_of_a_great_pool_is_given_back(void **state)
{
    size_t before = heap_live_bytes();
    ngx_pool_t *pool;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
    while (heap_live_bytes() - before < GREAT) {
        assert_non_null(ngx_palloc(pool, GREAT_SIZE));
    }
    ngx_destroy_pool(pool);
    assert_true(ngx_pool_cache_size() <= NGX_POOL_CACHE_SIZE);
    assert_int_equal(heap_live_bytes() - before, ngx_pool_cache_size());
    ngx_pool_cache_trim();
    assert_int_equal(heap_live_bytes(), before);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_of_a_great_pool_is_given_back),
#if defined(BENCH_NGINX)
        cmocka_unit_test(test_memory_is_never_above_nginxs),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
