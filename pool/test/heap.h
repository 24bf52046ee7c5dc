/*
 * The system's allocator as the pool under test sees it: the pool is compiled
 * with pool_seam_args, which replace malloc and the like by these functions.
 * They count live memory and fail the nth allocation on demand. One thread.
 */
#ifndef POOL_TEST_HEAP_H
#define POOL_TEST_HEAP_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_NEVER ((size_t) -1)

enum {
    /* Larger requests fail: a sanitizer would end the process for some. */
    HEAP_SIZE_MAX = 256 * 1024 * 1024,
};

void *heap_malloc(size_t size);
void *heap_calloc(size_t count, size_t size);
int heap_posix_memalign(void **ret_p, size_t alignment, size_t size);
void heap_free(void *p);
size_t heap_usable_size(void *p); /* the size that was asked for */

/* The same, for tests: not the system's function. */
size_t heap_size(void *p);

/* Fail the nth allocation from now, 0 being the next one, and no other.
 * HEAP_NEVER: none. */
void heap_fail_at(size_t nth);

/* Fail the nth allocation from now and all later ones, until heap_fail_at(). */
void heap_fail_from(size_t nth);

/* Until heap_fail_at(): fail each allocation of more than size bytes; or each
 * of heap_calloc(), from which a pool has its bookkeeping: indexes, and the
 * bins of kept memory. */
void heap_fail_above(size_t size);
void heap_fail_cleared(void);

/* The number of allocations asked for so far, failed ones included. */
size_t heap_calls(void);

/* The number of those that failed; and of them, those that were larger than
 * HEAP_SIZE_MAX. */
size_t heap_refusals(void);
size_t heap_refusals_of_size(void);

/* The allocation that failed last: its function and its arguments. */
struct heap_request {
    const char *function;
    size_t alignment; /* of posix_memalign() */
    size_t size;
};
struct heap_request heap_refused(void);

/* The number of blocks that are allocated and not freed, and the bytes that
 * were asked for them. */
size_t heap_live_blocks(void);
size_t heap_live_bytes(void);

/* The address of the block that was freed last. */
uintptr_t heap_freed_last(void);

#endif
