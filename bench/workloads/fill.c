/*
 * A server's request: create a region, allocate, destroy it. Where the top of
 * malloc's heap is free, what is given back there goes back to the system.
 */
#include "workload.h"

static int
fill_start(struct region *region)
{
    region->state = NULL;
    return 0;
}

static void
fill_stop(struct region *region)
{
    (void) region;
}

static inline int
fill_take(struct region *region)
{
    int err = region_create(region);

    return err == 0 ? region_fill(region) : err;
}

static inline void
fill_give(struct region *region)
{
    region_free(region);
    if (region->state != NULL) {
        region->allocator->destroy(region->state);
    }
}

static int
fill_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = fill_take(region);
        fill_give(region);
    }
    return err;
}

const struct workload workload_fill = {
    .name = "fill",
    .heap_top = HEAP_TOP_PINNED,
    .batch_op = WORKLOAD_BATCH,
    .start = fill_start,
    .stop = fill_stop,
    .take = fill_take,
    .give = fill_give,
    .batch = fill_batch,
};

const struct workload workload_fill_trim = {
    .name = "fill_trim",
    .heap_top = HEAP_TOP_FREE,
    .least = 1000,
    .quick = 10000,
    .batch_op = WORKLOAD_BATCH,
    .start = fill_start,
    .stop = fill_stop,
    .take = fill_take,
    .give = fill_give,
    .batch = fill_batch,
};
