#include "oracle.h"

const struct oracle *const oracles[] = {
#define ORACLE_ENTRY(name) &oracle_##name,
    ORACLE_LIST(ORACLE_ENTRY)
#undef ORACLE_ENTRY
};

const size_t oracle_count = sizeof(oracles) / sizeof(oracles[0]);

const struct promise *
oracles_check(const struct run *run, const struct step *step)
{
    size_t i;

    for (i = 0; i < oracle_count; i++) {
        const struct promise *broken = oracles[i]->check(run, step);

        if (broken != NULL) {
            return broken;
        }
    }
    return NULL;
}
