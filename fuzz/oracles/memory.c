#include "oracle.h"

#include "heap.h"

enum {
    BLOCKS,
    BYTES,
    LAST,
    END,
};

static const struct promise promises[] = {
    [BLOCKS] = {30, "live blocks of the system are those of all pools, and "
                    "of the thread's kept memory"},
    [BYTES] = {31, "live bytes of the system are those of all pools, and of "
                   "the thread's kept memory"},
    [LAST] = {31, "a pool's first block is released last"},
    [END] = {32, "no memory is live when all pools are destroyed and no "
                 "memory is kept"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct kept *kept = &run->kept;
    const ngx_pool_cache_stats_t *stats = &kept->stats;
    size_t blocks = stats->blocks + stats->large + (stats->overhead != 0);
    size_t bytes = stats->size + stats->overhead;
    unsigned pool;

    if (step->kind == STEP_END &&
        (heap_live_blocks() != 0 || heap_live_bytes() != 0)) {
        return &promises[END];
    }
    /* None of the pool's memory is kept. */
    if (step->kind == STEP_DESTROY && step->kept == 0 && stats->size == 0 &&
        heap_freed_last() != (uintptr_t) run->pools[step->pool].blocks[0]) {
        return &promises[LAST];
    }
    for (pool = 0; pool < OP_POOLS; pool++) {
        const struct model_pool *model = &run->model.pools[pool];
        size_t index = run->pools[pool].index_size;

        if (model->exists) {
            blocks += model->block_count + model->large_count + (index != 0);
            bytes += model->bytes + model->large_bytes + index;
        }
    }
    if (kept->is_counted && heap_live_blocks() != blocks) {
        return &promises[BLOCKS];
    }
    return heap_live_bytes() != bytes ? &promises[BYTES] : NULL;
}

ORACLE_DEFINE(memory, ORACLE_CHANGES | ORACLE_KIND(STEP_END));
