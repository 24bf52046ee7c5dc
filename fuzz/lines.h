/*
 * The lines that a pool writes to its log. Each line must be expected when it
 * is written: it names the call that failed, the call's arguments, and the
 * system's error. The further lines of a debug build are counted. The addresses
 * and descriptors in them are added up, and so are the unused bytes that they
 * report for a destroyed pool's blocks.
 */
#ifndef FUZZ_LINES_H
#define FUZZ_LINES_H

#include <stddef.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "op.h"

struct run;

struct lines {
    size_t seen;   /* lines, without those of debug builds */
    size_t others; /* expected lines, without those of the system's refusals */
    int is_wrong;  /* a line was not expected, or has other words */
    int is_above;  /* a line was above the level of its log */

    size_t debug_seen;         /* lines of debug builds */
    size_t debug_expected;     /* expected lines of debug builds */
    uintptr_t object_sum_seen; /* addresses and descriptors in them, added */
    uintptr_t object_sum_expected;
    size_t unused_seen;     /* unused bytes, by these lines */
    size_t unused_expected; /* unused bytes, by the model */

    /* The call that is made now, also by a handler, and its arguments. */
    enum op_code code;
    size_t size;
    size_t alignment;
};

/* Call for each line that is written: checks and counts it. */
void lines_note(struct run *run, ngx_uint_t level, const char *text,
                size_t size);

/* Expect a line of a debug build from the pool, if it has a log for it. object
 * is the address or the descriptor that the line is about. */
void lines_expect_debug(struct run *run, unsigned pool, uintptr_t object);

#endif
