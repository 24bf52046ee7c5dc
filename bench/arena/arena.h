/*
 * An arena in the manner of tcmalloc: size classes, a free list per class and
 * thread, filled in batches from spans that are cut from chunks, and all of it
 * given back at once. What a pool is compared with where objects are also
 * freed one by one.
 *
 * Any number of threads may allocate from one arena and free what another one
 * allocated. Only one thread may be at work on an arena while it is reset or
 * destroyed. What a thread that has ended had free is found by the others, and
 * an arena that is gone leaves nothing behind in the threads that used it.
 *
 * Chunks come from malloc(): at 32 KiB it serves them from its heap, as it does
 * a pool's blocks, so that both are compared on one ground.
 *
 * Under AddressSanitizer whatever is not allocated is poisoned: free objects,
 * what lies between an object's size and its class's, and all after a reset.
 *
 * Ideas are those of gperftools' "TCMalloc: Thread-Caching Malloc"; that other
 * threads take over what an ended one leaves, mimalloc's. The code is our own.
 */
#ifndef BENCH_ARENA_ARENA_H
#define BENCH_ARENA_ARENA_H

#include <stddef.h>
#include <stdint.h>

enum {
    ARENA_ALIGNMENT = 16,

    /* Larger objects come from malloc() one by one. */
    ARENA_SMALL_MAX = 4096,

    /* Objects that a thread takes at once, at most. */
    ARENA_BATCH_MAX = 64,

    ARENA_CHUNK_SIZE = 32 * 1024,

    /* Chunks that a thread keeps of destroyed arenas for its next ones. */
    ARENA_KEPT_CHUNKS_MAX = 32,

    /* Further threads at once are served too, but what one of them has free
     * when it ends waits for the arena's end. */
    ARENA_THREADS_MAX = 255,
};

struct arena;

struct arena_stats {
    size_t system_size; /* bytes from malloc(), headers included */
    size_t chunks;
    size_t large;   /* live large objects */
    size_t threads; /* that hold free objects, ended ones until replaced */
    size_t refills; /* batches that threads took, since create or reset */
    size_t flushes; /* batches that threads gave back, likewise */
};

/*
 * Make an arena. Owned by the caller: release with arena_destroy().
 * Returns NULL when memory runs out.
 * Cost: of one chunk, which the thread may have kept; no lock.
 */
struct arena *arena_create(void);

/* Release the arena with all of its objects. NULL is ignored.
 * Cost: O(chunks + large objects). */
void arena_destroy(struct arena *arena);

/* Release all objects and keep the chunks. Cost: O(chunks + large objects). */
void arena_reset(struct arena *arena);

/*
 * Allocate size bytes, aligned to ARENA_ALIGNMENT, not cleared; size 0 gives a
 * pointer that may not be written. A class takes less than 16 bytes more than
 * were asked for, or at most an eighth of its size: see arena_class_size().
 * Valid until arena_free(), arena_reset() or arena_destroy().
 * Returns NULL when memory runs out; the arena is then as it was.
 * Cost: O(1); a lock at a thread's first call and for every chunk alone, and
 * for a batch that others gave back.
 */
void *arena_alloc(struct arena *arena, size_t size);

/*
 * Give one object back, of the size that arena_alloc() was asked for (as with
 * C23's free_sized()). The calling thread allocates it again first; of each
 * class it keeps two batches at most and gives further ones to all threads.
 * Cost: O(1), but for one lock a batch.
 */
void arena_free(struct arena *arena, void *p, size_t size);

/* Write what stands now. Any thread may ask at any time. */
void arena_stats(struct arena *arena, struct arena_stats *ret_stats);

/* Release the chunks that the calling thread keeps. A thread's end does too. */
void arena_trim(void);

/* The bytes that an object of size bytes takes, size at most
 * ARENA_SMALL_MAX. */
size_t arena_class_size(size_t size);

#endif
