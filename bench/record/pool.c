/*
 * This project's pool, recorded: stands in for pool/ngx_palloc.c where a
 * program has the pool inside, as nginx does. The pool's own source is compiled
 * in here under other names, so that it is the same to the letter, and costs
 * nothing where it is not recorded. Calls by the inline functions are not seen.
 */
#define ngx_create_pool           ngx_create_pool_unseen
#define ngx_destroy_pool          ngx_destroy_pool_unseen
#define ngx_reset_pool            ngx_reset_pool_unseen
#define ngx_palloc                ngx_palloc_unseen
#define ngx_pnalloc               ngx_pnalloc_unseen
#define ngx_pcalloc               ngx_pcalloc_unseen
#define ngx_pmemalign             ngx_pmemalign_unseen
#define ngx_pfree                 ngx_pfree_unseen
#define ngx_pool_cleanup_add      ngx_pool_cleanup_add_unseen
#define ngx_pool_run_cleanup_file ngx_pool_run_cleanup_file_unseen

#include "ngx_palloc.c"

#undef ngx_create_pool
#undef ngx_destroy_pool
#undef ngx_reset_pool
#undef ngx_palloc
#undef ngx_pnalloc
#undef ngx_pcalloc
#undef ngx_pmemalign
#undef ngx_pfree
#undef ngx_pool_cleanup_add
#undef ngx_pool_run_cleanup_file

#include "raw.h"

ngx_pool_t *ngx_create_pool(size_t size, ngx_log_t *log);
void ngx_destroy_pool(ngx_pool_t *pool);
void ngx_reset_pool(ngx_pool_t *pool);
void *ngx_palloc(ngx_pool_t *pool, size_t size);
void *ngx_pnalloc(ngx_pool_t *pool, size_t size);
void *ngx_pcalloc(ngx_pool_t *pool, size_t size);
void *ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment);
ngx_int_t ngx_pfree(ngx_pool_t *pool, void *p);
ngx_pool_cleanup_t *ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size);
void ngx_pool_run_cleanup_file(ngx_pool_t *pool, ngx_fd_t fd);

static void *
ngx_pool_seen(enum raw_code code, ngx_pool_t *pool, void *p, size_t size)
{
    if (p != NULL) {
        raw_add(code, p, size, (uint64_t) (uintptr_t) pool);
    }
    return p;
}

ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    return ngx_pool_seen(RAW_POOL, NULL, ngx_create_pool_unseen(size, log),
                         size);
}

void
ngx_destroy_pool(ngx_pool_t *pool)
{
    raw_add(RAW_DESTROY, pool, RAW_BEGINS, 0);
    ngx_destroy_pool_unseen(pool);
    raw_add(RAW_DESTROY, pool, RAW_DONE, 0);
}

void
ngx_reset_pool(ngx_pool_t *pool)
{
    raw_add(RAW_CLEAR, pool, RAW_AT_ONCE, 0);
    ngx_reset_pool_unseen(pool);
}

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_seen(RAW_ALLOC, pool, ngx_palloc_unseen(pool, size), size);
}

void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_seen(RAW_PACKED, pool, ngx_pnalloc_unseen(pool, size),
                         size);
}

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_seen(RAW_ZEROED, pool, ngx_pcalloc_unseen(pool, size),
                         size);
}

void *
ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment)
{
    void *p = ngx_pmemalign_unseen(pool, size, alignment);

    if (p != NULL) {
        raw_add_aligned(p, size, alignment, pool);
    }
    return p;
}

/* A pool's thread alone knows p, so that nobody is given it again between. */
ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_int_t rc = ngx_pfree_unseen(pool, p);

    if (rc == NGX_OK) {
        raw_add(RAW_FREE, p, 0, 0);
    }
    return rc;
}

ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add_unseen(pool, size);

    if (cleanup != NULL) {
        raw_add(RAW_CLEANUP, pool, size, (uint64_t) (uintptr_t) cleanup);
    }
    return cleanup;
}

void
ngx_pool_run_cleanup_file(ngx_pool_t *pool, ngx_fd_t fd)
{
    ngx_pool_cleanup_t *cleanup = pool->cleanup;
    ngx_pool_cleanup_file_t *file;

    while (cleanup != NULL) {
        file = cleanup->data;
        if (cleanup->handler == ngx_pool_cleanup_file && file->fd == fd) {
            raw_add(RAW_CLEANED, pool, 0, (uint64_t) (uintptr_t) cleanup);
            break;
        }
        cleanup = cleanup->next;
    }
    ngx_pool_run_cleanup_file_unseen(pool, fd);
}
