#include "oracle.h"

enum {
    TAIL,
    ENDED,
    DESTROYED,
    LIVE,
    PAST_END,
};

static const struct promise promises[] = {
    [TAIL] = {41, "under ASan, an access to a block's free bytes, or to "
                  "memory that a reset freed, is reported"},
    [ENDED] = {41, "under ASan, an access to a large allocation that a reset "
                   "or a destroy freed is reported"},
    [DESTROYED] = {41, "under ASan, an access to a destroyed pool is reported"},
    [LIVE] = {41, "under ASan, an access to a live allocation is not reported"},
    [PAST_END] = {41, "under ASan with red zones, an access after an "
                      "allocation's end is reported"},
};

enum {
    /* ASan unmaps a larger block, since it does not fit into the quarantine.
     * The block then has no marks. */
    FREED_MAX = 128 * 1024,

    /* The library's own words at the start of kept memory have no marks. */
    KEPT_HEAD = 2 * sizeof(size_t),

    /* Bytes at a start that are all checked. */
    LOOKED_AT = 32,

    /* Of eight bytes at a multiple of eight, ASan marks all or some of the last
     * ones. So all are marked if the first one is. */
    GRANULE = 8,

    ENDS = 512, /* bytes that are checked at each end of an allocation */
};

/* Where AddressSanitizer is not linked, these are NULL. */
int __asan_address_is_poisoned(void const volatile *p) __attribute__((weak));
void *__asan_region_is_poisoned(void *p, size_t size) __attribute__((weak));

static const struct promise *check_blocks(const struct run *run,
                                          const struct step *step);
static const struct promise *check_destroyed(const struct run *run,
                                             unsigned pool);
static int ended_are_reported(const struct shadow_pool *self);
static int end_is_reported(const struct shadow_allocation *allocation);
static int are_unmarked(const struct run *run, const struct step *step);
static int is_unmarked(const struct shadow_allocation *allocation);
static int is_reported(const void *block, size_t start, size_t end);

static const struct promise *
check(const struct run *run, const struct step *step)
{
    const struct shadow_pool *pool = &run->pools[step->pool];

    if (__asan_address_is_poisoned == NULL || !run->is_marked) {
        return NULL;
    }
    if ((step->kind == STEP_DESTROY || step->kind == STEP_RESET) &&
        !ended_are_reported(pool)) {
        return &promises[ENDED];
    }
    if (step->kind == STEP_DESTROY) {
        return check_destroyed(run, step->pool);
    }
    if (!are_unmarked(run, step)) {
        return &promises[LIVE];
    }
    if (step->kind == STEP_READ) {
        return NULL;
    }
    if ((step->kind == STEP_ALLOC || step->kind == STEP_CLEANUP) &&
        run->model.redzone != 0 &&
        (!end_is_reported(step->made) || !end_is_reported(step->data))) {
        return &promises[PAST_END];
    }
    return pool->pool != NULL ? check_blocks(run, step) : NULL;
}

static const struct promise *
check_blocks(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    const struct model_pool *model = &run->model.pools[step->pool];
    size_t i =
        step->first_block < model->current ? model->current : step->first_block;

    for (; i < step->end_block; i++) {
        if (!is_reported(self->blocks[i], model->blocks[i].last,
                         model->blocks[i].size)) {
            return &promises[TAIL];
        }
    }
    return NULL;
}

static const struct promise *
check_destroyed(const struct run *run, unsigned pool)
{
    const struct shadow_pool *self = &run->pools[pool];
    size_t i;

    for (i = 0; i < self->block_count; i++) {
        size_t size = run->model.pools[pool].blocks[i].size;

        if (size <= FREED_MAX &&
            !is_reported(self->blocks[i], KEPT_HEAD, size)) {
            return &promises[DESTROYED];
        }
    }
    return NULL;
}

/* Checks the allocations that a reset or a destroy has just ended. */
static int
ended_are_reported(const struct shadow_pool *self)
{
    size_t i;

    for (i = 0; i < self->ended_count; i++) {
        const struct shadow_allocation *ended = &self->allocations[i];

        if (ended->place == MODEL_LARGE && ended->kind == SHADOW_BYTES &&
            ended->size <= FREED_MAX &&
            !is_reported(ended->p, KEPT_HEAD, ended->size)) {
            return 0;
        }
    }
    return 1;
}

static int
end_is_reported(const struct shadow_allocation *allocation)
{
    return allocation == NULL ||
           __asan_address_is_poisoned(allocation->p + allocation->size);
}

/* No byte of an allocation that is about to end may be marked. Of a new one,
 * the first byte and the last one are checked. */
static int
are_unmarked(const struct run *run, const struct step *step)
{
    const struct shadow_pool *self = &run->pools[step->pool];
    size_t i;

    if (step->kind == STEP_READ) {
        return is_unmarked(step->made);
    }
    if (step->kind == STEP_ALLOC && step->made != NULL &&
        step->made->size != 0) {
        return !__asan_address_is_poisoned(step->made->p) &&
               !__asan_address_is_poisoned(step->made->p + step->made->size -
                                           1);
    }
    for (i = 0; step->kind == STEP_BEFORE && i < self->allocation_count; i++) {
        if (!is_unmarked(&self->allocations[i])) {
            return 0;
        }
    }
    return 1;
}

static int
is_unmarked(const struct shadow_allocation *allocation)
{
    size_t size = allocation->size;

    if (size <= 2 * ENDS) {
        return size == 0 ||
               __asan_region_is_poisoned(allocation->p, size) == NULL;
    }
    return __asan_region_is_poisoned(allocation->p, ENDS) == NULL &&
           __asan_region_is_poisoned(allocation->p + size - ENDS, ENDS) == NULL;
}

/* Tries the first bytes, the last one, and the one between. */
static int
is_reported(const void *block, size_t start, size_t end)
{
    const unsigned char *p = block;
    size_t i;

    for (i = start; i < end && i < start + LOOKED_AT;
         i += GRANULE - (uintptr_t) (p + i) % GRANULE) {
        if (!__asan_address_is_poisoned(p + i)) {
            return 0;
        }
    }
    return start >= end ||
           (__asan_address_is_poisoned(p + start + (end - start) / 2) &&
            __asan_address_is_poisoned(p + end - 1));
}

ORACLE_DEFINE(poison, ORACLE_CHANGES | ORACLE_KIND(STEP_READ) |
                          ORACLE_KIND(STEP_BEFORE));
