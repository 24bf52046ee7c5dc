/*
 * The cache in a process that has no thread-specific key left, so that a
 * thread's end cannot be noticed. A program of its own: the key is taken once.
 */
#include <limits.h>
#include <pthread.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "fixture.h"
#include "heap.h"

enum {
    POOL_SIZE = 1024,
};

static void
test_keys_all_taken_mean_that_nothing_is_kept(void **state)
{
    pthread_key_t keys[PTHREAD_KEYS_MAX];
    size_t blocks = heap_live_blocks();
    size_t count = 0;

    (void) state;
    while (count < PTHREAD_KEYS_MAX &&
           pthread_key_create(&keys[count], NULL) == 0) {
        count++;
    }
    assert_in_range(count, 1, PTHREAD_KEYS_MAX);

    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    ngx_destroy_pool(ngx_create_pool(POOL_SIZE, NULL));
    assert_int_equal(ngx_pool_cache_size(), 0);
    assert_int_equal(heap_live_blocks(), blocks);

    while (count-- > 0) {
        (void) pthread_key_delete(keys[count]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_keys_all_taken_mean_that_nothing_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
