/*
 * An oracle knows some of the promises that a pool makes, in words, and says
 * after a step whether one is broken. The table of oracles is at the end. To
 * add one: a file in oracles/, a line here and one in meson.build, and a
 * mutant that it catches, in mutants/.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include <stddef.h>

#include "run.h"

struct promise {
    unsigned number; /* oracles are asked in the table's order, not in this */
    const char *words;
};

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
    const struct run_allocation *made; /* NULL: the call gave NULL */
    size_t block;                      /* that made lies in, or their count */
    size_t offset;                     /* in it */
    const struct run_allocation *data; /* a cleanup's, where it has bytes */
    const ngx_pool_cleanup_t *node;    /* as ngx_pool_cleanup_add() left it */

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
    size_t ended;       /* bytes that a reset or destroy released */
    size_t ended_least; /* those of them that the thread keeps, if it may */

    const struct run_cleanup *due; /* NULL: none is */
    const void *given;             /* what the handler was given */

    uint64_t traces[2];
};

struct oracle {
    const char *name;
    const struct promise *promises;
    size_t promise_count;

    /* Returns NULL, or the promise that is broken. Changes nothing. */
    const struct promise *(*check)(const struct run *run,
                                   const struct step *step);
};

#define ORACLE_LIST(X)                                                         \
    X(alignment)                                                               \
    X(failure)                                                                 \
    X(bounds)                                                                  \
    X(sizes)                                                                   \
    X(overlap)                                                                 \
    X(packing)                                                                 \
    X(zero)                                                                    \
    X(release)                                                                 \
    X(cleanups)                                                                \
    X(files)                                                                   \
    X(memory)                                                                  \
    X(state)                                                                   \
    X(list)                                                                    \
    X(reuse)                                                                   \
    X(kept)                                                                    \
    X(stats)                                                                   \
    X(contents)                                                                \
    X(poison)                                                                  \
    X(repeat)

#define ORACLE_DECLARE(name) extern const struct oracle oracle_##name;
ORACLE_LIST(ORACLE_DECLARE)
#undef ORACLE_DECLARE

extern const struct oracle *const oracles[];
extern const size_t oracle_count;

/* Returns NULL, or the first promise that an oracle finds broken. */
const struct promise *oracles_check(const struct run *run,
                                    const struct step *step);

/* Defines oracle_name from this file's promises[] and check(). */
#define ORACLE_DEFINE(name_)                                                   \
    const struct oracle oracle_##name_ = {                                     \
        .name = #name_,                                                        \
        .promises = promises,                                                  \
        .promise_count = sizeof(promises) / sizeof(promises[0]),               \
        .check = check,                                                        \
    }

#endif
