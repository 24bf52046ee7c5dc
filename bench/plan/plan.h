/*
 * All rows of a run, made from the options: every workload on every allocator,
 * distribution of sizes and n, besides the shim's own and those of memory,
 * which are not timed. Among those that are is always an A/A pair: the same
 * allocator a second time, as <name>_again, in each place where it runs. What
 * the two differ by is noise.
 */
#ifndef BENCH_PLAN_PLAN_H
#define BENCH_PLAN_PLAN_H

#include <stddef.h>

#include "allocator.h"
#include "measure/memory.h"
#include "measure/row.h"
#include "plan/options.h"
#include "plan/sizes.h"

enum {
    PLAN_ERROR_MAX = 8192, /* a path may be in it */
};

/* An allocator as it takes part. */
struct contender {
    const struct allocator *allocator;
    void *library; /* NULL: it cannot; reason says why */
    char reason[ALLOCATOR_REASON_MAX];
    char path[ALLOCATOR_PATH_MAX]; /* of the file that serves it */
    char version[ALLOCATOR_VERSION_MAX];
};

struct plan {
    struct row *rows;
    size_t count;
    struct memory_row *memory;
    size_t memory_count;
    struct contender *contenders; /* as many as allocators */
    const struct allocator *base; /* of the A/A pair */

    struct sizes **sizes;
    size_t sizes_count;
    struct samples *samples; /* one for each of sizes */
    struct replay **traces;  /* ends in NULL */
    struct replay_run *runs; /* one for each of traces */
    size_t traces_count;
    void **pointers; /* all rows' */
};

/*
 * Returns the plan, or NULL: error then says why, in at most PLAN_ERROR_MAX
 * bytes; an unknown name is among the reasons. Rows that cannot run are in it,
 * with their reason. Release with plan_destroy(). options is not kept.
 */
struct plan *plan_create(const struct options *options, char *error);

/* NULL is ignored. */
void plan_destroy(struct plan *plan);

/* How many rows are not skipped, those of memory left out. */
size_t plan_runnable(const struct plan *plan);

#endif
