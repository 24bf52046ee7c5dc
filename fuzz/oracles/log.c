#include "oracle.h"

enum {
    LEVEL,
    WORDS,
    DEBUG,
    OBJECTS,
    UNUSED,
};

static const struct promise promises[] = {
    [LEVEL] = {33, "a log takes no line above its level"},
    [WORDS] = {33, "a line in the log has the failed call, its arguments, "
                   "and the system's error"},
    [DEBUG] = {33, "a debug build reports each block and large allocation "
                   "that is released, and each cleanup that is added or run"},
    [OBJECTS] = {33, "a line of a debug build has the address of the block, "
                     "large allocation or cleanup that it is about, or the "
                     "descriptor"},
    [UNUSED] = {33, "a debug build reports how many bytes of each block were "
                    "unused"},
};

static const struct promise *
check(const struct run *run, const struct step *step)
{
    (void) step;
    if (run->lines.is_above) {
        return &promises[LEVEL];
    }
    if (run->lines.is_wrong) {
        return &promises[WORDS];
    }
    if (!run->options.is_debug || run->is_running) {
        return NULL;
    }
    if (run->lines.debug_seen != run->lines.debug_expected) {
        return &promises[DEBUG];
    }
    if (run->lines.object_sum_seen != run->lines.object_sum_expected) {
        return &promises[OBJECTS];
    }
    return run->lines.unused_seen != run->lines.unused_expected
               ? &promises[UNUSED]
               : NULL;
}

ORACLE_DEFINE(log, ORACLE_CHANGES | ORACLE_KIND(STEP_END));
