/*
 * The measured code: the allocators, with the loops that are compiled for each
 * of them, and the workloads. It is a module of its own, so that it can be
 * linked many times. Each linking places its functions elsewhere: see
 * measure/layout.h. A module exports one symbol, measured.
 */
#ifndef BENCH_MEASURED_H
#define BENCH_MEASURED_H

#include <stddef.h>

#include "allocator.h"
#include "allocators/extra.h"
#include "workload.h"

/* A module's tables. The module of archives has no workloads. */
struct measured {
    const struct allocator *const *allocators;
    size_t allocators_count;
    const struct workload *const *workloads;
    size_t workloads_count;

    /* Opens allocators from files; NULL in the module of archives. */
    extras_open_fn *open_extras;
};

extern const struct measured measured __attribute__((visibility("default")));

#endif
