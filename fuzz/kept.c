#include "kept.h"

#include "run.h"
#include "step.h"

static void kept_note_end(struct run *run, const struct step *step);
static size_t kept_large_size(const struct model_pool *model);
static void kept_note_plain(struct run *run, const struct step *step);

void
kept_start(struct kept *kept)
{
    *kept = (struct kept){.is_plain = 1, .is_counted = 1};
    ngx_pool_cache_stats(&kept->stats);
}

void
kept_end(struct run *run, struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t i;

    step->kept = run->kept.stats.size;
    step->is_plain = run->kept.is_plain && run->kept.stats.overhead != 0;
    step->ended = model->large_bytes;
    for (i = 0; i < model->large_count; i++) {
        size_t size = model->large[i].size;

        step->ended_least += size < KEPT_SIZE_MIN ? 0 : size;
    }
    if (step->kind == STEP_DESTROY) {
        step->ended += model->bytes;
        step->ended_least +=
            model->blocks[0].size < KEPT_SIZE_MIN ? 0 : model->bytes;
    }
    run->kept.ended_sum += step->ended - run->kept.ended[run->kept.ended_at];
    run->kept.ended[run->kept.ended_at] = step->ended;
    run->kept.ended_at = (run->kept.ended_at + 1) % KEPT_REGIONS;
    kept_note_end(run, step);
}

void
kept_note(struct run *run, const struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    int is_large = step->spot.place == MODEL_LARGE;

    kept_note_plain(run, step);
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        run->kept.same_blocks.count = 0;
        run->kept.same_large.count = 0;
    }
    if ((step->kind != STEP_CREATE && step->kind != STEP_ALLOC &&
         step->kind != STEP_CLEANUP) ||
        step->is_nginx) {
        return;
    }
    if ((step->kind == STEP_CREATE || step->spot.is_fresh) &&
        run->kept.same_blocks.count != 0 &&
        model->blocks[0].size == run->kept.same_blocks.size) {
        run->kept.same_blocks.count--;
    }
    /* One of another size may have taken any. */
    if (is_large || (!step->succeeds && step->size > model->max)) {
        if (run->kept.same_large.count != 0 &&
            step->taken == run->kept.same_large.size) {
            run->kept.same_large.count--;
        } else {
            run->kept.same_large.count = 0;
        }
    }
}

/* After a reset or a destroy: which pieces of one size the thread must have. */
static void
kept_note_end(struct run *run, const struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t size = kept_large_size(model);

    if (!step->is_plain || ngx_pool_cache_size() != step->kept + step->ended) {
        run->kept.same_blocks.count = 0;
        run->kept.same_large.count = 0;
        return;
    }
    if (model->large_count != 0) {
        if (size != run->kept.same_large.size) {
            run->kept.same_large = (struct kept_pieces){.size = size};
        }
        run->kept.same_large.count += size != 0 ? model->large_count : 0;
    }
    if (step->kind == STEP_DESTROY) {
        if (model->blocks[0].size != run->kept.same_blocks.size) {
            run->kept.same_blocks =
                (struct kept_pieces){.size = model->blocks[0].size};
        }
        run->kept.same_blocks.count += model->block_count;
    }
}

/* The one size of all large allocations, or 0. */
static size_t
kept_large_size(const struct model_pool *model)
{
    size_t i;

    for (i = 1; i < model->large_count; i++) {
        if (model->large[i].size != model->large[0].size) {
            return 0;
        }
    }
    return model->large_count == 0 ? 0 : model->large[0].size;
}

/*
 * What a thread keeps follows what its pools asked the system for. So it is not
 * foreseen any more once a pool has memory of ngx_pmemalign() or of nginx's own
 * functions, or memory that it got under another limit or without bookkeeping.
 */
static void
kept_note_plain(struct run *run, const struct step *step)
{
    unsigned pool;

    if (step->is_nginx || (step->made != NULL && step->code == OP_PMEMALIGN)) {
        run->kept.is_plain = 0;
    }
    if (step->calls != 0 && run->kept.limit != 0 &&
        run->kept.stats.overhead == 0) {
        run->kept.is_plain = 0;
    }
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        run->kept.is_plain = run->kept.stats.size == 0;
        for (pool = 0; pool < OP_POOLS; pool++) {
            run->kept.is_plain &= !run->model.pools[pool].exists;
        }
    }
}
