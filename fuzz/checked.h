/*
 * The checked executor for long programs. Recorded programs have thousands of
 * pools and millions of ops; run.h's executor has no arrays of such lengths.
 * This one makes the checks that take constant time an op:
 *
 * - allocations are aligned, and those of ngx_pcalloc() are zeroed;
 * - an allocation's contents stay until its end;
 * - ngx_pfree() frees large allocations and declines small ones;
 * - each cleanup runs once, the newest first;
 * - the memory that the thread keeps stays within the limit;
 * - no memory is live at the end.
 *
 * Only run.h's executor checks where an allocation lies.
 *
 * The pool must be compiled with pool_seam_args. One thread, one at a time.
 */
#ifndef FUZZ_CHECKED_H
#define FUZZ_CHECKED_H

#include <stddef.h>

#include "trace.h"

enum {
    CHECKED_ERROR_MAX = 256,
};

/*
 * Do all actions of trace. Returns 0, -ENOMEM, or -EPROTO when a promise is
 * broken. error then has the action and the promise, with its number in
 * oracles/, in at most CHECKED_ERROR_MAX bytes.
 */
int checked_run(const struct trace *trace, char *error);

#endif
