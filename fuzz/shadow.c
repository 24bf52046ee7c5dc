#include "shadow.h"

#include <string.h>

#include "bytes.h"

enum {
    /* Bytes that are written at each end of a longer allocation. */
    WRITTEN_MAX = 128,

    OLD = 64, /* large allocations that are newer than an old one */
};

static void range_add(struct shadow_pool *shadow, struct shadow_range range);
static void range_remove(struct shadow_pool *shadow,
                         const unsigned char *start);
static size_t ranges_below(const struct shadow_pool *shadow,
                           const unsigned char *end);

void
shadow_clear(struct shadow_pool *shadow)
{
    shadow->pool = NULL;
    shadow->part_steps = 0;
    shadow->is_mixed = 0;
    shadow->block_count = 0;
    shadow->index_size = 0;
    shadow->large_sum = 0;
    shadow->large_address_sum = 0;
    shadow->large_asked = 0;
    shadow->large_order = 0;
    shadow->large_power = 1;
    shadow->was_freed = 0;
    shadow->ended_count = 0;
    shadow->allocation_count = 0;
    shadow->range_count = 0;
    shadow->cleanup_count = 0;
    shadow->stale_count = 0;
    shadow->hash = 0;
}

void
shadow_start(struct shadow_pool *shadow, ngx_pool_t *pool)
{
    uint64_t hash = shadow->hash;

    shadow_clear(shadow);
    shadow->hash = hash;
    shadow->pool = pool;
    shadow->block_ends[0] = 0;
    shadow->blocks[0] = pool;
    shadow->block_count = pool != NULL;
    shadow->lowest = pool;
    shadow->highest = pool;
}

void
shadow_end(struct shadow_pool *shadow)
{
    memset(shadow->block_ends, 0,
           shadow->block_count * sizeof(shadow->block_ends[0]));
    shadow->is_mixed = 0;
    shadow->large_sum = 0;
    shadow->large_address_sum = 0;
    shadow->large_asked = 0;
    shadow->large_order = 0;
    shadow->large_power = 1;
    shadow->was_freed = 0;
    shadow->ended_count = shadow->allocation_count;
    shadow->allocation_count = 0;
    shadow->range_count = 0;
}

struct shadow_allocation *
shadow_add(struct shadow_pool *shadow, enum shadow_kind kind, unsigned char *p,
           size_t size, const struct model_spot *spot, size_t number)
{
    struct shadow_allocation *allocation =
        &shadow->allocations[shadow->allocation_count++];

    *allocation = (struct shadow_allocation){
        .p = p,
        .size = size,
        .key = MODEL_NO_KEY,
        .number = (unsigned) number,
        .kind = kind,
        .place = spot->place,
        .block = (unsigned) spot->block,
        .offset = (unsigned) spot->offset,
    };
    if (spot->place == MODEL_LARGE) {
        shadow->large_asked += size;
        range_add(shadow, (struct shadow_range){.start = p, .end = p + size});
    }
    return allocation;
}

struct shadow_allocation *
shadow_last(struct shadow_pool *shadow)
{
    size_t i;

    for (i = shadow->allocation_count; i-- != 0;) {
        struct shadow_allocation *allocation = &shadow->allocations[i];

        if (allocation->kind == SHADOW_BYTES &&
            allocation->place == MODEL_SMALL && allocation->block == 0 &&
            allocation->p + allocation->size == shadow->pool->d.last) {
            return allocation;
        }
    }
    return NULL;
}

struct shadow_allocation *
shadow_pick(struct shadow_pool *shadow, unsigned nth, enum model_place place)
{
    size_t count = shadow->allocation_count;
    size_t at = count == 0 ? 0 : count - nth % count; /* one after it */
    size_t i;

    for (i = 0; i < count; i++) {
        struct shadow_allocation *allocation = &shadow->allocations[--at];

        if (allocation->kind == SHADOW_BYTES && allocation->place == place) {
            return allocation;
        }
        at = at == 0 ? count : at;
    }
    return NULL;
}

struct shadow_allocation *
shadow_numbered(struct shadow_pool *shadow, size_t number)
{
    struct shadow_allocation *all = shadow->allocations;
    size_t low = 0;
    size_t high = shadow->allocation_count;

    while (low != high) {
        size_t middle = low + (high - low) / 2;

        if (all[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < shadow->allocation_count && all[low].number == number; low++) {
        if (all[low].kind == SHADOW_BYTES && number != 0) {
            return &all[low];
        }
    }
    return NULL;
}

void
shadow_remove(struct shadow_pool *shadow, struct shadow_allocation *allocation)
{
    const struct shadow_allocation *last =
        &shadow->allocations[--shadow->allocation_count];

    if (allocation->place == MODEL_LARGE) {
        shadow->large_asked -= allocation->size;
        range_remove(shadow, allocation->p);
    }
    for (; allocation < last; allocation++) {
        allocation[0] = allocation[1];
        BYTES_KEEP_LOOP();
    }
}

/* The system places new memory above all earlier memory (fixed.h), so few
 * ranges move. */
static void
range_add(struct shadow_pool *shadow, struct shadow_range range)
{
    size_t i = shadow->range_count++;

    for (; i != 0 && shadow->ranges[i - 1].start > range.start; i--) {
        shadow->ranges[i] = shadow->ranges[i - 1];
        BYTES_KEEP_LOOP();
    }
    shadow->ranges[i] = range;
}

static void
range_remove(struct shadow_pool *shadow, const unsigned char *start)
{
    size_t last = --shadow->range_count;
    size_t i = ranges_below(shadow, start);

    for (; i < last; i++) {
        shadow->ranges[i] = shadow->ranges[i + 1];
        BYTES_KEEP_LOOP();
    }
}

/* Returns how many ranges start below end. */
static size_t
ranges_below(const struct shadow_pool *shadow, const unsigned char *end)
{
    size_t low = 0;
    size_t high = shadow->range_count;

    /* Most memory lies above all earlier memory, see range_add(). */
    if (high != 0 && shadow->ranges[high - 1].start < end) {
        return high;
    }
    while (low != high) {
        size_t middle = low + (high - low) / 2;

        if (shadow->ranges[middle].start < end) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

unsigned
shadow_count_overlapping(const struct shadow_pool *shadow,
                         struct shadow_range range)
{
    size_t i = ranges_below(shadow, range.end);
    unsigned count = 0;
    size_t n;

    for (n = 0; n < 2 && i-- != 0; n++) {
        count += shadow->ranges[i].end > range.start;
    }
    return count;
}

int
shadow_is_old(const struct shadow_pool *shadow,
              const struct shadow_allocation *allocation)
{
    const struct shadow_allocation *end =
        shadow->allocations + shadow->allocation_count;
    unsigned newer = 0;

    if (end - allocation <= OLD) {
        return 0;
    }
    while (++allocation < end && newer < OLD) {
        newer += allocation->place == MODEL_LARGE &&
                 allocation->kind == SHADOW_BYTES;
    }
    return newer >= OLD;
}

int
shadow_is_live(const struct shadow_pool *shadow, const void *p)
{
    size_t i;

    for (i = 0; i < shadow->allocation_count; i++) {
        if (shadow->allocations[i].p == p) {
            return 1;
        }
    }
    return 0;
}

struct shadow_target
shadow_target_of(const struct shadow_allocation *allocation)
{
    if (allocation == NULL) {
        return (struct shadow_target){.key = MODEL_NO_KEY};
    }
    return (struct shadow_target){.p = allocation->p, .key = allocation->key};
}

void
shadow_fill(struct shadow_allocation *allocation, unsigned char value)
{
    unsigned char *p = allocation->p;
    size_t size = allocation->size;

    allocation->fill = value;
    if (size <= 2 * WRITTEN_MAX) {
        memset(p, value, size);
    } else {
        memset(p, value, WRITTEN_MAX);
        memset(p + size - WRITTEN_MAX, value, WRITTEN_MAX);
    }
}

int
shadow_is_intact(const struct shadow_allocation *allocation)
{
    return shadow_is_written(allocation->p, allocation->size, allocation->fill);
}

int
shadow_is_written(const void *p, size_t size, unsigned char fill)
{
    if (fill == 0) {
        return 1;
    }
    if (size <= 2 * WRITTEN_MAX) {
        return bytes_are(p, size, fill);
    }
    return bytes_are(p, WRITTEN_MAX, fill) &&
           bytes_are((const unsigned char *) p + size - WRITTEN_MAX,
                     WRITTEN_MAX, fill);
}

void
shadow_note_blocks(struct shadow_pool *shadow)
{
    ngx_pool_t *next;

    while (shadow->block_count < MODEL_BLOCKS_MAX &&
           (next = shadow->blocks[shadow->block_count - 1]->d.next) != NULL) {
        shadow->block_ends[shadow->block_count] = 0;
        shadow->blocks[shadow->block_count++] = next;
        if (next < shadow->lowest) {
            shadow->lowest = next;
        }
        if (next > shadow->highest) {
            shadow->highest = next;
        }
    }
}

void
shadow_note_cut(struct shadow_pool *shadow,
                const struct shadow_allocation *allocation)
{
    size_t block = allocation->block;

    if (allocation->place == MODEL_SMALL) {
        shadow->block_ends[block] =
            (size_t) (allocation->p + allocation->size -
                      (const unsigned char *) shadow->blocks[block]);
    }
}

size_t
shadow_block_of(const struct shadow_pool *shadow,
                const struct model_pool *model, const unsigned char *p)
{
    /* All blocks have the first one's size. The model may not have the last
     * block yet. */
    size_t size = model->blocks[0].size;
    size_t i;

    if ((uintptr_t) p < (uintptr_t) shadow->lowest ||
        (uintptr_t) p > (uintptr_t) shadow->highest + size) {
        return shadow->block_count;
    }
    for (i = shadow->block_count; i-- != 0;) {
        uintptr_t start = (uintptr_t) shadow->blocks[i];

        if ((uintptr_t) p >= start && (uintptr_t) p - start <= size) {
            return i;
        }
    }
    return shadow->block_count;
}
