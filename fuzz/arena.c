#include "arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Stands before each block. */
struct header {
    size_t size;
};

static _Alignas(64) unsigned char memory[ARENA_SIZE];
static size_t used;
static size_t live;

int
arena_posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    uintptr_t start = (uintptr_t) memory + used + sizeof(struct header);
    unsigned char *p;
    struct header *header;

    start = (start + alignment - 1) & ~(uintptr_t) (alignment - 1);
    if (start - (uintptr_t) memory > ARENA_SIZE ||
        size > ARENA_SIZE - (start - (uintptr_t) memory)) {
        return ENOMEM;
    }
    p = memory + (start - (uintptr_t) memory);
    header = (struct header *) (void *) (p - sizeof(*header));
    header->size = size;
    memset(p, ARENA_FRESH, size);
    used = (size_t) (p - memory) + size;
    live++;
    *ret_p = p;
    return 0;
}

void
arena_free(void *p)
{
    struct header *header =
        (struct header *) (void *) ((unsigned char *) p - sizeof(*header));

    memset(p, ARENA_STALE, header->size);
    if (--live == 0) {
        used = 0;
    }
}
