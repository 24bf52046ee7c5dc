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
#include "step.h"

struct promise {
    unsigned number; /* oracles are asked in the table's order, not in this */
    const char *words;
};

struct oracle {
    const char *name;
    const struct promise *promises;
    size_t promise_count;
    unsigned kinds; /* of the steps that it looks at: ORACLE_KIND() of each */

    /* Returns NULL, or the promise that is broken. Changes nothing. */
    const struct promise *(*check)(const struct run *run,
                                   const struct step *step);
};

#define ORACLE_LIST(X)                                                         \
    X(alignment)                                                               \
    X(failure)                                                                 \
    X(log)                                                                     \
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

#define ORACLE_KIND(kind) (1u << (kind))

/* A pool or what is in it may have changed. */
#define ORACLE_CHANGES                                                         \
    (ORACLE_KIND(STEP_CREATE) | ORACLE_KIND(STEP_DESTROY) |                    \
     ORACLE_KIND(STEP_RESET) | ORACLE_KIND(STEP_ALLOC) |                       \
     ORACLE_KIND(STEP_FREE) | ORACLE_KIND(STEP_CLEANUP) |                      \
     ORACLE_KIND(STEP_HANDLER) | ORACLE_KIND(STEP_FILE) |                      \
     ORACLE_KIND(STEP_OTHER))

/* Memory has been made. */
#define ORACLE_MAKES (ORACLE_KIND(STEP_ALLOC) | ORACLE_KIND(STEP_CLEANUP))

/* Defines oracle_name from this file's promises[] and check(), which is called
 * after steps of these kinds alone. */
#define ORACLE_DEFINE(name_, kinds_)                                           \
    const struct oracle oracle_##name_ = {                                     \
        .name = #name_,                                                        \
        .promises = promises,                                                  \
        .promise_count = sizeof(promises) / sizeof(promises[0]),               \
        .kinds = (kinds_),                                                     \
        .check = check,                                                        \
    }

#endif
