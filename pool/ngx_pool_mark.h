/*
 * Marks for a checker, private to the library: AddressSanitizer or valgrind
 * then reports every use of bytes that are no allocation. ngx_mark_free: the
 * bytes may not be used. ngx_mark_open: they may be used, and their contents
 * are undefined. Without NGX_POOL_POISON a mark does nothing.
 */
#ifndef POOL_NGX_POOL_MARK_H
#define POOL_NGX_POOL_MARK_H

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#if NGX_POOL_POISON && NGX_POOL_ASAN

#include <sanitizer/asan_interface.h>

#define ngx_mark_free(p, size) ASAN_POISON_MEMORY_REGION(p, size)
#define ngx_mark_open(p, size) ASAN_UNPOISON_MEMORY_REGION(p, size)

#elif NGX_POOL_POISON && defined(NGX_POOL_VALGRIND)

#include <valgrind/memcheck.h>

#define ngx_mark_free(p, size) VALGRIND_MAKE_MEM_NOACCESS(p, size)
#define ngx_mark_open(p, size) VALGRIND_MAKE_MEM_UNDEFINED(p, size)

#else

#define ngx_mark_free(p, size) ((void) (p))
#define ngx_mark_open(p, size) ((void) (p))

#endif

/* Kept out of its callers, which then need no stack frame. */
#define NGX_POOL_COLD __attribute__((noinline))

#endif
