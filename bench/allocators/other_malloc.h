/*
 * A malloc() of a library that is opened beside the C library's, which the
 * process itself goes on to use. The adapters of such libraries share this. One
 * thread opens it; then any thread uses it.
 */
#ifndef BENCH_ALLOCATORS_OTHER_MALLOC_H
#define BENCH_ALLOCATORS_OTHER_MALLOC_H

#include <stddef.h>
#include <stdint.h>

struct region;

/* The state of its regions, of which a general allocator has none. */
struct other_malloc {
    void *handle; /* library_open()'s */
    void *(*malloc)(size_t size);
    void (*free)(void *p);
};

/* Open the library file, which must define malloc() and free(). Returns 0, or
 * -1: reason then says why, in at most ALLOCATOR_REASON_MAX bytes. */
int other_malloc_open(struct other_malloc *other, const char *file,
                      char *reason);

/* As in struct allocator; library and state are a struct other_malloc. */
const void *other_malloc_entry(void *library);
void *other_malloc_alloc(void *state, size_t size);
void other_malloc_free(void *state, void *p);
int other_malloc_fill(struct region *region);
int other_malloc_replay(struct region *region);
void other_malloc_empty(struct region *region);
void other_malloc_free_order(struct region *region, const uint32_t *order);
int other_malloc_exchange(struct region *region, const uint32_t *slots,
                          size_t count);

/* The fields that all rows of such libraries have in common. */
#define OTHER_MALLOC_ROW                                                       \
    .kind = ALLOCATOR_GENERAL, .keeps = ALLOCATOR_KEEPS_DECAYS,                \
    .entry = other_malloc_entry, .create = adapter_no_region,                  \
    .alloc = other_malloc_alloc, .free = other_malloc_free,                    \
    .fill = other_malloc_fill, .replay = other_malloc_replay,                  \
    .free_order = other_malloc_free_order, .exchange = other_malloc_exchange,  \
    .empty = other_malloc_empty, .destroy = adapter_nothing

#endif
