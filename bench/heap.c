#include "heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim.h"

enum {
    /* glibc's M_MMAP_THRESHOLD before it grows, and the most it grows to. */
    HEAP_MMAP_DEFAULT = 128 * 1024,
    HEAP_MMAP_MAX = 32 * 1024 * 1024,

    /* What a mapped block has besides the bytes asked for, at most. */
    HEAP_MMAP_OVERHEAD = 4096 + 16,

    /* Freeing more than 64 KiB makes glibc look at the top's size; this much is
     * never mapped. */
    HEAP_TRIMS = 96 * 1024,

    /* Larger than what a thread's cache of freed objects holds: 1032 bytes. */
    HEAP_PIN_SIZE = 2048,

    /* Holes of HEAP_PIN_SIZE below the top that are filled at most: 32 MiB. */
    HEAP_HOLES_MAX = 16 * 1024,
};

/* An object in a hole, until the pin stands. */
struct hole {
    struct hole *next;
};

void
heap_settle(size_t largest)
{
    size_t mapped = largest + HEAP_MMAP_OVERHEAD;
    int threshold = HEAP_MMAP_DEFAULT;
    void *trims;

    if (mapped > HEAP_MMAP_DEFAULT && mapped <= HEAP_MMAP_MAX) {
        threshold = (int) mapped;
    }
    (void) mallopt(M_MMAP_THRESHOLD, threshold);

    /* With no threshold the top is trimmed at once, but for glibc's own pad. */
    (void) mallopt(M_TRIM_THRESHOLD, 0);
    trims = malloc(HEAP_TRIMS);
    shim_keep(trims);
    free(trims);

    /* It trims at twice the other once that has grown, else at the same. */
    (void) mallopt(M_TRIM_THRESHOLD, threshold > HEAP_MMAP_DEFAULT
                                         ? 2 * threshold
                                         : HEAP_MMAP_DEFAULT);
}

/* What is cut from the top, or behind it, lies where the top began. */
void *
heap_pin(void)
{
    char *top = (char *) sbrk(0) - mallinfo2().keepcost;
    struct hole *holes = NULL;
    void *pin = NULL;

    for (int i = 0; i < HEAP_HOLES_MAX && pin == NULL; i++) {
        struct hole *hole = malloc(HEAP_PIN_SIZE);

        if (hole == NULL) {
            break;
        }
        if ((char *) hole >= top) {
            pin = hole;
        } else {
            hole->next = holes;
            holes = hole;
        }
    }
    while (holes != NULL) {
        struct hole *next = holes->next;

        free(holes);
        holes = next;
    }
    return pin;
}
