/*
 * Memory under pool/test/heap.h that depends on the program alone: the same
 * calls get the same addresses, filled with the same bytes, in every run of a
 * process. heap.c is compiled with posix_memalign and free renamed to these.
 *
 * Under AddressSanitizer each block is marked as malloc()'s are: bytes before
 * it, after it, and those of a freed block are reported when they are touched.
 * No freed block is given again before all are freed. One thread.
 */
#ifndef FUZZ_ARENA_H
#define FUZZ_ARENA_H

#include <stddef.h>

/*
 * As posix_memalign(). The block is filled with ARENA_FRESH, but for the middle
 * of a long one, which no run has to leave clean.
 * Returns 0, or ENOMEM when ARENA_SIZE bytes have been given since the last
 * time that none was live.
 */
int arena_posix_memalign(void **ret_p, size_t alignment, size_t size);

/* The block's first bytes are filled with ARENA_STALE. When no block is live,
 * the arena starts again. What is no live block aborts. */
void arena_free(void *p);

enum {
    ARENA_SIZE = 128 * 1024 * 1024, /* a program takes less: fuzz/run.c */
    ARENA_FRESH = 0xa5,
    ARENA_STALE = 0x5a,
};

#endif
