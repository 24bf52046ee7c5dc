/*
 * A model of a pool: the rule by which a pool serves allocations, as numbers
 * alone. The model has each pool's blocks, the used bytes and failures of each,
 * the current block, and the live large allocations. It touches no memory of a
 * pool and shares no code with one. It takes only the sizes of the public
 * structs from ngx_palloc.h. Offsets are in bytes from a block's start.
 *
 * The model leaves open what the library may decide: the memory that a thread
 * keeps, when a list gets an index, the order of requests to the system. The
 * executor makes the call first, and passes its observations as struct
 * model_seen. The model returns the result that must follow, and the oracles
 * check the call against it.
 *
 * All functions: one thread.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "op.h"

enum {
    /* The ops that one program does, with the ops of its handlers. An op adds
     * at most one block, one large allocation and one cleanup. */
    MODEL_OPS_MAX = 1024,

    /* nginx's own functions may append two blocks for a cleanup. */
    MODEL_BLOCKS_MAX = 2 * MODEL_OPS_MAX + 1,
};

/* The key of no allocation. */
#define MODEL_NO_KEY ((unsigned) -1)

/* The index of no entry on the list of large allocations. */
#define MODEL_NO_ENTRY ((size_t) -1)

/* The place of an allocation. */
enum model_place {
    MODEL_NOWHERE, /* it failed */
    MODEL_SMALL,
    MODEL_LARGE,
};

struct model_spot {
    enum model_place place;
    size_t block;  /* of a small one: number of the block in its pool, from 0 */
    size_t offset; /* of a small one: in the block */
    size_t before; /* of a small one: the block's last before it was cut */
    int is_fresh;  /* a block was appended for it, or for its entry */
};

/* The place of a cleanup: of its node, and of its data, which follows the node
 * in the same allocation. nginx's own function makes two allocations. */
struct model_cleanup {
    struct model_spot node;
    struct model_spot data;
};

/* A call, as the executor saw it. */
struct model_seen {
    int is_null; /* the call returned NULL, for lack of more than bookkeeping */
    int is_refused; /* the system refused memory during the call */
    int has_block;  /* the call appended a block */
    size_t failed;  /* after the call, of the block that was current before */
    int has_index;  /* the pool had an index before the call */
    int is_indexed; /* a large allocation's entry is in the index */
    size_t empty_entry; /* index of the list's first entry without an
                         * allocation, before the call, or MODEL_NO_ENTRY */
    size_t taken;       /* bytes of memory that serve a large allocation */
};

struct model_block {
    size_t size;
    size_t last;
    size_t failed;
};

struct model_large {
    size_t size;  /* of the memory that serves it */
    unsigned key; /* the caller's number of it; no two are the same */
};

struct model_pool {
    int exists;
    size_t max;
    size_t bytes; /* of all blocks */
    size_t block_count;
    size_t current;
    struct model_block blocks[MODEL_BLOCKS_MAX];

    size_t large_count; /* live ones */
    struct model_large large[MODEL_OPS_MAX + 1];
    size_t large_bytes;
    size_t large_peak;  /* most live ones at a time since the last reset */
    size_t spare_count; /* entries of freed ones, for later ones */
    size_t empty_count; /* entries on the list without an allocation; known
                         * only while there is no index */
};

struct model {
    size_t redzone; /* bytes after each small allocation */
    int all_large;  /* NGX_DEBUG_PALLOC of the pool that is run */
    struct model_pool pools[OP_POOLS];
};

/* Start without pools. */
void model_init(struct model *model, size_t redzone, int all_large);

/* Whether an allocation of size bytes is cut from a block. */
static inline int
model_is_small(const struct model *model, unsigned pool, size_t size)
{
    return !model->all_large && size <= model->pools[pool].max;
}

/* Create the pool. Returns 1 when it must exist now, else 0. */
int model_create(struct model *model, unsigned pool, size_t size,
                 const struct model_seen *seen);

/*
 * Make an allocation. Returns the place where it must be now. key names a large
 * allocation for model_free(). The place is MODEL_NOWHERE when the call was
 * allowed to return NULL, and did.
 */
struct model_spot model_palloc(struct model *model, unsigned pool, size_t size,
                               unsigned key, const struct model_seen *seen);
struct model_spot model_pnalloc(struct model *model, unsigned pool, size_t size,
                                unsigned key, const struct model_seen *seen);
struct model_spot model_pmemalign(struct model *model, unsigned pool,
                                  unsigned key, const struct model_seen *seen);
struct model_cleanup model_cleanup(struct model *model, unsigned pool,
                                   size_t size, unsigned key,
                                   const struct model_seen *seen);

/* Free an allocation. Returns 1 when key was a live large allocation of pool,
 * else 0. */
int model_free(struct model *model, unsigned pool, unsigned key,
               const struct model_seen *seen);

/*
 * The same for nginx's own functions, by nginx's rule. model_nginx_block()
 * appends a block and cuts size bytes from it; model_nginx_large() makes an
 * allocation of any size large.
 */
struct model_spot model_nginx_alloc(struct model *model, unsigned pool,
                                    size_t size, size_t alignment, unsigned key,
                                    const struct model_seen *seen);
struct model_spot model_nginx_block(struct model *model, unsigned pool,
                                    size_t size, const struct model_seen *seen);
struct model_spot model_nginx_large(struct model *model, unsigned pool,
                                    unsigned key,
                                    const struct model_seen *seen);
struct model_spot model_nginx_pmemalign(struct model *model, unsigned pool,
                                        unsigned key,
                                        const struct model_seen *seen);
struct model_cleanup model_nginx_cleanup(struct model *model, unsigned pool,
                                         size_t size, unsigned key,
                                         const struct model_seen *seen);
int model_nginx_free(struct model *model, unsigned pool, unsigned key);

/* Reset or destroy the pool, after its cleanups have run. */
void model_reset(struct model *model, unsigned pool);
void model_destroy(struct model *model, unsigned pool);

/* Move the end of the first block's last allocation. A user of the pool may do
 * that, as ngx_array does. */
void model_tail_move(struct model *model, unsigned pool, long bytes);

/* Free bytes of the block that the pool tries first. */
size_t model_left(const struct model *model, unsigned pool);

/* The offset at which a block's usable memory starts. */
static inline size_t
model_header(size_t block)
{
    return block == 0 ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t);
}

#endif
