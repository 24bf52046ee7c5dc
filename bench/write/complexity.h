/*
 * How a region's time grows with its allocations, as google-benchmark fits it:
 * of O(1), O(lg n), O(n), O(n lg n), O(n^2) and O(n^3), the one with the least
 * error. Each allocator is fitted on each workload and distribution that it
 * has been measured on with three values of n or more. The times are medians
 * over the rounds.
 */
#ifndef BENCH_WRITE_COMPLEXITY_H
#define BENCH_WRITE_COMPLEXITY_H

#include <stddef.h>

#include "plan/plan.h"

struct complexity {
    const struct row *row; /* the first of the rows that are fitted */
    char big_o[8];         /* "N", "NlgN", ... */
    double coefficient_ns; /* of that term */
    double rms;            /* of the residuals, over the mean time */
};

/*
 * Fit all rows by their readings of rounds rounds. Owned by the caller: release
 * with free(). It uses the shim, so nothing may be registered there.
 * Returns NULL when memory runs out.
 */
struct complexity *complexity_fit(const struct plan *plan, int rounds,
                                  size_t *ret_count);

#endif
