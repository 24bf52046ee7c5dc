/*
 * The adapters that the table in allocator.c lists, one per file here, and what
 * several of them share.
 */
#ifndef BENCH_ALLOCATORS_ADAPTERS_H
#define BENCH_ALLOCATORS_ADAPTERS_H

#include "allocator.h"

/* How a module links the pools, and what that adds to their names. The build
 * says so for the module of archives. */
#if !defined(ALLOCATOR_LINKAGE)
#define ALLOCATOR_LINKAGE ALLOCATOR_SHARED
#define ALLOCATOR_SUFFIX  ""
#endif

/* This project's pool, each region a pool of NGX_DEFAULT_POOL_SIZE. */
extern const struct allocator allocator_pool;

/* nginx's own pool, compiled from its source as it is, where that is at
 * hand. */
extern const struct allocator allocator_nginx;

/* The C library's malloc, where the process's malloc is that one. */
extern const struct allocator allocator_glibc;

/* gperftools' libtcmalloc_minimal.so.4, libjemalloc.so.2, libmimalloc.so.3 or
 * .2: opened beside malloc at run time. */
extern const struct allocator allocator_tcmalloc;
extern const struct allocator allocator_jemalloc;
extern const struct allocator allocator_mimalloc;

/* arena.h: an arena of our own in the manner of tcmalloc, one a region. */
extern const struct allocator allocator_arena;

/* libapr-1: a region is a pool without a parent. What the thread keeps of freed
 * regions has no limit, as by default, or that of this project's pool. */
extern const struct allocator allocator_apr;
extern const struct allocator allocator_apr_limit;

/* The C library's obstack, its macros compiled into the adapter. */
extern const struct allocator allocator_obstack;

/* The C++ library's std::pmr::monotonic_buffer_resource. */
extern const struct allocator allocator_pmr;

/* libtalloc: a region is a context, and what is allocated are its children. */
extern const struct allocator allocator_talloc;

/* libtalloc: a region is a talloc_pool() as large as is expected. */
extern const struct allocator allocator_talloc_pool;

/* The pool again: by ngx_palloc_inline(); and with no limit to what the thread
 * keeps. */
extern const struct allocator allocator_pool_inline;
extern const struct allocator allocator_pool_unbounded;

/* No allocator but what one costs at least: a pointer that is moved on, held in
 * a register, without a bound; held in memory beside the end that bounds it. */
extern const struct allocator allocator_bump_register;
extern const struct allocator allocator_bump_memory;

/* What the loops cost by themselves: every allocation is the same memory. */
extern const struct allocator allocator_null;

/* open() of what is linked: never fails. */
void *adapter_linked(char *reason);

/* create(), destroy() of a general allocator: library is the state. */
void *adapter_no_region(void *library, size_t size, size_t count);
void adapter_nothing(void *state);

#endif
