#include "plan/generator.h"

enum {
    GENERATOR_DOUBLE_BITS = 53, /* of a double's significand */
};

void
generator_init(struct generator *generator, uint64_t seed)
{
    generator->state = seed;
}

/* The three constants are the paper's. */
uint64_t
generator_next(struct generator *generator)
{
    uint64_t z;

    generator->state += 0x9e3779b97f4a7c15u;
    z = generator->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double
generator_unit(struct generator *generator)
{
    return (double) (generator_next(generator) >>
                     (64 - GENERATOR_DOUBLE_BITS)) /
           (double) ((uint64_t) 1 << GENERATOR_DOUBLE_BITS);
}

uint64_t
generator_below(struct generator *generator, uint64_t bound)
{
    return generator_next(generator) % bound;
}
