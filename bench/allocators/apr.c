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

enum {
    APR_ALIGNMENT = 8,

    APR_NODE = 8 * 1024, /* of a pool's first block and, mostly, its others */

    /* ThreadsPerChild's allocators in httpd 2.4 keep as much by default:
     * MaxMemFree 2048. */
    APR_HTTPD_KEEPS = 2 * 1024 * 1024,
};

/*
 * A region's pool has an allocator of the thread that made it, without a lock,
 * as in each of httpd's threads. The allocator keeps the memory of a destroyed
 * pool. So that thread alone may use the region, and has to destroy it.
 */
struct apr_thread {
    apr_allocator_t *allocator;
    size_t pools; /* alive: each reads it until its own end */
};

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
apr_thread_start(struct apr_thread *thread, size_t keeps)
{
    if (apr_allocator_create(&thread->allocator) != APR_SUCCESS) {
        thread->allocator = NULL;
        return -ENOMEM;
    }
    apr_allocator_max_free_set(thread->allocator, keeps);
    return 0;
}

static void *
apr_thread_create(struct apr_thread *thread, size_t keeps)
{
    apr_pool_t *pool;

    if (thread->allocator == NULL && apr_thread_start(thread, keeps) != 0) {
        return NULL;
    }
    if (apr_pool_create_unmanaged_ex(&pool, NULL, thread->allocator) !=
        APR_SUCCESS) {
        return NULL;
    }
    thread->pools++;
    return pool;
}

static void
apr_thread_destroy(struct apr_thread *thread, void *pool)
{
    apr_pool_destroy(pool);
    thread->pools--;
}

/* APR gives blocks back only with the allocator, which has to outlive its
 * pools. As Debian builds it, blocks are mapped and none is malloc()'s. */
static void
apr_thread_trim(struct apr_thread *thread)
{
    if (thread->allocator != NULL && thread->pools == 0) {
        apr_allocator_destroy(thread->allocator);
        thread->allocator = NULL;
    }
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

/* A row: how much its threads keep, and the functions that depend on it. */
#define APR_ROW(row, bytes, said)                                              \
    static _Thread_local struct apr_thread row##_thread                        \
        __attribute__((tls_model("initial-exec")));                            \
                                                                               \
    static void *row##_create(void *library, size_t size, size_t count)        \
    {                                                                          \
        (void) library;                                                        \
        (void) size;                                                           \
        (void) count;                                                          \
        return apr_thread_create(                                              \
            &row##_thread,                                                     \
            (bytes) == SIZE_MAX ? APR_ALLOCATOR_MAX_FREE_UNLIMITED : (bytes)); \
    }                                                                          \
                                                                               \
    static void row##_destroy(void *state)                                     \
    {                                                                          \
        apr_thread_destroy(&row##_thread, state);                              \
    }                                                                          \
                                                                               \
    static void row##_trim(void *library)                                      \
    {                                                                          \
        (void) library;                                                        \
        apr_thread_trim(&row##_thread);                                        \
    }                                                                          \
                                                                               \
    const struct allocator allocator_##row = {                                 \
        .name = #row,                                                          \
        .kind = ALLOCATOR_REGION,                                              \
        .alignment = APR_ALIGNMENT,                                            \
        .block = APR_NODE,                                                     \
        .keeps = (bytes),                                                      \
        .policy = "blocks of 8 KiB, or as large as an object; the thread "     \
                  "keeps " said,                                               \
        .is_bound_to_thread = 1,                                               \
        .open = apr_open,                                                      \
        .entry = apr_entry,                                                    \
        .file = "/libapr-1.so",                                                \
        .version = apr_version_write,                                          \
        .create = row##_create,                                                \
        .alloc = apr_alloc,                                                    \
        .cleanup = apr_cleanup,                                                \
        .fill = apr_fill,                                                      \
        .fill_cleanup = apr_fill_cleanup,                                      \
        .replay = apr_replay,                                                  \
        .reset = apr_reset,                                                    \
        .destroy = row##_destroy,                                              \
        .trim = row##_trim,                                                    \
    }

APR_ROW(apr, SIZE_MAX, "all of ended pools, APR's default");
APR_ROW(apr_limit, NGX_POOL_CACHE_SIZE,
        "at most 16 MiB of ended pools, as the pool does");
APR_ROW(apr_httpd, APR_HTTPD_KEEPS,
        "at most 2 MiB of ended pools, httpd's default (MaxMemFree)");

#else

static void *
apr_open(char *reason)
{
    snprintf(reason, ALLOCATOR_REASON_MAX, "this build had no APR");
    return NULL;
}

#define APR_ROW(row)                                                           \
    const struct allocator allocator_##row = {                                 \
        .name = #row,                                                          \
        .kind = ALLOCATOR_REGION,                                              \
        .policy = "",                                                          \
        .open = apr_open,                                                      \
    }

APR_ROW(apr);
APR_ROW(apr_limit);
APR_ROW(apr_httpd);

#endif
