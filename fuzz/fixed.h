/*
 * The memory below pool/test/heap.h, which depends on the program alone. The
 * same calls get the same addresses, filled with the same bytes, each time that
 * a process runs a program. The lower 32 bits of an address are the same in
 * every build. heap.c is compiled with posix_memalign and free renamed to the
 * functions here.
 *
 * Under AddressSanitizer each block is marked as a block of malloc() is: an
 * access to the bytes before it, to the bytes after it, to memory that no block
 * has had, or to a freed block is reported. A freed block is not used again
 * before all blocks are freed. One thread.
 */
#ifndef FUZZ_FIXED_H
#define FUZZ_FIXED_H

#include <stddef.h>

/*
 * As posix_memalign(). The block is filled with FIXED_FRESH, except for the
 * middle of a long one.
 * Returns 0, or ENOMEM when FIXED_SIZE bytes were allocated since no block was
 * live.
 */
int fixed_posix_memalign(void **ret_p, size_t alignment, size_t size);

/* As free(). The block's first bytes are filled with FIXED_STALE. When no block
 * is live, addresses start from the first one again; pages that were not needed
 * for long are given back to the system. Aborts when p is no live block. */
void fixed_free(void *p);

enum {
    /* Twice NGX_POOL_CACHE_SIZE. The corpus needs 7 MiB. */
    FIXED_SIZE = 32 * 1024 * 1024,

    FIXED_FRESH = 0xa5,
    FIXED_STALE = 0x5a,
};

#endif
