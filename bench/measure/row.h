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
#include "shim/shim.h"
#include "workload.h"

enum {
    ROW_NAME_MAX = 128,
    ROW_REASON_MAX = 640,
};

/* What one run of a row gave. */
struct reading {
    int64_t iterations;
    double real_ns; /* of an iteration */
    double cpu_ns;
    double items_per_second;
    double bytes_per_second; /* 0: it processes none */
};

struct row {
    char name[ROW_NAME_MAX];
    char reason[ROW_REASON_MAX]; /* why it is skipped; "": it is not */

    const struct workload *workload; /* NULL: the shim's */
    const char *sizes;               /* the distribution's name */
    struct region region;            /* what it works on */
    const uint64_t
        *sums;      /* of the region's samples: all before each, one more */
    size_t largest; /* that is asked of malloc() at once, in bytes */
    uint64_t bytes; /* of a region, where none is drawn */
    int is_bare;    /* the shim's: the loop in C++ */

    int64_t batch;      /* iterations a crossing */
    int64_t iterations; /* a run's, a multiple of batch; 0: not known yet */
    double expected_ns; /* of an iteration, by the run that found those out */
    struct reading *readings; /* one a round */
};

/*
 * Register the row with the shim under its name. With iterations set it runs as
 * many, else for at least seconds.
 * Returns 0 or -ENOMEM.
 */
int row_register(struct row *row, double seconds);

/* The sum of n samples from the one at at, in turn, by the sums before each. */
uint64_t row_sum(const uint64_t *sums, size_t period, size_t at, size_t n);

#endif
