/*
 * The state of the C library's heap before a measurement. It is made the same
 * for every row. Earlier calls of malloc() and free() decide two things:
 *
 * - The thresholds for mmap() and for trimming the heap's top. They grow with
 *   the largest block that was ever freed, so a row would depend on the rows
 *   before it. Here each row begins with the thresholds that its own allocator
 *   would bring about.
 * - Whether the top of the heap is free. If so, freeing a large region gives
 *   its memory back to the system each time, and the next region pays for new
 *   pages: 101 against 17 ns an allocation were seen with the same code. A
 *   single live object above the region pins the top. A server that has run for
 *   a while has such an object, so most workloads have a pinned top here. A
 *   pinned top also flatters a pool that keeps blocks least.
 *
 * One thread.
 */
#ifndef BENCH_MEASURE_HEAP_H
#define BENCH_MEASURE_HEAP_H

#include <stddef.h>

enum heap_top {
    HEAP_TOP_PINNED,
    HEAP_TOP_FREE,
};

/* Trim the heap's top, and set the thresholds as they stand after a block of
 * largest bytes was freed and no larger one. */
void heap_settle(size_t largest);

/*
 * Allocate an object above all others in the heap. Owned by the caller: release
 * with free(). Returns NULL when memory runs out, or where malloc() is not the
 * C library's. No other code may use sbrk().
 */
void *heap_pin(void);

/*
 * Fill the heap's holes, so that the next large block is cut from its top.
 * Otherwise holes that other rows left would hold a region, and nothing would
 * ever be trimmed. Owned by the caller: release with heap_unplug(); NULL is
 * none.
 */
struct heap_plug *heap_plug(void);
void heap_unplug(struct heap_plug *plugs);

#endif
