#include "oracle.h"

enum {
    APART,
    EMPTY,
};

static const struct promise promises[] = {
    [APART] = {3, "no two live allocations overlap, across all pools"},
    [EMPTY] = {10, "size 0 gives a pointer that is not NULL"},
};

static int overlaps(const struct run *run, const struct run_allocation *made);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    if (step->kind == STEP_ALLOC && step->size == 0 && step->succeeds &&
        step->made == NULL) {
        return &promises[EMPTY];
    }
    if ((step->kind != STEP_ALLOC && step->kind != STEP_CLEANUP) ||
        step->made == NULL) {
        return NULL;
    }
    if (overlaps(run, step->made) ||
        (step->data != NULL && overlaps(run, step->data))) {
        return &promises[APART];
    }
    return NULL;
}

static int
overlaps(const struct run *run, const struct run_allocation *made)
{
    const unsigned char *start = made->p;
    const unsigned char *end = start + made->size;
    unsigned pool;
    size_t i;

    for (pool = 0; pool < OP_POOLS; pool++) {
        const struct run_pool *self = &run->pools[pool];

        for (i = 0; i < self->allocation_count; i++) {
            const struct run_allocation *other = &self->allocations[i];

            if (other != made && other->p < end &&
                start < other->p + other->size) {
                return 1;
            }
        }
    }
    return 0;
}

ORACLE_DEFINE(overlap);
