/*
 * Where the measured code, the heap and the stack of a process lie.
 *
 * The measured code is linked BENCH_LAYOUTS times (layouts/layout.py). Each
 * linking is a layout: three modules, with the functions in another order and
 * at other offsets within a cache line and a page. A round's process opens the
 * modules of one layout. Code of the libraries that the system ships cannot be
 * linked again; the kernel chooses the page that it lies in (ASLR).
 *
 * One thread.
 */
#ifndef BENCH_MEASURE_LAYOUT_H
#define BENCH_MEASURE_LAYOUT_H

#include <stdint.h>

#include "measured.h"

enum {
    LAYOUT_ERROR_MAX = 8192, /* paths may be in it */
};

/* The tables of a layout's modules. They stay open. */
struct layout {
    const struct measured *shared;  /* all allocators */
    const struct measured *again;   /* the same code in another place */
    const struct measured *archive; /* the pools, linked from archives */

    /* The pools of two commits; NULL where the build has none. */
    const struct measured *old_commit;
    const struct measured *new_commit;
};

/*
 * Open the modules of layout number, which is at least 0 and less than
 * BENCH_LAYOUTS. They lie in the folder layouts/ beside this program's file.
 * Returns 0, or a negative errno: error then says why, in at most
 * LAYOUT_ERROR_MAX bytes.
 */
int layout_open(struct layout *layout, int number, char *error);

/*
 * Call run(data), with the heap and the stack moved by random multiples of 16
 * bytes, less than a page. They depend on seed alone. Returns what run()
 * returns.
 */
int layout_run(uint64_t seed, int (*run)(void *data), void *data);

#endif
