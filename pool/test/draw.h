/*
 * Numbers that look drawn by chance and are the same in each run. Any thread.
 */
#ifndef POOL_TEST_DRAW_H
#define POOL_TEST_DRAW_H

#include <stdint.h>

/* The next of at most 24 bits after *seed, which it moves on: Knuth's linear
 * congruential generator, of which the upper bits are the good ones. */
static inline uint32_t
draw(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

#endif
