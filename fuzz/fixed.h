/*
 * Memory under pool/test/heap.h that depends on the program alone: the same
 * calls get the same addresses, filled with the same bytes, in every run of a
 * process; the lower 32 bits are the same in every build. heap.c is compiled
 * with posix_memalign and free renamed to these.
 *
 * Under AddressSanitizer each block is marked as malloc()'s are: bytes before
 * it, after it, and those of a freed block are reported when they are touched.
 * No freed block is given again before all are freed. One thread.
 */
#ifndef FUZZ_FIXED_H
#define FUZZ_FIXED_H

#include <stddef.h>

/*
 * As posix_memalign(). The block is filled with FIXED_FRESH, but for the middle
 * of a long one, which no run has to leave clean.
 * Returns 0, or ENOMEM when FIXED_SIZE bytes have been given since the last
 * time that none was live.
 */
int fixed_posix_memalign(void **ret_p, size_t alignment, size_t size);

/* The block's first bytes are filled with FIXED_STALE. When no block is live,
 * addresses start again. What is no live block aborts. */
void fixed_free(void *p);

enum {
    FIXED_SIZE = 128 * 1024 * 1024, /* a program takes less: fuzz/run.c */
    FIXED_FRESH = 0xa5,
    FIXED_STALE = 0x5a,
};

#endif
