/*
 * An iteration is n times a free and an allocation, while n objects are alive
 * at all times, as in a cache or a table of sessions. All of it is timed. The
 * first n objects are made before the clock starts.
 *
 * Small objects live short: of two objects chosen at random the smaller one is
 * freed. With endless samples an object of x bytes would live for
 * n / (2 * sqrt(s)) operations, where s is the share of the allocations of at
 * least x bytes: the smallest ones for n / 2, the largest hundredth for 5 n.
 * But the samples repeat, and so do the choices, which are made before the
 * clock starts. So an object that is freed at all is freed within a period.
 */
#include <stdlib.h>

#include "plan/generator.h"
#include "workload.h"

enum {
    CHURN_SEED = 11, /* any number would do, as long as it stays */

    /* How often the samples are gone through to reach the steady state: the
     * choices of the last time are kept. */
    CHURN_TIMES = 3,
};

struct churn {
    uint32_t *slots;    /* a period of them: the object that goes */
    uint32_t *sizes;    /* of the n objects, for churn_check() */
    size_t first;       /* the sample of object 0 as it was first made */
    uint64_t exchanged; /* objects since then */
    int is_filled;      /* all n objects are alive */
};

static const struct workload_cells churn_full[] = {
    {"lognormal,fleet", "1000,10000"},
    {NULL, NULL},
};

static const struct workload_cells churn_quick[] = {
    {"lognormal", "1000"},
    {NULL, NULL},
};

static void churn_choose(const struct region *region, struct churn *churn);

static int
churn_start(struct region *region)
{
    struct churn *churn = calloc(1, sizeof(*churn));

    region->own = churn;
    if (churn == NULL) {
        return -ENOMEM;
    }
    churn->slots = calloc(region->period, sizeof(*churn->slots));
    churn->sizes = calloc(region->n, sizeof(*churn->sizes));
    if (churn->slots == NULL || churn->sizes == NULL ||
        region_create(region) != 0) {
        free(churn->sizes);
        free(churn->slots);
        free(churn);
        return -ENOMEM;
    }
    churn_choose(region, churn);
    return 0;
}

/* For each sample, the object that it replaces. */
static void
churn_choose(const struct region *region, struct churn *churn)
{
    struct generator generator;
    size_t at = 0;

    generator_init(&generator, CHURN_SEED);
    for (size_t i = 0; i < region->n; i++) {
        churn->sizes[i] = region->samples[i % region->period];
    }
    for (size_t i = 0; i < CHURN_TIMES * region->period; i++) {
        size_t one = generator_below(&generator, region->n);
        size_t other = generator_below(&generator, region->n);
        size_t slot = churn->sizes[one] <= churn->sizes[other] ? one : other;

        churn->slots[at] = (uint32_t) slot;
        churn->sizes[slot] = region->samples[at];
        at = at + 1 != region->period ? at + 1 : 0;
    }
}

static void
churn_stop(struct region *region)
{
    struct churn *churn = region->own;

    region_free(region);
    region->allocator->destroy(region->state);
    free(churn->sizes);
    free(churn->slots);
    free(churn);
}

static inline int
churn_exchange(struct region *region, struct churn *churn)
{
    int err = region->allocator->exchange(region, churn->slots, region->n);

    churn->exchanged += region->n;
    churn->is_filled = err == 0;
    return err;
}

/* The first call makes the n objects. After a failed allocation there is no
 * second try. */
static int
churn_take(struct region *region)
{
    struct churn *churn = region->own;

    if (!churn->is_filled) {
        if (region->filled != 0) {
            return -ENOMEM;
        }
        churn->first = region->at;
        if (region_fill(region) != 0) {
            return -ENOMEM;
        }
    }
    return churn_exchange(region, churn);
}

static int
churn_check(const struct region *region)
{
    const struct churn *churn = region->own;

    return region_check_exchanged(region, region->n, churn->first, churn->slots,
                                  churn->exchanged, churn->sizes);
}

/* The objects stay alive. */
static void
churn_give(struct region *region)
{
    (void) region;
}

static int
churn_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = churn_exchange(region, region->own);
    }
    return err;
}

const struct workload workload_churn = {
    .name = "churn",
    .heap_top = HEAP_TOP_PINNED,
    .full = churn_full,
    .quick = churn_quick,
    .most = 10000,
    .batch_op = WORKLOAD_BATCH,
    .refuse = workload_needs_free,
    .start = churn_start,
    .stop = churn_stop,
    .take = churn_take,
    .check = churn_check,
    .give = churn_give,
    .batch = churn_batch,
};
