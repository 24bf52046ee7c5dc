/*
 * A trace: a program as a flat list of actions. It is for code that does not
 * look at a pool's state: timed executors, statistics.
 *
 * - Pool numbers become slots of regions. Ages become slots of objects. A slot
 *   is used again as soon as it is free.
 * - Ops that do nothing are left out. The op before again is repeated as often
 *   as again says.
 * - Before a region ends, the regions below it end, newest first. At the
 *   program's end all regions end.
 * - Most ops that only fuzzers write are left out. But pfree_large and
 *   pfree_twice become frees of a live large object, and the ops on cleanups of
 *   files become ops on cleanups.
 * - A size that is relative to a pool's state is taken from an empty pool.
 *
 * One thread per struct trace.
 */
#ifndef POOL_OPS_TRACE_H
#define POOL_OPS_TRACE_H

#include <stddef.h>
#include <stdint.h>

enum trace_code {
    TRACE_CREATE,  /* create region, with blocks of size bytes, below other */
    TRACE_ALLOC,   /* make object, of size bytes, in region */
    TRACE_RESIZE,  /* make object, of size bytes, in region; free other */
    TRACE_FREE,    /* free object, of region */
    TRACE_DROP,    /* the end of object, because its region ends */
    TRACE_STEAL,   /* move object, of size bytes, to region */
    TRACE_CLEANUP, /* add a cleanup to region, with size bytes of data */
    TRACE_CLEANUP_RUN, /* run region's newest cleanup */
    TRACE_RESET,       /* reset region, after its children and cleanups ended */
    TRACE_DESTROY,     /* destroy region, likewise */
    TRACE_CODES,
};

enum trace_kind {
    TRACE_ALIGNED, /* of ALLOC and RESIZE */
    TRACE_PACKED,
    TRACE_ZEROED,
    TRACE_AT_END, /* of CLEANUP_RUN: the region ends */
};

#define TRACE_NONE UINT32_MAX /* no slot */

enum {
    /* The size of the largest object. An op of a larger size makes none.
     * Recorded programs have no such sizes; a fuzzer writes many. */
    TRACE_SIZE_MAX = 1 << 30,
};

struct trace_action {
    uint8_t code;      /* enum trace_code */
    uint8_t kind;      /* enum trace_kind */
    uint8_t alignment; /* of ALLOC: its binary logarithm; 0: the default one */
    uint32_t region;
    uint32_t object;
    uint32_t other;
    uint64_t size;
};

struct trace {
    struct trace_action *actions;
    size_t count;
    uint32_t regions; /* slots: the most regions that live at a time */
    uint32_t objects; /* slots: the most objects that live at a time */
    size_t ops;       /* of the program */
    size_t idle_ops;  /* ops without an action */
};

/*
 * Make the trace of the program at data, of size bytes. data is not needed
 * after that.
 * Returns 0, or -ENOMEM. Release with trace_done().
 */
int trace_init(struct trace *trace, const uint8_t *data, size_t size);

void trace_done(struct trace *trace);

#endif
