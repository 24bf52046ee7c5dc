#include "oracle.h"

enum {
    PNALLOC,
    PALLOC,
};

static const struct promise promises[] = {
    [PNALLOC] = {11, "ngx_pnalloc packs without a gap"},
    [PALLOC] = {12, "ngx_palloc leaves a gap smaller than the alignment"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const size_t block = step->spot.block;
    size_t gap;

    if (step->made == NULL || step->spot.place != MODEL_SMALL ||
        step->block != block) {
        return NULL;
    }
    gap = step->offset - step->spot.before;
    /* After a red zone, the start is rounded up to the unit of marks. */
    if (step->code == OP_PNALLOC && run->model.redzone == 0) {
        return gap != 0 ? &promises[PNALLOC] : NULL;
    }
    return gap >= NGX_ALIGNMENT ? &promises[PALLOC] : NULL;
}

ORACLE_DEFINE(packing, ORACLE_KIND(STEP_ALLOC));
