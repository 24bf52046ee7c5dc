#include <stdio.h>

#include "allocators/adapters.h"
#include "allocators/pmr.h"
#include "plan/replay.h"

static const void *
monotonic_entry(void *library)
{
    (void) library;
    return pmr_entry();
}

static void
monotonic_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "libstdc++ %d", pmr_version());
}

static void *
monotonic_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return pmr_create();
}

static void *
monotonic_alloc(void *state, size_t size)
{
    return pmr_alloc(state, size, ALLOCATOR_ALIGNMENT);
}

static int
monotonic_fill(struct region *region)
{
    return region_fill_with(region, monotonic_alloc);
}

static int
monotonic_replay(struct region *region)
{
    return replay_with(region, monotonic_alloc, NULL);
}

const struct allocator allocator_pmr = {
    .name = "pmr",
    .kind = ALLOCATOR_REGION,
    .open = adapter_linked,
    .entry = monotonic_entry,
    .version = monotonic_version,
    .create = monotonic_create,
    .alloc = monotonic_alloc,
    .fill = monotonic_fill,
    .replay = monotonic_replay,
    .reset = pmr_release,
    .destroy = pmr_destroy,
};
