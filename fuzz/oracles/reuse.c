#include "oracle.h"

enum {
    KEPT,
    NEW,
    COST,
};

static const struct promise promises[] = {
    [KEPT] = {36, "a reset keeps the blocks, all of them and in order"},
    [NEW] = {36, "after a reset the pool is as new: no chain, no cleanup, no "
                 "large allocation, the first block current"},
    [COST] = {36, "a reset does not touch blocks that were not used since "
                  "the last reset"},
};

static int blocks_are_kept(const struct shadow_pool *self);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const ngx_pool_t *pool = self->pool;

    if (pool == NULL) {
        return NULL;
    }
    if (step->kind != STEP_BEFORE &&
        (pool->current != pool || pool->chain != NULL || pool->large != NULL ||
         pool->cleanup != NULL || pool->spare != NULL || pool->index != NULL)) {
        return &promises[NEW];
    }
    if (step->touched != 0) {
        return &promises[COST];
    }
    return blocks_are_kept(self) ? NULL : &promises[KEPT];
}

static int
blocks_are_kept(const struct shadow_pool *self)
{
    size_t i;

    for (i = 1; i < self->block_count; i++) {
        if (self->blocks[i - 1]->d.next != self->blocks[i]) {
            return 0;
        }
    }
    return self->blocks[i - 1]->d.next == NULL;
}

ORACLE_DEFINE(reuse, ORACLE_KIND(STEP_RESET) | ORACLE_KIND(STEP_BEFORE) |
                         ORACLE_KIND(STEP_CREATE));
