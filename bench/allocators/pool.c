#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>

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
    .reset = pool_reset,
    .destroy = pool_destroy,
    .trim = pool_trim,
};
