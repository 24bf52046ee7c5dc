/*
 * A C face of std::pmr::monotonic_buffer_resource over new and delete. No
 * exception leaves it. One thread at a time uses a resource.
 */
#ifndef BENCH_ALLOCATORS_PMR_H
#define BENCH_ALLOCATORS_PMR_H

#include <stddef.h>

#ifdef __cplusplus
#define PMR_NOEXCEPT noexcept
extern "C" {
#else
#define PMR_NOEXCEPT
#endif

struct region;

/* Owned by the caller: release with pmr_destroy(). NULL when memory runs
 * out. */
void *pmr_create(void) PMR_NOEXCEPT;

/* Allocate size bytes, aligned to ALLOCATOR_ALIGNMENT, or return NULL. */
void *pmr_alloc(void *pmr, size_t size) PMR_NOEXCEPT;

/* As in struct allocator. The resource is compiled into their loops. */
int pmr_fill(struct region *region) PMR_NOEXCEPT;
int pmr_replay(struct region *region) PMR_NOEXCEPT;

/* Give all of its memory back to malloc(), and keep the resource. */
void pmr_release(void *pmr) PMR_NOEXCEPT;

void pmr_destroy(void *pmr) PMR_NOEXCEPT;

/* The library's function that a resource gets its memory from. */
const void *pmr_entry(void) PMR_NOEXCEPT;

/* The release of the C++ library that it was compiled with. */
int pmr_version(void) PMR_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
