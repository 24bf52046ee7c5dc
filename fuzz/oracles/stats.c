#include "oracle.h"

#include <string.h>

#include "heap.h"

enum {
    POOL,
    THREAD,
};

static const struct promise promises[] = {
    [POOL] = {48, "ngx_pool_stats tells what the pool consists of"},
    [THREAD] = {48, "ngx_pool_cache_stats tells what the thread keeps, and "
                    "what the system gave and was given"},
};

static size_t count(const struct model_bins *bins);
static const struct promise *check_pool(const struct run *run, unsigned pool);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct model_cache *cache = &run->model.cache;
    ngx_pool_cache_stats_t stats;

    if (step->kind == STEP_WRITE || step->kind == STEP_HANDLER ||
        step->kind == STEP_REPEAT || step->kind == STEP_ALONE) {
        return NULL;
    }
    ngx_pool_cache_stats(&stats);
    if (stats.limit != cache->limit || stats.size != cache->size ||
        stats.blocks != count(&cache->blocks) ||
        stats.large != count(&cache->large) ||
        stats.allocated - stats.given_back != heap_live_blocks()) {
        return &promises[THREAD];
    }
    return run->pools[step->pool].pool != NULL ? check_pool(run, step->pool)
                                               : NULL;
}

static size_t
count(const struct model_bins *bins)
{
    size_t all = 0;
    size_t i;

    for (i = 0; i < bins->count; i++) {
        all += bins->bins[i].count;
    }
    return all;
}

static const struct promise *
check_pool(const struct run *run, unsigned pool)
{
    const struct model_pool *model = &run->model.pools[pool];
    ngx_pool_stats_t expected = {
        .size = model->bytes,
        .blocks = model->used_count,
        .kept = model->block_count - model->used_count,
        .large = model->large_count,
        .slots = model->slots,
        .cleanups = model->cleanup_count,
    };
    ngx_pool_stats_t stats;
    size_t i;

    for (i = 0; i < model->used_count; i++) {
        const struct model_block *block = &model->blocks[i];
        size_t room = block->size - block->last;

        expected.used += block->last - (i == 0 ? sizeof(ngx_pool_t)
                                               : sizeof(ngx_pool_data_t));
        *(i < model->current ? &expected.wasted : &expected.free) += room;
    }
    ngx_pool_stats(run->pools[pool].pool, &stats);
    if (run->is_running) {
        expected.cleanups = stats.cleanups; /* some have run */
    }
    return memcmp(&stats, &expected, sizeof(stats)) != 0 ? &promises[POOL]
                                                         : NULL;
}

ORACLE_DEFINE(stats);
