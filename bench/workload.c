#include "workload.h"

static int object_check(const unsigned char *p, size_t size, size_t i);

int
region_check(const struct region *region)
{
    size_t start = (region->at + region->period - region->n % region->period) %
                   region->period;

    for (size_t i = 0; i < region->n; i++) {
        size_t size = region->samples[(start + i) % region->period];

        if (!object_check(region->pointers[i], size, i)) {
            return 0;
        }
    }
    return 1;
}

/* Only the last period of exchanges counts: the one before it replaced the same
 * objects. */
int
region_check_exchanged(const struct region *region, size_t alive, size_t first,
                       const uint32_t *slots, uint64_t exchanged,
                       uint32_t *sizes)
{
    size_t period = region->period;
    size_t last = exchanged < period ? (size_t) exchanged : period;

    for (size_t i = 0; i < alive; i++) {
        sizes[i] = region->samples[(first + i) % period];
    }
    for (size_t i = 0; i < last; i++) {
        size_t at = (region->at + period - last + i) % period;

        sizes[slots[at]] = region->samples[at];
    }
    for (size_t i = 0; i < alive; i++) {
        if (!object_check(region->pointers[i], sizes[i], i)) {
            return 0;
        }
    }
    return 1;
}

static int
object_check(const unsigned char *p, size_t size, size_t i)
{
    return p[0] == region_mark(i) && p[size - 1] == region_mark(i);
}

const char *
workload_needs_free(const struct allocator *allocator, size_t least)
{
    if (allocator->free_order == NULL) {
        return "its regions are freed as a whole, not object by object";
    }
    if (allocator->free != NULL ||
        (allocator->free_early != NULL && least >= WORKLOAD_LARGE)) {
        return NULL;
    }
    return allocator->free_early != NULL
               ? "it frees single objects of 4096 bytes and more alone"
               : "it frees the newest object alone";
}

const char *
workload_needs_growth(const struct allocator *allocator, size_t least)
{
    (void) least;
    return allocator->replay == NULL
               ? "its regions cannot be several at once, nor grow"
               : NULL;
}

const char *
workload_no_limit(const struct allocator *allocator, size_t least)
{
    (void) least;
    return allocator->class == ALLOCATOR_LIMIT
               ? "a limit that says no more here than under fill"
               : NULL;
}
