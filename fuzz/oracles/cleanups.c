#include "oracle.h"

enum {
    ORDER,
    ONCE,
    RUNS,
    INTACT,
    NEW_HANDLER,
    NEW_DATA,
    NEW_NULL,
    BEFORE_FREE,
};

static const struct promise promises[] = {
    [ORDER] = {21, "cleanups run newest first"},
    [ONCE] = {22, "a cleanup runs once; one without a handler is skipped"},
    [RUNS] = {23, "every cleanup runs, also one that a handler adds"},
    [INTACT] = {24, "a cleanup's data stay unchanged until it runs"},
    [NEW_HANDLER] = {25, "a new cleanup's handler is NULL"},
    [NEW_DATA] = {25, "a new cleanup's data are aligned, and do not overlap "
                      "its node"},
    [NEW_NULL] = {25, "a new cleanup's data are NULL for size 0, and only "
                      "then"},
    [BEFORE_FREE] = {29, "cleanups run before anything is freed or moved"},
};

static const struct promise *check_new(const struct step *step);
static const struct promise *check_expected(const struct run *run,
                                            const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    switch (step->kind) {
    case STEP_CLEANUP:
        return step->node != NULL ? check_new(step) : NULL;
    case STEP_HANDLER:
        return check_expected(run, step);
    case STEP_OTHER:
        return step->is_skipped ? &promises[RUNS] : NULL;
    case STEP_RESET:
    case STEP_DESTROY:
        return step->expected != NULL ? &promises[RUNS] : NULL;
    default:
        return NULL;
    }
}

static const struct promise *
check_new(const struct step *step)
{
    const unsigned char *node = (const unsigned char *) step->node;
    const unsigned char *data = step->node->data;

    if (step->node->handler != NULL) {
        return &promises[NEW_HANDLER];
    }
    if ((data == NULL) != (step->size == 0)) {
        return &promises[NEW_NULL];
    }
    if (data != NULL &&
        ((uintptr_t) data % NGX_ALIGNMENT != 0 ||
         (data < node + sizeof(*step->node) && node < data + step->size))) {
        return &promises[NEW_DATA];
    }
    return NULL;
}

static const struct promise *
check_expected(const struct run *run, const struct step *step)
{
    const struct shadow_pool *pool = &run->pools[step->pool];
    size_t i;

    if (step->expected == NULL) {
        return &promises[ONCE];
    }
    if (step->argument != step->expected->data) {
        return &promises[ORDER];
    }
    if (!shadow_is_written(step->argument, step->expected->size,
                           step->expected->fill)) {
        return &promises[INTACT];
    }
    /* Memory that is freed too early is already free when the last cleanup
     * runs. */
    for (i = 0; pool->cleanup_count == 0 && i < pool->allocation_count; i++) {
        if (!shadow_is_intact(&pool->allocations[i])) {
            return &promises[BEFORE_FREE];
        }
    }
    return NULL;
}

ORACLE_DEFINE(cleanups, ORACLE_KIND(STEP_CLEANUP) | ORACLE_KIND(STEP_HANDLER) |
                            ORACLE_KIND(STEP_RESET) |
                            ORACLE_KIND(STEP_DESTROY) |
                            ORACLE_KIND(STEP_OTHER));
