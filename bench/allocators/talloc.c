#include <stdint.h>
#include <stdio.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

#if defined(BENCH_TALLOC)

#include <talloc.h>

enum {
    TALLOC_ALIGNMENT = 16,

    /* Bytes before each object, as of 2.4.0, and those of rounding up. */
    TALLOC_OVERHEAD = 96 + TALLOC_ALIGNMENT - 1,
};

static const void *
talloc_entry(void *library)
{
    (void) library;
    return (const void *) (uintptr_t) talloc_named_const;
}

static void
talloc_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%d.%d", talloc_version_major(),
             talloc_version_minor());
}

static void *
talloc_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    return talloc_new(NULL);
}

static void *
talloc_create_pool(void *library, size_t size, size_t count)
{
    (void) library;
    return talloc_pool(NULL, size + count * TALLOC_OVERHEAD);
}

static void *
talloc_alloc(void *state, size_t size)
{
    return talloc_size(state, size);
}

static int
talloc_fill(struct region *region)
{
    return region_fill_with(region, talloc_alloc);
}

static void
talloc_free_one(void *state, void *p)
{
    (void) state;
    (void) talloc_free(p);
}

static int
talloc_replay(struct region *region)
{
    return replay_with(region, talloc_alloc, talloc_free_one);
}

static int
talloc_cleaned(size_t **ran)
{
    ++**ran;
    return 0;
}

/* A destructor belongs to an object. */
static int
talloc_cleanup(void *state, size_t *ran)
{
    size_t **object = talloc(state, size_t *);

    if (object == NULL) {
        return -ENOMEM;
    }
    *object = ran;
    talloc_set_destructor(object, talloc_cleaned);
    return 0;
}

FREE_LOOPS(talloc, talloc_alloc, talloc_free_one);
CLEANUP_LOOP(talloc, talloc_alloc, talloc_cleanup);

static void
talloc_destroy(void *state)
{
    talloc_free(state);
}

const struct allocator allocator_talloc = {
    .name = "talloc",
    .kind = ALLOCATOR_REGION,
    .alignment = TALLOC_ALIGNMENT,
    .policy = "has no blocks: each object is a malloc() of its own, with a "
              "header of 96 bytes; keeps nothing, malloc() gets it back",
    .open = adapter_linked,
    .entry = talloc_entry,
    .file = "/libtalloc.so",
    .version = talloc_version,
    .create = talloc_create,
    .alloc = talloc_alloc,
    .fill = talloc_fill,
    .free = talloc_free_one,
    .cleanup = talloc_cleanup,
    .replay = talloc_replay,
    .free_order = talloc_free_order,
    .exchange = talloc_exchange,
    .fill_cleanup = talloc_fill_cleanup,
    .reset = talloc_free_children,
    .destroy = talloc_destroy,
};

const struct allocator allocator_talloc_pool = {
    .name = "talloc_pool",
    .kind = ALLOCATOR_REGION,
    .alignment = TALLOC_ALIGNMENT,
    .policy = "one block, as large as create() expects the region to be; each "
              "object has a header of 96 bytes; keeps nothing, malloc() gets "
              "it back",
    .reserved = TALLOC_OVERHEAD,
    .chunk = adapter_whole,
    .open = adapter_linked,
    .entry = talloc_entry,
    .file = "/libtalloc.so",
    .version = talloc_version,
    .create = talloc_create_pool,
    .alloc = talloc_alloc,
    .fill = talloc_fill,
    .free = talloc_free_one,
    .cleanup = talloc_cleanup,
    .replay = talloc_replay,
    .free_order = talloc_free_order,
    .exchange = talloc_exchange,
    .fill_cleanup = talloc_fill_cleanup,
    .reset = talloc_free_children,
    .destroy = talloc_destroy,
};

#else

static void *
talloc_open(char *reason)
{
    snprintf(reason, ALLOCATOR_REASON_MAX, "this build had no libtalloc");
    return NULL;
}

const struct allocator allocator_talloc = {
    .name = "talloc",
    .kind = ALLOCATOR_REGION,
    .policy = "",
    .open = talloc_open,
};

const struct allocator allocator_talloc_pool = {
    .name = "talloc_pool",
    .kind = ALLOCATOR_REGION,
    .policy = "",
    .open = talloc_open,
};

#endif
