#include <stdio.h>

#include "adapters.h"
#include "pmr.h"

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

const struct allocator allocator_pmr = {
    .name = "pmr",
    .kind = ALLOCATOR_REGION,
    .open = adapter_linked,
    .entry = monotonic_entry,
    .version = monotonic_version,
    .create = monotonic_create,
    .alloc = monotonic_alloc,
    .reset = pmr_release,
    .destroy = pmr_destroy,
};
