#include "oracle.h"

enum {
    PALLOC,
    PMEMALIGN,
    REFUSED,
};

static const struct promise promises[] = {
    [PALLOC] = {1, "ngx_palloc and ngx_pcalloc align to NGX_ALIGNMENT"},
    [PMEMALIGN] = {9, "ngx_pmemalign aligns to the requested alignment"},
    [REFUSED] = {9, "an alignment that is no power of two is refused"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    size_t alignment = step->alignment;

    (void) run;
    if (step->made == NULL) {
        return NULL;
    }
    switch (step->code) {
    case OP_PALLOC:
    case OP_PCALLOC:
        return (uintptr_t) step->made->p % NGX_ALIGNMENT != 0
                   ? &promises[PALLOC]
                   : NULL;
    case OP_PMEMALIGN:
        if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
            return &promises[REFUSED];
        }
        return (uintptr_t) step->made->p % alignment != 0 ? &promises[PMEMALIGN]
                                                          : NULL;
    default:
        return NULL;
    }
}

ORACLE_DEFINE(alignment, ORACLE_KIND(STEP_ALLOC));
