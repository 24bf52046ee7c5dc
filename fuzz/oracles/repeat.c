#include "oracle.h"

enum {
    REPEAT,
    ALONE,
    ASIDE,
};

static const struct promise promises[] = {
    [REPEAT] = {40, "a program has the same effects each time"},
    [ALONE] = {42, "a pool does the same without the other pools"},
    [ASIDE] = {42, "an op on one pool changes no other pool"},
};

static int others_changed(const struct run *run, unsigned pool);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    switch (step->kind) {
    case STEP_REPEAT:
        return step->hashes[0] != step->hashes[1] ? &promises[REPEAT] : NULL;
    case STEP_ALONE:
        return step->hashes[0] != step->hashes[1] ? &promises[ALONE] : NULL;
    default:
        return others_changed(run, step->pool) ? &promises[ASIDE] : NULL;
    }
}

static int
others_changed(const struct run *run, unsigned pool)
{
    unsigned other;

    for (other = 0; other < OP_POOLS; other++) {
        const struct shadow_pool *self = &run->pools[other];

        if (other != pool && self->pool != NULL &&
            (self->pool->d.last != self->after.d.last ||
             self->pool->current != self->after.current ||
             self->pool->large != self->after.large ||
             self->pool->spare != self->after.spare ||
             self->pool->index != self->after.index ||
             self->pool->cleanup != self->after.cleanup)) {
            return 1;
        }
    }
    return 0;
}

ORACLE_DEFINE(repeat, ORACLE_CHANGES | ORACLE_KIND(STEP_REPEAT) |
                          ORACLE_KIND(STEP_ALONE));
