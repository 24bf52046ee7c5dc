/*
 * Allocators from files that the command line names: any malloc replacement,
 * which needs no code, and plug-ins against bench_plugin.h. One thread.
 */
#ifndef BENCH_ALLOCATORS_EXTRA_H
#define BENCH_ALLOCATORS_EXTRA_H

#include "allocator.h"

enum {
    EXTRA_MAX = 8, /* files of a run, of both kinds */

    /* Of a message: a file's path, ": " and a reason. */
    EXTRA_ERROR_MAX = ALLOCATOR_PATH_MAX + 2 + ALLOCATOR_REASON_MAX,
};

/* Valid until the process ends. */
struct extras {
    const struct allocator *list[EXTRA_MAX];
    size_t count;
};

/*
 * Open all files of both lists, which have commas between the files, "" being
 * none. First come the mallocs: a row is named after its file, "mine" after
 * libmine.so.1. Letters become small, and a character that is neither letter
 * nor digit becomes "_". The alignment is measured. The row of a plug-in has
 * the plug-in's own name. Called once in a module.
 *
 * Returns 0, or -EINVAL: error then names the file and says what is wrong, in
 * at most EXTRA_ERROR_MAX bytes. No two rows have the same name, and no row has
 * the name of an allocator of the module.
 */
typedef int extras_open_fn(struct extras *extras, const char *mallocs,
                           const char *plugins, char *error);
extras_open_fn extras_open;

#endif
