/*
 * The system's memory, as a pool takes it: the one seam between the library
 * and malloc. Names and behaviour are nginx's (src/os/unix/ngx_alloc.h); a
 * failure is logged at NGX_LOG_EMERG. Any thread.
 */
#ifndef POOL_NGX_ALLOC_H
#define POOL_NGX_ALLOC_H

#include <stdlib.h>

#include <ngx_config.h>
#include <ngx_core.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* The system's page in bytes, known before main(). Never written by users. */
extern ngx_uint_t ngx_pagesize;

/*
 * Allocate size bytes, aligned for any type. They are not cleared.
 * Owned by the caller: release with ngx_free().
 * Returns NULL when memory runs out. log may be NULL.
 */
void *ngx_alloc(size_t size, ngx_log_t *log);

/* As ngx_alloc(), with every byte zero. */
void *ngx_calloc(size_t size, ngx_log_t *log);

/* As ngx_alloc(), aligned to alignment, a power of two. Returns NULL for any
 * other alignment too. */
void *ngx_memalign(size_t alignment, size_t size, ngx_log_t *log);

/* Release memory of one of the above; NULL is ignored. */
void ngx_free(void *p);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
