#include "heap.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "asan.h"

enum {
    HEAP_ALIGNMENT = 16, /* malloc's on 64-bit systems */
};

/* Stands just before each block. */
struct header {
    void *start; /* of the system's block */
    size_t size;
};

_Static_assert(sizeof(struct header) <= HEAP_ALIGNMENT,
               "a header fits before the least aligned block");

static size_t calls;
static size_t refusals;
static size_t refusals_of_size;
static struct heap_request refused;
static size_t live_blocks;
static size_t live_bytes;
static uintptr_t freed_last;
static size_t fail_in = HEAP_NEVER;
static int fails_on; /* once an allocation has failed, all later ones do */
static size_t size_most = HEAP_SIZE_MAX;
static size_t cleared_most = HEAP_SIZE_MAX; /* of heap_calloc() */

static void *heap_take(const char *function, size_t alignment, size_t size,
                       size_t most);
static int heap_refuses(size_t size, size_t most);
static struct header header_read(const void *p);

void *
heap_malloc(size_t size)
{
    return heap_take("malloc", HEAP_ALIGNMENT, size, size_most);
}

void *
heap_calloc(size_t count, size_t size)
{
    size_t asked = count * size;
    void *p;

    if (size != 0 && count > HEAP_SIZE_MAX / size) {
        count = HEAP_SIZE_MAX + (size_t) 1;
        size = 1;
    }
    p = heap_take("calloc", HEAP_ALIGNMENT, count * size, cleared_most);
    if (p == NULL) {
        refused.size = asked;
        return NULL;
    }
    memset(p, 0, asked);
    return p;
}

int
heap_posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    void *p = heap_take("posix_memalign", alignment, size, size_most);

    if (p == NULL) {
        refused.alignment = alignment;
        errno = 0; /* the result is the error, and errno need not have it */
        return ENOMEM;
    }
    *ret_p = p;
    return 0;
}

void
heap_free(void *p)
{
    struct header header;

    if (p == NULL) {
        return;
    }
    header = header_read(p);
    live_blocks--;
    live_bytes -= header.size;
    freed_last = (uintptr_t) p;
    free(header.start);
}

size_t
heap_usable_size(void *p)
{
    return heap_size(p);
}

size_t
heap_size(void *p)
{
    return header_read(p).size;
}

ASAN_UNCHECKED static struct header
header_read(const void *p)
{
    return ((const struct header *) p)[-1];
}

void
heap_fail_at(size_t nth)
{
    fail_in = nth;
    fails_on = 0;
    size_most = HEAP_SIZE_MAX;
    cleared_most = HEAP_SIZE_MAX;
}

void
heap_fail_from(size_t nth)
{
    fail_in = nth;
    fails_on = 1;
    size_most = HEAP_SIZE_MAX;
    cleared_most = HEAP_SIZE_MAX;
}

void
heap_fail_above(size_t size)
{
    fail_in = HEAP_NEVER;
    size_most = size;
    cleared_most = size;
}

void
heap_fail_cleared(void)
{
    heap_fail_at(HEAP_NEVER);
    cleared_most = 0;
}

size_t
heap_calls(void)
{
    return calls;
}

size_t
heap_refusals(void)
{
    return refusals;
}

size_t
heap_refusals_of_size(void)
{
    return refusals_of_size;
}

struct heap_request
heap_refused(void)
{
    return refused;
}

size_t
heap_live_blocks(void)
{
    return live_blocks;
}

size_t
heap_live_bytes(void)
{
    return live_bytes;
}

uintptr_t
heap_freed_last(void)
{
    return freed_last;
}

static void *
heap_take(const char *function, size_t alignment, size_t size, size_t most)
{
    void *start;
    struct header *header;
    size_t offset = alignment;

    /* An alignment below 16 gets an address that is no multiple of 16. glibc
     * gives more than was asked for; other systems need not. */
    if (alignment < HEAP_ALIGNMENT) {
        offset = HEAP_ALIGNMENT + alignment;
        alignment = HEAP_ALIGNMENT;
    }
    if (heap_refuses(size, most) || alignment > HEAP_SIZE_MAX ||
        posix_memalign(&start, alignment, offset + size) != 0) {
        refusals++;
        refusals_of_size += size > HEAP_SIZE_MAX || alignment > HEAP_SIZE_MAX;
        refused = (struct heap_request){.function = function, .size = size};
        errno = ENOMEM;
        return NULL;
    }

    header = (struct header *) (void *) ((char *) start + offset) - 1;
    header->start = start;
    header->size = size;
    ASAN_POISON_MEMORY_REGION(header, sizeof(*header));
    live_blocks++;
    live_bytes += size;
    return header + 1;
}

static int
heap_refuses(size_t size, size_t most)
{
    calls++;
    if (fail_in != HEAP_NEVER && fail_in-- == 0) {
        fail_in = fails_on ? 0 : HEAP_NEVER;
        return 1;
    }
    return size > most;
}
