/*
 * A trace: a program as a flat list of actions, for code that does not look at
 * a pool's state: timed executors, statistics.
 *
 * - Numbers of pools become slots of regions, ages become slots of objects. A
 *   slot is used again as soon as it is free.
 * - Ops that do nothing are left out. again is done as often as it says.
 * - Before a region ends, the regions below it end, newest first. At the
 *   program's end all regions end.
 * - Of the ops that are there for a fuzzer, pfree_large and pfree_twice free a
 *   live large object, and cleanups are cleanups. The others are left out.
 * - A size relative to a pool's state is that of an empty pool.
 *
 * One thread per struct trace.
 */
#ifndef POOL_OPS_TRACE_H
#define POOL_OPS_TRACE_H

#include <stddef.h>
#include <stdint.h>

enum trace_code {
    TRACE_CREATE,  /* region, of blocks of size bytes; under other or none */
    TRACE_ALLOC,   /* object, of size bytes, in region */
    TRACE_RESIZE,  /* object, of size bytes, in region, out of other */
    TRACE_FREE,    /* object, of region */
    TRACE_DROP,    /* object: as FREE, but only because its region ends */
    TRACE_STEAL,   /* object, of size bytes, to region */
    TRACE_CLEANUP, /* one more in region, with size bytes of data */
    TRACE_CLEANUP_RUN, /* one less, before the region's end */
    TRACE_RESET,       /* region; its children and cleanups are gone already */
    TRACE_DESTROY,     /* region, likewise */
    TRACE_CODES,
};

enum trace_kind {
    TRACE_ALIGNED, /* ALLOC */
    TRACE_PACKED,
    TRACE_ZEROED,
    TRACE_AT_END, /* CLEANUP_RUN: because its region ends */
};

#define TRACE_NONE UINT32_MAX /* no slot */

enum {
    /* No object is larger: an op with a larger size makes none. Recorded
     * programs have no such sizes; a fuzzer writes many. */
    TRACE_SIZE_MAX = 1 << 30,
};

struct trace_action {
    uint8_t code;      /* enum trace_code */
    uint8_t kind;      /* enum trace_kind */
    uint8_t alignment; /* of ALLOC: its binary logarithm; 0: the usual one */
    uint32_t region;
    uint32_t object;
    uint32_t other;
    uint64_t size;
};

struct trace {
    struct trace_action *actions;
    size_t count;
    uint32_t regions; /* slots: as many as are ever there at a time */
    uint32_t objects;
    size_t ops;    /* of the program */
    size_t silent; /* among them: those that do nothing */
};

/*
 * Resolve the program at data, of size bytes, which is not kept.
 * Returns 0, or -ENOMEM. Release with trace_done().
 */
int trace_init(struct trace *trace, const uint8_t *data, size_t size);

void trace_done(struct trace *trace);

#endif
