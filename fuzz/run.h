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
#include "kept.h"
#include "lines.h"
#include "model.h"
#include "op.h"
#include "shadow.h"
#include "source.h"

enum {
    /* An op that deletes a file makes two. */
    RUN_EVENTS_MAX = 2 * MODEL_OPS_MAX,
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
    int is_debug;   /* the pool was compiled with NGX_DEBUG */
    int all_large;  /* NGX_DEBUG_PALLOC of that pool */

    /* The system refuses what a thread needs to keep memory. */
    int keeps_nothing;

    /* The system refuses the program's allocation of this number, from 1, and,
     * unless fails_once, all later ones. 0: none. */
    size_t fail_from;
    int fails_once;

    /* Called by palloc and pnalloc; NULL: ngx_palloc() and ngx_pnalloc(). */
    void *(*palloc)(ngx_pool_t *pool, size_t size);
    void *(*pnalloc)(ngx_pool_t *pool, size_t size);

    /* For the op nginx, which without it does nothing. */
    const struct run_nginx *nginx;

    /* Is given each call of the pool's before it is made, and its answer
     * after it, if that is another one; or NULL. */
    void (*note)(const struct source_call *call);
};

struct run {
    struct run_options options;
    struct model model;
    struct shadow_pool pools[OP_POOLS];
    struct kept kept;
    struct op op;       /* that is done now */
    unsigned by_nginx;  /* enum op_by_nginx, of the last op nginx */
    size_t op_count;    /* done */
    size_t effective;   /* of them: those that made a call */
    size_t op_number;   /* of the program's op that is done now, from 1 */
    unsigned key_next;  /* for the next allocation */
    size_t made_count;  /* ops done that make something, see op.h */
    ngx_log_t log;      /* of pools 0 and 1 */
    ngx_log_t quiet;    /* of pool 2: takes no line; pool 3 has no log */
    struct lines lines; /* of the log, seen and due */
    size_t refusals;    /* of the system, before the program, and of those */
    size_t refusals_of_size; /* such that are of a size that no system has */
    size_t event_count;      /* file events that are due, and which */
    struct files_event events[RUN_EVENTS_MAX + 2];
    int file_errs[FILES_UNLINK + 1]; /* what closing and deleting give */
    uint64_t trace;        /* of all pools, and of the system's memory */
    int was_indexed;       /* a pool has had an index */
    int is_marked;         /* what is not allocated is: see run_options */
    int has_called;        /* the op that is done has */
    int is_over;           /* the program is; what is left goes */
    int is_running;        /* a pool's cleanups are being run */
    unsigned running_pool; /* that pool */
};

/* The pool's log, or NULL; and whether it takes lines. */
ngx_log_t *run_log(struct run *run, unsigned pool);
int run_logs(unsigned pool);

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

#endif
