/*
 * All rows of a run, made from the options: every workload on every allocator,
 * distribution of sizes and n; the shim's own rows; and those of memory, which
 * are not timed. One allocator has each of its timed rows twice, the second
 * time as <name>_again. The difference between the two is noise (A/A).
 */
#ifndef BENCH_PLAN_PLAN_H
#define BENCH_PLAN_PLAN_H

#include <stddef.h>

#include "measure/instructions.h"
#include "measure/memory.h"
#include "measure/row.h"
#include "plan/contenders.h"
#include "plan/inputs.h"
#include "plan/options.h"
#include "plan/sizes.h"

enum {
    PLAN_ERROR_MAX = LAYOUT_ERROR_MAX,
    PLAN_EXTRA_MAX = OPTIONS_FILES_MAX,
};

struct plan {
    struct row *rows;
    size_t count;
    struct memory_row *memory;
    size_t memory_count;
    struct instructions_row *instructions; /* of some of rows */
    size_t instructions_count;
    const struct contender *base; /* of the A/A pair; NULL: there is none */

    struct contenders contenders;
    struct inputs inputs;
    struct sizes **sizes; /* in the order of the inputs' samples */
    size_t sizes_count;
    size_t *largest; /* regions of each distribution and n; 0: not known yet */
    void **pointers; /* all rows' */
    char mallocs[PLAN_EXTRA_MAX]; /* as in the options; "": none */
    char plugins[PLAN_EXTRA_MAX];
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
