/*
 * The allocators that take part, as one process has them: those of a layout's
 * modules, opened. A contender's index is the same in every process of a run.
 */
#ifndef BENCH_PLAN_CONTENDERS_H
#define BENCH_PLAN_CONTENDERS_H

#include <stddef.h>

#include "allocator.h"
#include "measure/layout.h"
#include "workload.h"

/* An allocator, opened. */
struct contender {
    const struct allocator *allocator;
    void *library; /* NULL: it cannot take part; reason says why */

    /* Its second copy, for the A/A pair; NULL where there is none. */
    const struct allocator *again;
    void *again_library;

    char reason[ALLOCATOR_REASON_MAX];
    char path[ALLOCATOR_PATH_MAX]; /* of the file that serves it */
    char version[ALLOCATOR_VERSION_MAX];
};

struct contenders {
    struct contender *list;
    size_t count;
    const struct measured *shared; /* has the workloads */
    const struct measured *again;  /* has their second copies */
};

enum {
    CONTENDERS_ALL = -1,
};

/*
 * List all allocators of layout, and those of the libraries that mallocs and
 * plugins name, with commas between, "" for none. Open each of them, or, where
 * only is not CONTENDERS_ALL, the one of that index. Release with
 * contenders_done(); libraries stay open.
 * Returns 0, or a negative errno: error then says why, in at most
 * LAYOUT_ERROR_MAX bytes.
 */
int contenders_init(struct contenders *contenders, const struct layout *layout,
                    int only, const char *mallocs, const char *plugins,
                    char *error);

void contenders_done(struct contenders *contenders);

#endif
