/*
 * A row of the results: a workload on an allocator, with a distribution of
 * sizes and a number of allocations; or one that measures the shim itself. It
 * is named workload/allocator/sizes/n, the shim's shim/bare/batch and
 * shim/c/batch. One iteration is one region, or one empty op of the shim's.
 */
#ifndef BENCH_MEASURE_ROW_H
#define BENCH_MEASURE_ROW_H

#include <stddef.h>
#include <stdint.h>

#include "measure/heap.h"
#include "measure/latency.h"
#include "plan/contenders.h"
#include "plan/inputs.h"
#include "shim/shim.h"
#include "workload.h"

enum {
    ROW_NAME_MAX = 128,
    ROW_REASON_MAX = 640,

    ROW_SLICES = 5, /* of a row in a round, at most; an odd number */
};

/* The result of one run of a row. */
struct reading {
    int64_t iterations;
    double real_ns; /* of an iteration */
    double cpu_ns;
    double items_per_second;
    double bytes_per_second; /* 0: it processes none */

    /* Of an allocation, in each half of this run. Both are 0 where the run had
     * one batch. */
    double first_half_ns;
    double second_half_ns;

    double page_faults; /* minor ones, of an iteration */
};

/* Which row it is, in numbers that hold in every process of a run. */
struct row_key {
    uint32_t workload;  /* its index in the table of workloads */
    uint32_t contender; /* its index among the contenders */
    uint32_t input;     /* of the samples; of a trace, where it is replayed */
    int is_shim;        /* all of the above are unused */
    int is_bare;        /* the shim's: the loop in C++ */
    int is_again;       /* the contender's second copy */
};

struct row {
    char name[ROW_NAME_MAX];
    char reason[ROW_REASON_MAX]; /* why it is skipped; "": it is not */
    struct row_key key;

    const struct workload *workload; /* NULL: the shim's */
    const char *sizes;             /* the distribution's or the trace's name */
    struct region region;          /* that it works on */
    const struct samples *samples; /* NULL where a trace is replayed */
    struct replay_run run;         /* the trace's */
    size_t largest; /* the most that is asked of malloc() at once, in bytes */
    uint64_t bytes; /* of a region, where sizes are not sampled */

    int64_t batch;      /* iterations a crossing */
    int slices;         /* runs of a round, > 0 and odd */
    int64_t iterations; /* a run's, a multiple of batch; 0: not known yet */
    double expected_ns; /* of an iteration, by the pass that came last before
                           iterations were set */
    double seconds;     /* of a round, the time outside the clock included */
    double overhead;    /* seconds of a slice, outside the clock */
    int wants_warm_up;  /* whether regions come before the clock */
    int wants_latency;  /* whether its regions are also timed one by one */
    struct latency *latency;  /* of all rounds so far; NULL: not wanted */
    struct reading *readings; /* one a round */

    /* Of the round under way. */
    struct reading reading; /* of a slice: all that the shim does not measure */
    struct reading taken[ROW_SLICES];
    int slice;    /* how many of them are taken */
    double spent; /* seconds */
};

/* Set workload, samples, run, and the region's allocator, library, samples and
 * pointers by the row's key. */
void row_bind(struct row *row, const struct contenders *contenders,
              const struct inputs *inputs, void **pointers);

/* Of the slices taken, the one with the median time of an allocation. */
struct reading row_median(const struct row *row);

/*
 * Register the row with the shim under its name. With iterations set it runs as
 * many, else for at least seconds.
 * Returns 0 or -ENOMEM.
 */
int row_register(struct row *row, double seconds);

#endif
