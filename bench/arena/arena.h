/*
 * An arena in the manner of tcmalloc: size classes, and a free list for each
 * class and thread, which is refilled with a span: a batch of equal objects cut
 * from a chunk. A thread's spans grow with their number, so that small regions
 * stay small. Objects are freed one by one, or all at once with the arena. The
 * benchmark compares it with pools, which cannot free a small object by itself.
 *
 * Threads: any number of threads may allocate from one arena at the same time,
 * and each may free what another one has allocated. While an arena is reset or
 * destroyed, no other thread may use it.
 *
 * Limits, which keep it small:
 * - A freed object serves the thread that freed it, and no other thread. Where
 *   one thread allocates and another one frees, the arena grows until its
 *   reset. A thread that has not allocated from the arena since the last reset
 *   cannot use the objects that it frees.
 * - Objects that a thread has free when it ends wait for the reset.
 * - Where the free end of a chunk is too small for an object, the thread takes
 *   another chunk, and the end stays unused until the reset.
 * - Each call looks for its thread among all that have allocated from the arena
 *   since the last reset, the latest first.
 *
 * Chunks come from malloc(), as a pool's blocks do. Each thread keeps some
 * chunks of the arenas that it destroys, and has to call arena_trim() before it
 * ends.
 *
 * AddressSanitizer reports a use of memory that is not allocated: free objects,
 * the bytes between an object's size and its class's size, and everything after
 * a reset. It also reports a second arena_free() of an object, and one with a
 * size that is too large.
 *
 * The ideas are those of gperftools' "TCMalloc: Thread-Caching Malloc". The
 * code is our own.
 */
#ifndef BENCH_ARENA_ARENA_H
#define BENCH_ARENA_ARENA_H

#include <stddef.h>

enum {
    ARENA_ALIGNMENT = 16,

    /* A larger object is a block of malloc()'s own. */
    ARENA_SMALL_MAX = 4096,

    ARENA_CHUNK_SIZE = 32 * 1024,

    /* Chunks of destroyed arenas that a thread keeps for its next arenas. */
    ARENA_KEPT_CHUNKS_MAX = 32,
};

struct arena;

/*
 * Make an arena. Owned by the caller: release it with arena_destroy().
 * Returns NULL when memory runs out.
 * Cost: O(1); one chunk, which the thread may have kept.
 */
struct arena *arena_create(void);

/* Release the arena with all of its objects. NULL is ignored. Any thread may
 * call this. Cost: O(chunks + large objects). */
void arena_destroy(struct arena *arena);

/* Release all objects and keep the chunks. Cost: O(chunks + large objects). */
void arena_reset(struct arena *arena);

/*
 * Allocate size bytes, aligned to ARENA_ALIGNMENT. They are not cleared. Size 0
 * gives a pointer that may not be written to, and counts as 1 here: an object
 * takes less than 16 bytes more than its size, or at most an eighth of what it
 * takes.
 * Valid until arena_free(), arena_reset() or arena_destroy().
 * Returns NULL when memory runs out; the arena is then unchanged.
 * Cost: O(1), and a lock for each chunk and each large object. A thread's first
 * call after a reset takes a chunk, except on the thread of arena_create() or
 * arena_reset().
 */
void *arena_alloc(struct arena *arena, size_t size);

/*
 * Free one object of the size that arena_alloc() was asked for, as C23's
 * free_sized() does. The calling thread allocates it again first.
 * Cost: O(1), and a lock for a large object.
 */
void arena_free(struct arena *arena, void *p, size_t size);

/* Release the chunks that the calling thread keeps. */
void arena_trim(void);

#endif
