#include "oracle.h"

enum {
    CHAIN,
    CURRENT,
    FAILED,
    LAST,
    PLACE,
    PLACE_DATA,
};

static const struct promise promises[] = {
    [CHAIN] = {38, "the pool has as many blocks as the model"},
    [CURRENT] = {38, "current moves as the model says"},
    [FAILED] = {38, "failed grows as the model says"},
    [LAST] = {39, "a block is as large, and used as far, as the model says"},
    [PLACE] = {39, "a small allocation's block and offset are the model's"},
    [PLACE_DATA] = {39, "a cleanup's data lie where the model says"},
};

static const struct promise *check_place(const struct run_pool *self,
                                         const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct run_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    const struct promise *broken;
    size_t i;

    if (self->pool == NULL || step->kind == STEP_WRITE) {
        return NULL;
    }
    broken = check_place(self, step);
    if (broken != NULL) {
        return broken;
    }
    if (self->block_count != model->block_count) {
        return &promises[CHAIN];
    }
    if (self->pool->current != self->blocks[model->current]) {
        return &promises[CURRENT];
    }
    /* Those before current do not change any more; before is one for sure. */
    i = model->current == 0 ? 0 : model->current - 1;
    for (; i < model->used_count; i++) {
        const ngx_pool_t *block = self->blocks[i];
        const ngx_pool_data_t *data = ngx_pool_block_data(self->pool, block);

        if (block->d.failed != model->blocks[i].failed) {
            return &promises[FAILED];
        }
        if ((size_t) (data->last - (const u_char *) block) !=
                model->blocks[i].last ||
            (size_t) (data->end - (const u_char *) block) !=
                model->blocks[i].size) {
            return &promises[LAST];
        }
    }
    return NULL;
}

static const struct promise *
check_place(const struct run_pool *self, const struct step *step)
{
    const struct run_allocation *data = step->data;

    if (step->made == NULL ||
        (step->kind != STEP_ALLOC && step->kind != STEP_CLEANUP)) {
        return NULL;
    }
    if (step->spot.place == MODEL_SMALL &&
        (step->block != step->spot.block ||
         step->offset != step->spot.offset)) {
        return &promises[PLACE];
    }
    if (data != NULL && data->spot.place == MODEL_SMALL &&
        data->p != (const unsigned char *) self->blocks[data->spot.block] +
                       data->spot.offset) {
        return &promises[PLACE_DATA];
    }
    return NULL;
}

ORACLE_DEFINE(state);
