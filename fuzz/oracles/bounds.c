#include "oracle.h"

enum {
    INSIDE,
    ODD_POOL,
};

static const struct promise promises[] = {
    [INSIDE] = {2, "a small allocation lies in one block that the pool owns, "
                   "after its header, before its end"},
    [ODD_POOL] = {44, "a pool size that is no multiple of the alignment, or "
                      "less than NGX_MIN_POOL_SIZE, never yields memory "
                      "outside the block"},
};

static int is_outside(const struct run *run, unsigned pool,
                      const struct shadow_allocation *allocation);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    size_t size = run->model.pools[step->pool].blocks[0].size;

    if (step->made == NULL || (!is_outside(run, step->pool, step->made) &&
                               !is_outside(run, step->pool, step->data))) {
        return NULL;
    }
    return size % NGX_ALIGNMENT != 0 || size < NGX_MIN_POOL_SIZE
               ? &promises[ODD_POOL]
               : &promises[INSIDE];
}

static int
is_outside(const struct run *run, unsigned pool,
           const struct shadow_allocation *allocation)
{
    const struct shadow_pool *self = &run->pools[pool];
    const struct model_pool *model = &run->model.pools[pool];
    size_t block;
    size_t offset;

    if (allocation == NULL || allocation->place != MODEL_SMALL) {
        return 0;
    }
    block = shadow_block_of(self, model, allocation->p);
    if (block == self->block_count) {
        return 1;
    }
    offset = (size_t) (allocation->p - (unsigned char *) self->blocks[block]);
    return offset < model_header(block) ||
           allocation->size > model->blocks[block].size - offset;
}

ORACLE_DEFINE(bounds, ORACLE_MAKES);
