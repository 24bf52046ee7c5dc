#include "row.h"

#include <stdlib.h>

#include "interrupt.h"

static void row_run(struct shim_state *state, void *user);
static void row_measure(struct row *row, struct shim_state *state);
static const char *row_rehearse(struct row *row, void **ret_pin);
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
    struct region *region = &row->region;

    if (interrupt_came()) {
        shim_state_skip(state, "interrupted");
        return;
    }
    if (region->allocator->trim != NULL) {
        region->allocator->trim(region->library);
    }
    heap_settle(row->largest);

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
    const char *reason = row_rehearse(row, &pin);
    size_t at = region->at;
    int64_t regions;

    if (reason != NULL) {
        shim_state_skip(state, reason);
        free(pin);
        return;
    }
    while (shim_state_next(state, row->batch)) {
        if (row->workload->batch(region, batch) != 0) {
            shim_state_skip(state, "an allocation failed");
            break;
        }
    }
    regions = shim_state_iterations(state);
    shim_state_items(state, regions * (int64_t) region->n);
    shim_state_bytes(state, row_bytes(row, at, regions));

    reason = row_rehearse(row, &no_pin);
    if (reason != NULL) {
        shim_state_skip(state, reason);
    }
    free(no_pin);
    free(pin);
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
    } else if (!region_check(&row->region)) {
        reason = "an allocation's contents changed";
    } else if (row->heap_top == HEAP_TOP_PINNED) {
        *ret_pin = heap_pin();
    }
    row->workload->give(&row->region);
    return reason;
}

/* Whether each allocation still holds what was written into both its ends. */
static int
region_check(const struct region *region)
{
    size_t start = (region->at + region->period - region->n % region->period) %
                   region->period;
    const uint32_t *draws = region->draws + start;

    for (size_t i = 0; i < region->n; i++) {
        const unsigned char *p = region->pointers[i];

        if (p[0] != region_mark(i) || p[draws[i] - 1] != region_mark(i)) {
            return 0;
        }
    }
    return 1;
}

/* What regions of them ask for, the first one's draws starting at at. */
static int64_t
row_bytes(const struct row *row, size_t at, int64_t regions)
{
    const struct region *region = &row->region;
    uint64_t bytes = 0;

    for (int64_t i = 0; i < regions; i++) {
        bytes += row->sums[at + region->n] - row->sums[at];
        at = (at + region->n) % region->period;
    }
    return (int64_t) bytes;
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
