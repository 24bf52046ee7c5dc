#include <stdio.h>

#include "allocators/adapters.h"
#include "allocators/pmr.h"

enum {
    /* Of libstdc++: the first block, and 3/2 of each for the next one. */
    MONOTONIC_FIRST = 128 * sizeof(void *),
    MONOTONIC_GROWTH = 3,
    MONOTONIC_GROWTH_OF = 2,
};

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

/* The size of the last block, if each block before it was left with nearly as
 * much free as the largest object takes. */
static size_t
monotonic_chunk(size_t size, size_t largest)
{
    size_t block = MONOTONIC_FIRST;
    size_t used = block > largest ? block - largest : 0;

    while (used < size) {
        block = block / MONOTONIC_GROWTH_OF * MONOTONIC_GROWTH;
        used += block > largest ? block - largest : 0;
    }
    return block > largest ? block : largest;
}

const struct allocator allocator_pmr = {
    .name = "pmr",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_INLINED,
    .alignment = ALLOCATOR_ALIGNMENT,
    .block = MONOTONIC_FIRST,
    .policy = "the first block has 1024 bytes, each further one is 1.5 times "
              "as large; asked for an alignment of 8; keeps nothing, malloc() "
              "gets it back",
    .chunk = monotonic_chunk,
    .open = adapter_linked,
    .entry = monotonic_entry,
    .file = "/libstdc++.so",
    .version = monotonic_version,
    .create = monotonic_create,
    .alloc = pmr_alloc,
    .fill = pmr_fill,
    .replay = pmr_replay,
    .reset = pmr_release,
    .destroy = pmr_destroy,
};
