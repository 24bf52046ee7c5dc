/*
 * An allocator of your own, measured by ngxpool's bench:
 *
 *     cc -O2 -shared -fPIC $(pkg-config --cflags ngxpool) mine.c -o mine.so
 *     ./run bench --quick --plugin=./mine.so
 *
 * The library exports one struct bench_plugin, called bench_plugin. It is
 * opened beside the other allocators: no other library gets its functions, and
 * where it defines one that they define too, it gets its own.
 *
 * A region is made, objects are allocated from it, and it ends with all of
 * them. Any number of regions may be alive. One thread at a time uses a region,
 * which may not be the thread that made it.
 *
 * This header needs ISO C99 or C++11 and nothing else of ngxpool.
 */
#ifndef BENCH_PLUGIN_H
#define BENCH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

/* Of this header. A plug-in of another version is refused. */
#define BENCH_PLUGIN_VERSION 1

/* For keeps: all freed memory is kept, without a limit. */
#define BENCH_PLUGIN_KEEPS_ALL SIZE_MAX

struct bench_plugin {
    unsigned version; /* BENCH_PLUGIN_VERSION */

    const char *name; /* of its rows: [a-z0-9_]+, at most 31 bytes */

    size_t alignment; /* of each object, a power of two of at least 8 */

    /* Bytes that a region takes from malloc() or from the system at a time, at
     * first. 0: object by object. */
    size_t block;

    /* Bytes of freed regions that a thread keeps for its next ones at most. */
    size_t keeps;

    /* For the reader of the report, in one sentence: the memory that is kept,
     * and how blocks grow. */
    const char *policy;

    /* Begin a region for about count objects of size bytes in all. It must
     * serve more than that too. Returns NULL when memory runs out. */
    void *(*create)(size_t size, size_t count);

    /* Allocate size bytes; size 0 gives a pointer too. Returns NULL when memory
     * runs out. */
    void *(*alloc)(void *region, size_t size);

    /* Free one object of 4096 bytes or more before its region ends. NULL: all
     * objects stay until then. */
    void (*free)(void *region, void *p);

    /* Free all objects and keep the region. NULL: rows that need that are
     * skipped. */
    void (*reset)(void *region);

    /* End the region with all of its objects. */
    void (*destroy)(void *region);

    /* Give back the memory of freed regions that the calling thread keeps.
     * Called after each row and before a thread ends. NULL: nothing is kept. */
    void (*trim)(void);
};

#if defined(__GNUC__)
#define BENCH_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define BENCH_PLUGIN_EXPORT
#endif

#if defined(__cplusplus)
extern "C" BENCH_PLUGIN_EXPORT const struct bench_plugin bench_plugin;
#else
extern BENCH_PLUGIN_EXPORT const struct bench_plugin bench_plugin;
#endif

#endif
