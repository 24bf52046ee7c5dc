#include "oracle.h"

enum {
    WORDS,
    DEBUG,
    UNUSED,
};

static const struct promise promises[] = {
    [WORDS] = {33, "a line in the log has the failed call, its arguments, "
                   "and the system's error"},
    [DEBUG] = {33, "a debug build reports each block and large allocation "
                   "that is released, and each cleanup that is added or run"},
    [UNUSED] = {33, "a debug build reports how many bytes of each block were "
                    "unused"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    (void) step;
    if (run->lines.is_wrong) {
        return &promises[WORDS];
    }
    if (!run->options.is_debug || run->is_running) {
        return NULL;
    }
    if (run->lines.debug_seen != run->lines.debug_expected) {
        return &promises[DEBUG];
    }
    return run->lines.unused_seen != run->lines.unused_expected
               ? &promises[UNUSED]
               : NULL;
}

ORACLE_DEFINE(log, ORACLE_CHANGES | ORACLE_KIND(STEP_END));
