#include "arena/arena.h"

#include <stdint.h>
#include <stdio.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

static const void *
adapter_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) arena_alloc;
}

static void
adapter_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", BENCH_POOL_VERSION);
}

static void *
adapter_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return arena_create();
}

static void *
adapter_alloc(void *state, size_t size)
{
    return arena_alloc(state, size);
}

static int
adapter_fill(struct region *region)
{
    return region_fill_with(region, adapter_alloc);
}

static int
adapter_replay(struct region *region)
{
    return replay_with(region, adapter_alloc, NULL);
}

static void
adapter_reset(void *state)
{
    arena_reset(state);
}

static void
adapter_destroy(void *state)
{
    arena_destroy(state);
}

static void
adapter_trim(void *library)
{
    (void) library;
    arena_trim();
}

const struct allocator allocator_arena = {
    .name = "arena",
    .kind = ALLOCATOR_REGION,
    .alignment = ARENA_ALIGNMENT,
    .block = ARENA_CHUNK_SIZE,
    .keeps = ARENA_KEPT_CHUNKS_MAX * ARENA_CHUNK_SIZE,
    .policy = "chunks of 32 KiB, all of one size; larger than 4096 bytes one "
              "by one; the thread keeps at most 32 chunks of ended arenas",
    .open = adapter_linked,
    .entry = adapter_entry,
    .version = adapter_version,
    .create = adapter_create,
    .alloc = adapter_alloc,
    .fill = adapter_fill,
    .replay = adapter_replay,
    .reset = adapter_reset,
    .destroy = adapter_destroy,
    .trim = adapter_trim,
};
