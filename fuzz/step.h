/*
 * A step: one action on a pool, the model's result, and the effects that were
 * seen. Each op has one step or more. step_check() asks the oracles.
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
    STEP_CLEANUP, /* a cleanup was added */
    STEP_HANDLER, /* a cleanup's handler is being run */
    STEP_FILE,    /* the cleanup of a descriptor was run early */
    STEP_OTHER,
    STEP_BEFORE, /* all of the pool is about to end */
    STEP_READ,   /* made is about to end, or to be written again */
    STEP_WRITE,  /* made was written */
    STEP_END,    /* all pools are destroyed */
    STEP_REPEAT, /* the program was run twice */
    STEP_ALONE,  /* a pool's ops were run without those of the other pools */
    STEP_KINDS,
};

struct step {
    enum step_kind kind;
    unsigned pool;
    enum op_code code;
    int is_whole; /* oracles check all of the pool, not only what the step may
                   * have changed */
    size_t first_block; /* that they check */
    size_t end_block;   /* after the last one that they check */
    int had_pool;
    ngx_pool_t before; /* if had_pool: a copy of the pool's struct */

    size_t size;      /* of a pool, an allocation, a cleanup's data */
    size_t alignment; /* of OP_PMEMALIGN */
    int succeeds;     /* by the model */
    int is_nginx;     /* nginx's own function made the call */
    struct model_spot spot;
    const struct shadow_allocation *made; /* NULL: the call returned NULL */
    size_t block;  /* index of the block that made lies in, or block_count */
    size_t offset; /* of made in that block */
    const struct shadow_allocation *data; /* a cleanup's; NULL: of size 0 */
    const ngx_pool_cleanup_t *node; /* as ngx_pool_cleanup_add() left it */

    ngx_int_t answer; /* of ngx_pfree() */
    const void *freed;

    size_t calls;       /* requests of this op to the system for memory */
    size_t refusals;    /* requests that the system refused */
    size_t kept;        /* bytes that the thread kept before */
    int keeps_more;     /* the thread keeps more bytes than before */
    int is_plain;       /* of a reset or destroy: kept.is_plain, and there was
                          * bookkeeping of the kept memory */
    size_t empty_entry; /* before; see model_seen */
    int is_old;        /* many large allocations are newer than the freed one */
    size_t taken;      /* see model_seen */
    size_t index_puts; /* if is_reindexed: of the old index, see shadow_pool */
    size_t index_size; /* if is_reindexed: bytes of the old index */
    int is_indexed;    /* the pool got an index */
    int is_reindexed;  /* an index was replaced by another one */
    int is_early;      /* this region's end released kept memory, and so did
                          * another one's shortly before */
    size_t touched;    /* unused blocks that a reset has written to */
    size_t ended;      /* bytes that a reset or destroy released */
    size_t
        ended_least; /* of ended: bytes that the thread must keep if it may */
    size_t needed;   /* if this region's end released kept memory: the least
                      * number of pieces that must be left */

    /* The cleanup that must run, or NULL; and the argument that the handler
     * got. */
    const struct shadow_cleanup *expected;
    const void *argument;
    int is_skipped; /* a pool that a handler destroyed ran no cleanup */

    uint64_t hashes[2];
};

/* Start a step on that pool, before its call. */
struct step step_begin(const struct run *run, enum step_kind kind,
                       unsigned pool, enum op_code code);

/* Note the effects of the step, and ask the oracles. A broken promise is
 * printed with the op and its number, and aborts. */
void step_check(struct run *run, struct step *step);

#endif
