#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

static const void *
pool_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) ngx_palloc;
}

static void
pool_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", BENCH_POOL_VERSION);
}

static void *
pool_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
}

static void *
pool_alloc(void *state, size_t size)
{
    return ngx_palloc(state, size);
}

static int
pool_fill(struct region *region)
{
    return region_fill_with(region, pool_alloc);
}

static void
pool_free_early(void *state, void *p)
{
    (void) ngx_pfree(state, p);
}

static int
pool_replay(struct region *region)
{
    return replay_with(region, pool_alloc, pool_free_early);
}

static void
pool_cleaned(void *data)
{
    size_t *ran = data;

    ++*ran;
}

static int
pool_cleanup(void *state, size_t *ran)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(state, 0);

    if (cleanup == NULL) {
        return -ENOMEM;
    }
    cleanup->handler = pool_cleaned;
    cleanup->data = ran;
    return 0;
}

FREE_LOOPS(pool, pool_alloc, pool_free_early);
CLEANUP_LOOP(pool, pool_alloc, pool_cleanup);

static void
pool_reset(void *state)
{
    ngx_reset_pool(state);
}

static void
pool_destroy(void *state)
{
    ngx_destroy_pool(state);
}

static void
pool_trim(void *library)
{
    (void) library;
    ngx_pool_cache_trim();
}

/* The layouts add to the library's name. */
#define POOL_FILE (ALLOCATOR_LINKAGE == ALLOCATOR_SHARED ? "/libngxpool" : NULL)

/* The pool's rows have these in common. */
#define POOL_REGION                                                            \
    .kind = ALLOCATOR_REGION, .alignment = NGX_ALIGNMENT,                      \
    .block = NGX_DEFAULT_POOL_SIZE, .open = adapter_linked,                    \
    .entry = pool_entry, .file = POOL_FILE, .version = pool_version,           \
    .free_early = pool_free_early, .reset = pool_reset,                        \
    .destroy = pool_destroy, .cleanup = pool_cleanup

#define POOL_BLOCKS                                                            \
    "blocks of 16 KiB, all of one size; larger than 4095 bytes one by one; "
#define POOL_KEEPS                                                             \
    POOL_BLOCKS "the thread keeps at most 16 MiB of ended pools, and less if " \
                "it does not use them again"

_Static_assert(NGX_DEFAULT_POOL_SIZE == 16 * 1024, "POOL_BLOCKS says so");
_Static_assert(NGX_POOL_CACHE_SIZE == 16 * 1024 * 1024, "POOL_KEEPS says so");

const struct allocator allocator_pool = {
    .name = "pool" ALLOCATOR_SUFFIX,
    .class = ALLOCATOR_LINKAGE,
    .keeps = NGX_POOL_CACHE_SIZE,
    .policy = POOL_KEEPS,
    .create = pool_create,
    .alloc = pool_alloc,
    .fill = pool_fill,
    .replay = pool_replay,
    .free_order = pool_free_order,
    .exchange = pool_exchange,
    .fill_cleanup = pool_fill_cleanup,
    .trim = pool_trim,
    POOL_REGION,
};

static void *
pool_alloc_inline(void *state, size_t size)
{
    return ngx_palloc_inline(state, size);
}

static int
pool_fill_inline(struct region *region)
{
    return region_fill_with(region, pool_alloc_inline);
}

static int
pool_replay_inline(struct region *region)
{
    return replay_with(region, pool_alloc_inline, pool_free_early);
}

FREE_LOOPS(pool_inline, pool_alloc_inline, pool_free_early);
CLEANUP_LOOP(pool_inline, pool_alloc_inline, pool_cleanup);

const struct allocator allocator_pool_inline = {
    .name = "pool_inline",
    .class = ALLOCATOR_INLINED,
    .keeps = NGX_POOL_CACHE_SIZE,
    .policy = POOL_KEEPS,
    .create = pool_create,
    .alloc = pool_alloc_inline,
    .fill = pool_fill_inline,
    .replay = pool_replay_inline,
    .free_order = pool_inline_free_order,
    .exchange = pool_inline_exchange,
    .fill_cleanup = pool_inline_fill_cleanup,
    .trim = pool_trim,
    POOL_REGION,
};

/*
 * The limit belongs to the thread, which has other rows too. The row's first
 * region lifts it, and the trim after the row restores it. The last destroy
 * must not restore it, for that would release memory that the next region is to
 * get. So a region pays for one look at a variable of the thread, as with apr.
 */
static _Thread_local struct {
    int is_lifted;
    size_t limit; /* before */
} pool_thread __attribute__((tls_model("initial-exec")));

static void
pool_lift_limit(void)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    pool_thread.is_lifted = 1;
    pool_thread.limit = stats.limit;
    ngx_pool_cache_limit(SIZE_MAX);
}

static void *
pool_create_unbounded(void *library, size_t size, size_t count)
{
    if (!pool_thread.is_lifted) {
        pool_lift_limit();
    }
    return pool_create(library, size, count);
}

static void
pool_trim_unbounded(void *library)
{
    pool_trim(library);
    if (pool_thread.is_lifted) {
        ngx_pool_cache_limit(pool_thread.limit);
        pool_thread.is_lifted = 0;
    }
}

const struct allocator allocator_pool_unbounded = {
    .name = "pool_unbounded",
    .is_bound_to_thread = 1, /* the limit is */
    .keeps = SIZE_MAX,
    .policy = POOL_BLOCKS "the thread keeps all of ended pools, by "
                          "ngx_pool_cache_limit(SIZE_MAX), and less if it "
                          "does not use them again",
    .create = pool_create_unbounded,
    .alloc = pool_alloc,
    .fill = pool_fill,
    .replay = pool_replay,
    .free_order = pool_free_order,
    .exchange = pool_exchange,
    .fill_cleanup = pool_fill_cleanup,
    .trim = pool_trim_unbounded,
    POOL_REGION,
};
