#include "oracle.h"

#include <ngx_pool_index.h>

#include "heap.h"

enum {
    ONCE,
    SPARE,
    EMPTY,
    INDEX,
    INDEXED,
    SHORT,
    LOAD,
    AGAIN,
    COUNT,
    CALLS,
};

static const struct promise promises[] = {
    [ONCE] = {49, "the list of large allocations holds each live one once, "
                  "and no other"},
    [SPARE] = {37, "the entry of a freed large allocation is used again"},
    [EMPTY] = {37, "an entry without an allocation is used again, and only "
                   "nginx's own functions leave one on a list without an "
                   "index"},
    [INDEX] = {37, "an index takes a few entries for each large allocation "
                   "that was live at a time"},
    [INDEXED] = {15, "with many large allocations, freeing old ones is by an "
                     "index"},
    [SHORT] = {49, "a list of a few large allocations gets no index"},
    [LOAD] = {37, "an index always has free entries: one in eight"},
    [AGAIN] = {37, "an index is built again only after many allocations"},
    [COUNT] = {49, "an index knows how many of its entries are on the list"},
    [CALLS] = {37, "ngx_pfree asks the system once at most"},
};

enum {
    /* Longer lists, and those that a step should not change, are looked at now
     * and then, and before each reset and destroy. */
    LOOKED_AT_MAX = 32,
    LOOKED_AT_ONE_IN = 16,

    ENTRIES_MAX = 4 * MODEL_OPS_MAX, /* a longer list has no end */

    INDEX_LEAST = 64, /* entries; for more, three for each allocation */
    INDEX_HEADER_MAX = 64,

    SHORT_MAX = 8, /* allocations of a list without an index */

    /* One in so many entries is added before an index is built again. */
    AGAIN_ONE_IN = 16,
};

struct list {
    size_t live;
    size_t empty;
    uint64_t sum;
};

static int is_due(const struct run *run, const struct step *step);
static struct list list_look(const ngx_pool_large_t *large);
static size_t index_most(size_t peak);
static const struct promise *check_index(const struct run *run,
                                         const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    struct list list;

    if (self->pool == NULL || step->kind == STEP_WRITE) {
        return NULL;
    }
    if (step->kind == STEP_FREE && step->calls > 1) {
        return &promises[CALLS];
    }
    if (self->pool->index != NULL) {
        const struct promise *broken = check_index(run, step);

        if (broken != NULL) {
            return broken;
        }
    } else if (step->kind == STEP_FREE && step->is_old && !self->is_mixed &&
               heap_refusals() - heap_refusals_of_size() ==
                   run->refusals - run->refusals_of_size) {
        return &promises[INDEXED];
    }
    if (!is_due(run, step)) {
        return NULL;
    }
    list = list_look(self->pool->large);
    if (list.live != model->large_count || list.sum != self->large_sum) {
        return &promises[ONCE];
    }
    if (self->pool->index == NULL && list.empty != model->empty_count) {
        return &promises[EMPTY];
    }
    list = list_look(self->pool->spare);
    return list.live + list.empty != model->spare_count ? &promises[SPARE]
                                                        : NULL;
}

static const struct promise *
check_index(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const ngx_pool_index_t *index = self->pool->index;
    size_t peak = run->model.pools[step->pool].large_peak;
    size_t linked = 0;
    size_t i;

    if (self->index_size > index_most(peak)) {
        return &promises[INDEX];
    }
    if (peak <= SHORT_MAX) {
        return &promises[SHORT];
    }
    if (8 * index->linked > 7 * (index->mask + 1)) {
        return &promises[LOAD];
    }
    if (step->is_reindexed &&
        AGAIN_ONE_IN * step->index_puts * sizeof(ngx_pool_large_t) <
            step->index_size - INDEX_HEADER_MAX) {
        return &promises[AGAIN];
    }
    if (self->index_puts != 0 || step->kind == STEP_BEFORE) {
        return NULL;
    }
    /* It is new. */
    for (i = 0; i <= index->mask; i++) {
        linked += index->slots[i].next != NULL;
    }
    return linked != index->linked ? &promises[COUNT] : NULL;
}

static int
is_due(const struct run *run, const struct step *step)
{
    int is_same = step->kind == STEP_BEFORE ||
                  (step->kind == STEP_ALLOC &&
                   step->spot.place == MODEL_SMALL && !step->is_nginx);

    return (run->model.pools[step->pool].large_peak <= LOOKED_AT_MAX &&
            !is_same) ||
           run->op_count % LOOKED_AT_ONE_IN == 0 ||
           (step->kind == STEP_BEFORE && step->made == NULL);
}

static struct list
list_look(const ngx_pool_large_t *large)
{
    struct list list = {0};

    for (; large != NULL && list.live + list.empty < ENTRIES_MAX;
         large = large->next) {
        if (large->alloc == NULL) {
            list.empty++;
        } else {
            list.live++;
            list.sum += shadow_hash(large->alloc);
        }
    }
    return list;
}

/* Bytes. */
static size_t
index_most(size_t peak)
{
    size_t entries = 3 * peak < INDEX_LEAST ? INDEX_LEAST : 3 * peak;

    return INDEX_HEADER_MAX + entries * sizeof(ngx_pool_large_t);
}

ORACLE_DEFINE(list, ORACLE_CHANGES | ORACLE_KIND(STEP_BEFORE));
