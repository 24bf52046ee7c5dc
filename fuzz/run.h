/*
 * The checked executor: it does a program's ops on real pools and on a model.
 * After every op, also one of a cleanup handler, it asks the oracles whether
 * the pools' promises still hold, unless run_options says that an earlier run
 * has asked. They look at what the op may have changed, and from time to time
 * at all of its pool: see struct step.
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

/* nginx's own functions. The last two are static in nginx. All may be called
 * for pools that this library has created. */
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
    unsigned only;  /* the pool whose ops are done, or RUN_ALL */
    int no_faults;  /* fail_alloc does nothing */
    int is_debug;   /* the pool was compiled with NGX_DEBUG */
    int all_large;  /* NGX_DEBUG_PALLOC of that pool */

    /* The system refuses thread-specific data, so a thread keeps no memory. */
    int keeps_nothing;

    /* The system refuses the program's allocation of this number, from 1, and,
     * without fails_once, all later ones. 0: it refuses none. */
    size_t fail_from;
    int fails_once;

    /* The number of the program's first ops that an earlier run has done and
     * checked. No oracle is asked after them. */
    size_t checked;

    /* For the ops palloc and pnalloc. NULL: ngx_palloc() and ngx_pnalloc(). */
    void *(*palloc)(ngx_pool_t *pool, size_t size);
    void *(*pnalloc)(ngx_pool_t *pool, size_t size);

    /* For the op nginx. NULL: that op does nothing. */
    const struct run_nginx *nginx;

    /* Called with each call of a pool function before it is made, and after it
     * with SOURCE_ANSWER if the answer is another one. May be NULL. */
    void (*note)(const struct source_call *call);
};

struct run {
    struct run_options options;
    struct model model;
    struct shadow_pool pools[OP_POOLS];
    struct kept kept;
    struct op op;            /* the op that is done now */
    unsigned by_nginx;       /* enum op_by_nginx, of the last op nginx */
    size_t op_count;         /* ops that were done */
    size_t effective;        /* ops that called a pool function */
    size_t op_number;        /* of the program's op that is done now, from 1 */
    unsigned next_key;       /* for the next allocation */
    size_t made_count;       /* ops that were done and that ages count */
    ngx_log_t log;           /* of pools 0 and 1 */
    ngx_log_t quiet;         /* of pool 2: takes no line; pool 3 has no log */
    struct lines lines;      /* of log */
    size_t refusals;         /* the system's, before the program */
    size_t refusals_of_size; /* among them: of a size that no system has */
    size_t event_count;      /* expected file events */
    struct files_event events[RUN_EVENTS_MAX + 2]; /* expected ones */
    int file_errs[FILES_UNLINK + 1]; /* errno of close() and unlink() */
    uint64_t hash;         /* of all pools, and of the system's memory */
    int was_indexed;       /* a pool has had an index */
    int is_marked;         /* options.is_marked */
    int has_called;        /* this op has called a pool function */
    int is_over;           /* the program is done, and pools are destroyed */
    int is_running;        /* a pool's cleanups are being run */
    unsigned running_pool; /* the pool whose cleanups are being run */
};

/* The pool's log, or NULL. */
ngx_log_t *run_log(struct run *run, unsigned pool);

/* Whether the pool's log takes lines. */
int run_logs(unsigned pool);

/* Whether the system has refused memory since the program's start. Sizes that
 * it never has do not count. */
int run_was_refused(const struct run *run);

/*
 * Do the program at data, of size bytes, to its end, then destroy all pools.
 * A broken promise is printed with the op and its number, and aborts.
 * The result lives until the next call.
 */
const struct run *run_program(const uint8_t *data, size_t size,
                              const struct run_options *options);

/*
 * Run the program twice, and then each pool's ops without those of the other
 * pools. The hashes must be the same. Faults are left out if a pool gets an
 * index, since an index grows by addresses. Cost: up to seven programs.
 */
void run_program_again(const uint8_t *data, size_t size,
                       const struct run_options *options);

#endif
