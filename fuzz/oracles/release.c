#include "oracle.h"

enum {
    LIVE,
    SMALL,
    FOREIGN,
    INNER,
    STALE,
    TWICE,
    NOTHING,
};

static const struct promise promises[] = {
    [LIVE] = {15, "ngx_pfree returns NGX_OK for a live large allocation"},
    [SMALL] = {16, "ngx_pfree declines a small allocation"},
    [FOREIGN] = {17, "ngx_pfree declines another pool's allocation"},
    [INNER] = {18, "ngx_pfree declines a pointer into an allocation"},
    [STALE] = {19, "ngx_pfree declines a freed allocation"},
    [TWICE] = {19, "ngx_pfree declines the second time"},
    [NOTHING] = {20, "ngx_pfree declines NULL"},
};

static const struct promise *declined(const struct step *step);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    (void) run;
    if (step->succeeds) {
        return step->answer != NGX_OK ? &promises[LIVE] : NULL;
    }
    return step->answer != NGX_DECLINED ? declined(step) : NULL;
}

static const struct promise *
declined(const struct step *step)
{
    if (step->freed == NULL) {
        return &promises[NOTHING];
    }
    switch (step->code) {
    case OP_PFREE_SMALL:
        return &promises[SMALL];
    case OP_PFREE_FOREIGN:
        return &promises[FOREIGN];
    case OP_PFREE_INNER:
        return &promises[INNER];
    case OP_PFREE_TWICE:
        return &promises[TWICE];
    default:
        return &promises[STALE];
    }
}

ORACLE_DEFINE(release, ORACLE_KIND(STEP_FREE));
