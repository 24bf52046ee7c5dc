/*
 * An arena in the manner of tcmalloc: size classes, a free list per class and
 * thread, filled in batches from spans that are cut from chunks, and all of it
 * given back at once. What a pool is compared with where objects are also
 * freed one by one.
 *
 * Any number of threads may allocate from one arena and free what another one
 * allocated. Only one thread may be at work on an arena while it is reset or
 * destroyed. Ideas are those of gperftools' "TCMalloc: Thread-Caching Malloc";
 * the code is our own.
 */
#ifndef BENCH_ARENA_H
#define BENCH_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
    /* Objects are aligned to this, those of at most 8 bytes to 8. */
    ARENA_ALIGNMENT = 16,

    /* Larger ones come from malloc() one by one. */
    ARENA_SMALL_MAX = 8192,

    ARENA_CHUNK_SIZE = 32 * 1024,

    /* Chunks that a thread keeps of destroyed arenas for its next ones. */
    ARENA_KEPT_CHUNKS_MAX = 32,
};

struct arena;

struct arena_stats {
    size_t system_size; /* bytes from malloc(), headers included */
    size_t chunks;
    size_t large;   /* live large objects */
    size_t refills; /* batches that threads took, since create or reset */
    size_t flushes; /* batches that threads gave back, likewise */
};

/*
 * Make an arena. Owned by the caller: release with arena_destroy().
 * Returns NULL when memory runs out.
 */
struct arena *arena_create(void);

/* Release the arena with all of its objects. NULL is ignored.
 * Cost: O(chunks + large objects). */
void arena_destroy(struct arena *arena);

/* Release all objects and keep the chunks. Cost: O(chunks + large objects). */
void arena_reset(struct arena *arena);

/*
 * Allocate size bytes, not cleared; size 0 counts as 1. At most an eighth of
 * an object's memory is lost to its class, above 128 bytes.
 * Valid until arena_free(), arena_reset() or arena_destroy().
 * Returns NULL when memory runs out; the arena is then as it was.
 * Cost: O(1); a lock for each batch alone.
 */
void *arena_alloc(struct arena *arena, size_t size);

/*
 * Give one object back, of the size that arena_alloc() was asked for (as with
 * C23's free_sized()). The calling thread allocates it again first.
 */
void arena_free(struct arena *arena, void *p, size_t size);

/*
 * Give what the calling thread has free of this arena to all threads. For a
 * thread that ends: what it does not flush waits for the arena's end.
 */
void arena_flush(struct arena *arena);

/* Write what stands now. Waits for no other thread's batch but its lock. */
void arena_stats(struct arena *arena, struct arena_stats *ret_stats);

/* Release the chunks that the calling thread keeps. A thread's end does too. */
void arena_trim(void);

/* The bytes that an object of size bytes takes, size at most ARENA_SMALL_MAX. */
size_t arena_class_size(size_t size);

#endif
