/*
 * A random generator that gives the same numbers in every run. Any thread.
 */
#ifndef POOL_TEST_RANDOM_NEXT_H
#define POOL_TEST_RANDOM_NEXT_H

#include <stdint.h>

/* Return the next number, of 24 bits, and advance *seed. This is Knuth's linear
 * congruential generator. Its lower bits are weak, so they are dropped. */
static inline uint32_t
random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

#endif
