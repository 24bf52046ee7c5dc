#include "oracle.h"

#include "heap.h"

enum {
    BLOCKS,
    BYTES,
    END,
    KEPT,
    KEPT_BOUND,
};

static const struct promise promises[] = {
    [BLOCKS] = {30, "live blocks of the system are those of the model"},
    [BYTES] = {31, "live bytes of the system are those of the model"},
    [END] = {32, "nothing is live when all pools are gone and nothing is kept"},
    [KEPT] = {46, "blocks are kept for reuse as the model says, and go on a "
                  "trim"},
    [KEPT_BOUND] = {46, "bytes kept for reuse never exceed the bound"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct model *model = &run->model;

    if (step->kind == STEP_REPEAT || step->kind == STEP_ALONE) {
        return NULL;
    }
    if (step->kind == STEP_END &&
        (heap_live_blocks() != 0 || heap_live_bytes() != 0)) {
        return &promises[END];
    }
    if (ngx_pool_cache_size() > model->cache.limit) {
        return &promises[KEPT_BOUND];
    }
    if (ngx_pool_cache_size() != model->cache.size &&
        step->kind != STEP_HANDLER) {
        return &promises[KEPT];
    }
    if (heap_live_blocks() != model->system.live_blocks) {
        return &promises[BLOCKS];
    }
    return heap_live_bytes() != model->system.live_bytes ? &promises[BYTES]
                                                         : NULL;
}

ORACLE_DEFINE(memory);
