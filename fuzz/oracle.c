#include "oracle.h"

const struct oracle *const oracles[] = {
#define ORACLE_ENTRY(name) &oracle_##name,
    ORACLE_LIST(ORACLE_ENTRY)
#undef ORACLE_ENTRY
};

const size_t oracle_count = sizeof(oracles) / sizeof(oracles[0]);

_Static_assert(sizeof(oracles) / sizeof(oracles[0]) <= 32,
               "the oracles of a kind of step are the bits of a word");

/* The oracles that look at a kind of step: bit i for oracles[i]. */
static unsigned asked_after[STEP_KINDS];

const struct promise *
oracles_check(const struct run *run, const struct step *step)
{
    unsigned asked = asked_after[step->kind];

    for (; asked != 0; asked &= asked - 1) {
        const struct promise *broken =
            oracles[__builtin_ctz(asked)]->check(run, step);

        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}

__attribute__((constructor)) static void
oracles_load(void)
{
    unsigned kind;
    size_t i;

    for (kind = 0; kind < STEP_KINDS; kind++) {
        for (i = 0; i < oracle_count; i++) {
            if (oracles[i]->kinds & ORACLE_KIND(kind)) {
                asked_after[kind] |= 1u << i;
            }
        }
    }
}
