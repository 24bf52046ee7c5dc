/* The loops of an allocator that a test makes up: through its struct. */
#ifndef BENCH_TEST_CALLED_H
#define BENCH_TEST_CALLED_H

#include "workload.h"

static inline int
called_fill(struct region *region)
{
    return region_fill_with(region, region->allocator->alloc);
}

static inline void
called_empty(struct region *region)
{
    region_free_with(region, region->allocator->free);
}

/* The first of free(), free_early() and free_newest() that there is. */
static inline void (*called_free(const struct allocator *allocator))(void *,
                                                                     void *)
{
    if (allocator->free != NULL) {
        return allocator->free;
    }
    return allocator->free_early != NULL ? allocator->free_early
                                         : allocator->free_newest;
}

static inline void
called_free_order(struct region *region, const uint32_t *order)
{
    region_free_order_with(region, order, called_free(region->allocator));
}

static inline int
called_exchange(struct region *region, const uint32_t *slots, size_t count)
{
    return region_exchange_with(region, slots, count, region->allocator->alloc,
                                called_free(region->allocator));
}

static inline int
called_fill_cleanup(struct region *region, size_t *ran)
{
    return region_fill_cleanup_with(region, ran, region->allocator->alloc,
                                    region->allocator->cleanup);
}

#endif
