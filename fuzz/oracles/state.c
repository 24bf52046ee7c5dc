#include "oracle.h"

enum {
    CHAIN,
    CURRENT,
    FAILED,
    PLACE,
    PLACE_DATA,
    HEAD,
    EMPTY,
    MIXED,
};

static const struct promise promises[] = {
    [CHAIN] = {38, "the pool has as many blocks as the rule says"},
    [CURRENT] = {38, "current moves as the rule says"},
    [FAILED] = {38, "failed counts as the rule says"},
    [PLACE] = {39, "a small allocation lies in the block, and at the offset, "
                   "where the rule puts it"},
    [PLACE_DATA] = {39, "a cleanup's data lie where the rule puts them"},
    [HEAD] = {48, "each block's head says how far it is used and where it "
                  "ends"},
    [EMPTY] = {48, "after a reset each block's head says that it is empty"},
    [MIXED] = {50, "nginx's own functions and the library's see each other's "
                   "changes"},
};

static const struct promise *find(const struct run *run,
                                  const struct step *step);
static const struct promise *check_place(const struct shadow_pool *self,
                                         const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct promise *broken;

    if (run->pools[step->pool].pool == NULL) {
        return NULL;
    }
    broken = find(run, step);
    return broken != NULL && run->pools[step->pool].is_mixed ? &promises[MIXED]
                                                             : broken;
}

static const struct promise *
find(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    const struct promise *broken = check_place(self, step);
    int is_reset = step->kind == STEP_RESET;
    size_t i;

    if (broken != NULL) {
        return broken;
    }
    if (self->block_count != model->block_count) {
        return &promises[CHAIN];
    }
    for (i = step->first_block; i < step->end_block; i++) {
        const ngx_pool_t *block = self->blocks[i];

        if (block->d.failed != model->blocks[i].failed) {
            return &promises[is_reset ? EMPTY : FAILED];
        }
        if ((size_t) (block->d.last - (const u_char *) block) !=
                model->blocks[i].last ||
            (size_t) (block->d.end - (const u_char *) block) !=
                model->blocks[i].size ||
            block->d.next !=
                (i + 1 < self->block_count ? self->blocks[i + 1] : NULL)) {
            return &promises[is_reset ? EMPTY : HEAD];
        }
    }
    return self->pool->current != self->blocks[model->current]
               ? &promises[CURRENT]
               : NULL;
}

static const struct promise *
check_place(const struct shadow_pool *self, const struct step *step)
{
    const struct shadow_allocation *data = step->data;

    if (step->made == NULL ||
        (step->kind != STEP_ALLOC && step->kind != STEP_CLEANUP)) {
        return NULL;
    }
    if (step->spot.place == MODEL_SMALL ? step->block != step->spot.block ||
                                              step->offset != step->spot.offset
                                        : step->block != self->block_count) {
        return &promises[PLACE];
    }
    if (data != NULL && data->place == MODEL_SMALL &&
        data->p !=
            (const unsigned char *) self->blocks[data->block] + data->offset) {
        return &promises[PLACE_DATA];
    }
    return NULL;
}

ORACLE_DEFINE(state, ORACLE_CHANGES | ORACLE_KIND(STEP_BEFORE));
