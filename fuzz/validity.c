#include "validity.h"

#include <stdlib.h>

/* The regions, cleanups and objects that exist. */
struct live {
    const struct trace *trace;
    unsigned char *regions;
    uint32_t *cleanups;
    unsigned char *objects;
};

static const char *check_all(struct live *live);
static const char *check_action(struct live *live,
                                const struct trace_action *action);
static const char *check_region(struct live *live,
                                const struct trace_action *action);
static const char *check_object(struct live *live,
                                const struct trace_action *action);

const char *
validity_check(const struct trace *trace)
{
    struct live live = {
        .trace = trace,
        .regions = calloc(trace->regions + 1, 1),
        .cleanups = calloc(trace->regions + 1, sizeof(*live.cleanups)),
        .objects = calloc(trace->objects + 1, 1),
    };
    const char *broken = "the check has enough memory";

    if (live.regions != NULL && live.cleanups != NULL && live.objects != NULL) {
        broken = check_all(&live);
    }
    free(live.regions);
    free(live.cleanups);
    free(live.objects);
    return broken;
}

static const char *
check_all(struct live *live)
{
    const struct trace *trace = live->trace;
    size_t i;

    if (trace->idle_ops > trace->ops) {
        return "a program has at least as many ops as ops without an action";
    }
    for (i = 0; i < trace->count; i++) {
        const char *broken = check_action(live, &trace->actions[i]);

        if (broken != NULL) {
            return broken;
        }
    }
    for (i = 0; i < trace->regions; i++) {
        if (live->regions[i]) {
            return "no region is left";
        }
    }
    for (i = 0; i < trace->objects; i++) {
        if (live->objects[i]) {
            return "no object is left";
        }
    }
    return NULL;
}

static const char *
check_action(struct live *live, const struct trace_action *action)
{
    if (action->code >= TRACE_CODES || action->region >= live->trace->regions) {
        return "an action's code and region are in range";
    }
    if (live->regions[action->region] != (action->code != TRACE_CREATE)) {
        return "a region exists, unless the action makes it";
    }
    if (action->size > TRACE_SIZE_MAX) {
        return "no size is above TRACE_SIZE_MAX";
    }
    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
    case TRACE_CLEANUP:
    case TRACE_CLEANUP_RUN:
    case TRACE_RESET:
    case TRACE_DESTROY:
        return check_region(live, action);
    default:
        return check_object(live, action);
    }
}

static const char *
check_region(struct live *live, const struct trace_action *action)
{
    uint32_t *cleanups = &live->cleanups[action->region];

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        live->regions[action->region] = 1;
        if (action->other != TRACE_NONE &&
            (action->other >= live->trace->regions ||
             action->other == action->region ||
             !live->regions[action->other])) {
            return "a parent exists";
        }
        return NULL;
    case TRACE_CLEANUP:
        ++*cleanups;
        return NULL;
    case TRACE_CLEANUP_RUN:
        return (*cleanups)-- != 0 ? NULL : "a cleanup that runs exists";
    default:
        live->regions[action->region] = action->code == TRACE_RESET;
        return *cleanups == 0 ? NULL : "cleanups run before their region ends";
    }
}

static const char *
check_object(struct live *live, const struct trace_action *action)
{
    int is_new = action->code == TRACE_ALLOC || action->code == TRACE_RESIZE;
    int is_gone = action->code == TRACE_FREE || action->code == TRACE_DROP;

    if (action->object >= live->trace->objects) {
        return "an object is in range";
    }
    if (live->objects[action->object] == is_new) {
        return "an object exists, unless the action makes it";
    }
    live->objects[action->object] = !is_gone;
    if (action->code == TRACE_RESIZE) {
        if (action->other >= live->trace->objects ||
            action->other == action->object || !live->objects[action->other]) {
            return "a resized object exists";
        }
        live->objects[action->other] = 0;
    }
    return NULL;
}
