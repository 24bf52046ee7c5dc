#include "kept.h"

#include <string.h>

#include "heap.h"
#include "run.h"
#include "states.h"
#include "step.h"

static void kept_note_end(struct run *run, const struct step *step);
static void kept_note_sweep(struct run *run, struct step *step);
static void kept_note_needed(struct run *run, struct step *step);
static int kept_has_swept(const struct run *run, const struct step *step);
static void kept_note_taken(struct run *run, const struct step *step);
static void kept_need_none(struct kept *kept);
static void kept_need_less(struct kept *kept, size_t pieces);
static void kept_need_left(struct kept *kept, size_t before);
static void kept_note_plain(struct run *run, const struct step *step);
static void kept_note_limit(struct run *run);

void
kept_start(struct kept *kept)
{
    kept->is_counted = 1;
    kept->limit = 0;
    kept->limit_before = 0;
    kept->is_beyond = 0;
    kept->is_plain = 1;
    kept->region_count = 0;
    kept->since_sweep = KEPT_REGIONS_LEAST;
    kept->passed = 0;
    kept->ended_at = 0;
    kept->ended_sum = 0;
    memset(kept->ended, 0, sizeof(kept->ended));
    memset(kept->needed, 0, sizeof(kept->needed));
    kept->needs_any = 0;
    pieces_clear(&kept->pieces);
    kept->pieces.size_most = 0;
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
    kept_note_sweep(run, step);
    kept_note_needed(run, step);
    states_note_end(run, step->ended);
}

void
kept_note(struct run *run, const struct step *step)
{
    struct kept *kept = &run->kept;
    struct pieces *pieces = &kept->pieces;

    kept_note_plain(run, step);
    if (kept->is_plain && step->kind == STEP_OTHER &&
        step->code == OP_CACHE_LIMIT) {
        kept_need_left(kept, step->kept);
    } else if (!kept->is_plain || step->kind == STEP_OTHER) {
        kept_need_none(kept);
    }
    if (step->kind == STEP_CREATE || step->kind == STEP_ALLOC ||
        step->kind == STEP_CLEANUP) {
        kept_note_taken(run, step);
    }
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        kept->since_sweep = KEPT_REGIONS_LEAST;
    }
    if (kept->stats.size == 0) {
        pieces_clear(pieces);
        kept_need_none(kept);
    } else if (pieces->bytes != kept->stats.size) {
        pieces->is_known = 0;
    }
}

/* Notes the pieces that a step took. The fall in kept bytes shows them. */
static void
kept_note_taken(struct run *run, const struct step *step)
{
    struct pieces *pieces = &run->kept.pieces;
    size_t block = run->model.pools[step->pool].blocks[0].size;
    size_t less = step->kept - run->kept.stats.size;
    int needs_block = step->kind == STEP_CREATE || step->spot.is_fresh;
    int needs_large = step->spot.place == MODEL_LARGE;

    if (less == 0) {
        return;
    }
    kept_need_less(&run->kept,
                   (needs_block && needs_large) || step->refusals != 0 ? 2 : 1);
    if (needs_block && needs_large && less == block + step->taken) {
        pieces_take(pieces, block, 1);
        pieces_take(pieces, step->taken, 0);
    } else if (needs_block && less == block &&
               (!needs_large || step->taken != block)) {
        pieces_take(pieces, block, 1);
    } else if (needs_large && less == step->taken &&
               (!needs_block || step->taken != block)) {
        run->kept.passed += pieces_too_small(pieces, step->size) != 0;
        states_note_taken(run, step->size);
        pieces_take(pieces, step->taken, 0);
    } else {
        pieces->is_known = 0;
    }
}

/* Notes that the thread need not have kept any region's pieces. */
static void
kept_need_none(struct kept *kept)
{
    if (kept->needs_any) {
        memset(kept->needed, 0, sizeof(kept->needed));
        kept->needs_any = 0;
    }
}

/* Notes that a pool took that number of kept pieces. They may be any
 * region's. */
static void
kept_need_less(struct kept *kept, size_t pieces)
{
    size_t i;

    for (i = 0; i < KEPT_REGIONS_LEAST; i++) {
        kept->needed[i] -= kept->needed[i] < pieces ? kept->needed[i] : pieces;
    }
}

/*
 * Notes the pieces that a new limit has left, where before bytes were kept. Of
 * large pieces of one size, those that were not needed are released first. Of
 * other pieces, all that were released may have been needed: blocks of one size
 * may lie in two bins.
 */
static void
kept_need_left(struct kept *kept, size_t before)
{
    struct pieces *pieces = &kept->pieces;
    const struct piece_size *only = pieces_only(pieces);
    size_t left = kept->stats.blocks + kept->stats.large;
    size_t had = pieces->blocks + pieces->large;
    size_t i;

    if (before == kept->stats.size) {
        return;
    }
    if (!pieces->is_known || had < left) {
        kept_need_none(kept);
    } else if (only != NULL && !only->is_block) {
        for (i = 0; i < KEPT_REGIONS_LEAST; i++) {
            if (kept->needed[i] > left) {
                kept->needed[i] = left;
            }
        }
    } else {
        kept_need_less(kept, had - left);
    }
    pieces_leave(pieces, kept->stats.size);
}

/* Notes the pieces that the thread got by a reset or a destroy. */
static void
kept_note_end(struct run *run, const struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    struct pieces *pieces = &run->kept.pieces;
    size_t i;

    if (ngx_pool_cache_size() != step->kept + step->ended_least) {
        pieces->is_known = 0;
    }
    for (i = 0; i < model->large_count; i++) {
        if (model->large[i].size >= KEPT_SIZE_MIN) {
            pieces_put(pieces, model->large[i].size, 1, 0);
        }
    }
    if (step->kind == STEP_DESTROY) {
        pieces_put(pieces, model->blocks[0].size, model->block_count, 1);
    }
}

/* Notes a sweep. Within the limit, and while all memory is counted, only a
 * sweep releases kept memory. */
static void
kept_note_sweep(struct run *run, struct step *step)
{
    struct kept *kept = &run->kept;

    kept->region_count++;
    kept->since_sweep++;
    if (kept_has_swept(run, step)) {
        step->is_early = kept->since_sweep < KEPT_REGIONS_LEAST;
        kept->since_sweep = 0;
    }
}

/* Whether the step, a region's end, released kept memory although the limit
 * allows it: a sweep. */
static int
kept_has_swept(const struct run *run, const struct step *step)
{
    return step->is_plain && step->kept + step->ended <= run->kept.limit &&
           ngx_pool_cache_size() < step->kept + step->ended_least;
}

/* Notes the pieces that the region ended with. At a sweep, sets the most pieces
 * of the last regions: a sweep leaves them. */
static void
kept_note_needed(struct run *run, struct step *step)
{
    const struct model_pool *model = &run->model.pools[step->pool];
    struct kept *kept = &run->kept;
    size_t *needed = &kept->needed[kept->region_count % KEPT_REGIONS_LEAST];
    ngx_pool_cache_stats_t stats;
    size_t i;

    *needed = 0;
    if (!step->is_plain || step->kept + step->ended > kept->limit) {
        kept_need_none(kept);
        return;
    }
    for (i = 0; i < model->large_count; i++) {
        *needed += model->large[i].size >= KEPT_SIZE_MIN;
    }
    if (step->kind == STEP_DESTROY) {
        *needed += model->block_count;
    }
    kept->needs_any |= *needed != 0;
    if (!kept_has_swept(run, step)) {
        return;
    }
    for (i = 0; i < KEPT_REGIONS_LEAST; i++) {
        if (step->needed < kept->needed[i]) {
            step->needed = kept->needed[i];
        }
    }
    ngx_pool_cache_stats(&stats);
    states_note_sweep(run, step->needed, stats.blocks + stats.large);
    kept->passed = 0;
}

/*
 * Notes whether the kept memory can still be predicted from the memory that
 * pools get from the system. It cannot after a pool got memory by
 * ngx_pmemalign(), by nginx's own functions, or without bookkeeping. Nor can it
 * after more was allocated than the limit: the part above the limit is not
 * counted, so less is kept after a sweep, and under a higher limit. Under a
 * limit of KEPT_ALWAYS or less, a sweep releases nothing.
 */
static void
kept_note_plain(struct run *run, const struct step *step)
{
    if (step->is_nginx || (step->made != NULL && step->code == OP_PMEMALIGN)) {
        run->kept.is_plain = 0;
    }
    if (step->calls != 0 && run->kept.limit != 0 &&
        run->kept.stats.overhead == 0) {
        run->kept.is_plain = 0;
    }
    if (step->kind == STEP_OTHER &&
        (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM)) {
        kept_note_limit(run);
    }
    run->kept.is_beyond |=
        heap_live_bytes() - run->kept.stats.overhead > run->kept.limit;
    if (run->kept.is_beyond && run->kept.limit > KEPT_ALWAYS) {
        run->kept.is_plain = 0;
    }
}

/* After a new limit, or a trim. Where no memory is kept and no pool lives, all
 * starts again. */
static void
kept_note_limit(struct run *run)
{
    struct kept *kept = &run->kept;
    int is_new = kept->stats.size == 0;
    unsigned pool;

    for (pool = 0; pool < OP_POOLS; pool++) {
        is_new &= !run->model.pools[pool].exists;
    }
    if (is_new) {
        kept->is_plain = 1;
        kept->is_beyond = 0;
    } else if (kept->stats.overhead == 0 ||
               (kept->is_beyond && kept->limit > kept->limit_before)) {
        kept->is_plain = 0;
    }
    kept->limit_before = kept->limit;
}
