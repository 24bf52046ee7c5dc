#include <stdint.h>
#include <stdio.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

#if defined(BENCH_APR)

#include <ngx_config.h>
#include <ngx_core.h>

#include <apr_allocator.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_version.h>

/*
 * A region's pool has an allocator of the thread's that made it, without a
 * lock, as each of httpd's threads has. What a destroyed pool had stays with
 * that. So that thread alone may use the region, and has to destroy it.
 */
struct apr_thread {
    apr_allocator_t *allocator;
    size_t pools; /* not destroyed yet: each reads it to its own end */
};

/* apr keeps all, which is APR's default. apr_limit keeps NGX_POOL_CACHE_SIZE,
 * which is the default of this project's pool. */
static _Thread_local struct apr_thread apr_thread_unbounded;
static _Thread_local struct apr_thread apr_thread_limit;

static void *
apr_open(char *reason)
{
    static char opened;

    if (apr_initialize() != APR_SUCCESS) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "apr_initialize() failed");
        return NULL;
    }
    return &opened;
}

static const void *
apr_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) apr_palloc;
}

static void
apr_version_write(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", apr_version_string());
}

static int
apr_thread_start(struct apr_thread *thread, size_t most)
{
    if (apr_allocator_create(&thread->allocator) != APR_SUCCESS) {
        thread->allocator = NULL;
        return -ENOMEM;
    }
    apr_allocator_max_free_set(thread->allocator, most);
    return 0;
}

static void *
apr_create_from(struct apr_thread *thread, size_t most)
{
    apr_pool_t *pool;

    if (thread->allocator == NULL && apr_thread_start(thread, most) != 0) {
        return NULL;
    }
    if (apr_pool_create_unmanaged_ex(&pool, NULL, thread->allocator) !=
        APR_SUCCESS) {
        return NULL;
    }
    thread->pools++;
    return pool;
}

static void *
apr_create_unbounded(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return apr_create_from(&apr_thread_unbounded,
                           APR_ALLOCATOR_MAX_FREE_UNLIMITED);
}

static void *
apr_create_limit(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return apr_create_from(&apr_thread_limit, NGX_POOL_CACHE_SIZE);
}

static void *
apr_alloc(void *state, size_t size)
{
    return apr_palloc(state, size);
}

static int
apr_fill(struct region *region)
{
    return region_fill_with(region, apr_alloc);
}

static int
apr_replay(struct region *region)
{
    return replay_with(region, apr_alloc, NULL);
}

static apr_status_t
apr_cleaned(void *data)
{
    size_t *ran = data;

    ++*ran;
    return APR_SUCCESS;
}

/* It cannot fail: APR ends the process where memory runs out. */
static int
apr_cleanup(void *state, size_t *ran)
{
    apr_pool_cleanup_register(state, ran, apr_cleaned, apr_pool_cleanup_null);
    return 0;
}

CLEANUP_LOOP(apr, apr_alloc, apr_cleanup);

static void
apr_reset(void *state)
{
    apr_pool_clear(state);
}

static void
apr_destroy_unbounded(void *state)
{
    apr_pool_destroy(state);
    apr_thread_unbounded.pools--;
}

static void
apr_destroy_limit(void *state)
{
    apr_pool_destroy(state);
    apr_thread_limit.pools--;
}

/* APR gives blocks back with the allocator alone, so a live pool keeps them. As
 * Debian builds it, they are mapped and none is malloc()'s. */
static void
apr_thread_trim(struct apr_thread *thread)
{
    if (thread->allocator != NULL && thread->pools == 0) {
        apr_allocator_destroy(thread->allocator);
        thread->allocator = NULL;
    }
}

static void
apr_trim_unbounded(void *library)
{
    (void) library;
    apr_thread_trim(&apr_thread_unbounded);
}

static void
apr_trim_limit(void *library)
{
    (void) library;
    apr_thread_trim(&apr_thread_limit);
}

/* Both rows have these in common. */
#define APR_REGION                                                             \
    .kind = ALLOCATOR_REGION, .open = apr_open, .entry = apr_entry,            \
    .version = apr_version_write, .alloc = apr_alloc, .fill = apr_fill,        \
    .replay = apr_replay, .fill_cleanup = apr_fill_cleanup,                    \
    .cleanup = apr_cleanup, .is_thread_bound = 1, .reset = apr_reset

const struct allocator allocator_apr = {
    .name = "apr",
    .is_unbounded = 1,
    .create = apr_create_unbounded,
    .destroy = apr_destroy_unbounded,
    .trim = apr_trim_unbounded,
    APR_REGION,
};

const struct allocator allocator_apr_limit = {
    .name = "apr_limit",
    .create = apr_create_limit,
    .destroy = apr_destroy_limit,
    .trim = apr_trim_limit,
    APR_REGION,
};

#else

static void *
apr_open(char *reason)
{
    snprintf(reason, ALLOCATOR_REASON_MAX, "this build had no APR");
    return NULL;
}

const struct allocator allocator_apr = {
    .name = "apr",
    .kind = ALLOCATOR_REGION,
    .open = apr_open,
};

const struct allocator allocator_apr_limit = {
    .name = "apr_limit",
    .kind = ALLOCATOR_REGION,
    .open = apr_open,
};

#endif
