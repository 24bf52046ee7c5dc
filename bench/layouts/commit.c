/*
 * The table of a module that has a commit's pool.
 */
#include "measured.h"

#include "allocators/adapters.h"

static const struct allocator *const of_commit[] = {
    &allocator_pool,
};

const struct measured measured = {
    .allocators = of_commit,
    .allocators_count = sizeof(of_commit) / sizeof(of_commit[0]),
};
