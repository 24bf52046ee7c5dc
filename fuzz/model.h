/*
 * What a pool promises, played through with numbers alone: the model knows
 * each pool's blocks, how far each is used, failed, current, the large
 * allocations, when their index stands, what the thread keeps, and which of
 * the system's allocations fails. It touches no memory of a pool and shares no
 * code with one; sizes of the public structs are all that it takes from
 * ngx_palloc.h. Offsets are in bytes from a block's start.
 *
 * Where pool/README.md leaves a choice (which kept blocks go first), the model
 * says what is chosen, so that live blocks and bytes can be told exactly.
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

    MODEL_BINS = 8, /* block sizes that a thread keeps: pool/README.md */
};

#define MODEL_NEVER ((size_t) -1)

/* No key that an allocation has. */
#define MODEL_NO_KEY ((unsigned) -1)

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
};

/* What a cleanup takes: its node, and its data unless they have no bytes. */
struct model_cleanup {
    struct model_spot node;
    struct model_spot data;
};

struct model_block {
    size_t size;
    size_t last;
    size_t failed;
};

/* An entry of the list of large allocations; MODEL_NO_KEY: it has none. */
struct model_large {
    size_t size;  /* of the system's */
    unsigned key; /* the caller's, one each */
};

struct model_pool {
    int exists;
    size_t growth; /* blocks double up to so many bytes; 0: they do not */
    size_t max;
    size_t bytes;       /* of all blocks */
    size_t block_count; /* owned */
    size_t used_count;  /* in use; those behind are kept from before a reset */
    size_t current;
    struct model_block blocks[MODEL_OPS_MAX + 1];

    /* The list, the last one being its first; or what an index has. */
    size_t entry_count;
    struct model_large entries[2 * MODEL_OPS_MAX + 1];
    size_t large_count;   /* live ones */
    size_t slots;         /* free entries that are known to be free */
    size_t index_places;  /* 0: no index */
    size_t cleanup_count; /* added, until they have all run */

    size_t large_bytes; /* live ones, for the caller's own limit */
};

struct model_bin {
    size_t size;
    size_t count;
};

/* Bins that are not empty, the one used last first. */
struct model_bins {
    size_t count;
    struct model_bin bins[MODEL_BINS];
};

struct model_cache {
    size_t limit;
    size_t size;
    struct model_bins blocks;
    struct model_bins large;
};

/* The system: what pool/test/heap.h counts. */
struct model_system {
    size_t fail_in; /* MODEL_NEVER: none fails */
    size_t live_blocks;
    size_t live_bytes;
    size_t failures; /* each makes one line in the log */
    size_t allocated;
    size_t given_back;
};

struct model {
    size_t redzone; /* bytes behind each small allocation */
    struct model_pool pools[OP_POOLS];
    struct model_cache cache;
    struct model_system system;
};

/* Start without pools, without kept blocks, and with a limit of 0 for them. */
void model_init(struct model *model, size_t redzone);

/* Each returns 1 when the call succeeds, else 0 and changes no pool. */
int model_create(struct model *model, unsigned pool, size_t size);
int model_cleanup(struct model *model, unsigned pool, size_t size, unsigned key,
                  struct model_cleanup *ret_cleanup);

/* Where an allocation goes. key names it for model_free() if it is large. */
struct model_spot model_palloc(struct model *model, unsigned pool, size_t size,
                               unsigned key);
struct model_spot model_pnalloc(struct model *model, unsigned pool, size_t size,
                                unsigned key);
struct model_spot model_pmemalign(struct model *model, unsigned pool,
                                  size_t size, size_t alignment, unsigned key);

/* Returns 1 when key is a live large allocation of pool, which is one no
 * more; else 0. */
int model_free(struct model *model, unsigned pool, unsigned key);

/* What follows once the cleanups have run. */
void model_reset(struct model *model, unsigned pool);
void model_destroy(struct model *model, unsigned pool);

/* Later blocks double, up to most bytes. */
void model_grow(struct model *model, unsigned pool, size_t most);

/* The last bytes of a block are its user's to move, as ngx_array does. */
void model_tail_move(struct model *model, unsigned pool, size_t block,
                     long bytes);

void model_cache_limit(struct model *model, size_t size);
void model_cache_trim(struct model *model);

/* Room in the block that the pool tries first, in bytes. */
size_t model_left(const struct model *model, unsigned pool);

#endif
