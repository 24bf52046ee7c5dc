/*
 * An iteration is one region of n allocations, and after every CLEANUP_EACH of
 * them a cleanup is registered: create, allocations and cleanups, destroy,
 * which runs the cleanups. All of it is timed. A cleanup adds 1 to a counter.
 */
#include <stdlib.h>

#include "workload.h"

enum {
    /* Bytes that a cleanup takes of its region, at most: 40 were found. */
    CLEANUP_SIZE = 64,
};

static const struct workload_cells cleanup_full[] = {
    {"lognormal", "100,1000"},
    {"nginx_request", "25"},
    {NULL, NULL},
};

static const struct workload_cells cleanup_quick[] = {
    {"lognormal", "100"},
    {NULL, NULL},
};

struct cleanups {
    size_t wanted; /* cleanups of all regions that were destroyed */
    size_t ran;
};

static int
cleanup_start(struct region *region)
{
    region->state = NULL;
    region->own = calloc(1, sizeof(struct cleanups));
    return region->own != NULL ? 0 : -ENOMEM;
}

static void
cleanup_stop(struct region *region)
{
    free(region->own);
}

static inline int
cleanup_take(struct region *region)
{
    const struct allocator *allocator = region->allocator;
    struct cleanups *cleanups = region->own;
    size_t count = region->n / CLEANUP_EACH;

    region->filled = 0;
    region->state =
        allocator->create(region->library, region->size + count * CLEANUP_SIZE,
                          region->n + count);
    return region->state != NULL
               ? allocator->fill_cleanup(region, &cleanups->ran)
               : -ENOMEM;
}

/* The cleanups of all regions before this one have run, and none of its own. */
static int
cleanup_check(const struct region *region)
{
    const struct cleanups *cleanups = region->own;

    return cleanups->ran == cleanups->wanted && region_check(region);
}

static inline void
cleanup_give(struct region *region)
{
    struct cleanups *cleanups = region->own;

    if (region->state != NULL) {
        region->allocator->destroy(region->state);
    }
    cleanups->wanted += region->n / CLEANUP_EACH;
}

static int
cleanup_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = cleanup_take(region);
        cleanup_give(region);
    }
    return err;
}

static const char *
cleanup_refuse(const struct allocator *allocator, size_t least)
{
    (void) least;
    if (allocator->fill_cleanup != NULL) {
        return NULL;
    }
    return allocator->kind == ALLOCATOR_GENERAL
               ? "it frees objects, of which none has a cleanup"
               : "its regions have no cleanups";
}

const struct workload workload_cleanup = {
    .name = "cleanup",
    .heap_top = HEAP_TOP_PINNED,
    .full = cleanup_full,
    .quick = cleanup_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = cleanup_refuse,
    .start = cleanup_start,
    .stop = cleanup_stop,
    .take = cleanup_take,
    .check = cleanup_check,
    .give = cleanup_give,
    .batch = cleanup_batch,
};
