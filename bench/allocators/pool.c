#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>

#include "../replay.h"
#include "adapters.h"

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

const struct allocator allocator_pool = {
    .name = "pool",
    .kind = ALLOCATOR_REGION,
    .open = adapter_linked,
    .entry = pool_entry,
    .version = pool_version,
    .create = pool_create,
    .alloc = pool_alloc,
    .fill = pool_fill,
    .replay = pool_replay,
    .free_early = pool_free_early,
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = pool_trim,
};

/* Blocks double up to so much: a quarter of what a thread keeps. */
enum {
    POOL_GROW_MOST = NGX_POOL_CACHE_SIZE / 4,
};

static void *
pool_create_grow(void *library, size_t size, size_t count)
{
    ngx_pool_t *pool = pool_create(library, size, count);

    if (pool != NULL) {
        ngx_pool_grow(pool, POOL_GROW_MOST);
    }
    return pool;
}

const struct allocator allocator_pool_grow = {
    .name = "pool_grow",
    .kind = ALLOCATOR_REGION,
    .open = adapter_linked,
    .entry = pool_entry,
    .version = pool_version,
    .create = pool_create_grow,
    .alloc = pool_alloc,
    .fill = pool_fill,
    .replay = pool_replay,
    .free_early = pool_free_early,
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = pool_trim,
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

const struct allocator allocator_pool_inline = {
    .name = "pool_inline",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_INLINED,
    .open = adapter_linked,
    .entry = pool_entry,
    .version = pool_version,
    .create = pool_create,
    .alloc = pool_alloc_inline,
    .fill = pool_fill_inline,
    .replay = pool_replay_inline,
    .free_early = pool_free_early,
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = pool_trim,
};

const struct allocator allocator_pool_grow_inline = {
    .name = "pool_grow_inline",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_INLINED,
    .open = adapter_linked,
    .entry = pool_entry,
    .version = pool_version,
    .create = pool_create_grow,
    .alloc = pool_alloc_inline,
    .fill = pool_fill_inline,
    .replay = pool_replay_inline,
    .free_early = pool_free_early,
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = pool_trim,
};
