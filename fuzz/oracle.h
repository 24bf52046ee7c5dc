/*
 * An oracle has some of the promises that a pool makes, in words, and checks
 * after a step whether they still hold. ORACLE_LIST names all oracles. To add
 * one: a file in oracles/, a line here, a line in oracles/meson.build, and a
 * mutant in mutants/ that it catches.
 */
#ifndef FUZZ_ORACLE_H
#define FUZZ_ORACLE_H

#include <stddef.h>

#include "run.h"
#include "step.h"

struct promise {
    unsigned number; /* no two are the same; the order means nothing */
    const char *words;
};

/* Returns NULL, or the broken promise. Changes nothing. */
typedef const struct promise *oracle_check(const struct run *run,
                                           const struct step *step);

struct oracle {
    const char *name;
    const struct promise *promises;
    size_t promise_count;
    unsigned kinds; /* the steps that it checks: ORACLE_KIND() of each, or'ed */
    oracle_check *check;
};

/* In the order of checks. */
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

/* Ask the oracles that check such steps. Returns NULL, or the first broken
 * promise. */
const struct promise *oracles_check(const struct run *run,
                                    const struct step *step);

#define ORACLE_KIND(kind) (1u << (kind))

/* The steps that may change a pool, its memory or its lists. */
#define ORACLE_CHANGES                                                         \
    (ORACLE_KIND(STEP_CREATE) | ORACLE_KIND(STEP_DESTROY) |                    \
     ORACLE_KIND(STEP_RESET) | ORACLE_KIND(STEP_ALLOC) |                       \
     ORACLE_KIND(STEP_FREE) | ORACLE_KIND(STEP_CLEANUP) |                      \
     ORACLE_KIND(STEP_HANDLER) | ORACLE_KIND(STEP_FILE) |                      \
     ORACLE_KIND(STEP_OTHER))

/* The steps that allocate. */
#define ORACLE_MAKES (ORACLE_KIND(STEP_ALLOC) | ORACLE_KIND(STEP_CLEANUP))

/* Defines oracle_name from the file's promises[] and check(). check() is called
 * only after steps of these kinds. */
#define ORACLE_DEFINE(name_, kinds_)                                           \
    const struct oracle oracle_##name_ = {                                     \
        .name = #name_,                                                        \
        .promises = promises,                                                  \
        .promise_count = sizeof(promises) / sizeof(promises[0]),               \
        .kinds = (kinds_),                                                     \
        .check = check,                                                        \
    }

#endif
