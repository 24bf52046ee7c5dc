/*
 * A loop with scratch memory: one region, allocate, reset it, and again. A
 * general allocator has nothing to reset once it has freed every object.
 */
#include "workload.h"

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

const struct workload workload_fill_reset = {
    .name = "fill_reset",
    .heap_top = HEAP_TOP_PINNED,
    .batch_op = WORKLOAD_BATCH,
    .start = region_create,
    .stop = fill_reset_stop,
    .take = region_fill,
    .give = fill_reset_give,
    .batch = fill_reset_batch,
};
