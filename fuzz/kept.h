/*
 * The memory that a thread keeps for later pools: the part of it that promise
 * 51 requires. The library may keep more, and decides the order.
 */
#ifndef FUZZ_KEPT_H
#define FUZZ_KEPT_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "pieces.h"

enum {
    /* A thread releases the memory that this number of regions did not need,
     * except for KEPT_ALWAYS bytes. */
    KEPT_REGIONS = 64,
    KEPT_ALWAYS = 512 * 1024,

    /* A thread keeps the memory that this number of regions needed. */
    KEPT_REGIONS_LEAST = 32,

    /* A piece of kept memory has to hold two words. */
    KEPT_SIZE_MIN = 2 * sizeof(size_t),
};

struct kept {
    ngx_pool_cache_stats_t stats; /* after the last op */
    int is_counted;               /* stats has the numbers of pieces, too */
    size_t limit;
    size_t limit_before; /* of the last op cache_limit */
    int is_beyond; /* more than the limit was allocated, since no memory was
                    * kept and no pool lived */
    int is_plain;  /* the kept memory can be foreseen: kept_note_plain() */
    struct pieces pieces;
    size_t region_count;        /* that have ended */
    size_t since_sweep;         /* regions since kept memory was released */
    size_t passed;              /* large pieces that were taken since then
                                 * although others of their class were kept
                                 * that were too small */
    size_t ended_at;            /* index of the oldest element of ended */
    size_t ended_sum;           /* of ended */
    size_t ended[KEPT_REGIONS]; /* bytes that each of the last regions ended
                                 * with */
    /* The pieces that each of the last regions ended with, less those that
     * pools took since. 0 where the thread need not have kept them. */
    size_t needed[KEPT_REGIONS_LEAST];
    int needs_any; /* whether one of needed may not be 0 */
};

struct run;
struct step;

/* Start with no kept memory. */
void kept_start(struct kept *kept);

/* Call after a reset or a destroy: sets the bytes in step that it released. */
void kept_end(struct run *run, struct step *step);

/* Call after a step was checked: notes the kept pieces that the step took. */
void kept_note(struct run *run, const struct step *step);

#endif
