/*
 * The checked executor: does a program's ops to real pools, then to a model
 * beside them, and after every op, those of cleanup handlers included, asks
 * every oracle whether what a pool promises still holds.
 *
 * The pool must be compiled with pool_seam_args, so that its memory and files
 * are pool/test/heap.h's and files.h's. One thread, one run at a time.
 */
#ifndef FUZZ_RUN_H
#define FUZZ_RUN_H

#include <stddef.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "files.h"
#include "model.h"
#include "op.h"
#include "source.h"

enum {
    RUN_STALE_MAX = 16, /* freed addresses that a pool remembers */

    /* A cleanup makes two: its node and its data. */
    RUN_ALLOCATIONS_MAX = 2 * MODEL_OPS_MAX,

    /* An op that deletes a file makes two. */
    RUN_EVENTS_MAX = 2 * MODEL_OPS_MAX,

    /* What so many regions have not needed, a thread does not keep, except for
     * RUN_KEPT_ALWAYS bytes. */
    RUN_REGIONS = 64,
    RUN_KEPT_ALWAYS = 1024 * 1024,

    /* Smaller pieces of memory need not be kept. */
    RUN_KEPT_SIZE_MIN = 128,
};

/* Whose bytes an allocation's are. */
enum run_kind {
    RUN_BYTES, /* the program's */
    RUN_NODE,  /* the pool's: a cleanup */
    RUN_DATA,  /* a cleanup's data */
};

struct run_allocation {
    unsigned char *p;
    size_t size;
    unsigned key;  /* one each */
    size_t number; /* RUN_BYTES: of the op that made it, see op.h */
    enum run_kind kind;
    unsigned char fill; /* every byte that was written; 0: none was */
    struct model_spot spot;
};

enum run_handler {
    RUN_PLAIN,
    RUN_ALLOCATING,
    RUN_FREEING,
    RUN_ADDING,
    RUN_NONE, /* handler stays NULL */
    RUN_HANDLERS,

    RUN_CLOSE = RUN_HANDLERS, /* ngx_pool_cleanup_file() */
    RUN_DELETE,               /* ngx_pool_delete_file() */
};

struct run_cleanup {
    enum run_handler handler;
    int is_over; /* cancelled, or run early */
    ngx_pool_cleanup_t *node;
    unsigned number; /* one each */
    void *data;      /* that a handler is to be given */
    size_t size;
    unsigned char fill;
    struct op op; /* that added it */
};

/* What ngx_pfree() is given. */
struct run_target {
    void *p;
    unsigned key;  /* of the allocation that it is in, or was */
    size_t offset; /* there */
};

struct run_pool {
    ngx_pool_t *pool; /* NULL: there is none */
    ngx_pool_t after; /* its head after the last op on it */
    int is_mixed;     /* nginx's own functions have worked on it */
    size_t block_count;
    ngx_pool_t *blocks[MODEL_BLOCKS_MAX];
    size_t index_size;  /* bytes of its index */
    uint64_t large_sum; /* run_hash() of each live large allocation, added up */
    size_t ended_count; /* allocations that the last reset or destroy ended */
    size_t allocation_count;
    struct run_allocation allocations[RUN_ALLOCATIONS_MAX + 2];
    size_t cleanup_count; /* those not yet due, oldest first */
    struct run_cleanup cleanups[MODEL_OPS_MAX + 1];
    size_t stale_count;
    struct run_target stale[RUN_STALE_MAX];
    uint64_t trace; /* a hash of what was done and came of it */
};

/* Pieces of memory of one size that a thread keeps. */
struct run_kept {
    size_t size;
    size_t count;
};

struct run {
    struct model model;
    struct run_pool pools[OP_POOLS];
    size_t op_count;    /* done */
    size_t effective;   /* of them: those that made a call */
    size_t op_number;   /* of the program's op that is done now, from 1 */
    unsigned key_next;  /* for the next allocation */
    size_t made_count;  /* ops done that make something, see op.h */
    size_t log_lines;   /* seen */
    size_t log_others;  /* due, besides those of the system's refusals */
    size_t refusals;    /* of the system, before the program */
    size_t limit;       /* of what the thread keeps */
    size_t event_count; /* file events that are due, and which */
    struct files_event events[RUN_EVENTS_MAX + 2];
    uint64_t trace;  /* of all pools, and of the system's memory */
    int was_indexed; /* a pool has had an index */
    int is_marked;   /* what is not allocated is: see run_options */
    int is_running;  /* a pool's cleanups are being run */

    ngx_pool_cache_stats_t kept; /* after the last op */
    int is_plain; /* all memory of pools came where it may go when they end */
    struct run_kept same_blocks; /* that were kept last, */
    struct run_kept same_large;  /* and their like of large allocations */
    size_t ended_at;             /* the next place in ended */
    size_t ended_sum;            /* of ended */
    size_t ended[RUN_REGIONS];   /* bytes that the last regions ended with */
};

enum {
    RUN_ALL = OP_POOLS,
};

/* nginx's own functions under other names; the last two are static in nginx.
 * They may be called for pools that this library has created. */
struct run_nginx {
    void *(*palloc)(ngx_pool_t *pool, size_t size);
    void *(*pnalloc)(ngx_pool_t *pool, size_t size);
    void *(*pcalloc)(ngx_pool_t *pool, size_t size);
    void *(*pmemalign)(ngx_pool_t *pool, size_t size, size_t alignment);
    ngx_int_t (*pfree)(ngx_pool_t *pool, void *p);
    ngx_pool_cleanup_t *(*cleanup_add)(ngx_pool_t *pool, size_t size);
    void *(*palloc_block)(ngx_pool_t *pool, size_t size);
    void *(*palloc_large)(ngx_pool_t *pool, size_t size);
};

struct run_options {
    size_t redzone; /* NGX_POOL_REDZONE of the pool that is run */
    int is_marked;  /* NGX_POOL_POISON of that pool */
    unsigned only;  /* the one pool whose ops are done, or RUN_ALL */
    int no_faults;  /* fail_alloc does nothing */

    /* What palloc and pnalloc call; NULL: ngx_palloc() and ngx_pnalloc(). */
    void *(*palloc)(ngx_pool_t *pool, size_t size);
    void *(*pnalloc)(ngx_pool_t *pool, size_t size);

    /* For the op nginx, which without it does nothing. */
    const struct run_nginx *nginx;

    /* Is given each call of the pool's before it is made, and its answer
     * after it, if that is another one; or NULL. */
    void (*note)(const struct source_call *call);
};

/*
 * Do the program at data, of size bytes, to its end, then destroy all pools.
 * A broken promise is printed with the op and its number, and aborts.
 * The result lives until the next call.
 */
const struct run *run_program(const uint8_t *data, size_t size,
                              const struct run_options *options);

/*
 * As run_program(), then again, and then each pool's ops without the other
 * pools': the traces must be the same. Cost: up to seven programs. An index
 * grows as addresses have it, so of programs with one, faults are left out.
 */
void run_program_again(const uint8_t *data, size_t size,
                       const struct run_options *options);

/* The pool's block that p lies in or just after, or block_count. */
size_t run_block_of(const struct run_pool *pool, const struct model_pool *model,
                    const unsigned char *p);

/* Whether all of the allocation's bytes are what was written. */
int run_is_intact(const struct run_allocation *allocation);

/* Whether p's size bytes are what was written as fill; 0: nothing was. */
int run_is_written(const void *p, size_t size, unsigned char fill);

/* Whether each of p's size bytes is value. */
int run_is_uniform(const void *p, size_t size, unsigned char value);

/* A number that p's stands for in a sum over a set of addresses. */
uint64_t run_hash(const void *p);

#endif
