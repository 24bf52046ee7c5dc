/*
 * Many large blocks that are live at once and are freed one by one, in an order
 * drawn once: by ngx_pfree() and by free(). Allocating them is not timed.
 */
#include <stdlib.h>

#include "plan/generator.h"
#include "workload.h"

enum {
    FREE_RANDOM_SEED = 7, /* any number would do, so long as it stays */
};

/* own is the order: n numbers below n. */
static int
free_random_start(struct region *region)
{
    uint32_t *order = calloc(region->n, sizeof(*order));
    struct generator generator;

    region->state = NULL;
    region->own = order;
    if (order == NULL) {
        return -ENOMEM;
    }
    generator_init(&generator, FREE_RANDOM_SEED);
    for (size_t i = 0; i < region->n; i++) {
        size_t j = generator_below(&generator, i + 1);

        order[i] = order[j];
        order[j] = (uint32_t) i;
    }
    return 0;
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
    const struct allocator *allocator = region->allocator;
    void (*release)(void *, void *) =
        allocator->free != NULL ? allocator->free : allocator->free_early;
    const uint32_t *order = region->own;

    for (size_t i = 0; i < region->n; i++) {
        release(region->state, region->pointers[order[i]]);
    }
    region->filled = 0;
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
    .is_large = 1,
    .least = 1000,
    .quick = 1000,
    .batch_op = 1,
    .start = free_random_start,
    .stop = free_random_stop,
    .take = free_random_take,
    .give = free_random_give,
    .time = free_random_time,
};
