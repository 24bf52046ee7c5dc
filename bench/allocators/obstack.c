#include <gnu/libc-version.h>
#include <obstack.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

enum {
    OBSTACK_ALIGNMENT = 16, /* its default on 64 bits */

    /* Its default, a page less the bytes that malloc() adds; and the pool's. */
    OBSTACK_CHUNK = 4064,
    OBSTACK_CHUNK_16K = 16 * 1024,
};

struct region_obstack {
    struct obstack obstack;
    void *first; /* a reset frees it and all that came after it */
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
obstack_create_of(int chunk)
{
    struct region_obstack *region = malloc(sizeof(*region));

    if (region == NULL || !obstack_begin(&region->obstack, chunk)) {
        free(region);
        return NULL;
    }
    region->first = obstack_alloc(&region->obstack, 0);
    return region;
}

/* 0: its default. */
static void *
obstack_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return obstack_create_of(0);
}

static void *
obstack_create_16k(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return obstack_create_of(OBSTACK_CHUNK_16K);
}

/* A call, as others of its class have one: obstack's macros would compile its
 * fast path into the loop. */
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

/* It would free the objects that were allocated after p, too. */
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

#define OBSTACK_ROW                                                            \
    .kind = ALLOCATOR_REGION, .alignment = OBSTACK_ALIGNMENT,                  \
    .open = adapter_linked, .entry = obstack_entry, .file = "/libc.so",        \
    .version = obstack_version, .alloc = obstack_alloc_size,                   \
    .free_newest = obstack_free_newest, .fill = obstack_fill,                  \
    .free_order = obstack_free_order, .exchange = obstack_exchange,            \
    .replay = obstack_replay, .reset = obstack_reset,                          \
    .destroy = obstack_destroy

const struct allocator allocator_obstack = {
    .name = "obstack",
    .block = OBSTACK_CHUNK,
    .policy = "chunks of 4064 bytes, its default, or as large as an object; "
              "keeps nothing, malloc() gets it back; its macros are kept out "
              "of the loop, so it is charged a call",
    .create = obstack_create,
    OBSTACK_ROW,
};

const struct allocator allocator_obstack_16k = {
    .name = "obstack_16k",
    .block = OBSTACK_CHUNK_16K,
    .policy = "as obstack, with chunks of 16 KiB, as large as the pool's "
              "blocks",
    .create = obstack_create_16k,
    OBSTACK_ROW,
};
