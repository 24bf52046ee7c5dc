#include "oracle.h"

enum {
    INSIDE,
    ODD_POOL,
};

static const struct promise promises[] = {
    [INSIDE] = {2, "a small allocation lies in one block that the pool owns, "
                   "behind its header, before its end"},
    [ODD_POOL] = {44, "a pool size that is no multiple of the alignment, or "
                      "less than NGX_MIN_POOL_SIZE, never yields memory "
                      "outside the block"},
};

static int is_outside(const struct run *run, const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    size_t size = run->model.pools[step->pool].blocks[0].size;

    if (step->made == NULL ||
        (step->kind != STEP_ALLOC && step->kind != STEP_CLEANUP) ||
        step->spot.place != MODEL_SMALL || !is_outside(run, step)) {
        return NULL;
    }
    return size % NGX_ALIGNMENT != 0 || size < NGX_MIN_POOL_SIZE
               ? &promises[ODD_POOL]
               : &promises[INSIDE];
}

static int
is_outside(const struct run *run, const struct step *step)
{
    const struct run_pool *pool = &run->pools[step->pool];
    size_t header =
        step->block == 0 ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t);
    const struct model_pool *model = &run->model.pools[step->pool];

    return step->block == pool->block_count || step->offset < header ||
           step->made->size > model->blocks[step->block].size - step->offset;
}

ORACLE_DEFINE(bounds);
