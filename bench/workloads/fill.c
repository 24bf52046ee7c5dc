/*
 * An iteration is one region, as of a server's request: create, n allocations,
 * destroy. All of it is timed. A general allocator frees object by object, in
 * the order of allocation. In fill_trim the top of malloc's heap is free, and
 * memory that is freed there may go back to the system.
 */
#include "workload.h"

/* Of the sizes that are not named, a small region shows the cost of a size. */
static const struct workload_cells fill_full[] = {
    {"lognormal", "10,25,100,1000,10000,100000"},
    {"nginx_request,fleet", "25,100,1000,10000"},
    {"uniform", "100,1000"},
    {"*", "100"},
    {NULL, NULL},
};

static const struct workload_cells fill_quick[] = {
    {"lognormal", "100,1000,10000"},
    {"nginx_request", "25"},
    {NULL, NULL},
};

static const struct workload_cells fill_trim_full[] = {
    {"lognormal,nginx_request", "1000,10000"},
    {NULL, NULL},
};

static const struct workload_cells fill_trim_quick[] = {
    {NULL, NULL},
};

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
    .full = fill_full,
    .quick = fill_quick,
    .batch_op = WORKLOAD_BATCH,
    .start = fill_start,
    .stop = fill_stop,
    .take = fill_take,
    .check = region_check,
    .give = fill_give,
    .batch = fill_batch,
};

const struct workload workload_fill_trim = {
    .name = "fill_trim",
    .heap_top = HEAP_TOP_FREE,
    .full = fill_trim_full,
    .quick = fill_trim_quick,
    .least = 1000,
    .batch_op = WORKLOAD_BATCH,
    .refuse = workload_no_limit,
    .start = fill_start,
    .stop = fill_stop,
    .take = fill_take,
    .check = region_check,
    .give = fill_give,
    .batch = fill_batch,
};
