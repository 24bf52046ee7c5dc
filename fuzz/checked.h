/*
 * The checked executor for long programs: recorded ones have thousands of pools
 * and millions of ops, more than run.h's has room for. It states what can be
 * stated in constant time an op: alignment, zeros, contents from an allocation
 * to its end, ngx_pfree()'s answers, cleanups once and newest first, memory
 * that is kept within the bound, none left at the end. Where each allocation
 * lies is run.h's to say.
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
 * Do all of trace. Returns 0; -ENOMEM; or -EPROTO when a promise is broken:
 * error then says at which action which one, with its number of oracle.h's, in
 * at most CHECKED_ERROR_MAX bytes.
 */
int checked_run(const struct trace *trace, char *error);

#endif
