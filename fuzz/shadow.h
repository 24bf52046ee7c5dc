/*
 * The shadow of a pool: what the executor knows of it, to compare it with. Its
 * blocks, the allocations that live in it, the cleanups that it must run, and
 * which addresses it has freed. No function here calls the pool.
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
    SHADOW_FILLS = 255, /* values that a written byte takes, never 0 */

    SHADOW_STALE_MAX = 16, /* freed addresses that a pool remembers */

    /* A cleanup makes two: its node and its data. */
    SHADOW_ALLOCATIONS_MAX = 2 * MODEL_OPS_MAX,
};

/* Whose bytes an allocation's are. */
enum shadow_kind {
    SHADOW_BYTES, /* the program's */
    SHADOW_NODE,  /* the pool's: a cleanup */
    SHADOW_DATA,  /* a cleanup's data */
};

struct shadow_allocation {
    unsigned char *p;
    size_t size;
    unsigned key;  /* one each */
    size_t number; /* SHADOW_BYTES: of the op that made it, see op.h */
    enum shadow_kind kind;
    unsigned char fill; /* every byte that was written; 0: none was */
    struct model_spot spot;
};

/* The actions of a cleanup's handler. */
enum shadow_handler {
    SHADOW_PLAIN,
    SHADOW_ALLOCATING,
    SHADOW_FREEING,
    SHADOW_ADDING,
    SHADOW_NONE, /* handler stays NULL */
    SHADOW_HANDLERS,

    SHADOW_CLOSE = SHADOW_HANDLERS, /* ngx_pool_cleanup_file() */
    SHADOW_DELETE,                  /* ngx_pool_delete_file() */
};

struct shadow_cleanup {
    enum shadow_handler handler;
    int is_over; /* cancelled, or run early */
    ngx_pool_cleanup_t *node;
    unsigned number; /* one each */
    void *data;      /* that a handler is to be given */
    size_t size;
    unsigned char fill;
    struct op op; /* that added it */
};

/* The address that ngx_pfree() is given. */
struct shadow_target {
    void *p;
    unsigned key;  /* of the allocation that it is in, or was */
    size_t offset; /* there */
};

struct shadow_pool {
    ngx_pool_t *pool; /* NULL: there is none */
    ngx_pool_t after; /* its head after the last op on it */
    int is_mixed;     /* nginx's own functions have worked on it */
    size_t block_count;
    ngx_pool_t *blocks[MODEL_BLOCKS_MAX];
    size_t block_ends[MODEL_BLOCKS_MAX]; /* offset of the end of what was cut
                                            from each since it was empty */
    size_t index_size;                   /* bytes of its index */
    size_t index_puts;  /* large allocations since it has that index */
    uint64_t large_sum; /* shadow_hash() of each live large allocation, added */
    size_t ended_count; /* allocations that the last reset or destroy ended */
    size_t allocation_count;
    struct shadow_allocation allocations[SHADOW_ALLOCATIONS_MAX + 2];
    size_t cleanup_count; /* those not yet due, oldest first */
    struct shadow_cleanup cleanups[MODEL_OPS_MAX + 1];
    size_t stale_count;
    struct shadow_target stale[SHADOW_STALE_MAX];
    uint64_t trace; /* a hash of what was done and came of it */
};

/* There is no pool. */
void shadow_clear(struct shadow_pool *shadow);

/* The pool is new: it has one block. */
void shadow_start(struct shadow_pool *shadow, ngx_pool_t *pool);

/* All of its allocations have ended. Their memory may be read until the next
 * one is added. */
void shadow_end(struct shadow_pool *shadow);

/* A new allocation, its key and its place not yet known. */
struct shadow_allocation *shadow_add(struct shadow_pool *shadow,
                                     unsigned char *p, size_t size,
                                     enum shadow_kind kind);
void shadow_remove(struct shadow_pool *shadow,
                   struct shadow_allocation *allocation);

/* The allocation is cut from its block, or ends elsewhere now. */
void shadow_note_cut(struct shadow_pool *shadow,
                     const struct shadow_allocation *allocation);

/* Look for blocks that the pool has appended. */
void shadow_note_blocks(struct shadow_pool *shadow);

/* The program's own allocation of that place, newest first from who on; NULL:
 * there is none. */
struct shadow_allocation *shadow_pick(struct shadow_pool *shadow, unsigned who,
                                      enum model_place place);

/* The program's own allocation that the first block ends with: the newest one,
 * where some have no bytes; or NULL. */
struct shadow_allocation *shadow_last(struct shadow_pool *shadow);

/* By the number of the op that made it, from 1; NULL: it is not the pool's. */
struct shadow_allocation *shadow_numbered(struct shadow_pool *shadow,
                                          size_t number);

/* Whether many large allocations of the pool are newer. */
int shadow_is_old(const struct shadow_pool *shadow,
                  const struct shadow_allocation *allocation);

/* Whether an allocation of the pool starts at p. */
int shadow_is_live(const struct shadow_pool *shadow, const void *p);

/* The allocation's start; of NULL: NULL. */
struct shadow_target
shadow_target_of(const struct shadow_allocation *allocation);

/* Write the allocation: all of it, or both ends of a long one. */
void shadow_fill(struct shadow_allocation *allocation, unsigned char value);

/* The pool's block that p lies in or just after, or block_count. */
size_t shadow_block_of(const struct shadow_pool *shadow,
                       const struct model_pool *model, const unsigned char *p);

/* Whether all of the allocation's bytes are what was written. */
int shadow_is_intact(const struct shadow_allocation *allocation);

/* Whether p's size bytes are what was written as fill; 0: nothing was. */
int shadow_is_written(const void *p, size_t size, unsigned char fill);

/* Whether each of p's size bytes is value. */
int shadow_is_uniform(const void *p, size_t size, unsigned char value);

/* A hash and one more value: FNV's step, a word at a time. */
static inline uint64_t
shadow_mix(uint64_t hash, uint64_t value)
{
    const uint64_t prime = 0x100000001b3;

    hash = (hash ^ value) * prime;
    return hash ^ hash >> 29;
}

/* A number that stands for p in a sum over a set of addresses. */
static inline uint64_t
shadow_hash(const void *p)
{
    return shadow_mix(0, (uint64_t) (uintptr_t) p);
}

#endif
