/*
 * How long single regions take: a histogram of nanoseconds. Its buckets are a
 * thirty-second of a doubling wide, so a percentile is off by at most
 * LATENCY_ERROR, relative, to either side. The clock's own cost is in every
 * figure and is never subtracted; latency_clock_ns() returns it.
 */
#ifndef BENCH_MEASURE_LATENCY_H
#define BENCH_MEASURE_LATENCY_H

#include <stdint.h>

enum {
    LATENCY_SUB_BITS = 5, /* buckets of a doubling, as a power of 2 */
    LATENCY_DOUBLINGS = 36,
    LATENCY_BUCKETS = (LATENCY_DOUBLINGS + 1) << LATENCY_SUB_BITS,
};

/* Half a bucket over the least value in it. */
#define LATENCY_ERROR (0.5 / (1 << LATENCY_SUB_BITS))

/* All bytes 0: empty. */
struct latency {
    uint64_t regions;
    uint64_t max_ns; /* exact */
    uint32_t buckets[LATENCY_BUCKETS];
};

/* Add a region that took ns. 2^41 and more count as the last bucket. */
void latency_add(struct latency *latency, uint64_t ns);

/* Add all of other's. */
void latency_merge(struct latency *latency, const struct latency *other);

/* The time that a share of the regions, above 0 and at most 1, did not exceed,
 * in ns: the middle of its bucket, and never more than max_ns. 0 where the
 * histogram is empty. */
double latency_percentile(const struct latency *latency, double share);

/* Now, in ns, by the clock that regions are measured with. */
uint64_t latency_now_ns(void);

/* The cost of reading the clock twice, in ns: the median of 1,001 pairs. */
double latency_clock_ns(void);

#endif
