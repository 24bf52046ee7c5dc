/*
 * An iteration is one region of n large objects: create, n allocations of which
 * LARGE_ALIVE are alive at a time, destroy. Before each further allocation the
 * oldest object is freed, as nginx frees a request's buffers while the request
 * goes on. All of it is timed. An allocator that cannot free a large object
 * before the region's end holds all n of them.
 */
#include <stdlib.h>

#include "workload.h"

enum {
    LARGE_ALIVE = 4,

    /* An allocation takes 50 ns to 10 us. */
    LARGE_BATCH = 64,
};

static const struct workload_cells large_full[] = {
    {"fixed4096,large", "10,100"},
    {NULL, NULL},
};

static const struct workload_cells large_quick[] = {
    {"fixed4096", "100"},
    {NULL, NULL},
};

struct large {
    uint32_t *slots; /* a period of them: the object that goes */
    uint32_t *sizes; /* of the objects, for large_check() */
};

static int
large_start(struct region *region)
{
    struct large *large = calloc(1, sizeof(*large));

    region->state = NULL;
    region->own = large;
    if (large == NULL) {
        return -ENOMEM;
    }
    large->slots = calloc(region->period, sizeof(*large->slots));
    large->sizes = calloc(region->n, sizeof(*large->sizes));
    if (large->slots == NULL || large->sizes == NULL) {
        free(large->sizes);
        free(large->slots);
        free(large);
        return -ENOMEM;
    }
    for (size_t i = 0; i < region->period; i++) {
        large->slots[i] = (uint32_t) (i % LARGE_ALIVE);
    }
    return 0;
}

static void
large_stop(struct region *region)
{
    struct large *large = region->own;

    free(large->sizes);
    free(large->slots);
    free(large);
}

/* The most objects that are alive at a time. */
static inline size_t
large_alive(const struct region *region)
{
    const struct allocator *allocator = region->allocator;
    int frees = allocator->free != NULL || allocator->free_early != NULL;

    return frees && region->n > LARGE_ALIVE ? LARGE_ALIVE : region->n;
}

static inline int
large_take(struct region *region)
{
    const struct large *large = region->own;
    size_t n = region->n;
    int err = region_create(region);

    if (err != 0) {
        return err;
    }
    region->n = large_alive(region);
    err = region_fill(region);
    if (err == 0 && region->n < n) {
        err = region->allocator->exchange(region, large->slots, n - region->n);
    }
    region->n = n;
    return err;
}

static int
large_check(const struct region *region)
{
    const struct large *large = region->own;
    size_t period = region->period;
    size_t first = (region->at + period - region->n % period) % period;
    size_t alive = large_alive(region);

    if (alive == region->n) {
        return region_check(region);
    }
    return region_check_exchanged(region, alive, first, large->slots,
                                  region->n - alive, large->sizes);
}

static inline void
large_give(struct region *region)
{
    region_free(region);
    if (region->state != NULL) {
        region->allocator->destroy(region->state);
    }
}

static int
large_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = large_take(region);
        large_give(region);
    }
    return err;
}

const struct workload workload_large = {
    .name = "large",
    .heap_top = HEAP_TOP_PINNED,
    .full = large_full,
    .quick = large_quick,
    .is_large = 1,
    .batch_op = LARGE_BATCH,
    .start = large_start,
    .stop = large_stop,
    .take = large_take,
    .check = large_check,
    .give = large_give,
    .batch = large_batch,
};
