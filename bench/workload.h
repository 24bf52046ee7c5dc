/*
 * What is done to an allocator between two looks at the clock: a struct of
 * functions, one per file of workloads/, and the table of all of them. All work
 * on regions of n allocations; the sizes come from one endless sequence, each
 * region taking the next n.
 *
 * Every allocation is touched in its first and its last byte, by all in the
 * same loop: memory that nobody writes is not memory. Its pointer is stored,
 * whether or not the allocator needs it again. A general allocator frees every
 * object, in the order of allocation, where a region allocator gives all back
 * at once; nothing else differs.
 *
 * One thread per struct region.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "allocator.h"

/* A region in the making, and what it is made from. */
struct region {
    const struct allocator *allocator;
    void *library;         /* the allocator's */
    size_t n;              /* allocations */
    size_t size;           /* of the largest region, in bytes */
    const uint32_t *draws; /* sizes: period of them, and the first n again */
    size_t period;
    size_t at;       /* the next region's first draw, < period */
    void **pointers; /* room for n */
    size_t filled;   /* how many are allocated */
    void *state;     /* the allocator's */
};

struct workload {
    const char *name; /* as in the rows' names: [a-z0-9_]+ */

    /* Outside the clock, before all and after all. start() returns 0, or
     * -ENOMEM with nothing to stop. */
    int (*start)(struct region *region);
    void (*stop)(struct region *region);

    /* One region's allocations, and their end: what batch() does in a row.
     * take() returns 0, or -ENOMEM; give() is called either way. */
    int (*take)(struct region *region);
    void (*give)(struct region *region);

    /* As many regions as count. Returns 0, or -ENOMEM at the first failure. */
    int (*batch)(struct region *region, size_t count);
};

/* All workloads, in the order in which they are listed. */
extern const struct workload *const workloads[];
extern const size_t workloads_count;

/* create, n allocations, destroy. */
extern const struct workload workload_fill;

/* n allocations, reset; one region for all. */
extern const struct workload workload_fill_reset;

/* The workload called name, or NULL. */
const struct workload *workload_find(const char *name);

/* What is written into both ends of a region's ith allocation. */
static inline unsigned char
region_mark(size_t i)
{
    return (unsigned char) (i + 1);
}

/* Begin the region anew. Returns 0, or -ENOMEM; it is then not begun. */
static inline int
region_create(struct region *region)
{
    region->filled = 0;
    region->state =
        region->allocator->create(region->library, region->size, region->n);
    return region->state != NULL ? 0 : -ENOMEM;
}

/* Make the next n allocations. Returns 0, or -ENOMEM; those before the one that
 * failed are then made. */
static inline int
region_fill(struct region *region)
{
    void *(*alloc)(void *, size_t) = region->allocator->alloc;
    void *state = region->state;
    void **pointers = region->pointers;
    const uint32_t *draws = region->draws + region->at;
    size_t n = region->n;

    for (size_t i = 0; i < n; i++) {
        unsigned char *p = alloc(state, draws[i]);

        if (p == NULL) {
            region->filled = i;
            return -ENOMEM;
        }
        p[0] = region_mark(i);
        p[draws[i] - 1] = region_mark(i);
        pointers[i] = p;
    }
    region->filled = n;
    region->at = (region->at + n) % region->period;
    return 0;
}

/* Free what was allocated, where the allocator frees objects. */
static inline void
region_free(struct region *region)
{
    void (*release)(void *, void *) = region->allocator->free;

    if (release != NULL) {
        for (size_t i = 0; i < region->filled; i++) {
            release(region->state, region->pointers[i]);
        }
    }
    region->filled = 0;
}

#endif
