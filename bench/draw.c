#include "draw.h"

enum {
    DRAW_DOUBLE_BITS = 53, /* of a double's significand */
};

void
draw_init(struct draw *draw, uint64_t seed)
{
    draw->state = seed;
}

/* The three constants are the paper's. */
uint64_t
draw_next(struct draw *draw)
{
    uint64_t z;

    draw->state += 0x9e3779b97f4a7c15u;
    z = draw->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double
draw_unit(struct draw *draw)
{
    return (double) (draw_next(draw) >> (64 - DRAW_DOUBLE_BITS)) /
           (double) ((uint64_t) 1 << DRAW_DOUBLE_BITS);
}

uint64_t
draw_below(struct draw *draw, uint64_t bound)
{
    return draw_next(draw) % bound;
}
