/*
 * The lines that a pool writes to its log. Each must be one that was due when
 * it was written: it says which call failed, what that was given, and the
 * system's error. A debug build writes more of them: those are counted, and
 * what they say of a destroyed pool's blocks is added up.
 */
#ifndef FUZZ_LINES_H
#define FUZZ_LINES_H

#include <stddef.h>

#include <ngx_config.h>
#include <ngx_core.h>

struct run;

struct lines {
    size_t seen;   /* all but those of debug builds */
    size_t others; /* due, besides those of the system's refusals */
    int is_wrong;  /* one was not due, or is not as it should be */

    size_t debug_seen; /* those of debug builds, and how many are due */
    size_t debug_due;
    size_t unused_seen; /* bytes that they say were unused, and were */
    size_t unused_due;

    /* The arguments of the call that is made now. */
    size_t size;
    size_t alignment;
};

/* A line has been written. */
void lines_note(struct run *run, ngx_uint_t level, const char *text,
                size_t size);

#endif
