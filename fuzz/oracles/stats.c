#include "oracle.h"

#include <string.h>

enum {
    POOL,
    THREAD,
};

static const struct promise promises[] = {
    [POOL] = {48, "ngx_pool_stats reports what the pool's heads and lists say"},
    [THREAD] = {46, "ngx_pool_cache_stats reports what the thread keeps"},
};

static const struct promise *check_pool(const struct run *run,
                                        const struct step *step);
static size_t cleanups(const struct shadow_pool *self, const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    if (run->kept.stats.limit != run->kept.limit ||
        run->kept.stats.size != ngx_pool_cache_size() ||
        ((step->kind == STEP_RESET || step->kind == STEP_DESTROY) &&
         run->kept.is_counted && run->kept.pieces.is_known &&
         (run->kept.stats.blocks != run->kept.pieces.blocks ||
          run->kept.stats.large != run->kept.pieces.large))) {
        return &promises[THREAD];
    }
    return step->is_whole ? check_pool(run, step) : NULL;
}

static const struct promise *
check_pool(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    ngx_pool_stats_t expected = {
        .size = model->bytes,
        .blocks = model->block_count,
        .large = model->large_count,
        .cleanups = cleanups(self, step),
        .index = self->index_size,
    };
    ngx_pool_stats_t stats;
    size_t i;

    for (i = 0; i < model->block_count; i++) {
        const struct model_block *block = &model->blocks[i];
        size_t left = block->size - block->last;

        expected.used += block->last - model_header(i);
        expected.unused += block->last == model_header(i) && block->failed == 0;
        *(i < model->current ? &expected.wasted : &expected.free) += left;
    }
    ngx_pool_stats(self->pool, &stats);
    return memcmp(&stats, &expected, sizeof(stats)) != 0 ? &promises[POOL]
                                                         : NULL;
}

/* The executor adds a new cleanup to cleanup_count after the step. It subtracts
 * a cleanup that runs before the cleanup's handler starts. */
static size_t
cleanups(const struct shadow_pool *self, const struct step *step)
{
    return self->cleanup_count +
           (step->kind == STEP_CLEANUP && step->node != NULL);
}

ORACLE_DEFINE(stats, (ORACLE_CHANGES & ~ORACLE_KIND(STEP_HANDLER)) |
                         ORACLE_KIND(STEP_BEFORE) | ORACLE_KIND(STEP_END));
