#include "allocators/other_malloc.h"

#include <stdint.h>

#include "allocators/library.h"
#include "plan/replay.h"

int
other_malloc_open(struct other_malloc *other, const char *file, char *reason)
{
    other->handle = library_open(file, reason);
    if (other->handle == NULL) {
        return -1;
    }
    if (library_find_own(other->handle, "malloc", &other->malloc, reason) !=
            0 ||
        library_find_own(other->handle, "free", &other->free, reason) != 0) {
        library_close(other->handle);
        return -1;
    }
    return 0;
}

const void *
other_malloc_entry(void *library)
{
    struct other_malloc *other = library;

    return (const void *) (uintptr_t) other->malloc;
}

void *
other_malloc_alloc(void *state, size_t size)
{
    struct other_malloc *other = state;

    return other->malloc(size);
}

void
other_malloc_free(void *state, void *p)
{
    struct other_malloc *other = state;

    other->free(p);
}

int
other_malloc_fill(struct region *region)
{
    return region_fill_with(region, other_malloc_alloc);
}

int
other_malloc_replay(struct region *region)
{
    return replay_with(region, other_malloc_alloc, other_malloc_free);
}

void
other_malloc_empty(struct region *region)
{
    region_free_with(region, other_malloc_free);
}

void
other_malloc_free_order(struct region *region, const uint32_t *order)
{
    region_free_order_with(region, order, other_malloc_free);
}

int
other_malloc_exchange(struct region *region, const uint32_t *slots,
                      size_t count)
{
    return region_exchange_with(region, slots, count, other_malloc_alloc,
                                other_malloc_free);
}
