/*
 * An iteration is one region, as in fill: create, n allocations, destroy. All
 * of it is timed. The heap is not new but littered, as that of a process which
 * has run for a while. Before the clock starts, objects of random sizes are
 * allocated by malloc(), and by the row's own allocator if it is a general one.
 * Then half of them are freed in random order, and the others stay until the
 * row ends. So the free memory is in holes, and objects that follow each other
 * in a free list do not lie beside each other (Berger, Zorn, McKinley,
 * "Reconsidering Custom Memory Allocation", 2002). The sizes and the order are
 * the same for all rows.
 */
#include <stdlib.h>

#include "plan/generator.h"
#include "workload.h"
#include "workloads/order.h"

enum {
    LITTERED_SEED = 13, /* any number would do, as long as it stays */

    /* Of each of the two allocators: 9 MiB in all, which takes 1 to 7 ms. */
    LITTERED_OBJECTS = 2048,

    /* Sizes are 16 bytes to 32 KiB, each octave as often as another: from an
     * object's to twice that of a pool's block. */
    LITTERED_SHIFT = 4,
    LITTERED_OCTAVES = 11,
};

/* The objects that are not freed yet; NULL elsewhere. */
struct litter {
    void *by_malloc[LITTERED_OBJECTS];
    void *by_row[LITTERED_OBJECTS];
    void *state; /* the row's own allocator's; NULL: it is a region allocator */
};

static const struct workload_cells littered_full[] = {
    {"lognormal", "25,100,1000,10000"},
    {"nginx_request", "25"},
    {NULL, NULL},
};

static const struct workload_cells littered_quick[] = {
    {"lognormal", "1000"},
    {NULL, NULL},
};

static void littered_make(struct litter *litter, struct region *region);
static size_t littered_size(struct generator *generator);
static void littered_free(struct litter *litter, const struct region *region,
                          size_t i);

static int
littered_start(struct region *region)
{
    uint32_t *order = order_create(LITTERED_OBJECTS, ORDER_RANDOM);
    struct litter *litter = calloc(1, sizeof(*litter));

    region->own = litter;
    if (order == NULL || litter == NULL) {
        free(order);
        free(litter);
        return -ENOMEM;
    }
    littered_make(litter, region);
    for (size_t i = 0; i < LITTERED_OBJECTS / 2; i++) {
        littered_free(litter, region, order[i]);
    }
    free(order);
    return workload_fill.start(region);
}

/* Where memory runs out there is less litter, and the row itself then fails. */
static void
littered_make(struct litter *litter, struct region *region)
{
    struct generator generator;

    if (region->allocator->kind == ALLOCATOR_GENERAL &&
        region_create(region) == 0) {
        litter->state = region->state;
    }
    generator_init(&generator, LITTERED_SEED);
    for (size_t i = 0; i < LITTERED_OBJECTS; i++) {
        size_t size = littered_size(&generator);

        litter->by_malloc[i] = malloc(size);
        if (litter->state != NULL) {
            litter->by_row[i] = region->allocator->alloc(litter->state, size);
        }
    }
}

static size_t
littered_size(struct generator *generator)
{
    uint64_t octave = generator_below(generator, LITTERED_OCTAVES);
    uint64_t least = (uint64_t) 1 << (LITTERED_SHIFT + octave);

    return (size_t) (least + generator_below(generator, least));
}

static void
littered_free(struct litter *litter, const struct region *region, size_t i)
{
    free(litter->by_malloc[i]);
    litter->by_malloc[i] = NULL;
    if (litter->by_row[i] != NULL) {
        region->allocator->free(litter->state, litter->by_row[i]);
        litter->by_row[i] = NULL;
    }
}

static void
littered_stop(struct region *region)
{
    struct litter *litter = region->own;

    workload_fill.stop(region);
    for (size_t i = 0; i < LITTERED_OBJECTS; i++) {
        littered_free(litter, region, i);
    }
    if (litter->state != NULL) {
        region->allocator->destroy(litter->state);
    }
    free(litter);
}

static int
littered_take(struct region *region)
{
    return workload_fill.take(region);
}

static void
littered_give(struct region *region)
{
    workload_fill.give(region);
}

static int
littered_batch(struct region *region, size_t count)
{
    return workload_fill.batch(region, count);
}

const struct workload workload_littered = {
    .name = "littered",
    .heap_top = HEAP_TOP_PINNED,
    .full = littered_full,
    .quick = littered_quick,
    .batch_op = WORKLOAD_BATCH,
    .refuse = workload_no_limit,
    .start = littered_start,
    .stop = littered_stop,
    .take = littered_take,
    .check = region_check,
    .give = littered_give,
    .batch = littered_batch,
};
