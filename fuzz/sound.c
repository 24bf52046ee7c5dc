#include "sound.h"

#include <stdlib.h>

/* The live regions, the cleanups in them, and the objects. */
struct there {
    const struct trace *trace;
    unsigned char *regions;
    uint32_t *cleanups;
    unsigned char *objects;
};

static const char *check_all(struct there *there);
static const char *check_action(struct there *there,
                                const struct trace_action *action);
static const char *check_region(struct there *there,
                                const struct trace_action *action);
static const char *check_object(struct there *there,
                                const struct trace_action *action);

const char *
sound_check(const struct trace *trace)
{
    struct there there = {
        .trace = trace,
        .regions = calloc(trace->regions + 1, 1),
        .cleanups = calloc(trace->regions + 1, sizeof(*there.cleanups)),
        .objects = calloc(trace->objects + 1, 1),
    };
    const char *broken = "there is memory for a check";

    if (there.regions != NULL && there.cleanups != NULL &&
        there.objects != NULL) {
        broken = check_all(&there);
    }
    free(there.regions);
    free(there.cleanups);
    free(there.objects);
    return broken;
}

static const char *
check_all(struct there *there)
{
    const struct trace *trace = there->trace;
    size_t i;

    if (trace->idle_ops > trace->ops) {
        return "no more ops do nothing than there are";
    }
    for (i = 0; i < trace->count; i++) {
        const char *broken = check_action(there, &trace->actions[i]);

        if (broken != NULL) {
            return broken;
        }
    }
    for (i = 0; i < trace->regions; i++) {
        if (there->regions[i]) {
            return "no region is left";
        }
    }
    for (i = 0; i < trace->objects; i++) {
        if (there->objects[i]) {
            return "no object is left";
        }
    }
    return NULL;
}

static const char *
check_action(struct there *there, const struct trace_action *action)
{
    if (action->code >= TRACE_CODES ||
        action->region >= there->trace->regions) {
        return "an action and its region are among those that are";
    }
    if (there->regions[action->region] != (action->code != TRACE_CREATE)) {
        return "a region is there, unless it is made";
    }
    if (action->size > TRACE_SIZE_MAX) {
        return "no size is above the bound";
    }
    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
    case TRACE_CLEANUP:
    case TRACE_CLEANUP_RUN:
    case TRACE_RESET:
    case TRACE_DESTROY:
        return check_region(there, action);
    default:
        return check_object(there, action);
    }
}

static const char *
check_region(struct there *there, const struct trace_action *action)
{
    uint32_t *cleanups = &there->cleanups[action->region];

    switch ((enum trace_code) action->code) {
    case TRACE_CREATE:
        there->regions[action->region] = 1;
        if (action->other != TRACE_NONE &&
            (action->other >= there->trace->regions ||
             action->other == action->region ||
             !there->regions[action->other])) {
            return "a parent is there";
        }
        return NULL;
    case TRACE_CLEANUP:
        ++*cleanups;
        return NULL;
    case TRACE_CLEANUP_RUN:
        return (*cleanups)-- != 0 ? NULL : "a cleanup that runs is there";
    default:
        there->regions[action->region] = action->code == TRACE_RESET;
        return *cleanups == 0 ? NULL : "cleanups run before their region ends";
    }
}

static const char *
check_object(struct there *there, const struct trace_action *action)
{
    int is_new = action->code == TRACE_ALLOC || action->code == TRACE_RESIZE;
    int is_gone = action->code == TRACE_FREE || action->code == TRACE_DROP;

    if (action->object >= there->trace->objects) {
        return "an object is among those that are";
    }
    if (there->objects[action->object] == is_new) {
        return "an object is there, unless it is made";
    }
    there->objects[action->object] = !is_gone;
    if (action->code == TRACE_RESIZE) {
        if (action->other >= there->trace->objects ||
            action->other == action->object || !there->objects[action->other]) {
            return "what is resized is there";
        }
        there->objects[action->other] = 0;
    }
    return NULL;
}
