/*
 * A C face of std::pmr::monotonic_buffer_resource over new and delete. No
 * exception leaves it. One thread a resource.
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

/* Owned by the caller: release with pmr_destroy(). NULL when memory runs
 * out. */
void *pmr_create(void) PMR_NOEXCEPT;

/* size bytes aligned to alignment, or NULL. */
void *pmr_alloc(void *pmr, size_t size, size_t alignment) PMR_NOEXCEPT;

/* Give all of it back to the resource above. */
void pmr_release(void *pmr) PMR_NOEXCEPT;

void pmr_destroy(void *pmr) PMR_NOEXCEPT;

/* The function of the library that gets memory from above for it. */
const void *pmr_entry(void) PMR_NOEXCEPT;

/* The release of the C++ library that it was compiled with. */
int pmr_version(void) PMR_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
