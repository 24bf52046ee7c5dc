/*
 * Several threads at once, each with its own pools, and pools that another
 * thread destroys than the one that created them. One program uses the library
 * as it is installed. Another one runs under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "group.h"

enum {
    THREADS = 4,
    ROUNDS = 500,
    ALLOCATIONS = 40,
    SIZE = 60,
    LARGE = 5000,
    LINE_SIZE = 64,
};

/* A pool that one thread fills and another thread destroys. */
static struct {
    pthread_mutex_t lock;
    ngx_pool_t *pool;
} handed = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The data of count_intact(). */
struct filled {
    size_t *intact; /* where to count */
    u_char *p[ALLOCATIONS];
    u_char pattern;
};

static void count_own(ngx_log_t *log, ngx_uint_t level, u_char *buf,
                      size_t len);
static size_t run_threads(void *(*run)(void *) );
static ngx_pool_t *make_filled(u_char pattern, size_t *intact);
static void count_intact(void *data);
static ngx_pool_t *hand_over(ngx_pool_t *pool);

static void *
use_own_pools(void *data)
{
    size_t *intact = data;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ngx_pool_t *pool = make_filled((u_char) round, intact);

        if (round % 2 == 0) {
            ngx_reset_pool(pool);
        }
        ngx_destroy_pool(pool);
    }
    return NULL;
}

static void
test_thread_uses_its_own_pools(void **state)
{
    (void) state;
    assert_int_equal(run_threads(use_own_pools), THREADS * ROUNDS);
}

static void *
destroy_others_pools(void *data)
{
    size_t *intact = data;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ngx_pool_t *other = hand_over(make_filled((u_char) round, intact));

        if (other != NULL) {
            ngx_destroy_pool(other);
        }
    }
    return NULL;
}

/* No pool is lost. */
static void
test_thread_destroys_pools_of_others(void **state)
{
    size_t intact;
    size_t last = 0;

    (void) state;
    intact = run_threads(destroy_others_pools);
    assert_int_equal(intact, THREADS * ROUNDS - 1);

    /* The last one still has the address of a counter of a run that ended. */
    ((struct filled *) handed.pool->cleanup->data)->intact = &last;
    ngx_destroy_pool(hand_over(NULL));
    assert_int_equal(last, 1);
}

static void *
keep_and_trim(void *data)
{
    size_t *kept = data;
    int round;

    ngx_pool_cache_limit(NGX_POOL_CACHE_SIZE);
    for (round = 0; round < ROUNDS; round++) {
        ngx_destroy_pool(ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL));
        *kept += ngx_pool_cache_size() == NGX_DEFAULT_POOL_SIZE;
        ngx_pool_cache_trim();
        *kept -= ngx_pool_cache_size() != 0;
    }
    return NULL;
}

static void
test_thread_keeps_and_trims_its_own_blocks(void **state)
{
    (void) state;
    assert_int_equal(run_threads(keep_and_trim), THREADS * ROUNDS);
}

/* A line that has the address of the thread's counter is its own. */
static void *
log_own(void *data)
{
    ngx_log_t log = {
        .log_level = NGX_LOG_INFO, .writer = count_own, .wdata = data};
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ngx_log_error(NGX_LOG_INFO, &log, 0, "%p", data);
    }
    return NULL;
}

static void
test_thread_writes_its_own_lines(void **state)
{
    (void) state;
    assert_int_equal(run_threads(log_own), THREADS * ROUNDS);
}

static void
count_own(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    char own[LINE_SIZE];
    int length = snprintf(own, sizeof(own), "%p", log->wdata);
    size_t *count = log->wdata;

    (void) level;
    *count += len == (size_t) length && memcmp(buf, own, len) == 0;
}

/* Calls run on all threads at once, each with a counter. Returns their sum. */
static size_t
run_threads(void *(*run)(void *) )
{
    static size_t counts[THREADS];
    pthread_t threads[THREADS];
    size_t sum = 0;
    size_t i;

    memset(counts, 0, sizeof(counts));
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, run, &counts[i]), 0);
    }
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (i = 0; i < THREADS; i++) {
        sum += counts[i];
    }
    return sum;
}

/* A pool that adds one to *intact at its end if its bytes are unchanged. */
static ngx_pool_t *
make_filled(u_char pattern, size_t *intact)
{
    ngx_pool_t *pool = ngx_create_pool(1024, NULL);
    ngx_pool_cleanup_t *cleanup =
        ngx_pool_cleanup_add(pool, sizeof(struct filled));
    struct filled *filled = cleanup->data;
    size_t i;

    cleanup->handler = count_intact;
    filled->intact = intact;
    filled->pattern = pattern;
    for (i = 0; i < ALLOCATIONS; i++) {
        filled->p[i] = ngx_palloc(pool, i % 10 == 0 ? LARGE : SIZE);
        memset(filled->p[i], pattern, SIZE);
    }
    return pool;
}

/* Runs on the thread that destroys, and counts for the one that filled. So it
 * takes the lock. */
static void
count_intact(void *data)
{
    struct filled *filled = data;
    size_t i;
    size_t j;

    for (i = 0; i < ALLOCATIONS; i++) {
        for (j = 0; j < SIZE; j++) {
            if (filled->p[i][j] != filled->pattern) {
                return;
            }
        }
    }
    (void) pthread_mutex_lock(&handed.lock);
    (*filled->intact)++;
    (void) pthread_mutex_unlock(&handed.lock);
}

/* Leaves pool for another thread. Returns the pool that was left before. */
static ngx_pool_t *
hand_over(ngx_pool_t *pool)
{
    ngx_pool_t *other;

    (void) pthread_mutex_lock(&handed.lock);
    other = handed.pool;
    handed.pool = pool;
    (void) pthread_mutex_unlock(&handed.lock);
    return other;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_uses_its_own_pools),
        cmocka_unit_test(test_thread_destroys_pools_of_others),
        cmocka_unit_test(test_thread_keeps_and_trims_its_own_blocks),
        cmocka_unit_test(test_thread_writes_its_own_lines),
    };

    return GROUP_RUN(tests);
}
