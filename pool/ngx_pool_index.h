/*
 * The index of a pool's large allocations, private to the library: finds an
 * entry of the list by its allocation's address. ngx_pfree() builds it once a
 * list is too long to be walked.
 *
 * It is a hash table whose slots are the list's entries: open addressing with
 * linear probing. The list stays complete and in order, so code that walks it,
 * and nginx's own functions, which push entries and set alloc, go on working.
 * An allocation that such code adds is not in its hash slot: only a walk finds
 * it, until the index is built again.
 */
#ifndef POOL_NGX_POOL_INDEX_H
#define POOL_NGX_POOL_INDEX_H

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

struct ngx_pool_index_s {
    size_t mask;   /* slots less one; their number is a power of two */
    size_t linked; /* slots on the list, those of freed ones too */
    ngx_pool_large_t
        tail; /* ends the list: next of a linked slot is not NULL */
    ngx_pool_large_t slots[];
};

/*
 * Move all live entries of pool->large to a new index of fitting size, which
 * replaces the old one. Returns 0 and changes nothing when memory runs out.
 * Cost: O(large allocations).
 */
ngx_uint_t ngx_pool_index_build(ngx_pool_t *pool);

/* Add p to the pool's index and list. Returns 0 and changes nothing when the
 * index is full and memory runs out. Cost: O(1) amortised. */
ngx_uint_t ngx_pool_index_put(ngx_pool_t *pool, void *p);

/* The slot of p, which is not NULL, or NULL: a walk may still find it. An index
 * of NULL has none. */
ngx_pool_large_t *ngx_pool_index_find(ngx_pool_index_t *index, const void *p);

#endif
