#include "oracle.h"

#include <string.h>

#include "heap.h"

enum {
    NO_MEMORY,
    UNCHANGED,
    USABLE,
    FITS,
    BEYOND,
    TOO_SMALL,
    LOGGED,
};

static const struct promise promises[] = {
    [NO_MEMORY] = {33, "a call that needs more memory than the thread keeps, "
                       "and gets none from the system, returns NULL"},
    [UNCHANGED] = {34, "a call that returns NULL leaves the pool as it was"},
    [USABLE] = {35, "a call returns NULL only if the system has refused "
                    "memory, other than for bookkeeping"},
    [FITS] = {35, "a small allocation that fits a block that is tried makes "
                  "no request to the system"},
    [BEYOND] = {45, "a call with a size that no system has returns NULL"},
    [TOO_SMALL] = {45, "a pool smaller than its header is refused"},
    [LOGGED] = {33, "each refusal and each failure is one line in the log, "
                    "and there are no other lines"},
};

static const struct promise *check_result(const struct run *run,
                                          const struct step *step, int failed);
static size_t needed(const struct run *run, const struct step *step);
static int is_same(const ngx_pool_t *before, const ngx_pool_t *after);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct promise *broken = NULL;

    switch (step->kind) {
    case STEP_CREATE:
        if (step->size < sizeof(ngx_pool_t) &&
            run->pools[step->pool].pool != NULL) {
            return &promises[TOO_SMALL];
        }
        broken = check_result(run, step, run->pools[step->pool].pool == NULL);
        break;
    case STEP_ALLOC:
        broken = check_result(run, step, step->made == NULL);
        break;
    case STEP_CLEANUP:
        broken = check_result(run, step, step->node == NULL);
        break;
    default:
        break;
    }
    if (broken == NULL && run->lines.seen != run->lines.others +
                                                 heap_refusals() -
                                                 run->refusals) {
        broken = &promises[LOGGED];
    }
    return broken;
}

static const struct promise *
check_result(const struct run *run, const struct step *step, int failed)
{
    const ngx_pool_t *pool = run->pools[step->pool].pool;

    if (!failed && step->size > HEAP_SIZE_MAX) {
        return &promises[BEYOND];
    }
    if (failed && step->succeeds) {
        return &promises[USABLE];
    }
    if (failed) {
        /* nginx's own function keeps the node that it allocated. */
        return step->had_pool &&
                       !(step->is_nginx && step->kind == STEP_CLEANUP) &&
                       !is_same(&step->before, pool)
                   ? &promises[UNCHANGED]
                   : NULL;
    }
    if (step->calls == step->refusals &&
        step->kept - run->kept.stats.size < needed(run, step)) {
        return &promises[NO_MEMORY];
    }
    if (step->spot.place == MODEL_SMALL && !step->spot.is_fresh &&
        !step->is_nginx && step->calls != 0) {
        return &promises[FITS];
    }
    return NULL;
}

/* The memory that the pool must have got. */
static size_t
needed(const struct run *run, const struct step *step)
{
    size_t size = run->model.pools[step->pool].blocks[0].size;

    if (step->kind == STEP_CREATE) {
        return step->size;
    }
    return step->taken + (step->spot.is_fresh ? size : 0);
}

/* The counts of failures may differ. Another oracle checks the used bytes of
 * each block. */
static int
is_same(const ngx_pool_t *before, const ngx_pool_t *after)
{
    const size_t others = offsetof(ngx_pool_t, max);

    return before->d.last == after->d.last && before->d.end == after->d.end &&
           before->d.next == after->d.next &&
           memcmp((const char *) before + others, (const char *) after + others,
                  sizeof(*before) - others) == 0;
}

ORACLE_DEFINE(failure, ORACLE_CHANGES | ORACLE_KIND(STEP_END));
