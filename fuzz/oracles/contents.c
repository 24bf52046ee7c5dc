#include "oracle.h"

enum {
    BEFORE_PFREE,
    BEFORE_RESET,
    BEFORE_DESTROY,
    NEIGHBOUR,
};

static const struct promise promises[] = {
    [BEFORE_PFREE] = {4, "what was written is intact before it is freed"},
    [BEFORE_RESET] = {5, "what was written is intact before a reset"},
    [BEFORE_DESTROY] = {6, "what was written is intact before destruction"},
    [NEIGHBOUR] = {7, "what was written is intact when a neighbour is "
                      "allocated and written"},
};

static int all_are_intact(const struct run_pool *pool);
static int neighbours_are_intact(const struct run *run,
                                 const struct run_allocation *made);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct run_pool *pool = &run->pools[step->pool];

    if (step->kind == STEP_WRITE && step->made != NULL) {
        return neighbours_are_intact(run, step->made) ? NULL
                                                      : &promises[NEIGHBOUR];
    }
    if (step->kind != STEP_BEFORE) {
        return NULL;
    }
    if (step->made != NULL) {
        return run_is_intact(step->made) ? NULL : &promises[BEFORE_PFREE];
    }
    if (all_are_intact(pool)) {
        return NULL;
    }
    return &promises[step->code == OP_RESET ? BEFORE_RESET : BEFORE_DESTROY];
}

static int
all_are_intact(const struct run_pool *pool)
{
    size_t i;

    for (i = 0; i < pool->allocation_count; i++) {
        if (!run_is_intact(&pool->allocations[i])) {
            return 0;
        }
    }
    return 1;
}

/* The nearest one below made and the nearest one above, of whatever pool. */
static int
neighbours_are_intact(const struct run *run, const struct run_allocation *made)
{
    const struct run_allocation *below = NULL;
    const struct run_allocation *above = NULL;
    unsigned pool;
    size_t i;

    for (pool = 0; pool < OP_POOLS; pool++) {
        const struct run_pool *self = &run->pools[pool];

        for (i = 0; i < self->allocation_count; i++) {
            const struct run_allocation *other = &self->allocations[i];

            if (other->p < made->p && (below == NULL || below->p < other->p)) {
                below = other;
            } else if (other->p > made->p &&
                       (above == NULL || above->p > other->p)) {
                above = other;
            }
        }
    }
    return run_is_intact(made) && (below == NULL || run_is_intact(below)) &&
           (above == NULL || run_is_intact(above));
}

ORACLE_DEFINE(contents);
