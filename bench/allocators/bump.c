#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

enum {
    /* Bytes that aligning an allocation costs at most. */
    BUMP_PADDING = ALLOCATOR_ALIGNMENT - 1,
};

/* One piece of memory: this, and then the bytes of the largest region. */
struct bump {
    unsigned char *last;
    unsigned char *end;
    _Alignas(ALLOCATOR_ALIGNMENT) unsigned char start[];
};

static const void *
bump_entry(void *library)
{
    return library;
}

static void
bump_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", BENCH_POOL_VERSION);
}

static inline unsigned char *
bump_align(unsigned char *p)
{
    uintptr_t mask = ALLOCATOR_ALIGNMENT - 1;

    return (unsigned char *) (((uintptr_t) p + mask) & ~mask);
}

/* The end is aligned too, so that last, once aligned, is never beyond it. */
static void *
bump_create(void *library, size_t size, size_t count)
{
    size_t padded = size + count * BUMP_PADDING;
    struct bump *bump = malloc(sizeof(*bump) + padded + BUMP_PADDING);

    (void) library;
    if (bump == NULL) {
        return NULL;
    }
    bump->last = bump->start;
    bump->end = bump_align(bump->start + padded);
    return bump;
}

/* The compiler has to assume that a write to an object may write to bump too.
 * So last and end are read, and last is written, each time. */
static inline void *
bump_alloc(void *state, size_t size)
{
    struct bump *bump = state;
    unsigned char *p = bump_align(bump->last);

    if (size > (size_t) (bump->end - p)) {
        return NULL;
    }
    bump->last = p + size;
    return p;
}

static int
bump_fill_memory(struct region *region)
{
    return region_fill_with(region, bump_alloc);
}

static int
bump_replay_memory(struct region *region)
{
    return replay_with(region, bump_alloc, NULL);
}

static inline void *
bump_alloc_unbound(void *state, size_t size)
{
    unsigned char **last = state;
    unsigned char *p = bump_align(*last);

    *last = p + size;
    return p;
}

/* The compiler sees that last has no other pointer to it, so it is kept in a
 * register. */
static int
bump_fill_register(struct region *region)
{
    struct bump *bump = region->state;
    unsigned char *last = bump->last;
    int err = region_fill_from(region, &last, bump_alloc_unbound);

    bump->last = last;
    return err;
}

static void
bump_reset(void *state)
{
    struct bump *bump = state;

    bump->last = bump->start;
}

static void
bump_destroy(void *state)
{
    free(state);
}

const struct allocator allocator_bump_register = {
    .name = "bump_register",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_LIMIT,
    .alignment = ALLOCATOR_ALIGNMENT,
    .policy = "no allocator: one block, as large as create() expects the "
              "region to be; keeps nothing, malloc() gets it back",
    .reserved = BUMP_PADDING,
    .chunk = adapter_whole,
    .open = adapter_linked,
    .entry = bump_entry,
    .version = bump_version,
    .create = bump_create,
    .alloc = bump_alloc,
    .fill = bump_fill_register,
    .reset = bump_reset,
    .destroy = bump_destroy,
};

const struct allocator allocator_bump_memory = {
    .name = "bump_memory",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_LIMIT,
    .alignment = ALLOCATOR_ALIGNMENT,
    .policy = "no allocator: one block, as large as create() expects the "
              "region to be; keeps nothing, malloc() gets it back",
    .reserved = BUMP_PADDING,
    .chunk = adapter_whole,
    .open = adapter_linked,
    .entry = bump_entry,
    .version = bump_version,
    .create = bump_create,
    .alloc = bump_alloc,
    .fill = bump_fill_memory,
    .replay = bump_replay_memory,
    .reset = bump_reset,
    .destroy = bump_destroy,
};
