#include "step.h"

#include <stdio.h>
#include <stdlib.h>

#include "heap.h"
#include "oracle.h"

enum {
    /* The kept pieces are counted after one in this number of ops: of the ops
     * that end a region, and of the others. Counting takes as long as an op. */
    COUNTED_END_ONE_IN = 8,
    COUNTED_ONE_IN = 64,
};

static void look_at_index(struct run *run, struct shadow_pool *self,
                          struct step *step);
static void look_at_kept(struct run *run, struct step *step);
static void step_fail(const struct run *run, const struct step *step,
                      const struct promise *broken);
static void hash_step(struct run *run, const struct step *step);

struct step
step_begin(const struct run *run, enum step_kind kind, unsigned pool,
           enum op_code code)
{
    struct step step = {.kind = kind, .pool = pool, .code = code};

    if (run->pools[pool].pool != NULL) {
        step.had_pool = 1;
        step.before = *run->pools[pool].pool;
    }
    return step;
}

void
step_check(struct run *run, struct step *step)
{
    struct shadow_pool *self = &run->pools[step->pool];
    const struct promise *broken = NULL;

    if (self->pool != NULL) {
        shadow_note_blocks(self);
        if (step->made != NULL) {
            step->block = shadow_block_of(self, &run->model.pools[step->pool],
                                          step->made->p);
            if (step->block < self->block_count) {
                step->offset =
                    (size_t) (step->made->p -
                              (unsigned char *) self->blocks[step->block]);
            }
        }
        look_at_index(run, self, step);
        self->after = *self->pool;
    } else {
        self->index_size = 0;
    }
    look_at_kept(run, step);
    hash_step(run, step);

    if (run->op_number > run->options.checked) {
        broken = oracles_check(run, step);
    }
    if (broken != NULL) {
        step_fail(run, step, broken);
    }
    self->was_freed |= step->kind == STEP_FREE && step->succeeds;
    kept_note(run, step);
}

static void
look_at_index(struct run *run, struct shadow_pool *self, struct step *step)
{
    ngx_pool_stats_t stats = {0};

    if (self->pool->index == self->after.index && self->index_size != 0) {
        self->index_puts +=
            step->spot.place == MODEL_LARGE &&
            (step->kind == STEP_ALLOC || step->kind == STEP_CLEANUP);
        return;
    }
    if (self->pool->index != NULL) {
        ngx_pool_stats(self->pool, &stats);
        run->was_indexed = 1;
        step->is_reindexed = self->index_size != 0;
        step->index_puts = self->index_puts;
        step->index_size = self->index_size;
    }
    self->index_size = stats.index;
    self->index_puts = 0;
    /* The step itself may have freed one. */
    self->index_live = run->model.pools[step->pool].large_count + 1;
}

/* Notes the memory that the thread keeps now. Counting its pieces reads each
 * bin, so most steps note the bytes alone. */
static void
look_at_kept(struct run *run, struct step *step)
{
    struct kept *kept = &run->kept;
    size_t size = ngx_pool_cache_size();
    int is_end = step->kind == STEP_RESET || step->kind == STEP_DESTROY;

    step->keeps_more = size > kept->stats.size;
    if (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM ||
        (step->calls != 0 && kept->stats.overhead == 0) ||
        (is_end && run->op_count % COUNTED_END_ONE_IN == 0) ||
        (!kept->is_counted && run->op_count % COUNTED_ONE_IN == 0)) {
        ngx_pool_cache_stats(&kept->stats);
        kept->is_counted = 1;
    } else if (size != kept->stats.size || is_end) {
        /* After a region's end, other pieces may have the same bytes in all. */
        kept->stats.size = size;
        kept->is_counted = 0;
    }
}

static void
step_fail(const struct run *run, const struct step *step,
          const struct promise *broken)
{
    char text[OP_TEXT_SIZE];

    op_print(&run->op, text);
    fprintf(stderr, "op %zu, %s: broken promise %u: %s\n", run->op_number,
            run->is_over ? "the end" : text, broken->number, broken->words);
    if (step->kind == STEP_ALLOC) {
        fprintf(stderr,
                "  %zu bytes: expected place %d, block %zu, offset %zu; found "
                "%s, block %zu, offset %zu\n",
                step->size, (int) step->spot.place, step->spot.block,
                step->spot.offset, step->made == NULL ? "NULL" : "memory",
                step->block, step->offset);
    }
    fprintf(stderr,
            "  live: %zu blocks, %zu bytes; kept: %zu bytes of at most %zu\n",
            heap_live_blocks(), heap_live_bytes(), run->kept.stats.size,
            run->kept.limit);
    abort();
}

static void
hash_step(struct run *run, const struct step *step)
{
    struct shadow_pool *self = &run->pools[step->pool];
    uint64_t hash = self->hash;

    hash = shadow_mix(hash, (uint64_t) step->kind << 8 | step->code);
    hash = shadow_mix(hash, (uint64_t) step->answer);
    if (step->made != NULL) {
        hash = shadow_mix(hash, step->made->size);
        hash = shadow_mix(hash, (uint64_t) step->block << 32 | step->offset);
    }
    if (self->pool != NULL) {
        hash = shadow_mix(hash, (uint64_t) self->pool->d.failed << 32 |
                                    self->block_count);
    }
    self->hash = hash;

    run->hash = shadow_mix(run->hash, hash);
    /* The order of an index depends on addresses, so the kept memory may vary
     * from build to build. */
    if (!run->was_indexed) {
        run->hash = shadow_mix(run->hash, heap_live_blocks());
        run->hash = shadow_mix(run->hash, heap_live_bytes());
    }
}
