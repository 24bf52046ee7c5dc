#include "measure/heap.h"

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "shim/shim.h"

enum {
    /* glibc's M_MMAP_THRESHOLD before it grows, and the most it grows to. */
    HEAP_MMAP_DEFAULT = 128 * 1024,
    HEAP_MMAP_MAX = 32 * 1024 * 1024,

    /* Bytes of a mapped block beyond those asked for, at most. */
    HEAP_MMAP_OVERHEAD = 4096 + 16,

    /* Freeing more than 64 KiB makes glibc look at the top's size; this much is
     * never mapped. */
    HEAP_TRIMS = 96 * 1024,

    /* Larger than any object of a thread's cache of freed ones: 1032 bytes. */
    HEAP_PIN_SIZE = 2048,

    /* Holes of HEAP_PIN_SIZE below the top that are filled at most: 32 MiB. */
    HEAP_PIN_HOLES = 16 * 1024,

    /* A plug for each hole that a region could have large parts of itself in;
     * in 2 GiB of them at most. */
    HEAP_PLUG_SIZE = 4096,
    HEAP_PLUG_HOLES = 512 * 1024,
};

/* An object in a hole of the heap. */
struct heap_plug {
    struct heap_plug *next;
};

static struct heap_plug *heap_fill(size_t size, size_t most, void **ret_top);

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

    /* With threshold 0 the top is trimmed at once, up to glibc's own pad. */
    (void) mallopt(M_TRIM_THRESHOLD, 0);
    trims = malloc(HEAP_TRIMS);
    shim_keep(trims);
    free(trims);

    /* Once the mmap threshold has grown, glibc trims at twice that size, and
     * before at the default. */
    (void) mallopt(M_TRIM_THRESHOLD, threshold > HEAP_MMAP_DEFAULT
                                         ? 2 * threshold
                                         : HEAP_MMAP_DEFAULT);
}

void *
heap_pin(void)
{
    void *pin;

    heap_unplug(heap_fill(HEAP_PIN_SIZE, HEAP_PIN_HOLES, &pin));
    return pin;
}

struct heap_plug *
heap_plug(void)
{
    void *top;
    struct heap_plug *plugs = heap_fill(HEAP_PLUG_SIZE, HEAP_PLUG_HOLES, &top);

    free(top);
    return plugs;
}

void
heap_unplug(struct heap_plug *plugs)
{
    while (plugs != NULL) {
        struct heap_plug *next = plugs->next;

        free(plugs);
        plugs = next;
    }
}

/* Fills holes of size bytes, at most as many as most, until an object is cut
 * from the top. *ret_top is that object, or NULL. */
static struct heap_plug *
heap_fill(size_t size, size_t most, void **ret_top)
{
    char *top = (char *) sbrk(0) - mallinfo2().keepcost;
    struct heap_plug *plugs = NULL;

    *ret_top = NULL;
    while (most-- != 0) {
        struct heap_plug *plug = malloc(size);

        if (plug == NULL) {
            break;
        }
        /* An object cut from the top lies where the top began, or above. */
        if ((char *) plug >= top) {
            *ret_top = plug;
            break;
        }
        plug->next = plugs;
        plugs = plug;
    }
    return plugs;
}
