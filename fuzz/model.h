/*
 * The rule by which a pool serves allocations, played through with numbers
 * alone: the model knows each pool's blocks, how far each is used, failed,
 * current, and the live large allocations. It touches no memory of a pool and
 * shares no code with one. Sizes of the public structs are all that it takes
 * from ngx_palloc.h. Offsets are in bytes from a block's start.
 *
 * What the library decides by itself (which memory a thread keeps, when a list
 * gets an index, in which order the system is asked) is not in here. The
 * executor makes the call first and passes what it saw as struct model_seen.
 * The model says what follows, by which the oracles check the call.
 *
 * All functions: one thread.
 */
#ifndef FUZZ_MODEL_H
#define FUZZ_MODEL_H

#include <stddef.h>

#include "op.h"

enum {
    /* Ops that one program does, ops of its handlers included; each takes at
     * most one block, one large allocation and one cleanup into use. */
    MODEL_OPS_MAX = 1024,

    /* nginx's own functions may append two blocks for a cleanup. */
    MODEL_BLOCKS_MAX = 2 * MODEL_OPS_MAX + 1,
};

/* No key that an allocation has. */
#define MODEL_NO_KEY ((unsigned) -1)

/* No place on the list of large allocations. */
#define MODEL_NO_ENTRY ((size_t) -1)

/* Where an allocation went. */
enum model_place {
    MODEL_NOWHERE, /* it failed */
    MODEL_SMALL,
    MODEL_LARGE,
};

struct model_spot {
    enum model_place place;
    size_t block;  /* of a small one: ordinal in its pool */
    size_t offset; /* of a small one */
    size_t before; /* of a small one: how far the block had been used */
    int is_fresh;  /* a block was appended for it, or for its entry */
};

/* Where a cleanup went. Its node and its data are one allocation; where they
 * are two, as by nginx's own function, data is the second. */
struct model_cleanup {
    struct model_spot node;
    struct model_spot data;
};

/* A call, as the executor saw it. */
struct model_seen {
    int is_null;        /* the call gave NULL */
    int is_refused;     /* the system refused something meanwhile */
    int has_block;      /* a block was appended */
    size_t failed;      /* of the block that was current before */
    int has_index;      /* the pool had an index before */
    int is_indexed;     /* a large allocation's entry is in the index */
    size_t empty_entry; /* place of the list's first entry without an
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
    unsigned key; /* the caller's, one each */
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
    size_t large_peak;  /* the most live ones since the last reset */
    size_t spare_count; /* entries of freed ones, to be used again */
    size_t empty_count; /* entries on the list without an allocation, known
                         * while there is no index */

    size_t cleanup_count; /* added, until they have all run */
};

struct model {
    size_t redzone; /* bytes after each small allocation */
    int all_large;  /* NGX_DEBUG_PALLOC of the pool that is run */
    struct model_pool pools[OP_POOLS];
};

/* Start without pools. */
void model_init(struct model *model, size_t redzone, int all_large);

/* Whether an allocation of size bytes is cut from a block. */
int model_is_small(const struct model *model, unsigned pool, size_t size);

/* Returns 1 when the pool must exist now, else 0. */
int model_create(struct model *model, unsigned pool, size_t size,
                 const struct model_seen *seen);

/*
 * Where an allocation must be now. key names it for model_free() if it is
 * large. The place is MODEL_NOWHERE when the call may give NULL, and did.
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

/* Returns 1 when key is a live large allocation of pool, which is one no
 * more; else 0. */
int model_free(struct model *model, unsigned pool, unsigned key,
               const struct model_seen *seen);

/* The same for nginx's own functions, by nginx's rule. A block is appended and
 * size bytes are cut from it; a large allocation may have any size. */
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

/* The part of an end after the cleanups have run. */
void model_reset(struct model *model, unsigned pool);
void model_destroy(struct model *model, unsigned pool);

/* The end of the first block's last allocation is its user's to move, as
 * ngx_array does. */
void model_tail_move(struct model *model, unsigned pool, long bytes);

/* Bytes left in the block that the pool tries first. */
size_t model_left(const struct model *model, unsigned pool);

/* Where the memory that the pool may use starts in a block. */
size_t model_header(size_t block);

#endif
