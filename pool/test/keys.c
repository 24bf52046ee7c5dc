/*
 * The cache where the end of a thread cannot be noticed, because the system
 * refuses pthread_key_create() or pthread_setspecific(). There is a program for
 * each: its linker puts one of the functions below in the system's place. The
 * library takes its key before main().
 */
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
};

int __wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data));
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

static int refused;

int
__wrap_pthread_key_create(pthread_key_t *key, void (*end)(void *data))
{
    (void) key;
    (void) end;
    refused++;
    return EAGAIN;
}

int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    (void) key;
    (void) value;
    refused++;
    return ENOMEM;
}

static void
test_keys_refused_mean_that_nothing_is_kept(void **state)
{
    size_t blocks = heap_live_blocks();
    ngx_pool_cache_stats_t stats;
    ngx_pool_t *pool;
    size_t n;

    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    for (n = 0; n < 100; n++) {
        pool = ngx_create_pool(POOL_SIZE, NULL);
        assert_non_null(pool);
        assert_non_null(ngx_palloc(pool, pool->max));
        assert_non_null(ngx_palloc(pool, 16));
        assert_non_null(ngx_palloc(pool, LARGE));
        if (n % 2 == 0) {
            ngx_reset_pool(pool);
        }
        ngx_destroy_pool(pool);
        assert_int_equal(heap_live_blocks(), blocks);
    }
    assert_true(refused > 0);
    ngx_pool_cache_stats(&stats);
    assert_int_equal(stats.size, 0);
    assert_int_equal(stats.overhead, 0);
}

static void
test_keys_refused_leave_limit_and_trim_valid(void **state)
{
    (void) state;
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    ngx_pool_cache_trim();
    ngx_pool_cache_limit(1);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    ngx_pool_cache_trim();
    ngx_pool_cache_limit(SIZE_MAX);
    assert_int_equal(ngx_pool_cache_size(), 0);
}

/* The library has no key, so it may use none. */
static void
test_keys_refused_leave_the_keys_of_others_alone(void **state)
{
    tss_t keys[8];
    size_t count = sizeof(keys) / sizeof(keys[0]);
    size_t i;

    (void) state;
    for (i = 0; i < count; i++) {
        assert_int_equal(tss_create(&keys[i], NULL), thrd_success);
        assert_int_equal(tss_set(keys[i], &keys[i]), thrd_success);
    }
    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    ngx_pool_cache_limit(0);
    for (i = 0; i < count; i++) {
        assert_ptr_equal(tss_get(keys[i]), &keys[i]);
        tss_delete(keys[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_keys_refused_mean_that_nothing_is_kept),
        FIXTURE_TEST(test_keys_refused_leave_limit_and_trim_valid),
        FIXTURE_TEST(test_keys_refused_leave_the_keys_of_others_alone),
    };

    return GROUP_RUN(tests);
}
