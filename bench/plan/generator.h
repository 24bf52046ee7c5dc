/*
 * Random numbers from a seed: the same on every machine, for sizes and orders,
 * not for secrets. The generator is SplitMix64 (Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", 2014). One thread per struct.
 */
#ifndef BENCH_PLAN_GENERATOR_H
#define BENCH_PLAN_GENERATOR_H

#include <stdint.h>

struct generator {
    uint64_t state;
};

/* Begin the sequence of seed; any value is as good as another. */
void generator_init(struct generator *generator, uint64_t seed);

/* The next 64 bits. */
uint64_t generator_next(struct generator *generator);

/* A number in [0, 1). */
double generator_unit(struct generator *generator);

/* A number below bound, which is > 0 and so much smaller than 2^64 that the
 * bias of a remainder does not matter. */
uint64_t generator_below(struct generator *generator, uint64_t bound);

#endif
