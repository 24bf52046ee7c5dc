#include "oracle.h"

enum {
    KEPT,
    EMPTY,
    SLOTS,
};

static const struct promise promises[] = {
    [KEPT] = {36, "a reset keeps the blocks, all of them and in order"},
    [EMPTY] = {36, "after a reset the pool is as new: no cleanup, no large "
                   "allocation, the first block current"},
    [SLOTS] = {37, "entries of freed large allocations are used again"},
};

enum {
    /* Longer lists are counted before a reset and a destroy alone. */
    COUNTED_MAX = 64,
};

static int blocks_are_kept(const struct run_pool *self);
static int entries_are(const ngx_pool_large_t *large, size_t count,
                       size_t live);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct run_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    const ngx_pool_t *pool = self->pool;
    int is_counted = model->entry_count < COUNTED_MAX;

    if (pool == NULL || step->kind == STEP_WRITE) {
        return NULL;
    }
    if (step->kind == STEP_RESET &&
        (pool->current != pool || pool->chain != NULL || pool->large != NULL ||
         pool->cleanup != NULL)) {
        return &promises[EMPTY];
    }
    if (step->kind == STEP_RESET || step->kind == STEP_BEFORE) {
        is_counted |= step->made == NULL;
        if (!blocks_are_kept(self)) {
            return &promises[KEPT];
        }
    }
    /* With an index the list is one entry, which is none's. */
    if (is_counted && (model->index_places != 0
                           ? !entries_are(pool->large, 1, 0)
                           : !entries_are(pool->large, model->entry_count,
                                          model->large_count))) {
        return &promises[SLOTS];
    }
    return NULL;
}

static int
blocks_are_kept(const struct run_pool *self)
{
    size_t i;

    for (i = 1; i < self->block_count; i++) {
        if (self->blocks[i - 1]->d.next != self->blocks[i]) {
            return 0;
        }
    }
    return self->blocks[i - 1]->d.next == NULL;
}

static int
entries_are(const ngx_pool_large_t *large, size_t count, size_t live)
{
    for (; count != 0 && large != NULL; count--) {
        live -= large->alloc != NULL;
        large = large->next;
    }
    return count == 0 && large == NULL && live == 0;
}

ORACLE_DEFINE(reuse);
