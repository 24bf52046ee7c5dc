/*
 * An iteration is one region that is made on one thread and destroyed on
 * another one, as where a thread reads requests and others answer them. The
 * first thread does create and n allocations, the second one the frees of a
 * general allocator and destroy. Both work at once, with at most
 * HANDOFF_REGIONS regions between them. The wall clock is timed, of each batch
 * from the first region made to the last one destroyed. The second thread is
 * there before the clock starts, and waits for regions in a loop, on a core of
 * its own.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "workload.h"

enum {
    /* So that neither thread waits for each region of the other. */
    HANDOFF_REGIONS = 4,

    /* Enough ops that the wait for the last region of a batch is negligible. */
    HANDOFF_BATCH = 64 * WORKLOAD_BATCH,
};

static const struct workload_cells handoff_full[] = {
    {"lognormal", "100,1000"},
    {"nginx_request", "25"},
    {NULL, NULL},
};

static const struct workload_cells handoff_quick[] = {
    {"lognormal", "100"},
    {NULL, NULL},
};

/* Region i of all that are made is in slot i % HANDOFF_REGIONS until it is
 * destroyed. */
struct handoff {
    pthread_t thread;
    struct region regions[HANDOFF_REGIONS];
    atomic_size_t made;
    atomic_size_t destroyed;
    atomic_int is_over;
};

/* Free and destroy the region, whose state is not NULL. */
static inline void
handoff_destroy(struct region *region)
{
    region_free(region);
    region->allocator->destroy(region->state);
}

static void *
handoff_run(void *data)
{
    struct handoff *handoff = data;
    const struct region *region = &handoff->regions[0];
    size_t i = 0;

    for (;;) {
        if (atomic_load(&handoff->made) != i) {
            handoff_destroy(&handoff->regions[i % HANDOFF_REGIONS]);
            i++;
            atomic_store(&handoff->destroyed, i);
        } else if (atomic_load(&handoff->is_over)) {
            break;
        } else {
            sched_yield();
        }
    }
    if (region->allocator->trim != NULL) {
        region->allocator->trim(region->library);
    }
    return NULL;
}

static void
handoff_free(struct handoff *handoff)
{
    for (size_t i = 0; i < HANDOFF_REGIONS; i++) {
        free(handoff->regions[i].pointers);
    }
    free(handoff);
}

static int
handoff_start(struct region *region)
{
    struct handoff *handoff = calloc(1, sizeof(*handoff));
    int err = 0;

    if (handoff == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < HANDOFF_REGIONS; i++) {
        handoff->regions[i] = *region;
        handoff->regions[i].pointers = calloc(region->n, sizeof(void *));
        err |= handoff->regions[i].pointers == NULL;
    }
    if (err != 0 ||
        pthread_create(&handoff->thread, NULL, handoff_run, handoff) != 0) {
        handoff_free(handoff);
        return -ENOMEM;
    }
    region->state = NULL;
    region->own = handoff;
    return 0;
}

static void
handoff_stop(struct region *region)
{
    struct handoff *handoff = region->own;

    atomic_store(&handoff->is_over, 1);
    (void) pthread_join(handoff->thread, NULL);
    handoff_free(handoff);
}

/* The next region's slot, once it is free. */
static inline struct region *
handoff_slot(struct handoff *handoff)
{
    size_t made = atomic_load(&handoff->made);

    while (made - atomic_load(&handoff->destroyed) == HANDOFF_REGIONS) {
        sched_yield();
    }
    return &handoff->regions[made % HANDOFF_REGIONS];
}

/* Make a region in its slot, beginning with the sample *at, which becomes that
 * of the next region. Returns 0, or -ENOMEM; in both cases a region whose state
 * is not NULL has to be handed over. */
static inline int
handoff_make(struct region *slot, size_t *at)
{
    int err;

    slot->at = *at;
    err = region_create(slot);
    if (err == 0) {
        err = region_fill(slot);
    }
    *at = slot->at;
    return err;
}

static inline void
handoff_give_over(struct handoff *handoff)
{
    atomic_fetch_add(&handoff->made, 1);
}

static inline void
handoff_wait(struct handoff *handoff)
{
    while (atomic_load(&handoff->destroyed) != atomic_load(&handoff->made)) {
        sched_yield();
    }
}

/* The region is made in the row's own struct, where the row looks at it. */
static int
handoff_take(struct region *region)
{
    int err = region_create(region);

    return err == 0 ? region_fill(region) : err;
}

/* The region is destroyed on the other thread. */
static void
handoff_give(struct region *region)
{
    struct handoff *handoff = region->own;
    struct region *slot = handoff_slot(handoff);

    if (region->state == NULL) {
        return;
    }
    slot->state = region->state;
    slot->filled = region->filled;
    for (size_t i = 0; i < region->filled; i++) {
        slot->pointers[i] = region->pointers[i];
    }
    handoff_give_over(handoff);
    handoff_wait(handoff);
    region->state = NULL;
}

static int
handoff_batch(struct region *region, size_t count)
{
    struct handoff *handoff = region->own;
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct region *slot = handoff_slot(handoff);

        err = handoff_make(slot, &region->at);
        if (slot->state != NULL) {
            handoff_give_over(handoff);
        }
    }
    handoff_wait(handoff);
    return err;
}

static const char *
handoff_refuse(const struct allocator *allocator, size_t least)
{
    if (allocator->is_null) {
        return NULL; /* the cost of the hand-over itself */
    }
    return allocator->is_bound_to_thread
               ? "its regions end on the thread that made them"
               : workload_no_limit(allocator, least);
}

const struct workload workload_handoff = {
    .name = "handoff",
    .heap_top = HEAP_TOP_PINNED,
    .full = handoff_full,
    .quick = handoff_quick,
    .threads = 2,
    .at_once = HANDOFF_REGIONS,
    .batch_op = HANDOFF_BATCH,
    .refuse = handoff_refuse,
    .start = handoff_start,
    .stop = handoff_stop,
    .take = handoff_take,
    .check = region_check,
    .give = handoff_give,
    .batch = handoff_batch,
};
