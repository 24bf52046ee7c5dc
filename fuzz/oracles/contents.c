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
    LOOKED_AT = 3, /* allocations among which a neighbour is searched */
};

static int all_are_intact(const struct shadow_pool *pool);
static int neighbour_is_intact(const struct shadow_pool *pool,
                               const struct shadow_allocation *made);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *pool = &run->pools[step->pool];

    switch (step->kind) {
    case STEP_WRITE:
        return step->made == NULL || neighbour_is_intact(pool, step->made)
                   ? NULL
                   : &promises[NEIGHBOUR];
    case STEP_READ:
        return shadow_is_intact(step->made) ? NULL : &promises[BEFORE_PFREE];
    default:
        return all_are_intact(pool)     ? NULL
               : step->code == OP_RESET ? &promises[BEFORE_RESET]
                                        : &promises[BEFORE_DESTROY];
    }
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

/* Checks the allocation before made, which has just been written. In a block it
 * lies below it. A cleanup's node between them has no written bytes. All
 * allocations are checked before they end. */
static int
neighbour_is_intact(const struct shadow_pool *pool,
                    const struct shadow_allocation *made)
{
    const struct shadow_allocation *other = made;
    size_t n;

    for (n = 0; n < LOOKED_AT && other != pool->allocations; n++) {
        other--;
        if (other->fill != 0 && other->place == made->place &&
            other->block == made->block) {
            return shadow_is_intact(other);
        }
    }
    return 1;
}

ORACLE_DEFINE(contents, ORACLE_KIND(STEP_WRITE) | ORACLE_KIND(STEP_READ) |
                            ORACLE_KIND(STEP_BEFORE));
