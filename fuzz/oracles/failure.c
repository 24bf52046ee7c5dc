#include "oracle.h"

#include <string.h>

enum {
    NO_MEMORY,
    UNCHANGED,
    USABLE,
    BEYOND,
    TOO_SMALL,
    LOGGED,
};

static const struct promise promises[] = {
    [NO_MEMORY] = {33, "without memory from the system a call gives NULL"},
    [UNCHANGED] = {34, "a call that gives NULL leaves the pool as it was"},
    [USABLE] = {35, "a call for which there is memory does not fail, after "
                    "failures as before"},
    [BEYOND] = {45, "a size near SIZE_MAX gives NULL"},
    [TOO_SMALL] = {45, "a pool smaller than its header is refused"},
    [LOGGED] = {33, "each refusal and each failure is one line in the log, "
                    "and nothing else is"},
};

enum {
    BEYOND_REACH = OP_VALUES_1, /* the sizes that OP_BEYOND makes */
};

static const struct promise *check_result(const struct run *run,
                                          const struct step *step, int failed);
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
    if (broken == NULL &&
        run->log_lines != run->log_others + run->model.system.failures) {
        broken = &promises[LOGGED];
    }
    return broken;
}

static const struct promise *
check_result(const struct run *run, const struct step *step, int failed)
{
    if (!failed && step->size > SIZE_MAX - BEYOND_REACH) {
        return &promises[BEYOND];
    }
    if (failed == step->succeeds) {
        return &promises[failed ? USABLE : NO_MEMORY];
    }
    if (failed && step->had_pool &&
        !is_same(&step->before, run->pools[step->pool].pool)) {
        return &promises[UNCHANGED];
    }
    return NULL;
}

/* But for the window, which is where it was found best; how far each block is
 * used is another oracle's. */
static int
is_same(const ngx_pool_t *before, const ngx_pool_t *after)
{
    const size_t others = offsetof(ngx_pool_t, max);

    return before->d.next == after->d.next &&
           before->d.failed == after->d.failed &&
           before->d.tried == after->d.tried &&
           before->d.growth == after->d.growth &&
           before->d.slots == after->d.slots &&
           memcmp((const char *) before + others, (const char *) after + others,
                  sizeof(*before) - others) == 0;
}

ORACLE_DEFINE(failure);
