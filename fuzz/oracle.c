#include "oracle.h"

const struct oracle *const oracles[] = {
#define ORACLE_ENTRY(name) &oracle_##name,
    ORACLE_LIST(ORACLE_ENTRY)
#undef ORACLE_ENTRY
};

const size_t oracle_count = sizeof(oracles) / sizeof(oracles[0]);

/* The oracles' functions check() of each kind of step. NULL ends a row. */
static oracle_check
    *checks[STEP_KINDS][sizeof(oracles) / sizeof(oracles[0]) + 1];

const struct promise *
oracles_check(const struct run *run, const struct step *step)
{
    oracle_check *const *check = checks[step->kind];
    const struct promise *broken = NULL;

    while (broken == NULL && *check != NULL) {
        broken = (*check++)(run, step);
    }
    return broken;
}

__attribute__((constructor)) static void
oracles_load(void)
{
    unsigned kind;
    size_t i;

    for (kind = 0; kind < STEP_KINDS; kind++) {
        size_t count = 0;

        for (i = 0; i < oracle_count; i++) {
            if (oracles[i]->kinds & ORACLE_KIND(kind)) {
                checks[kind][count++] = oracles[i]->check;
            }
        }
    }
}
