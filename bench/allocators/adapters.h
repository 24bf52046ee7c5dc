/*
 * The adapters that the table in measured.c lists, and functions that several
 * of them share. Each file here has the adapters of one library.
 */
#ifndef BENCH_ALLOCATORS_ADAPTERS_H
#define BENCH_ALLOCATORS_ADAPTERS_H

#include "allocator.h"

/* How a module links the pools, and the suffix of their names. The build sets
 * both for the module of archives. */
#if !defined(ALLOCATOR_LINKAGE)
#define ALLOCATOR_LINKAGE ALLOCATOR_SHARED
#define ALLOCATOR_SUFFIX  ""
#endif

/* This project's pool: a region is a pool of NGX_DEFAULT_POOL_SIZE. */
extern const struct allocator allocator_pool;

/* nginx's own pool, compiled from its source as it is. Skipped where the build
 * had no such source. */
extern const struct allocator allocator_nginx;

/* The C library's malloc(). Skipped where another one has taken its place. */
extern const struct allocator allocator_glibc;

/* gperftools' libtcmalloc_minimal.so.4, libjemalloc.so.2, and libmimalloc.so.3
 * or .2, opened beside malloc() at run time. */
extern const struct allocator allocator_tcmalloc;
extern const struct allocator allocator_jemalloc;
extern const struct allocator allocator_mimalloc;

/* The same libraries' own regions: an arena of jemalloc's, which is reset at
 * the region's end; a heap of mimalloc's, which is destroyed. */
extern const struct allocator allocator_jemalloc_arena;
extern const struct allocator allocator_mimalloc_heap;

/* arena.h: an arena of our own in the manner of tcmalloc. */
extern const struct allocator allocator_arena;

/* libapr-1: a region is a pool without a parent. The thread keeps all freed
 * regions, as APR does by default; or as much as this project's pool; or as
 * much as httpd does by default. */
extern const struct allocator allocator_apr;
extern const struct allocator allocator_apr_limit;
extern const struct allocator allocator_apr_httpd;

/* The C library's obstack: chunks of its default size, and of the pool's. */
extern const struct allocator allocator_obstack;
extern const struct allocator allocator_obstack_16k;

/* The C++ library's std::pmr::monotonic_buffer_resource. */
extern const struct allocator allocator_pmr;

/* libtalloc: a region is a context, and its objects are the children. */
extern const struct allocator allocator_talloc;

/* libtalloc: a region is a talloc_pool() of the expected size. */
extern const struct allocator allocator_talloc_pool;

/* This project's pool again: by ngx_palloc_inline(); and with no limit to the
 * memory that the thread keeps. */
extern const struct allocator allocator_pool_inline;
extern const struct allocator allocator_pool_unbounded;

/* No allocators, but the least cost of one: a pointer that is moved. It lies in
 * a register and has no end; or it lies in memory and is compared with an end.
 */
extern const struct allocator allocator_bump_register;
extern const struct allocator allocator_bump_memory;

/* The cost of the loops by themselves: all objects have the same address. */
extern const struct allocator allocator_null;

/* open() of an allocator that is linked into the program. Never fails. */
void *adapter_linked(char *reason);

/* create() and destroy() of a general allocator: library is the state. */
void *adapter_no_region(void *library, size_t size, size_t count);
void adapter_nothing(void *state);

/* chunk() of an allocator that takes a region from malloc() at once. */
size_t adapter_whole(size_t size, size_t largest);

#endif
