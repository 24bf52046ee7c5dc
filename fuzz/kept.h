/*
 * The memory that a thread keeps for later pools: which part must be there, as
 * promise 51 has it. The library decides what else is kept, and in which order.
 */
#ifndef FUZZ_KEPT_H
#define FUZZ_KEPT_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "pieces.h"

enum {
    /* What so many regions have not needed, a thread does not keep, except for
     * KEPT_ALWAYS bytes. */
    KEPT_REGIONS = 64,
    KEPT_ALWAYS = 512 * 1024,

    /* What so many regions have needed, it keeps. */
    KEPT_REGIONS_LEAST = 32,

    /* Smaller pieces of memory need not be kept: two words must fit. */
    KEPT_SIZE_MIN = 2 * sizeof(size_t),
};

struct kept {
    ngx_pool_cache_stats_t stats; /* after the last op, */
    int is_counted;               /* its blocks and large ones, too */
    size_t limit;
    int is_plain; /* all memory of pools came where it may go when they end */
    struct pieces pieces;
    size_t region_count; /* that have ended */
    size_t since_fall;   /* regions since memory that was kept was released */
    size_t ended_at;     /* the next place in ended */
    size_t ended_sum;    /* of ended */
    size_t ended[KEPT_REGIONS]; /* bytes that the last regions ended with */
};

struct run;
struct step;

/* Nothing is kept. */
void kept_start(struct kept *kept);

/* A reset or a destroy has been done: sets what it released. */
void kept_end(struct run *run, struct step *step);

/* After a step has been checked: what it took of the pieces that are kept. */
void kept_note(struct run *run, const struct step *step);

#endif
