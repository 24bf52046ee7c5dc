#include "oracle.h"

enum {
    BEFORE_PFREE,
    BEFORE_RESET,
    BEFORE_DESTROY,
    NEIGHBOUR,
};

static const struct promise promises[] = {
    [BEFORE_PFREE] = {4, "an allocation's contents are intact before it is "
                         "freed"},
    [BEFORE_RESET] = {5, "an allocation's contents are intact before a reset"},
    [BEFORE_DESTROY] = {6, "an allocation's contents are intact before a "
                           "destroy"},
    [NEIGHBOUR] = {7, "an allocation's contents are intact when a neighbour "
                      "is allocated and written"},
};

enum {
    NEIGHBOURS = 3,
};

static int all_are_intact(const struct shadow_pool *pool);
static int neighbours_are_intact(const struct shadow_pool *pool,
                                 const struct shadow_allocation *made);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *pool = &run->pools[step->pool];

    if (step->kind == STEP_WRITE && step->made != NULL) {
        return neighbours_are_intact(pool, step->made) ? NULL
                                                       : &promises[NEIGHBOUR];
    }
    if (step->kind != STEP_BEFORE) {
        return NULL;
    }
    if (step->made != NULL) {
        return shadow_is_intact(step->made) ? NULL : &promises[BEFORE_PFREE];
    }
    if (all_are_intact(pool)) {
        return NULL;
    }
    return &promises[step->code == OP_RESET ? BEFORE_RESET : BEFORE_DESTROY];
}

static int
all_are_intact(const struct shadow_pool *pool)
{
    size_t i;

    for (i = 0; i < pool->allocation_count; i++) {
        if (!shadow_is_intact(&pool->allocations[i])) {
            return 0;
        }
    }
    return 1;
}

/* Checks the allocations before made, which has just been written. In a block
 * they lie below it. All allocations are checked before they end. */
static int
neighbours_are_intact(const struct shadow_pool *pool,
                      const struct shadow_allocation *made)
{
    size_t nth = (size_t) (made - pool->allocations);
    size_t least = nth < NEIGHBOURS ? 0 : nth - NEIGHBOURS;

    while (nth-- > least) {
        if (!shadow_is_intact(&pool->allocations[nth])) {
            return 0;
        }
    }
    return 1;
}

ORACLE_DEFINE(contents, ORACLE_KIND(STEP_WRITE) | ORACLE_KIND(STEP_BEFORE));
