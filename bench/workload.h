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
#include "measure/heap.h"

/* A region in the making, and what it is made from. */
struct region {
    const struct allocator *allocator;
    void *library;           /* the allocator's */
    size_t n;                /* allocations */
    size_t size;             /* of the largest region, in bytes */
    const uint32_t *samples; /* sizes: period of them, in turn */
    size_t period;
    size_t at;       /* the next region's first generator, < period */
    void **pointers; /* room for n */
    size_t filled;   /* how many are allocated */
    void *state;     /* the allocator's */
    void *own;       /* the workload's */
};

struct workload {
    const char *name; /* as in the rows' names: [a-z0-9_]+ */
    enum heap_top heap_top;

    /* Threads that work at once; 0: one, whose own time counts. Else the wall
     * clock does, and batch() makes as many regions on each. */
    int threads;

    int is_replay;    /* own is a struct replay_run; no sizes are drawn */
    int is_large;     /* only of sizes from WORKLOAD_LARGE on, all of them */
    size_t least;     /* allocations a region, below which it says nothing */
    size_t quick;     /* the only n of a quick run, of WORKLOAD_QUICK_SIZES or,
                         is_large, WORKLOAD_QUICK_LARGE; 0: no such bound */
    int64_t batch_op; /* regions are batched so that a batch has as many ops */

    /* Outside the clock, before all and after all. start() returns 0, or
     * -ENOMEM with nothing to stop. */
    int (*start)(struct region *region);
    void (*stop)(struct region *region);

    /* One region's allocations, and their end: what batch() does in a row.
     * take() returns 0, or -ENOMEM; give() is called either way. */
    int (*take)(struct region *region);
    void (*give)(struct region *region);

    /* Whether the contents of what take() made are sound; NULL: the samples say
     * what they must be. */
    int (*check)(const struct region *region);

    /* As many regions as count. Returns 0, or -ENOMEM at the first failure.
     * NULL: take() and give() are done, one by one, but only time() is
     * timed. */
    int (*batch)(struct region *region, size_t count);
    void (*time)(struct region *region);
};

enum {
    WORKLOAD_LARGE = 4096, /* more than any pool's max of a page's bytes */
    WORKLOAD_BATCH = 1024, /* ops for one crossing into the shim, at least */
};

#define WORKLOAD_QUICK_SIZES "lognormal"
#define WORKLOAD_QUICK_LARGE "fixed4096"

/* All workloads, in the order in which they are listed. */
extern const struct workload *const workloads[];
extern const size_t workloads_count;

/* create, n allocations, destroy; with the heap's top pinned, and free. */
extern const struct workload workload_fill;
extern const struct workload workload_fill_trim;

/* n allocations, reset; one region for all. */
extern const struct workload workload_fill_reset;

/* n large allocations, freed one by one in random order, which is timed. */
extern const struct workload workload_free_random;

/* fill, on a region of its own, on one thread and on two at once. */
extern const struct workload workload_threads_1;
extern const struct workload workload_threads_2;

/* A recorded program. */
extern const struct workload workload_replay;

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

/* How many allocations come next of those whose samples stand in a row: done of
 * the region's are made. */
static inline size_t
region_stretch(const struct region *region, size_t done)
{
    size_t left = region->n - done;
    size_t row = region->period - region->at;

    return left < row ? left : row;
}

/* That many have been made, besides done. Returns how many that makes. */
static inline size_t
region_stretched(struct region *region, size_t done, size_t stretch)
{
    region->at += stretch;
    if (region->at == region->period) {
        region->at = 0;
    }
    region->filled = done + stretch;
    return region->filled;
}

/* Make the next n allocations by alloc() from state, in the loop where the
 * compiler knows it. Returns 0, or -ENOMEM; those before the one that failed
 * are then made. */
static inline __attribute__((always_inline)) int
region_fill_from(struct region *region, void *state,
                 void *(*alloc)(void *, size_t))
{
    size_t done = 0;

    while (done < region->n) {
        size_t stretch = region_stretch(region, done);
        const uint32_t *samples = region->samples + region->at;
        void **pointers = region->pointers + done;

        for (size_t i = 0; i < stretch; i++) {
            size_t size = samples[i];
            unsigned char *p = (unsigned char *) alloc(state, size);

            if (p == NULL) {
                region->filled = done + i;
                return -ENOMEM;
            }
            p[0] = region_mark(done + i);
            p[size - 1] = region_mark(done + i);
            pointers[i] = p;
        }
        done = region_stretched(region, done, stretch);
    }
    return 0;
}

/* The same from the region's own state. */
static inline __attribute__((always_inline)) int
region_fill_with(struct region *region, void *(*alloc)(void *, size_t))
{
    return region_fill_from(region, region->state, alloc);
}

/* The same by the region's allocator. */
static inline int
region_fill(struct region *region)
{
    return region->allocator->fill(region);
}

/* Free what was allocated by release(), in the loop where the compiler knows
 * it. */
static inline __attribute__((always_inline)) void
region_free_with(struct region *region, void (*release)(void *, void *))
{
    for (size_t i = 0; i < region->filled; i++) {
        release(region->state, region->pointers[i]);
    }
    region->filled = 0;
}

/* Free what was allocated, where the allocator frees objects. */
static inline void
region_free(struct region *region)
{
    if (region->allocator->empty != NULL) {
        region->allocator->empty(region);
    }
    region->filled = 0;
}

#endif
