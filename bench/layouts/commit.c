/*
 * The adapter and the table of a module that has a commit's pool. It uses only
 * functions that nginx's pool has too, so that any commit can be compared.
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include <stdio.h>

#include "allocators/adapters.h"
#include "measured.h"
#include "plan/replay.h"

/* Commits before the pool kept memory do not have it. */
__attribute__((weak)) void ngx_pool_cache_trim(void);

static const void *
commit_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) ngx_palloc;
}

static void
commit_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", COMMIT_VERSION);
}

static void *
commit_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return ngx_create_pool(NGX_DEFAULT_POOL_SIZE, NULL);
}

static void *
commit_alloc(void *state, size_t size)
{
    return ngx_palloc(state, size);
}

static int
commit_fill(struct region *region)
{
    return region_fill_with(region, commit_alloc);
}

static void
commit_free_early(void *state, void *p)
{
    (void) ngx_pfree(state, p);
}

static int
commit_replay(struct region *region)
{
    return replay_with(region, commit_alloc, commit_free_early);
}

FREE_LOOPS(commit, commit_alloc, commit_free_early);

static void
commit_reset(void *state)
{
    ngx_reset_pool(state);
}

static void
commit_destroy(void *state)
{
    ngx_destroy_pool(state);
}

static void
commit_trim(void *library)
{
    (void) library;
    if (ngx_pool_cache_trim != NULL) {
        ngx_pool_cache_trim();
    }
}

static const struct allocator pool = {
    .name = "pool" ALLOCATOR_SUFFIX,
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_ARCHIVE,
    .alignment = NGX_ALIGNMENT,
    .block = NGX_DEFAULT_POOL_SIZE,
    .keeps = ALLOCATOR_KEEPS_DECAYS,
    .policy = "the pool of a commit",
    .open = adapter_linked,
    .entry = commit_entry,
    .version = commit_version,
    .create = commit_create,
    .alloc = commit_alloc,
    .free_early = commit_free_early,
    .fill = commit_fill,
    .free_order = commit_free_order,
    .exchange = commit_exchange,
    .replay = commit_replay,
    .reset = commit_reset,
    .destroy = commit_destroy,
    .trim = commit_trim,
};

static const struct allocator *const of_commit[] = {
    &pool,
};

const struct measured measured = {
    .allocators = of_commit,
    .allocators_count = sizeof(of_commit) / sizeof(of_commit[0]),
};
