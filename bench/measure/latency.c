#include "measure/latency.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum {
    LATENCY_SUB = 1 << LATENCY_SUB_BITS,
    LATENCY_CLOCK_PAIRS = 1001,
};

static unsigned bucket_of(uint64_t ns);
static double bucket_middle(unsigned bucket);
static int compare_ns(const void *a, const void *b);

void
latency_add(struct latency *latency, uint64_t ns)
{
    latency->regions++;
    latency->buckets[bucket_of(ns)]++;
    if (ns > latency->max_ns) {
        latency->max_ns = ns;
    }
}

void
latency_merge(struct latency *latency, const struct latency *other)
{
    latency->regions += other->regions;
    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        latency->buckets[i] += other->buckets[i];
    }
    if (other->max_ns > latency->max_ns) {
        latency->max_ns = other->max_ns;
    }
}

double
latency_percentile(const struct latency *latency, double share)
{
    uint64_t wanted = (uint64_t) ceil(share * (double) latency->regions);
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted && seen != 0) {
            double middle = bucket_middle(i);

            return middle < (double) latency->max_ns ? middle
                                                     : (double) latency->max_ns;
        }
    }
    return 0;
}

uint64_t
latency_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

double
latency_clock_ns(void)
{
    uint64_t pairs[LATENCY_CLOCK_PAIRS];

    for (int i = 0; i < LATENCY_CLOCK_PAIRS; i++) {
        uint64_t start = latency_now_ns();

        pairs[i] = latency_now_ns() - start;
    }
    qsort(pairs, LATENCY_CLOCK_PAIRS, sizeof(pairs[0]), compare_ns);
    return (double) pairs[LATENCY_CLOCK_PAIRS / 2];
}

/* Values below LATENCY_SUB have a bucket each. Above, the leading bits after
 * the first one choose a bucket of the doubling. */
static unsigned
bucket_of(uint64_t ns)
{
    unsigned doubling;
    unsigned bucket;

    if (ns < LATENCY_SUB) {
        return (unsigned) ns;
    }
    doubling = 63 - (unsigned) __builtin_clzll(ns) - LATENCY_SUB_BITS;
    bucket = ((doubling + 1) << LATENCY_SUB_BITS) +
             (unsigned) ((ns >> doubling) & (LATENCY_SUB - 1));
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

static double
bucket_middle(unsigned bucket)
{
    unsigned doubling = bucket >> LATENCY_SUB_BITS;
    double low;

    if (doubling == 0) {
        return bucket;
    }
    low = (double) ((uint64_t) (LATENCY_SUB + (bucket & (LATENCY_SUB - 1)))
                    << (doubling - 1));
    return low + (ldexp(1, (int) doubling - 1) - 1) / 2;
}

static int
compare_ns(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;

    return (*left > *right) - (*left < *right);
}
