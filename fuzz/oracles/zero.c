#include "bytes.h"
#include "oracle.h"

static const struct promise promises[] = {
    {8, "ngx_pcalloc returns memory with zero in every byte, also if it was "
        "used before"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    (void) run;
    if (step->code != OP_PCALLOC || step->made == NULL) {
        return NULL;
    }
    return bytes_are(step->made->p, step->made->size, 0) ? NULL : &promises[0];
}

ORACLE_DEFINE(zero, ORACLE_KIND(STEP_ALLOC));
