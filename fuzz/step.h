/*
 * A step: one thing that was done to a pool, what the model says of it, and
 * what came of it. Each op takes one or more. step_check() asks the oracles.
 */
#ifndef FUZZ_STEP_H
#define FUZZ_STEP_H

#include <stddef.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "model.h"
#include "op.h"
#include "run.h"
#include "shadow.h"

enum step_kind {
    STEP_CREATE,
    STEP_DESTROY,
    STEP_RESET,
    STEP_ALLOC,
    STEP_FREE,
    STEP_CLEANUP, /* one was added */
    STEP_HANDLER, /* one is being run */
    STEP_FILE,    /* a descriptor's cleanup was run early */
    STEP_OTHER,
    STEP_BEFORE, /* made, or without it all of the pool, is about to go */
    STEP_WRITE,  /* made has been written */
    STEP_END,    /* all pools are gone */
    STEP_REPEAT, /* the program has been done twice */
    STEP_ALONE,  /* a pool's ops have been done without the others' */
    STEP_KINDS,
};

/* One thing that was done, what the model says, and what came of it. */
struct step {
    enum step_kind kind;
    unsigned pool;
    enum op_code code;
    int had_pool;
    ngx_pool_t before; /* the pool's head, where had_pool */

    size_t size;      /* of a pool, an allocation, a cleanup's data */
    size_t alignment; /* of OP_PMEMALIGN */
    int succeeds;     /* says the model */
    int is_nginx;     /* it was done by nginx's own function */
    struct model_spot spot;
    const struct shadow_allocation *made; /* NULL: the call gave NULL */
    size_t block;  /* that made lies in, or their count */
    size_t offset; /* in it */
    const struct shadow_allocation *data; /* a cleanup's, where it has bytes */
    const ngx_pool_cleanup_t *node; /* as ngx_pool_cleanup_add() left it */

    ngx_int_t answer; /* of ngx_pfree() */
    const void *freed;

    size_t calls;       /* of the system for memory, by this op */
    size_t refusals;    /* of them */
    size_t kept;        /* bytes that the thread kept before */
    int is_plain;       /* of a reset or destroy: run's, and there was
                          * bookkeeping of what is kept */
    size_t empty_entry; /* before; see model_seen */
    int is_old;         /* many large allocations are newer than the freed */
    size_t taken;       /* see model_seen */
    size_t index_puts;  /* where an index replaced one: see shadow_pool */
    size_t index_size;  /* bytes of the one before */
    int is_reindexed;
    int is_early;       /* a region released what was kept, and so did one
                          * shortly before */
    size_t touched;     /* unused blocks that a reset has written to */
    size_t ended;       /* bytes that a reset or destroy released */
    size_t ended_least; /* those of them that the thread keeps, if it may */

    const struct shadow_cleanup *due; /* NULL: none is */
    const void *given;                /* what the handler was given */

    uint64_t traces[2];
};

/* A step on that pool, which begins now. */
struct step step_begin(const struct run *run, enum step_kind kind,
                       unsigned pool, enum op_code code);

/* Look at what came of the step, and ask every oracle. A broken promise is
 * printed with the op and its number, and aborts. */
void step_check(struct run *run, struct step *step);

#endif
