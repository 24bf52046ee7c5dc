/*
 * The shadow of a pool: the executor's record of it, which the pool is compared
 * with. It has the pool's blocks, its live allocations, the cleanups that it
 * must run, and the addresses that it has freed. No function here calls the
 * pool.
 *
 * All functions: one thread.
 */
#ifndef FUZZ_SHADOW_H
#define FUZZ_SHADOW_H

#include <stddef.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "model.h"
#include "op.h"

enum {
    SHADOW_FILLS = 255, /* values of a written byte; 0 is none of them */

    SHADOW_STALE_MAX = 16, /* freed addresses in a pool's record */

    /* A cleanup makes two allocations: its node and its data. */
    SHADOW_ALLOCATIONS_MAX = 2 * MODEL_OPS_MAX,
};

/* The use of an allocation. */
enum shadow_kind {
    SHADOW_BYTES, /* the program's own */
    SHADOW_NODE,  /* a cleanup's node, which the pool uses */
    SHADOW_DATA,  /* a cleanup's data */
};

/* Small, since each op reads many. */
struct shadow_allocation {
    unsigned char *p;
    size_t size;
    unsigned key;    /* no two are the same */
    unsigned number; /* run.made_count at its op; never falls along the
                      * list */
    enum shadow_kind kind;
    enum model_place place;
    unsigned block;  /* of a small one: as in struct model_spot */
    unsigned offset; /* of a small one */
    unsigned char
        fill; /* the value of every written byte; 0: none is written */
};

/* The bytes of a large allocation. */
struct shadow_range {
    const unsigned char *start;
    const unsigned char *end;
};

/* The actions of a cleanup's handler. */
enum shadow_handler {
    SHADOW_PLAIN,
    SHADOW_ALLOCATING,
    SHADOW_FREEING,
    SHADOW_ADDING,
    SHADOW_NONE, /* handler stays NULL */
    SHADOW_OPS,  /* handlers that have a number of their own in an op */

    SHADOW_RUNNING_FILE = SHADOW_OPS, /* ngx_pool_run_cleanup_file() */
    SHADOW_ALIGNING,                  /* makes a large allocation of any size */
    SHADOW_CANCELLING,                /* clears another cleanup's handler */
    SHADOW_TRIMMING,                  /* releases the thread's kept memory */
    SHADOW_NESTING,                   /* makes and destroys another pool */
    SHADOW_HANDLERS,

    SHADOW_CLOSE = SHADOW_HANDLERS, /* ngx_pool_cleanup_file() */
    SHADOW_DELETE,                  /* ngx_pool_delete_file() */
};

struct shadow_cleanup {
    enum shadow_handler handler;
    int is_over; /* cancelled, or run early */
    ngx_pool_cleanup_t *node;
    unsigned number; /* no two are the same */
    void *data;      /* that the handler must get */
    size_t size;
    unsigned char fill;
    struct op op; /* that added it */
};

/* An argument of ngx_pfree(). */
struct shadow_target {
    void *p;
    unsigned key;  /* of the allocation that p is or was in */
    size_t offset; /* of p in it */
};

struct shadow_pool {
    ngx_pool_t *pool;  /* NULL: it does not exist */
    ngx_pool_t after;  /* a copy of *pool, after the last op on it */
    size_t part_steps; /* since the last step that is_whole */
    int is_mixed;      /* nginx's own functions have worked on it */
    size_t block_count;
    ngx_pool_t *blocks[MODEL_BLOCKS_MAX];
    const ngx_pool_t *lowest;            /* of the blocks, by address */
    const ngx_pool_t *highest;           /* the same */
    size_t block_ends[MODEL_BLOCKS_MAX]; /* offset of the end of the cut bytes
                                            of each, since it was empty */
    size_t index_size;                   /* bytes of its index */
    size_t index_puts; /* large allocations since the pool got that index */
    size_t index_live; /* large allocations when it got that index, at most */
    /* Of live large allocations: */
    uint64_t large_sum;          /* shadow_hash() of each address, added */
    uintptr_t large_address_sum; /* the addresses, added */
    uint64_t large_order; /* a hash of their addresses, newest first, if none
                             was freed since the pool was empty */
    uint64_t large_power; /* of SHADOW_ORDER, for the next one */
    int was_freed;        /* one was freed since the pool was empty */
    size_t large_asked;   /* bytes */
    size_t ended_count;   /* allocations that the last reset or destroy ended */
    size_t allocation_count;
    struct shadow_allocation allocations[SHADOW_ALLOCATIONS_MAX + 2];
    size_t range_count; /* of live large allocations */
    struct shadow_range ranges[SHADOW_ALLOCATIONS_MAX + 2]; /* by address */
    size_t cleanup_count; /* that have not run, oldest first */
    struct shadow_cleanup cleanups[MODEL_OPS_MAX + 1];
    size_t stale_count;
    struct shadow_target stale[SHADOW_STALE_MAX];
    uint64_t hash; /* a hash of the ops and their effects */
};

/* Start without a pool. */
void shadow_clear(struct shadow_pool *shadow);

/* Record a new pool, which has one block. */
void shadow_start(struct shadow_pool *shadow, ngx_pool_t *pool);

/* Record the end of all allocations. Their records may be read until the next
 * one is added. */
void shadow_end(struct shadow_pool *shadow);

/* Record a new allocation. The caller sets its key. */
struct shadow_allocation *shadow_add(struct shadow_pool *shadow,
                                     enum shadow_kind kind, unsigned char *p,
                                     size_t size, const struct model_spot *spot,
                                     size_t number);
void shadow_remove(struct shadow_pool *shadow,
                   struct shadow_allocation *allocation);

/* Record that the allocation is cut from its block, or that its end moved. */
void shadow_note_cut(struct shadow_pool *shadow,
                     const struct shadow_allocation *allocation);

/* Record the blocks that the pool has appended. */
void shadow_note_blocks(struct shadow_pool *shadow);

/* The program's own allocation of that place that comes first from allocation
 * nth on. The newest allocation is 0; nth is taken modulo the number of all.
 * Returns NULL when there is none. */
struct shadow_allocation *shadow_pick(struct shadow_pool *shadow, unsigned nth,
                                      enum model_place place);

/* The program's own allocation at the end of the first block's used part, or
 * NULL. Of several, where some have no bytes, it is the newest one. */
struct shadow_allocation *shadow_last(struct shadow_pool *shadow);

/* The program's own allocation that the op of that number made, from 1. Returns
 * NULL when the pool does not have it. Cost: O(log n). */
struct shadow_allocation *shadow_numbered(struct shadow_pool *shadow,
                                          size_t number);

/* Whether many large allocations of the pool are newer than the allocation. */
int shadow_is_old(const struct shadow_pool *shadow,
                  const struct shadow_allocation *allocation);

/* The number of live large allocations that overlap the range: 0, 1, or 2 for
 * more. They must not overlap each other, except that the newest may overlap
 * any. Cost: O(log n). */
unsigned shadow_count_overlapping(const struct shadow_pool *shadow,
                                  struct shadow_range range);

/* Whether an allocation of the pool starts at p. */
int shadow_is_live(const struct shadow_pool *shadow, const void *p);

/* The allocation's start. allocation may be NULL; then p is NULL. */
struct shadow_target
shadow_target_of(const struct shadow_allocation *allocation);

/* Write value to all bytes of the allocation, or to both ends of a long one. */
void shadow_fill(struct shadow_allocation *allocation, unsigned char value);

/* The index of the block that p lies in or just after, or block_count. */
size_t shadow_block_of(const struct shadow_pool *shadow,
                       const struct model_pool *model, const unsigned char *p);

/* Whether the allocation has the bytes that were written. */
int shadow_is_intact(const struct shadow_allocation *allocation);

/* Whether the size bytes at p are as shadow_fill() writes fill; true for fill
 * 0, which stands for bytes that were not written. */
int shadow_is_written(const void *p, size_t size, unsigned char fill);

/* Add a value to a hash: FNV's step, a word at a time. */
static inline uint64_t
shadow_mix(uint64_t hash, uint64_t value)
{
    const uint64_t prime = 0x100000001b3;

    hash = (hash ^ value) * prime;
    return hash ^ hash >> 29;
}

/* A word of a sum that shadow_mix() adds to a hash; nth is its place in the
 * sum. */
static inline uint64_t
shadow_word(unsigned nth, uint64_t value)
{
    return value * (UINT64_C(0x9e3779b97f4a7c15) * (2 * nth + 1));
}

/* Odd, for a hash of addresses in their order. */
#define SHADOW_ORDER UINT64_C(0x100000001b3)

/* The hash of p, for a sum of hashes over a set of addresses. */
static inline uint64_t
shadow_hash(const void *p)
{
    return shadow_mix(0, (uint64_t) (uintptr_t) p);
}

#endif
