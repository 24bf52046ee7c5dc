/*
 * The table of the module of archives.
 */
#include "measured.h"

#include "allocators/adapters.h"

static const struct allocator *const archived[] = {
    &allocator_pool,
    &allocator_nginx,
};

const struct measured measured = {
    .allocators = archived,
    .allocators_count = sizeof(archived) / sizeof(archived[0]),
};
