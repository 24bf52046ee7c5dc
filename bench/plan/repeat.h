/*
 * The part of a trace that can be played again and again. At its end exactly
 * those regions and objects are alive that were alive at its start, and in
 * between the trace comes back to that state many times. In a server's trace
 * the part is the serving of requests: the objects of the server's start live
 * on, and each connection ends within the part.
 *
 * Any allocator can repeat the part. An object that is freed one by one, or
 * moved to another region, still counts as held by its region until that region
 * is reset or destroyed. So no region that lives on grows from one time to the
 * next, not even where single objects cannot be freed.
 */
#ifndef BENCH_PLAN_REPEAT_H
#define BENCH_PLAN_REPEAT_H

#include <stddef.h>

struct trace;

/* The actions [from, until) of a trace. There is no such part if allocations is
 * 0. */
struct repeat {
    size_t from;
    size_t until;
    size_t allocations;
};

/*
 * Find the part with the most allocations; of several, the earliest.
 * Returns 0, or -ENOMEM.
 * Cost: O(n log n) for n actions.
 */
int repeat_find(const struct trace *trace, struct repeat *ret_repeat);

#endif
