#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/adapters.h"
#include "allocators/library.h"
#include "allocators/other_malloc.h"
#include "plan/replay.h"

typedef int mimalloc_version_fn(void);
typedef void *mimalloc_heap_new_fn(void);
typedef void *mimalloc_heap_malloc_fn(void *heap, size_t size);
typedef void mimalloc_heap_destroy_fn(void *heap);
typedef void mimalloc_collect_fn(bool force);

struct mimalloc {
    struct other_malloc other;
    mimalloc_version_fn *version;
    mimalloc_heap_new_fn *heap_new;
    mimalloc_heap_malloc_fn *heap_malloc;
    mimalloc_heap_destroy_fn *heap_destroy;
    mimalloc_collect_fn *collect;
};

enum {
    /* A page of objects of up to 8 KiB, of one size class. */
    MIMALLOC_PAGE = 64 * 1024,
};

/* A region. Those that have ended wait for the thread's next one. */
struct mimalloc_heap {
    struct mimalloc_heap *next;
    mimalloc_heap_malloc_fn *malloc;
    void *heap;
    const struct mimalloc *mimalloc;
};

static _Thread_local struct mimalloc_heap *mimalloc_idle
    __attribute__((tls_model("initial-exec")));

static void *
mimalloc_open(char *reason)
{
    static struct mimalloc mimalloc;
    void *handle;

    if (other_malloc_open(&mimalloc.other, "libmimalloc.so.3", reason) != 0 &&
        other_malloc_open(&mimalloc.other, "libmimalloc.so.2", reason) != 0) {
        return NULL;
    }
    handle = mimalloc.other.handle;
    if (library_find(handle, "mi_version", &mimalloc.version, reason) != 0 ||
        library_find(handle, "mi_heap_new", &mimalloc.heap_new, reason) != 0 ||
        library_find(handle, "mi_heap_malloc", &mimalloc.heap_malloc, reason) !=
            0 ||
        library_find(handle, "mi_heap_destroy", &mimalloc.heap_destroy,
                     reason) != 0 ||
        library_find(handle, "mi_collect", &mimalloc.collect, reason) != 0) {
        return NULL;
    }
    return &mimalloc;
}

/* 209 is 2.0.9. */
static void
mimalloc_version(void *library, char *version)
{
    struct mimalloc *mimalloc = library;
    int number = mimalloc->version();

    snprintf(version, ALLOCATOR_VERSION_MAX, "%d.%d.%d", number / 100,
             number / 10 % 10, number % 10);
}

const struct allocator allocator_mimalloc = {
    .name = "mimalloc",
    .alignment = 8, /* of a size of at most 8; else 16 */
    .policy = "keeps freed pages and gives few of them back, with a delay",
    .open = mimalloc_open,
    .version = mimalloc_version,
    .file = "/libmimalloc.so",
    OTHER_MALLOC_ROW,
};

static const void *
mimalloc_heap_entry(void *library)
{
    struct mimalloc *mimalloc = library;

    return (const void *) (uintptr_t) mimalloc->heap_malloc;
}

static void *
mimalloc_heap_create(void *library, size_t size, size_t count)
{
    const struct mimalloc *mimalloc = library;
    struct mimalloc_heap *region = mimalloc_idle;

    (void) size;
    (void) count;
    if (region == NULL) {
        region = malloc(sizeof(*region));
        if (region == NULL) {
            return NULL;
        }
        region->next = NULL;
    }
    region->mimalloc = mimalloc;
    region->malloc = mimalloc->heap_malloc;
    region->heap = mimalloc->heap_new();
    if (region->heap == NULL) {
        mimalloc_idle = region;
        return NULL;
    }
    mimalloc_idle = region->next;
    return region;
}

static void *
mimalloc_heap_alloc(void *state, size_t size)
{
    struct mimalloc_heap *region = state;

    return region->malloc(region->heap, size);
}

static void
mimalloc_heap_free_one(void *state, void *p)
{
    struct mimalloc_heap *region = state;

    region->mimalloc->other.free(p);
}

static int
mimalloc_heap_fill(struct region *region)
{
    return region_fill_with(region, mimalloc_heap_alloc);
}

static int
mimalloc_heap_replay(struct region *region)
{
    return replay_with(region, mimalloc_heap_alloc, mimalloc_heap_free_one);
}

/* mimalloc has no reset: its users destroy the heap and make another one. Where
 * there is no memory for that, the objects live on until the region ends. */
static void
mimalloc_heap_reset(void *state)
{
    struct mimalloc_heap *region = state;
    void *heap = region->mimalloc->heap_new();

    if (heap != NULL) {
        region->mimalloc->heap_destroy(region->heap);
        region->heap = heap;
    }
}

static void
mimalloc_heap_destroy(void *state)
{
    struct mimalloc_heap *region = state;

    region->mimalloc->heap_destroy(region->heap);
    region->next = mimalloc_idle;
    mimalloc_idle = region;
}

static void
mimalloc_heap_trim(void *library)
{
    const struct mimalloc *mimalloc = library;

    while (mimalloc_idle != NULL) {
        struct mimalloc_heap *next = mimalloc_idle->next;

        free(mimalloc_idle);
        mimalloc_idle = next;
    }
    mimalloc->collect(true);
}

FREE_LOOPS(mimalloc_heap, mimalloc_heap_alloc, mimalloc_heap_free_one);

const struct allocator allocator_mimalloc_heap = {
    .name = "mimalloc_heap",
    .kind = ALLOCATOR_REGION,
    .alignment = 8, /* of a size of at most 8; else 16 */
    .block = MIMALLOC_PAGE,
    .keeps = ALLOCATOR_KEEPS_DECAYS,
    .policy = "a region is a heap, from mi_heap_new() to mi_heap_destroy(); "
              "a reset makes a new heap and destroys the old one, since "
              "mimalloc has none; freed pages are kept, few are given back, "
              "with a delay",
    .is_bound_to_thread = 1,
    .open = mimalloc_open,
    .entry = mimalloc_heap_entry,
    .file = "/libmimalloc.so",
    .version = mimalloc_version,
    .create = mimalloc_heap_create,
    .alloc = mimalloc_heap_alloc,
    .free = mimalloc_heap_free_one,
    .fill = mimalloc_heap_fill,
    .replay = mimalloc_heap_replay,
    .free_order = mimalloc_heap_free_order,
    .exchange = mimalloc_heap_exchange,
    .reset = mimalloc_heap_reset,
    .destroy = mimalloc_heap_destroy,
    .trim = mimalloc_heap_trim,
};
