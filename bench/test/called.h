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

#endif
