/*
 * The system's allocator as the pool under test sees it: pool/ngx_alloc.c is
 * compiled with pool_seam_args, which give malloc and its kin these names. It
 * counts what is live and fails the nth allocation on demand. One thread.
 */
#ifndef POOL_TEST_HEAP_H
#define POOL_TEST_HEAP_H

#include <stddef.h>

#define HEAP_NEVER ((size_t) -1)

enum {
    /* Larger requests fail: a sanitizer would end the process for some. */
    HEAP_SIZE_MAX = 256 * 1024 * 1024,
};

void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
int heap_posix_memalign(void **ret_p, size_t alignment, size_t size);
void heap_free(void *p);
size_t heap_usable_size(void *p); /* what was asked for */

/* Fail the nth allocation from now, 0 being the next one, and no other.
 * HEAP_NEVER: none. */
void heap_fail_at(size_t nth);

/* Allocations asked for so far, failed ones too. */
size_t heap_calls(void);

/* Blocks that were allocated and not yet freed, and the bytes asked for
 * them. */
size_t heap_live_blocks(void);
size_t heap_live_bytes(void);

#endif
