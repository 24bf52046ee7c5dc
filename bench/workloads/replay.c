/*
 * An iteration is a recorded program, from its first op to its last. All of it
 * is timed. n is the number of the program's allocations.
 */
#include "plan/replay.h"

#include <stdlib.h>

/* Replays of servers are mostly requests, which have rows of their own. */
static const struct workload_cells replay_full[] = {
    {"cc1,git_log,ldb_add,ldb_search,sqlite,svn_checkout,svn_log", NULL},
    {NULL, NULL},
};

static const struct workload_cells replay_quick[] = {
    {NULL, NULL},
};

static void
replay_stop(struct region *region)
{
    struct replay_run *run = region->own;

    free(run->states);
    free(run->objects);
    free(run->sizes);
}

static int
replay_start(struct region *region)
{
    struct replay_run *run = region->own;

    run->part = REPLAY_WHOLE;
    run->states = calloc(run->replay->regions + 1, sizeof(*run->states));
    run->objects = calloc(run->replay->objects + 1, sizeof(*run->objects));
    run->sizes = calloc(run->replay->objects + 1, sizeof(*run->sizes));
    if (run->states == NULL || run->objects == NULL || run->sizes == NULL) {
        replay_stop(region);
        return -ENOMEM;
    }
    return 0;
}

static int
replay_is_valid(const struct region *region)
{
    const struct replay_run *run = region->own;

    return run->is_valid;
}

static int
replay_batch(struct region *region, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        err = region->allocator->replay(region);
    }
    if (err != 0) {
        replay_clear(region);
    }
    return err;
}

const struct workload workload_replay = {
    .name = "replay",
    .heap_top = HEAP_TOP_PINNED,
    .full = replay_full,
    .quick = replay_quick,
    .is_replay = 1,
    .batch_op = 1,
    .refuse = workload_needs_growth,
    .start = replay_start,
    .stop = replay_stop,
    .take = replay_check,
    .check = replay_is_valid,
    .give = replay_end,
    .batch = replay_batch,
};
