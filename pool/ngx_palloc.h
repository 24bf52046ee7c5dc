/*
 * nginx's memory pool: memory that is given back all at once. A pool is a
 * chain of blocks of one size; what fits a block is cut from it by moving one
 * pointer, what does not goes to the system and onto a list of its own.
 *
 * Names, structs and semantics are nginx's (src/core/ngx_palloc.h). This file
 * and ngx_palloc.c also stand in for the originals inside nginx. pool/README.md
 * holds the model, the invariants, and each difference with its reason.
 *
 * A pool is used by one thread at a time. Distinct pools are independent, and
 * a pool may be destroyed on another thread than the one that made it.
 */
#ifndef POOL_NGX_PALLOC_H
#define POOL_NGX_PALLOC_H

#include <ngx_config.h>
#include <ngx_core.h>

/* The largest size that ever comes from a block, in bytes. */
#define NGX_MAX_ALLOC_FROM_POOL (ngx_pagesize - 1)

/* A block's size where the caller has no better one, in bytes. */
#define NGX_DEFAULT_POOL_SIZE (16 * 1024)

/* The alignment of every block. */
#define NGX_POOL_ALIGNMENT 16

/* The least size for which a pool is worth its header: nginx's own bound for
 * configured sizes. ngx_create_pool() also takes less, down to the header. */
#define NGX_MIN_POOL_SIZE                                                      \
    ngx_align((sizeof(ngx_pool_t) + 2 * sizeof(ngx_pool_large_t)),             \
              NGX_POOL_ALIGNMENT)

/* Bytes of destroyed pools' blocks that a thread keeps for its next pools. */
#ifndef NGX_POOL_CACHE_SIZE
#define NGX_POOL_CACHE_SIZE (1024 * 1024)
#endif

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef void (*ngx_pool_cleanup_pt)(void *data);

/* A handler to run with data before the pool's memory goes. */
typedef struct ngx_pool_cleanup_s ngx_pool_cleanup_t;

struct ngx_pool_cleanup_s {
    ngx_pool_cleanup_pt handler; /* NULL: not to be run */
    void *data;
    ngx_pool_cleanup_t *next; /* the one registered before */
};

/* A live large allocation. */
typedef struct ngx_pool_large_s ngx_pool_large_t;

struct ngx_pool_large_s {
    ngx_pool_large_t *next;
    void *alloc;
};

/* The head of every block. */
typedef struct {
    u_char *last; /* the first byte that is free */
    u_char *end;  /* the first byte behind the block */
    ngx_pool_t *next;
    ngx_uint_t failed; /* new blocks that were taken while this was tried */
} ngx_pool_data_t;

/* Finds a large allocation's list entry by address. */
typedef struct ngx_pool_index_s ngx_pool_index_t;

/*
 * The head of a pool's first block; later blocks have d alone. nginx's fields,
 * in nginx's order, then our own.
 */
struct ngx_pool_s {
    ngx_pool_data_t d;
    size_t max;          /* the largest size that comes from a block */
    ngx_pool_t *current; /* the first block that is still tried */
    ngx_chain_t *chain;  /* ngx_buf's: NULL at creation and reset */
    ngx_pool_large_t *large;
    ngx_pool_cleanup_t *cleanup; /* newest first */
    ngx_log_t *log;

    ngx_pool_t *tail; /* the last block in use; those behind it are kept ones */
    size_t hole; /* no block between the first and tail has more bytes free */
    ngx_pool_large_t *large_free; /* entries without an allocation */
    ngx_pool_index_t *index;      /* of large; NULL: walk the list */
};

/* The data of an ngx_pool_cleanup_file() or ngx_pool_delete_file() cleanup. */
typedef struct {
    ngx_fd_t fd;
    u_char *name; /* NUL-terminated; outlives the pool or lies in it */
    ngx_log_t *log;
} ngx_pool_cleanup_file_t;

/*
 * Make a pool whose blocks have size bytes each, the first one's header of
 * sizeof(ngx_pool_t) included. log, which may be NULL outside nginx, hears of
 * failures and must outlive the pool.
 * Owned by the caller: release with ngx_destroy_pool().
 * Returns NULL when size is less than the header or memory runs out.
 */
ngx_pool_t *ngx_create_pool(size_t size, ngx_log_t *log);

/*
 * Run the pool's cleanups, then release all of its memory.
 * A handler may use the pool as before, and add cleanups, which run too.
 * Cost: O(blocks + large allocations).
 */
void ngx_destroy_pool(ngx_pool_t *pool);

/*
 * Run the pool's cleanups, then make the pool as new, but keep its blocks:
 * everything allocated from it is gone.
 * Cost: O(large allocations), whatever the number of blocks.
 */
void ngx_reset_pool(ngx_pool_t *pool);

/*
 * Allocate size bytes, aligned to NGX_ALIGNMENT. They are not cleared.
 * Size 0 gives a pointer that is not NULL and may not be written.
 * Owned by the pool: valid until ngx_reset_pool() or ngx_destroy_pool().
 * Returns NULL when memory runs out; the pool is then unchanged.
 * Cost: O(1), whatever the pool's age or size.
 */
void *ngx_palloc(ngx_pool_t *pool, size_t size);

/* As ngx_palloc(), without alignment: for bytes and strings. */
void *ngx_pnalloc(ngx_pool_t *pool, size_t size);

/* As ngx_palloc(), with every byte zero. */
void *ngx_pcalloc(ngx_pool_t *pool, size_t size);

/*
 * As ngx_palloc(), aligned to alignment, a power of two. Always a large
 * allocation, so ngx_pfree() may release it at any size.
 * Returns NULL also for another alignment.
 */
void *ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment);

/*
 * Release the large allocation that starts at p before the pool's end.
 * Returns NGX_OK, or NGX_DECLINED when p is no live large allocation of this
 * pool: a small one, another pool's, released before, NULL, or any other
 * value. p itself is never read.
 * Cost: O(1) amortised, in any order, besides the system's free().
 */
ngx_int_t ngx_pfree(ngx_pool_t *pool, void *p);

/*
 * Add a cleanup that runs before those added earlier. The caller sets handler,
 * which is NULL here, and fills data: size bytes aligned to NGX_ALIGNMENT, or
 * NULL for size 0. Handlers of one pool run once each; setting handler to NULL
 * cancels one.
 * Owned by the pool. Returns NULL when memory runs out; the pool is then
 * unchanged.
 */
ngx_pool_cleanup_t *ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size);

/*
 * Run now, and not again, the newest ngx_pool_cleanup_file() cleanup of fd.
 * Cost: O(cleanups).
 */
void ngx_pool_run_cleanup_file(ngx_pool_t *pool, ngx_fd_t fd);

/* A cleanup handler; data is an ngx_pool_cleanup_file_t: close its file. */
void ngx_pool_cleanup_file(void *data);

/*
 * A cleanup handler; data is an ngx_pool_cleanup_file_t: delete its file, then
 * close it. A name that is already gone is no error.
 */
void ngx_pool_delete_file(void *data);

/*
 * Blocks of destroyed pools stay with the thread that destroyed them, at most
 * NGX_POOL_CACHE_SIZE bytes, for the next pools that it makes; they go back to
 * the system at the thread's end. Under AddressSanitizer and in
 * NGX_DEBUG_PALLOC builds the bound is 0 at first, so that nothing is kept.
 */

/*
 * Bound what the calling thread keeps to size bytes; 0 keeps nothing. What it
 * already keeps beyond size is released now. No effect under NGX_DEBUG_PALLOC.
 */
void ngx_pool_cache_limit(size_t size);

/* Release all that the calling thread keeps. */
void ngx_pool_cache_trim(void);

/* The bytes that the calling thread keeps. */
size_t ngx_pool_cache_size(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
