#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_pool_index.h>

enum {
    NGX_POOL_INDEX_MIN = 64, /* slots of a small index: four walked lists */

    NGX_POOL_HASH_SHIFT = 32, /* the product's upper half is the hash */
};

/* 2^64 over the golden ratio: spreads the upper bits of a product (Knuth). */
#define NGX_POOL_HASH 0x9e3779b97f4a7c15u

static ngx_pool_large_t *ngx_pool_index_slot(ngx_pool_index_t *index,
                                             const void *p, const void *alloc);

/* At most three quarters of a new index are linked. */
ngx_uint_t
ngx_pool_index_build(ngx_pool_t *pool)
{
    size_t slots = NGX_POOL_INDEX_MIN;
    size_t count = 0;
    ngx_pool_index_t *index;
    ngx_pool_large_t *large;
    ngx_pool_large_t *list;
    ngx_pool_large_t **link = &list;

    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc != NULL;
    }
    while (4 * count > 3 * slots) {
        slots *= 2;
    }
    index = ngx_calloc(sizeof(*index) + slots * sizeof(*large), pool->log);
    if (index == NULL) {
        return 0;
    }
    index->mask = slots - 1;
    index->linked = count;

    for (large = pool->large; large != NULL; large = large->next) {
        if (large->alloc != NULL) {
            *link = ngx_pool_index_slot(index, large->alloc, NULL);
            (*link)->alloc = large->alloc;
            (*link)->next = &index->tail;
            link = &(*link)->next;
        }
    }
    *link = &index->tail;
    ngx_free(pool->index);
    pool->index = index;
    pool->large = list;
    return 1;
}

/* At most seven eighths of the slots are linked: a search then looks at five of
 * them on average, which are two lines of memory. */
ngx_uint_t
ngx_pool_index_put(ngx_pool_t *pool, void *p)
{
    ngx_pool_index_t *index = pool->index;
    ngx_pool_large_t *slot;

    if (8 * index->linked >= 7 * index->mask) {
        if (!ngx_pool_index_build(pool)) {
            return 0;
        }
        index = pool->index;
    }
    slot = ngx_pool_index_slot(index, p, NULL);
    slot->alloc = p;
    if (slot->next == NULL) {
        slot->next = pool->large;
        pool->large = slot;
        index->linked++;
    }
    return 1;
}

ngx_pool_large_t *
ngx_pool_index_find(ngx_pool_index_t *index, const void *p)
{
    ngx_pool_large_t *slot;

    if (index == NULL) {
        return NULL;
    }
    slot = ngx_pool_index_slot(index, p, p);
    return slot->alloc == p ? slot : NULL;
}

/* The first slot, from p's home on, that holds alloc, or was never linked. */
static inline ngx_pool_large_t *
ngx_pool_index_slot(ngx_pool_index_t *index, const void *p, const void *alloc)
{
    uint64_t hash = (uint64_t) (uintptr_t) p * NGX_POOL_HASH;
    size_t i = (size_t) (hash >> NGX_POOL_HASH_SHIFT) & index->mask;

    while (index->slots[i].next != NULL && index->slots[i].alloc != alloc) {
        i = (i + 1) & index->mask;
    }
    return &index->slots[i];
}
