/*
 * An iteration frees n large blocks, which are alive at once, one by one in
 * random order: by ngx_pfree() or by free(). The frees alone are timed, not the
 * allocations.
 */
#include <stdlib.h>

#include "workload.h"
#include "workloads/order.h"

static const struct workload_cells free_random_full[] = {
    {"fixed4096", "1000,10000"},
    {NULL, NULL},
};

static const struct workload_cells free_random_quick[] = {
    {"fixed4096", "1000"},
    {NULL, NULL},
};

/* own is the order. */
static int
free_random_start(struct region *region)
{
    region->state = NULL;
    region->own = order_create(region->n, ORDER_RANDOM);
    return region->own != NULL ? 0 : -ENOMEM;
}

static void
free_random_stop(struct region *region)
{
    free(region->own);
}

static int
free_random_take(struct region *region)
{
    int err = region_create(region);

    return err == 0 ? region_fill(region) : err;
}

static void
free_random_time(struct region *region)
{
    region->allocator->free_order(region, region->own);
}

static void
free_random_give(struct region *region)
{
    region_free(region);
    if (region->state != NULL) {
        region->allocator->destroy(region->state);
    }
}

const struct workload workload_free_random = {
    .name = "free_random",
    .heap_top = HEAP_TOP_PINNED,
    .full = free_random_full,
    .quick = free_random_quick,
    .is_large = 1,
    .least = 1000,
    .batch_op = 1,
    .refuse = workload_needs_free,
    .start = free_random_start,
    .stop = free_random_stop,
    .take = free_random_take,
    .check = region_check,
    .give = free_random_give,
    .time = free_random_time,
};
