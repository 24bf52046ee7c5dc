#include "measure/row.h"

#include <stdlib.h>

#include "measure/interrupt.h"

static void row_run(struct shim_state *state, void *user);
static void row_work(struct row *row, struct shim_state *state);
static void row_measure(struct row *row, struct shim_state *state);
static int row_time(struct row *row, struct shim_state *state, size_t count);
static const char *row_rehearse(struct row *row, void **ret_pin);
static int row_is_sound(const struct row *row);
static int region_check(const struct region *region);
static int64_t row_bytes(const struct row *row, size_t at, int64_t regions);
static void row_run_shim(struct shim_state *state, void *user);

int
row_register(struct row *row, double seconds)
{
    struct shim_benchmark *benchmark;

    if (row->workload != NULL) {
        benchmark = shim_register(row->name, row_run, row);
    } else if (row->is_bare) {
        benchmark = shim_register_bare(row->name, row->batch);
    } else {
        benchmark = shim_register(row->name, row_run_shim, row);
    }
    if (benchmark == NULL) {
        return -ENOMEM;
    }
    if (row->workload != NULL && row->workload->threads != 0) {
        shim_benchmark_real_time(benchmark);
    }
    if (row->iterations != 0) {
        shim_benchmark_iterations(benchmark, row->iterations);
    } else {
        shim_benchmark_min_time(benchmark, seconds);
    }
    return 0;
}

static void
row_run(struct shim_state *state, void *user)
{
    struct row *row = user;
    const struct region *region = &row->region;

    if (interrupt_came()) {
        shim_state_skip(state, "interrupted");
        return;
    }
    heap_settle(row->largest);
    row_work(row, state);
    if (region->allocator->trim != NULL) {
        region->allocator->trim(region->library);
    }
}

static void
row_work(struct row *row, struct shim_state *state)
{
    struct region *region = &row->region;

    region->at = 0;
    if (row->workload->start(region) != 0) {
        shim_state_skip(state, "the region could not be made");
        return;
    }
    row_measure(row, state);
    row->workload->stop(region);
}

/* One region outside the clock before it, and one behind it, are checked. */
static void
row_measure(struct row *row, struct shim_state *state)
{
    struct region *region = &row->region;
    size_t batch = (size_t) row->batch;
    void *pin = NULL;
    void *no_pin = NULL;
    struct heap_plug *plugs =
        row->workload->heap_top == HEAP_TOP_FREE ? heap_plug() : NULL;
    const char *reason = row_rehearse(row, &pin);
    size_t at = region->at;
    int64_t regions;
    int64_t threads;

    if (reason != NULL) {
        shim_state_skip(state, reason);
        free(pin);
        heap_unplug(plugs);
        return;
    }
    while (shim_state_next(state, row->batch)) {
        int err = row->workload->batch != NULL
                      ? row->workload->batch(region, batch)
                      : row_time(row, state, batch);

        if (err != 0) {
            shim_state_skip(state, "an allocation failed");
            break;
        }
    }
    regions = shim_state_iterations(state);
    threads = row->workload->threads > 1 ? row->workload->threads : 1;
    shim_state_items(state, threads * regions * (int64_t) region->n);
    shim_state_bytes(state, threads * row_bytes(row, at, regions));

    reason = row_rehearse(row, &no_pin);
    if (reason != NULL) {
        shim_state_skip(state, reason);
    }
    free(no_pin);
    free(pin);
    heap_unplug(plugs);
}

/* count regions, of which the clock sees time() alone. Returns 0 or -ENOMEM. */
static int
row_time(struct row *row, struct shim_state *state, size_t count)
{
    const struct workload *workload = row->workload;
    int err = 0;

    shim_state_pause(state);
    for (size_t i = 0; i < count && err == 0; i++) {
        err = workload->take(&row->region);
        if (err == 0) {
            shim_state_resume(state);
            workload->time(&row->region);
            shim_state_pause(state);
        }
        workload->give(&row->region);
    }
    shim_state_resume(state);
    return err;
}

/*
 * Makes a region, checks it, and gives it back; while it lives, the heap's top
 * is pinned above it where the row wants that. Returns what is wrong, or NULL.
 */
static const char *
row_rehearse(struct row *row, void **ret_pin)
{
    const char *reason = NULL;

    if (row->workload->take(&row->region) != 0) {
        reason = "an allocation failed";
    } else if (!row_is_sound(row)) {
        reason = "an allocation's contents changed";
    } else if (row->workload->heap_top == HEAP_TOP_PINNED) {
        *ret_pin = heap_pin();
    }
    row->workload->give(&row->region);
    return reason;
}

static int
row_is_sound(const struct row *row)
{
    if (row->region.allocator->is_null) {
        return 1;
    }
    return row->workload->check != NULL ? row->workload->check(&row->region)
                                        : region_check(&row->region);
}

/* Whether each allocation still holds what was written into both its ends. */
static int
region_check(const struct region *region)
{
    size_t start = (region->at + region->period - region->n % region->period) %
                   region->period;

    for (size_t i = 0; i < region->n; i++) {
        const unsigned char *p = region->pointers[i];
        size_t size = region->samples[(start + i) % region->period];

        if (p[0] != region_mark(i) || p[size - 1] != region_mark(i)) {
            return 0;
        }
    }
    return 1;
}

/* What regions of them ask for, the first one's samples starting at at. */
static int64_t
row_bytes(const struct row *row, size_t at, int64_t regions)
{
    const struct region *region = &row->region;
    uint64_t bytes = row->bytes * (uint64_t) regions;

    if (row->workload->is_replay) {
        return (int64_t) bytes;
    }
    for (int64_t i = 0; i < regions; i++) {
        bytes += row_sum(row->sums, region->period, at, region->n);
        at = (at + region->n) % region->period;
    }
    return (int64_t) bytes;
}

uint64_t
row_sum(const uint64_t *sums, size_t period, size_t at, size_t n)
{
    size_t end = (at + n) % period;
    uint64_t bytes = n / period * sums[period];

    if (end < at && n % period != 0) {
        return bytes + sums[period] - sums[at] + sums[end];
    }
    return bytes + sums[end] - sums[at];
}

static void
row_run_shim(struct shim_state *state, void *user)
{
    const struct row *row = user;
    int64_t batch = row->batch;

    while (shim_state_next(state, batch)) {
        for (int64_t i = 0; i < batch; i++) {
            shim_keep(NULL);
        }
    }
    shim_state_items(state, shim_state_iterations(state));
}
