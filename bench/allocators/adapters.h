/*
 * The adapters that the table in allocator.c lists, one per file here, and what
 * several of them share.
 */
#ifndef BENCH_ALLOCATORS_ADAPTERS_H
#define BENCH_ALLOCATORS_ADAPTERS_H

#include "../allocator.h"

/* This project's pool, each region a pool of NGX_DEFAULT_POOL_SIZE. */
extern const struct allocator allocator_pool;

/* The C library's malloc, where the process's malloc is that one. */
extern const struct allocator allocator_glibc;

/* gperftools' libtcmalloc_minimal.so.4, opened beside malloc at run time. */
extern const struct allocator allocator_tcmalloc;

/* arena.h: an arena of our own in the manner of tcmalloc, one a region. */
extern const struct allocator allocator_arena;

/* libtalloc: a region is a context, and what is allocated are its children. */
extern const struct allocator allocator_talloc;

/* libtalloc: a region is a talloc_pool() as large as is expected. */
extern const struct allocator allocator_talloc_pool;

/* open() of what is linked: never fails. */
void *adapter_linked(char *reason);

/* create(), destroy() of a general allocator: library is the state. */
void *adapter_no_region(void *library, size_t size, size_t count);
void adapter_nothing(void *state);

#endif
