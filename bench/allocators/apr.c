#include <stdint.h>
#include <stdio.h>

#include "../replay.h"
#include "adapters.h"

#if defined(BENCH_APR)

#include <apr_allocator.h>
#include <apr_general.h>
#include <apr_pools.h>
#include <apr_version.h>

/* A region's pool has an allocator of the thread's that made it, without a
 * lock, as each of httpd's threads has. What a destroyed pool had stays with
 * that. So that thread alone may use the region, and has to destroy it. */
static _Thread_local apr_allocator_t *apr_thread_allocator;

/* Its pools that are not destroyed yet: each reads it to its own end. */
static _Thread_local size_t apr_thread_pools;

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

static void *
apr_create(void *library, size_t size, size_t count)
{
    apr_pool_t *pool;

    (void) library;
    (void) size;
    (void) count;
    if (apr_thread_allocator == NULL &&
        apr_allocator_create(&apr_thread_allocator) != APR_SUCCESS) {
        return NULL;
    }
    if (apr_pool_create_unmanaged_ex(&pool, NULL, apr_thread_allocator) !=
        APR_SUCCESS) {
        return NULL;
    }
    apr_thread_pools++;
    return pool;
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

static void
apr_reset(void *state)
{
    apr_pool_clear(state);
}

static void
apr_destroy(void *state)
{
    apr_pool_destroy(state);
    apr_thread_pools--;
}

/* APR gives blocks back with the allocator alone, so a live pool keeps them. As
 * Debian builds it, they are mapped and none is malloc()'s. */
static void
apr_trim(void *library)
{
    (void) library;
    if (apr_thread_allocator != NULL && apr_thread_pools == 0) {
        apr_allocator_destroy(apr_thread_allocator);
        apr_thread_allocator = NULL;
    }
}

const struct allocator allocator_apr = {
    .name = "apr",
    .kind = ALLOCATOR_REGION,
    .open = apr_open,
    .entry = apr_entry,
    .version = apr_version_write,
    .create = apr_create,
    .alloc = apr_alloc,
    .fill = apr_fill,
    .replay = apr_replay,
    .reset = apr_reset,
    .destroy = apr_destroy,
    .trim = apr_trim,
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

#endif
