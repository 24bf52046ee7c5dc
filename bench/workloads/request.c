/*
 * An iteration is all requests of a recorded server, connection after
 * connection and region after region, as often as they were recorded. All of it
 * is timed. The objects of the server's start are made before the clock starts,
 * and live on until the clock has stopped. plan/repeat.h says how the requests
 * are found in a trace, and plan/replay.h how they are played. n is the number
 * of the requests' allocations.
 */
#include "plan/replay.h"

static const struct workload_cells request_full[] = {
    {"nginx_static,nginx_proxied,nginx_ssi", NULL},
    {"httpd_static,httpd_proxied,httpd_listing", NULL},
    {NULL, NULL},
};

static const struct workload_cells request_quick[] = {
    {"nginx_static,httpd_static", NULL},
    {NULL, NULL},
};

static int
request_start(struct region *region)
{
    if (workload_replay.start(region) != 0) {
        return -ENOMEM;
    }
    if (replay_begin(region) != 0) {
        workload_replay.stop(region);
        return -ENOMEM;
    }
    return 0;
}

static void
request_stop(struct region *region)
{
    replay_finish(region);
    workload_replay.stop(region);
}

/* After a failed allocation nothing is alive any more, and nothing is done. */
static int
request_take(struct region *region)
{
    const struct replay_run *run = region->own;
    int err = -ENOMEM;

    if (run->part == REPLAY_REQUESTS) {
        err = replay_check(region);
        if (err != 0) {
            replay_clear(region);
        }
    }
    return err;
}

/* Objects that were made before the requests are checked too. */
static int
request_check(const struct region *region)
{
    const struct replay_run *run = region->own;

    return run->is_valid && replay_holds(run);
}

static void
request_give(struct region *region)
{
    const struct replay_run *run = region->own;

    if (run->part == REPLAY_REQUESTS) {
        replay_end(region);
    }
}

static int
request_batch(struct region *region, size_t count)
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

const struct workload workload_request = {
    .name = "request",
    .heap_top = HEAP_TOP_PINNED,
    .full = request_full,
    .quick = request_quick,
    .is_replay = 1,
    .is_request = 1,
    .batch_op = 1,
    .refuse = workload_needs_growth,
    .start = request_start,
    .stop = request_stop,
    .take = request_take,
    .check = request_check,
    .give = request_give,
    .batch = request_batch,
};
