/*
 * An iteration is n allocations and a reset, as of a loop with scratch memory,
 * in one region that lives as long as the row. All of it is timed. A general
 * allocator has nothing to reset: its row would be the same as that of fill.
 */
#include "workload.h"

static const struct workload_cells fill_reset_full[] = {
    {"lognormal", "25,100,1000,10000"},
    {"nginx_request,fleet", "25,1000,10000"},
    {"uniform", "100,1000"},
    {NULL, NULL},
};

static const struct workload_cells fill_reset_quick[] = {
    {"lognormal", "100,10000"},
    {NULL, NULL},
};

static void
fill_reset_stop(struct region *region)
{
    region->allocator->destroy(region->state);
}

static inline void
fill_reset_give(struct region *region)
{
    region_free(region);
    if (region->allocator->reset != NULL) {
        region->allocator->reset(region->state);
    }
}

static int
fill_reset_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = region_fill(region);
        fill_reset_give(region);
    }
    return err;
}

static const char *
fill_reset_refuse(const struct allocator *allocator, size_t least)
{
    (void) least;
    if (allocator->kind == ALLOCATOR_GENERAL) {
        return "it frees object by object, as under fill";
    }
    return allocator->reset == NULL ? "it has no reset" : NULL;
}

const struct workload workload_fill_reset = {
    .name = "fill_reset",
    .heap_top = HEAP_TOP_PINNED,
    .full = fill_reset_full,
    .quick = fill_reset_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = fill_reset_refuse,
    .start = region_create,
    .stop = fill_reset_stop,
    .take = region_fill,
    .check = region_check,
    .give = fill_reset_give,
    .batch = fill_reset_batch,
};
