/*
 * ASAN_ON is 1 where AddressSanitizer is on in this file, else 0, and its marks
 * are empty: no byte is marked. A function that is ASAN_UNCHECKED may access
 * marked bytes. Any thread.
 */
#ifndef POOL_TEST_ASAN_H
#define POOL_TEST_ASAN_H

#if defined(__SANITIZE_ADDRESS__)
#define ASAN_ON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN_ON 1
#endif
#endif

#if defined(ASAN_ON)
#include <sanitizer/asan_interface.h>
#define ASAN_IS_MARKED(p) __asan_address_is_poisoned(p)
#define ASAN_UNCHECKED    __attribute__((no_sanitize("address")))
#else
#define ASAN_ON                              0
#define ASAN_POISON_MEMORY_REGION(p, size)   ((void) (p), (void) (size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void) (p), (void) (size))
#define ASAN_IS_MARKED(p)                    ((void) (p), 0)
#define ASAN_UNCHECKED
#endif

#endif
