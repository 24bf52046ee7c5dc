#include "step.h"

#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"
#include "heap.h"
#include "oracle.h"

enum {
    /* The kept pieces are counted after one in this number of ops: of the ops
     * that end a region, and of the others. Counting takes as long as an op. */
    COUNTED_END_ONE_IN = 8,
    COUNTED_ONE_IN = 64,

    /* The parts of a pool that a step may check for each step that checked only
     * what it may have changed: blocks, large allocations, cleanups. */
    PARTS = 2,
};

static void look_at_pool(struct run *run, struct shadow_pool *self,
                         struct step *step);
static void choose_parts(struct run *run, struct step *step);
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
    struct step step;

    bytes_fill(&step, 0, sizeof(step));
    step.kind = kind;
    step.pool = pool;
    step.code = code;
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
    int may_change = step->kind != STEP_READ && step->kind != STEP_WRITE;
    const struct promise *broken = NULL;

    step->is_whole = 0;
    if (may_change) {
        look_at_pool(run, self, step);
        look_at_kept(run, step);
        hash_step(run, step);
    }

    if (run->op_number > run->options.checked) {
        broken = oracles_check(run, step);
    }
    if (broken != NULL) {
        step_fail(run, step, broken);
    }
    if (may_change) {
        self->was_freed |= step->kind == STEP_FREE && step->succeeds;
        kept_note(run, step);
    }
}

static void
look_at_pool(struct run *run, struct shadow_pool *self, struct step *step)
{
    if (self->pool == NULL) {
        self->index_size = 0;
        return;
    }
    shadow_note_blocks(self);
    if (step->made != NULL) {
        step->block =
            shadow_block_of(self, &run->model.pools[step->pool], step->made->p);
        if (step->block < self->block_count) {
            step->offset =
                (size_t) (step->made->p -
                          (unsigned char *) self->blocks[step->block]);
        }
    }
    look_at_index(run, self, step);
    choose_parts(run, step);
    self->after = *self->pool;
}

/* Sets the parts of the pool that oracles check. These are the ones that the
 * step may have changed; before a region ends, and after a reset, all of them.
 * In between, the more parts a pool has, the fewer steps check all of them, so
 * that a long list costs a step no more than a short one. */
static void
choose_parts(struct run *run, struct step *step)
{
    struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t parts = model->block_count + model->large_peak + self->cleanup_count;

    step->is_whole = step->kind == STEP_RESET || step->kind == STEP_BEFORE ||
                     PARTS * ++self->part_steps >= parts;
    step->first_block = 0;
    step->end_block = model->block_count;
    if (step->is_whole) {
        self->part_steps = 0;
    } else if (step->kind == STEP_ALLOC || step->kind == STEP_CLEANUP) {
        /* Those from the one on that was current before. */
        step->first_block = model->current;
        while (self->blocks[step->first_block] != step->before.current &&
               step->first_block != 0) {
            step->first_block--;
        }
    } else {
        step->end_block = 1; /* of the others, only a tail's end may move */
    }
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
        step->is_indexed = 1;
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
    int has_block = step->kind == STEP_CREATE || step->spot.is_fresh;

    step->keeps_more = size > kept->stats.size;
    if (step->code == OP_CACHE_LIMIT || step->code == OP_CACHE_TRIM ||
        (step->calls != 0 && kept->stats.overhead == 0 &&
         (kept->limit != 0 || has_block)) ||
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
    uint64_t effects = shadow_word(0, (uint64_t) step->kind << 8 | step->code) +
                       shadow_word(1, (uint64_t) step->answer);

    if (step->made != NULL) {
        effects += shadow_word(2, step->made->size) +
                   shadow_word(3, (uint64_t) step->block << 32 | step->offset);
    }
    if (self->pool != NULL) {
        effects += shadow_word(4, (uint64_t) self->pool->d.failed << 32 |
                                      self->block_count);
    }
    self->hash = shadow_mix(self->hash, effects);

    /* The order of an index depends on addresses, so the kept memory may vary
     * from build to build. */
    if (!run->was_indexed) {
        effects += shadow_word(5, heap_live_blocks()) +
                   shadow_word(6, heap_live_bytes());
    }
    run->hash = shadow_mix(run->hash, self->hash ^ effects);
}
