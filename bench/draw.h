/*
 * Random numbers from a seed: the same on every machine, for sizes and orders,
 * not for secrets. The generator is SplitMix64 (Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", 2014). One thread per struct.
 */
#ifndef BENCH_DRAW_H
#define BENCH_DRAW_H

#include <stdint.h>

struct draw {
    uint64_t state;
};

/* Begin the sequence of seed; any value is as good as another. */
void draw_init(struct draw *draw, uint64_t seed);

/* The next 64 bits. */
uint64_t draw_next(struct draw *draw);

/* A number in [0, 1). */
double draw_unit(struct draw *draw);

/* A number below bound, which is > 0 and so much smaller than 2^64 that the
 * bias of a remainder does not matter. */
uint64_t draw_below(struct draw *draw, uint64_t bound);

#endif
