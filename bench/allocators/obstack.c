#include <gnu/libc-version.h>
#include <obstack.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

/* Its chunks are of the size that is its own default, and aligned as it does by
 * default. */
struct region_obstack {
    struct obstack obstack;
    void *first; /* what reset gives back to */
};

static const void *
obstack_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) (obstack_free);
}

static void
obstack_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", gnu_get_libc_version());
}

static void *
obstack_create(void *library, size_t size, size_t count)
{
    struct region_obstack *region = malloc(sizeof(*region));

    (void) library;
    (void) size;
    (void) count;
    if (region == NULL || !obstack_init(&region->obstack)) {
        free(region);
        return NULL;
    }
    region->first = obstack_alloc(&region->obstack, 0);
    return region;
}

/* Charged one call, as the others of its class are. */
static __attribute__((noinline)) void *
obstack_alloc_size(void *state, size_t size)
{
    struct region_obstack *region = state;

    return obstack_alloc(&region->obstack, (int) size);
}

static int
obstack_fill(struct region *region)
{
    return region_fill_with(region, obstack_alloc_size);
}

static int
obstack_replay(struct region *region)
{
    return replay_with(region, obstack_alloc_size, NULL);
}

/* It would free what was allocated after p too. */
static void
obstack_free_newest(void *state, void *p)
{
    struct region_obstack *region = state;

    obstack_free(&region->obstack, p);
}

FREE_LOOPS(obstack, obstack_alloc_size, obstack_free_newest);

static void
obstack_reset(void *state)
{
    struct region_obstack *region = state;

    obstack_free(&region->obstack, region->first);
}

static void
obstack_destroy(void *state)
{
    struct region_obstack *region = state;

    obstack_free(&region->obstack, NULL);
    free(region);
}

const struct allocator allocator_obstack = {
    .name = "obstack",
    .kind = ALLOCATOR_REGION,
    .open = adapter_linked,
    .entry = obstack_entry,
    .version = obstack_version,
    .create = obstack_create,
    .alloc = obstack_alloc_size,
    .fill = obstack_fill,
    .free_newest = obstack_free_newest,
    .replay = obstack_replay,
    .free_order = obstack_free_order,
    .exchange = obstack_exchange,
    .reset = obstack_reset,
    .destroy = obstack_destroy,
};
