#include "oracle.h"

enum {
    APART,
    EMPTY,
};

static const struct promise promises[] = {
    [APART] = {3, "no two live allocations overlap, across all pools"},
    [EMPTY] = {10, "size 0 gives a pointer that is not NULL"},
};

static int overlaps(const struct run *run, const struct step *step,
                    const struct shadow_allocation *made);
static int overlaps_small(const struct shadow_pool *self,
                          const struct step *step,
                          const struct shadow_allocation *made);
static int overlaps_large(const struct run *run,
                          const struct shadow_allocation *made);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    if (step->kind == STEP_ALLOC && step->size == 0 && step->succeeds &&
        step->made == NULL) {
        return &promises[EMPTY];
    }
    return overlaps(run, step, step->made) || overlaps(run, step, step->data)
               ? &promises[APART]
               : NULL;
}

static int
overlaps(const struct run *run, const struct step *step,
         const struct shadow_allocation *made)
{
    if (made == NULL) {
        return 0;
    }
    return made->place == MODEL_SMALL
               ? overlaps_small(&run->pools[step->pool], step, made)
               : overlaps_large(run, made);
}

/* Small allocations are cut from a block one after the other, so each starts at
 * or after the end of the earlier ones. */
static int
overlaps_small(const struct shadow_pool *self, const struct step *step,
               const struct shadow_allocation *made)
{
    size_t block = made == step->made ? step->block : made->block;

    return block < self->block_count &&
           made->p < (const unsigned char *) self->blocks[block] +
                         self->block_ends[block];
}

/* Whether it overlaps another large allocation or a block. */
static int
overlaps_large(const struct run *run, const struct shadow_allocation *made)
{
    struct shadow_range range = {.start = made->p, .end = made->p + made->size};
    unsigned overlapping = 0;
    unsigned pool;

    for (pool = 0; pool < OP_POOLS; pool++) {
        const struct shadow_pool *self = &run->pools[pool];

        if (self->pool == NULL) {
            continue;
        }
        overlapping += shadow_count_overlapping(self, range);
        if (shadow_block_of(self, &run->model.pools[pool], made->p) !=
            self->block_count) {
            return 1;
        }
    }
    /* Its own range is one of them, unless that is empty. */
    return overlapping > (made->size != 0);
}

ORACLE_DEFINE(overlap, ORACLE_MAKES);
