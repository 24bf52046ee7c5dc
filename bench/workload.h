/*
 * A workload: the calls of an allocator between two looks at the clock. It is a
 * struct of functions, one in each file of workloads/; a table has all of them.
 * All work on regions of n allocations. The sizes come from one endless
 * sequence, of which each region takes the next n. The first comment of a
 * workload's file says what one iteration is, and which part of it is timed.
 *
 * Every allocation is written in its first and its last byte, by the same loop
 * for all: memory that is never written may not exist. Its pointer is stored,
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

/* A region that is being filled, with all that it needs. */
struct region {
    const struct allocator *allocator;
    void *library;           /* the allocator's */
    size_t n;                /* allocations */
    size_t size;             /* of the largest region, in bytes */
    const uint32_t *samples; /* sizes: period of them, in turn */
    size_t period;
    size_t at;       /* the next region's first sample, < period */
    void **pointers; /* n of them, some unused */
    size_t filled;   /* how many are allocated */
    void *state;     /* the allocator's */
    void *own;       /* the workload's */
};

/* Names of distributions, or "*" for all, and numbers of allocations, with
 * commas between: a row for each pair of the two. Where is_replay is set: names
 * of traces, and NULL. */
struct workload_cells {
    const char *sizes;
    const char *ns;
};

struct workload {
    const char *name; /* as in the rows' names: [a-z0-9_]+ */
    enum heap_top heap_top;

    /* The rows of a full and of a quick run: lists that end with a NULL. A run
     * whose options choose rows by sizes, n or name can have others. */
    const struct workload_cells *full;
    const struct workload_cells *quick;

    /* Threads that work at once. 0: one, and its CPU time counts. Otherwise the
     * wall clock counts. */
    int threads;
    int makers;  /* threads each of which makes batch()'s regions; 0: one */
    int at_once; /* regions that are alive at a time; 0: one */

    int is_replay;    /* own is a struct replay_run; there are no samples */
    int is_request;   /* is_replay, of the requests alone */
    int is_large;     /* only of sizes from WORKLOAD_LARGE on, all of them */
    size_t least;     /* allocations of a region; with fewer it shows nothing */
    size_t most;      /* likewise; 0: no such bound */
    int64_t batch_op; /* ops of a batch, at least; it has regions accordingly */

    /* Why the allocator has no row where the smallest object has least bytes,
     * in words, or NULL: it has one. The function may be NULL: all have one. */
    const char *(*refuse)(const struct allocator *allocator, size_t least);

    /* Outside the clock, before all and after all. start() returns 0, or
     * -ENOMEM with nothing to stop. */
    int (*start)(struct region *region);
    void (*stop)(struct region *region);

    /* One region's allocations, and their end; batch() does both in a row.
     * take() returns 0, or -ENOMEM; give() is called either way. */
    int (*take)(struct region *region);
    void (*give)(struct region *region);

    /* Whether the objects that take() made are as they were written. */
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

    /* Recorded: 7 to 10 allocations of httpd for each of its cleanups when it
     * serves files and proxied pages, 42 to 55 of nginx. A power of two. */
    CLEANUP_EACH = 8,
};

/* All workloads, in the order in which they are listed. */
extern const struct workload *const workloads[];
extern const size_t workloads_count;

/* create, n allocations, destroy; with the heap's top pinned, and free. */
extern const struct workload workload_fill;
extern const struct workload workload_fill_trim;

/* n allocations, reset; one region for all. */
extern const struct workload workload_fill_reset;

/* fill, in a heap with holes and with live objects between them. */
extern const struct workload workload_littered;

/* n allocations and a cleanup for every CLEANUP_EACH of them. */
extern const struct workload workload_cleanup;

/* n large allocations, of which few are alive at a time. */
extern const struct workload workload_large;

/* n large allocations, freed one by one in random order, which is timed. */
extern const struct workload workload_free_random;

/* n allocations, then n frees: oldest first, newest first, in random order. */
extern const struct workload workload_pairs_fifo;
extern const struct workload workload_pairs_lifo;
extern const struct workload workload_pairs_random;

/* n objects are alive at all times; one is freed, another one allocated. */
extern const struct workload workload_churn;

/* fill, on a region of its own, on one thread and on two at once. */
extern const struct workload workload_threads_1;
extern const struct workload workload_threads_2;

/* Regions made by one thread and destroyed by another one. */
extern const struct workload workload_handoff;

/* The requests of a recorded server, again and again. */
extern const struct workload workload_request;

/* A recorded program, from its first op to its last. */
extern const struct workload workload_replay;

/* The workload called name, or NULL. */
const struct workload *workload_find(const char *name);

/* Whether each of the region's n objects has the bytes that were written into
 * both its ends. */
int region_check(const struct region *region);

/*
 * The same for the region's first alive objects. They were allocated from the
 * sample first on, and then exchanged of them were replaced, as
 * region_exchange_with() does. sizes has space for alive numbers.
 */
int region_check_exchanged(const struct region *region, size_t alive,
                           size_t first, const uint32_t *slots,
                           uint64_t exchanged, uint32_t *sizes);

/* refuse() of workloads that free single objects, in any order. */
const char *workload_needs_free(const struct allocator *allocator,
                                size_t least);

/* refuse() of workloads that have several regions at a time, which grow. */
const char *workload_needs_growth(const struct allocator *allocator,
                                  size_t least);

/* refuse() of workloads in which a limit says no more than under fill. */
const char *workload_no_limit(const struct allocator *allocator, size_t least);

/* The byte that is written into both ends of a region's ith allocation. */
static inline unsigned char
region_mark(size_t i)
{
    return (unsigned char) (i + 1);
}

/* Begin the region again. Returns 0, or -ENOMEM; it is then not begun. */
static inline int
region_create(struct region *region)
{
    region->filled = 0;
    region->state =
        region->allocator->create(region->library, region->size, region->n);
    return region->state != NULL ? 0 : -ENOMEM;
}

/* How many of the next allocations have samples that follow each other in the
 * array. done allocations of the region are made. */
static inline size_t
region_stretch(const struct region *region, size_t done)
{
    size_t left = region->n - done;
    size_t row = region->period - region->at;

    return left < row ? left : row;
}

/* After the first `done`, stretch more have been made. Returns the sum. */
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

/* Free all objects by release(), in the loop where the compiler knows it. */
static inline __attribute__((always_inline)) void
region_free_with(struct region *region, void (*release)(void *, void *))
{
    for (size_t i = 0; i < region->filled; i++) {
        release(region->state, region->pointers[i]);
    }
    region->filled = 0;
}

/* Free all objects by release(), object order[0] first. All n of the region are
 * allocated. */
static inline __attribute__((always_inline)) void
region_free_order_with(struct region *region, const uint32_t *order,
                       void (*release)(void *, void *))
{
    void *state = region->state;

    for (size_t i = 0; i < region->n; i++) {
        release(state, region->pointers[order[i]]);
    }
    region->filled = 0;
}

/*
 * Free an object and allocate another one in its place, count times. The ith of
 * the samples, from the region's next one on, is the size of the new object,
 * and slots[i] says which of the region's objects it replaces. There are as
 * many slots as samples.
 * Returns 0, or -ENOMEM; there is then one object less, in any order.
 */
static inline __attribute__((always_inline)) int
region_exchange_with(struct region *region, const uint32_t *slots, size_t count,
                     void *(*alloc)(void *, size_t),
                     void (*release)(void *, void *))
{
    void *state = region->state;
    void **pointers = region->pointers;
    size_t at = region->at;

    for (size_t i = 0; i < count; i++) {
        size_t size = region->samples[at];
        uint32_t slot = slots[at];
        unsigned char *p;

        release(state, pointers[slot]);
        p = (unsigned char *) alloc(state, size);
        if (p == NULL) {
            pointers[slot] = pointers[--region->filled];
            return -ENOMEM;
        }
        pointers[slot] = p;
        p[0] = region_mark(slot);
        p[size - 1] = region_mark(slot);
        at = at + 1 != region->period ? at + 1 : 0;
    }
    region->at = at;
    return 0;
}

/* As region_fill_from(), and after every CLEANUP_EACH allocations a cleanup
 * that adds 1 to *ran. */
static inline __attribute__((always_inline)) int
region_fill_cleanup_with(struct region *region, size_t *ran,
                         void *(*alloc)(void *, size_t),
                         int (*cleanup)(void *, size_t *))
{
    void *state = region->state;
    size_t at = region->at;

    for (size_t i = 0; i < region->n; i++) {
        size_t size = region->samples[at];
        unsigned char *p = (unsigned char *) alloc(state, size);

        if (p == NULL) {
            return -ENOMEM;
        }
        p[0] = region_mark(i);
        p[size - 1] = region_mark(i);
        region->pointers[i] = p;
        region->filled = i + 1;
        at = at + 1 != region->period ? at + 1 : 0;
        if (i % CLEANUP_EACH == CLEANUP_EACH - 1 && cleanup(state, ran) != 0) {
            return -ENOMEM;
        }
    }
    region->at = at;
    return 0;
}

/* Define NAME_free_order() and NAME_exchange(), for the fields of that name in
 * struct allocator. */
#define FREE_LOOPS(name, alloc, release)                                       \
    static void name##_free_order(struct region *region,                       \
                                  const uint32_t *order)                       \
    {                                                                          \
        region_free_order_with(region, order, release);                        \
    }                                                                          \
                                                                               \
    static int name##_exchange(struct region *region, const uint32_t *slots,   \
                               size_t count)                                   \
    {                                                                          \
        return region_exchange_with(region, slots, count, alloc, release);     \
    }                                                                          \
    _Static_assert(1, "a semicolon follows")

/* Define NAME_fill_cleanup() likewise. */
#define CLEANUP_LOOP(name, alloc, cleanup)                                     \
    static int name##_fill_cleanup(struct region *region, size_t *ran)         \
    {                                                                          \
        return region_fill_cleanup_with(region, ran, alloc, cleanup);          \
    }                                                                          \
    _Static_assert(1, "a semicolon follows")

/* Free all objects, where the allocator frees objects. */
static inline void
region_free(struct region *region)
{
    if (region->allocator->empty != NULL) {
        region->allocator->empty(region);
    }
    region->filled = 0;
}

#endif
