#include "oracle.h"

#include <ngx_pool_index.h>

enum {
    ONCE,
    SPARE,
    EMPTY,
    INDEX,
    INDEXED,
    LISTED,
    ORDER,
    SHORT,
    LOAD,
    AGAIN,
    COUNT,
    CALLS,
    SPREAD,
};

static const struct promise promises[] = {
    [ONCE] = {49, "the list of large allocations holds each live one once, "
                  "and no other"},
    [SPARE] = {37, "the entry of a freed large allocation is used again"},
    [EMPTY] = {37, "an entry without an allocation is used again, and only "
                   "nginx's own functions leave one on a list without an "
                   "index"},
    [INDEX] = {37, "an index takes a few entries for each large allocation "
                   "that was live when it was made"},
    [INDEXED] = {15, "with many large allocations, old ones are freed by an "
                     "index"},
    [LISTED] = {49, "an index comes with a list, which the index's tail ends"},
    [ORDER] = {49, "an index keeps the order of the list"},
    [SHORT] = {49, "a list of a few large allocations gets no index"},
    [LOAD] = {37, "an index always has free entries: one in eight"},
    [AGAIN] = {37, "an index is built again only after many allocations"},
    [COUNT] = {49, "an index knows how many of its entries are on the list"},
    [CALLS] = {37, "ngx_pfree makes at most one request to the system"},
    [SPREAD] = {15, "an index spreads allocations whose distances differ"},
};

enum {
    ENTRIES_MAX = 4 * MODEL_OPS_MAX, /* a longer list has no end */

    INDEX_LEAST = 64, /* entries; for more, three for each allocation */
    INDEX_HEADER_MAX = 64,

    /* Allocations of a list without an index. nginx's own functions leave
     * cleared entries, which make a list long without allocations. */
    SHORT_MAX = 8,

    /* An index is built again after at least one allocation for this number of
     * its entries. */
    AGAIN_ONE_IN = 16,

    /* Any function spreads some addresses badly, such as those whose distances
     * are multiples of a number: 256 for the pool's. So an index is checked
     * only if at least this number of different distances are odd multiples of
     * the heap's alignment. */
    DISTANCES_LEAST = 16,
    DISTANCE_UNIT = 16,
};

struct list {
    size_t live;
    size_t empty;
    uint64_t sum;
};

static struct list list_look(const ngx_pool_large_t *large);
static size_t index_most(size_t live);
static const struct promise *check_index(const struct run *run,
                                         const struct step *step);
static uint64_t order_of(const ngx_pool_large_t *list, const void *freed);
static int is_row(const ngx_pool_large_t *list, const ngx_pool_index_t *index);
static int are_irregular(const ngx_pool_large_t *list);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    struct list list;

    if (self->pool == NULL) {
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
               !run_was_refused(run)) {
        return &promises[INDEXED];
    }
    if (!step->is_whole) {
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

    if (self->index_size > index_most(self->index_live)) {
        return &promises[INDEX];
    }
    if (self->pool->large == NULL) {
        return &promises[LISTED];
    }
    if (peak <= SHORT_MAX && !self->is_mixed) {
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
    if (!step->is_indexed && (self->index_puts != 0 || !step->is_whole)) {
        return NULL;
    }
    /* The index is new, or nothing was put into it since. */
    for (i = 0; i <= index->mask; i++) {
        linked += index->slots[i].next != NULL;
    }
    if (linked != index->linked) {
        return &promises[COUNT];
    }
    if (step->kind == STEP_FREE && !self->was_freed && !self->is_mixed &&
        order_of(self->pool->large, step->freed) != self->large_order) {
        return &promises[ORDER];
    }
    return is_row(self->pool->large, index) && are_irregular(self->pool->large)
               ? &promises[SPREAD]
               : NULL;
}

/* Returns the hash of an index's list, as in struct shadow_pool. The entry
 * without an allocation had freed. The tail, which ends the list, has none. */
static uint64_t
order_of(const ngx_pool_large_t *list, const void *freed)
{
    uint64_t order = 0;

    for (; list->next != NULL; list = list->next) {
        order *= SHADOW_ORDER;
        order += shadow_hash(list->alloc != NULL ? list->alloc : freed);
    }
    return order;
}

/* Whether the list has the order of the slots. Its first entry may be newer
 * than the index, and lie anywhere. */
static int
is_row(const ngx_pool_large_t *list, const ngx_pool_index_t *index)
{
    const ngx_pool_large_t *slots = index->slots;
    const ngx_pool_large_t *entry;

    if (list == NULL || list->next == NULL) {
        return 0;
    }
    for (entry = list->next; entry->next != &index->tail; entry = entry->next) {
        if (entry->next == NULL || entry < slots ||
            entry > slots + index->mask ||
            entry->next != &slots[(size_t) (entry + 1 - slots) & index->mask]) {
            return 0;
        }
    }
    return 1;
}

/* Whether enough distances between neighbours of the list differ, see
 * DISTANCES_LEAST. An entry that was freed after the index was made has no
 * address, so the answer is no. */
static int
are_irregular(const ngx_pool_large_t *list)
{
    uintptr_t distances[DISTANCES_LEAST];
    size_t count = 0;
    size_t i;

    for (; list->next != NULL && count < DISTANCES_LEAST; list = list->next) {
        uintptr_t distance =
            (uintptr_t) list->next->alloc - (uintptr_t) list->alloc;

        if (list->alloc == NULL) {
            return 0;
        }
        for (i = 0; i < count && distances[i] != distance; i++) {
        }
        if (i == count && distance / DISTANCE_UNIT % 2 != 0) {
            distances[count++] = distance;
        }
    }
    return count == DISTANCES_LEAST;
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

/* Returns the bytes that an index of that many live allocations may take. */
static size_t
index_most(size_t live)
{
    size_t entries = 3 * live < INDEX_LEAST ? INDEX_LEAST : 3 * live;

    return INDEX_HEADER_MAX + entries * sizeof(ngx_pool_large_t);
}

ORACLE_DEFINE(list, ORACLE_CHANGES | ORACLE_KIND(STEP_BEFORE));
