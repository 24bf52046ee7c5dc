#include "measure/row.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "measure/interrupt.h"

/* Of regions that are timed one by one: ns of one, and of all in a round. */
#define ROW_LATENCY_NS 2e6

/* A warm-up ends once its second half is not faster than the first by more. */
#define ROW_WARM_RATIO 1.05

enum {
    /* Of a warm-up, in ns: the first half's least, and all of it at most. */
    ROW_WARM_LEAST_NS = 100 * 1000,
    ROW_WARM_MOST_NS = 30 * 1000 * 1000,

    /* After a batch that long, in ns, there is no second half. */
    ROW_WARM_LONG_NS = 5 * 1000 * 1000,

    ROW_LATENCY_REGIONS = 2000, /* timed one by one in a round, at most */
};

/* The clock within a run. Nanoseconds, and 0 before they are known. */
struct halves {
    int64_t batches; /* of the run; 0: not known, or the clock is stopped at
                        times; nothing is taken then */
    int64_t done;
    double start;
    double middle;
    int64_t first; /* batches of the first half */
};

static int compare_readings(const void *a, const void *b);
static void row_run(struct shim_state *state, void *user);
static void row_work(struct row *row, struct shim_state *state);
static void row_measure(struct row *row, struct shim_state *state);
static const char *row_loop(struct row *row, struct shim_state *state);
static int row_batch(struct row *row, struct shim_state *state, size_t count);
static int row_time(struct row *row, struct shim_state *state, size_t count);
static void row_pause(struct shim_state *state);
static void row_resume(struct shim_state *state);
static int row_warm_up(struct row *row);
static int row_warm_for(struct row *row, double ns, double *ret_ns_a_region);
static int row_take_latency(struct row *row);
static const char *row_rehearse(struct row *row, void **ret_pin);
static int row_is_valid(const struct row *row);
static int64_t row_bytes(const struct row *row, size_t at, int64_t regions);
static void row_run_shim(struct shim_state *state, void *user);
static void halves_take(struct halves *halves, const struct row *row);
static void halves_end(const struct halves *halves, struct row *row);
static double row_now_ns(const struct row *row);
static long page_faults(void);

void
row_bind(struct row *row, const struct contenders *contenders,
         const struct inputs *inputs, void **pointers)
{
    const struct row_key *key = &row->key;
    const struct contender *contender;

    if (key->is_shim) {
        return;
    }
    contender = &contenders->list[key->contender];
    row->workload = contenders->shared->workloads[key->workload];
    row->region.allocator = contender->allocator;
    row->region.library = contender->library;
    if (key->is_again) {
        row->workload = contenders->again->workloads[key->workload];
        row->region.allocator = contender->again;
        row->region.library = contender->again_library;
    }
    row->region.pointers = pointers;
    if (row->workload->is_replay) {
        row->run.replay = &inputs->traces[key->input];
        row->region.own = &row->run;
    } else {
        row->samples = &inputs->samples[key->input];
        row->region.samples = row->samples->sizes;
        row->region.period = row->samples->period;
    }
}

struct reading
row_median(const struct row *row)
{
    struct reading sorted[ROW_SLICES];

    memcpy(sorted, row->taken, sizeof(sorted));
    qsort(sorted, (size_t) row->slices, sizeof(sorted[0]), compare_readings);
    return sorted[row->slices / 2];
}

int
row_register(struct row *row, double seconds)
{
    struct shim_benchmark *benchmark;

    if (row->workload != NULL) {
        benchmark = shim_register(row->name, row_run, row);
    } else if (row->key.is_bare) {
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

static int
compare_readings(const void *a, const void *b)
{
    const struct reading *left = a;
    const struct reading *right = b;

    return (left->items_per_second > right->items_per_second) -
           (left->items_per_second < right->items_per_second);
}

static void
row_run(struct shim_state *state, void *user)
{
    struct row *row = user;
    const struct region *region = &row->region;

    if (interrupt_came() || row->reason[0] != '\0') {
        shim_state_skip(state,
                        row->reason[0] != '\0' ? row->reason : "interrupted");
        return;
    }
    row->reading = (struct reading){0};
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

/* One region before the clock starts and one after it stops are checked. */
static void
row_measure(struct row *row, struct shim_state *state)
{
    void *pin = NULL;
    void *no_pin = NULL;
    struct heap_plug *plugs =
        row->workload->heap_top == HEAP_TOP_FREE ? heap_plug() : NULL;
    const char *reason = row_rehearse(row, &pin);

    if (reason == NULL) {
        reason = row_loop(row, state);
    }
    if (reason == NULL) {
        reason = row_rehearse(row, &no_pin);
    }
    if (reason != NULL) {
        shim_state_skip(state, reason);
    }
    free(no_pin);
    free(pin);
    heap_unplug(plugs);
}

/* Returns what is wrong, or NULL. */
static const char *
row_loop(struct row *row, struct shim_state *state)
{
    static const char failed[] = "an allocation failed";
    struct region *region = &row->region;
    struct halves halves = {
        .batches =
            row->workload->batch != NULL ? row->iterations / row->batch : 0,
    };
    int64_t makers = row->workload->makers > 1 ? row->workload->makers : 1;
    int64_t regions;
    size_t at;
    long faults;

    if (row->wants_warm_up && row->iterations != 0 && row_warm_up(row) != 0) {
        return failed;
    }
    at = region->at;
    faults = page_faults();
    while (shim_state_next(state, row->batch)) {
        halves_take(&halves, row);
        if (row_batch(row, state, (size_t) row->batch) != 0) {
            return failed;
        }
    }
    halves_end(&halves, row);
    regions = shim_state_iterations(state);
    row->reading.page_faults =
        (double) (page_faults() - faults) / (double) regions;
    shim_state_items(state, makers * regions * (int64_t) region->n);
    shim_state_bytes(state, makers * row_bytes(row, at, regions));
    return row->wants_latency && row->iterations != 0 &&
                   row_take_latency(row) != 0
               ? failed
               : NULL;
}

/* state NULL: outside the clock. Returns 0 or -ENOMEM. */
static int
row_batch(struct row *row, struct shim_state *state, size_t count)
{
    return row->workload->batch != NULL
               ? row->workload->batch(&row->region, count)
               : row_time(row, state, count);
}

static void
row_pause(struct shim_state *state)
{
    if (state != NULL) {
        shim_state_pause(state);
    }
}

static void
row_resume(struct shim_state *state)
{
    if (state != NULL) {
        shim_state_resume(state);
    }
}

/*
 * Runs regions until an allocator is in its steady state: jemalloc takes about
 * 30 regions of 10,000. Each half is as long as all before it, so that a slow
 * change shows too. The halves of the run that follows show whether that was
 * enough. After the round's first slice, only memory that was trimmed has to
 * come back.
 */
static int
row_warm_up(struct row *row)
{
    double most = row->slice == 0 ? ROW_WARM_MOST_NS : 2 * ROW_WARM_LEAST_NS;
    double spent = 0;

    for (double ns = ROW_WARM_LEAST_NS; spent < most; ns *= 2) {
        double first;
        double second;

        if (row_warm_for(row, ns, &first) != 0) {
            return -ENOMEM;
        }
        if (first * (double) row->batch > ROW_WARM_LONG_NS) {
            break;
        }
        if (row_warm_for(row, ns, &second) != 0) {
            return -ENOMEM;
        }
        if (first < second * ROW_WARM_RATIO) {
            break;
        }
        spent += 2 * (ns > first ? ns : first);
    }
    return 0;
}

static int
row_warm_for(struct row *row, double ns, double *ret_ns_a_region)
{
    double start = row_now_ns(row);
    double elapsed = 0;
    int64_t regions = 0;

    while (elapsed < ns) {
        if (row_batch(row, NULL, (size_t) row->batch) != 0) {
            return -ENOMEM;
        }
        regions += row->batch;
        elapsed = row_now_ns(row) - start;
    }
    *ret_ns_a_region = elapsed / (double) regions;
    return 0;
}

/* Times regions one by one, after the run. */
static int
row_take_latency(struct row *row)
{
    const struct workload *workload = row->workload;
    double spent = 0;

    for (int i = 0; i < ROW_LATENCY_REGIONS / row->slices &&
                    spent < ROW_LATENCY_NS / row->slices;
         i++) {
        uint64_t start = latency_now_ns();
        int err = workload->batch(&row->region, 1);
        uint64_t ns = latency_now_ns() - start;

        if (err != 0) {
            return err;
        }
        latency_add(row->latency, ns);
        spent += (double) ns;
    }
    return 0;
}

/* count regions, of which the clock sees time() alone. state NULL: there is no
 * clock. Returns 0 or -ENOMEM. */
static int
row_time(struct row *row, struct shim_state *state, size_t count)
{
    const struct workload *workload = row->workload;
    int err = 0;

    row_pause(state);
    for (size_t i = 0; i < count && err == 0; i++) {
        err = workload->take(&row->region);
        if (err == 0) {
            row_resume(state);
            workload->time(&row->region);
            row_pause(state);
        }
        workload->give(&row->region);
    }
    row_resume(state);
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
    } else if (!row_is_valid(row)) {
        reason = "an allocation's contents changed";
    } else if (row->workload->heap_top == HEAP_TOP_PINNED) {
        *ret_pin = heap_pin();
    }
    row->workload->give(&row->region);
    return reason;
}

static int
row_is_valid(const struct row *row)
{
    if (row->region.allocator->is_null) {
        return 1;
    }
    return row->workload->check(&row->region);
}

/* The bytes that the regions ask for; the first begins at sample at. */
static int64_t
row_bytes(const struct row *row, size_t at, int64_t regions)
{
    const struct region *region = &row->region;
    uint64_t bytes = row->bytes * (uint64_t) regions;

    if (row->workload->is_replay) {
        return (int64_t) bytes;
    }
    for (int64_t i = 0; i < regions; i++) {
        bytes += samples_sum(row->samples, at, region->n);
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

/* Called before each batch. */
static void
halves_take(struct halves *halves, const struct row *row)
{
    if (halves->batches < 2) {
        return;
    }
    if (halves->done == 0) {
        halves->start = row_now_ns(row);
    } else if (halves->done == halves->batches / 2) {
        halves->middle = row_now_ns(row);
        halves->first = halves->done;
    }
    halves->done++;
}

/* Called after the last batch. Threads that make regions side by side make so
 * many times the allocations of one. */
static void
halves_end(const struct halves *halves, struct row *row)
{
    int64_t second = halves->done - halves->first;
    double allocations = (double) row->batch * (double) row->region.n;

    if (halves->first == 0) {
        return;
    }
    if (row->workload->makers > 1) {
        allocations *= row->workload->makers;
    }
    row->reading.first_half_ns = (halves->middle - halves->start) /
                                 ((double) halves->first * allocations);
    row->reading.second_half_ns =
        (row_now_ns(row) - halves->middle) / ((double) second * allocations);
}

/* The clock that the row's figures are of: the thread's own time, or the wall
 * clock for workloads of threads. */
static double
row_now_ns(const struct row *row)
{
    struct timespec now;

    clock_gettime(row->workload->threads != 0 ? CLOCK_MONOTONIC
                                              : CLOCK_THREAD_CPUTIME_ID,
                  &now);
    return (double) now.tv_sec * 1e9 + (double) now.tv_nsec;
}

/* Minor ones, of the process. */
static long
page_faults(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : 0;
}
