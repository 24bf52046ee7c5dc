/*
 * An iteration is n allocations, and then n frees, one object each: oldest
 * first, newest first, or in random order. All of it is timed. A region lives
 * as long as the row. The order is an array of numbers that is read in all
 * three, so that they differ by nothing else.
 */
#include <stdlib.h>

#include "workload.h"
#include "workloads/order.h"

static const struct workload_cells pairs_full[] = {
    {"lognormal", "100,10000"},
    {"fixed4096", "1000"},
    {NULL, NULL},
};

static const struct workload_cells pairs_quick[] = {
    {"lognormal", "1000"},
    {NULL, NULL},
};

/* own is the order. */
static int
pairs_start(struct region *region, enum order order)
{
    region->own = order_create(region->n, order);
    if (region->own == NULL) {
        return -ENOMEM;
    }
    if (region_create(region) != 0) {
        free(region->own);
        return -ENOMEM;
    }
    return 0;
}

static int
pairs_start_fifo(struct region *region)
{
    return pairs_start(region, ORDER_FIFO);
}

static int
pairs_start_lifo(struct region *region)
{
    return pairs_start(region, ORDER_LIFO);
}

static int
pairs_start_random(struct region *region)
{
    return pairs_start(region, ORDER_RANDOM);
}

static void
pairs_stop(struct region *region)
{
    region->allocator->destroy(region->state);
    free(region->own);
}

/* Where an allocation failed, those before it are freed with the region, or by
 * a general allocator oldest first. */
static inline void
pairs_give(struct region *region)
{
    if (region->filled == region->n) {
        region->allocator->free_order(region, region->own);
    } else {
        region_free(region);
    }
}

static int
pairs_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = region_fill(region);
        pairs_give(region);
    }
    return err;
}

static const char *
pairs_refuse_lifo(const struct allocator *allocator, size_t least)
{
    return allocator->free_newest != NULL
               ? NULL
               : workload_needs_free(allocator, least);
}

const struct workload workload_pairs_fifo = {
    .name = "pairs_fifo",
    .heap_top = HEAP_TOP_PINNED,
    .full = pairs_full,
    .quick = pairs_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = workload_needs_free,
    .start = pairs_start_fifo,
    .stop = pairs_stop,
    .take = region_fill,
    .check = region_check,
    .give = pairs_give,
    .batch = pairs_batch,
};

const struct workload workload_pairs_lifo = {
    .name = "pairs_lifo",
    .heap_top = HEAP_TOP_PINNED,
    .full = pairs_full,
    .quick = pairs_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = pairs_refuse_lifo,
    .start = pairs_start_lifo,
    .stop = pairs_stop,
    .take = region_fill,
    .check = region_check,
    .give = pairs_give,
    .batch = pairs_batch,
};

const struct workload workload_pairs_random = {
    .name = "pairs_random",
    .heap_top = HEAP_TOP_PINNED,
    .full = pairs_full,
    .quick = pairs_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = workload_needs_free,
    .start = pairs_start_random,
    .stop = pairs_stop,
    .take = region_fill,
    .check = region_check,
    .give = pairs_give,
    .batch = pairs_batch,
};
