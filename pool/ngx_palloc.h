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

/*
 * The head of every block. nginx has a word for failed; its other bytes hold,
 * in the first block, what the pool has to know besides. So both structs keep
 * nginx's size, and every allocation its place.
 *
 * last and end in the first block's head are those of the window, the block
 * that is cut from; if that is another block, its own head keeps the first
 * one's. ngx_pool_block_data() finds a block's.
 */
typedef struct {
    u_char *last; /* the first byte that is free */
    u_char *end;  /* the first byte behind the block */
    ngx_pool_t *next;
    uint8_t failed; /* new blocks that were taken while this was tried */

    /* Of the first block alone. */
    uint8_t tried;  /* blocks in use behind current */
    uint8_t window; /* how many blocks behind current it is */
    uint8_t growth; /* blocks double up to 1 << growth bytes */
    uint8_t slots;  /* entries of large without an allocation */
    uint8_t ragged; /* bytes that hole has more without alignment */
    uint16_t hole;  /* what is larger fits no block tried before the window */
} ngx_pool_data_t;

/* The head of a pool's first block; later blocks have d alone. */
struct ngx_pool_s {
    ngx_pool_data_t d;
    size_t max;          /* the largest size that comes from a block */
    ngx_pool_t *current; /* the first block that is still tried */
    ngx_chain_t *chain;  /* ngx_buf's: NULL at creation and reset */
    ngx_pool_large_t *large;
    ngx_pool_cleanup_t *cleanup; /* newest first */
    ngx_log_t *log;
};

/* What a pool consists of at a moment. Sizes are in bytes. */
typedef struct {
    size_t size;       /* of all blocks */
    ngx_uint_t blocks; /* in use */
    ngx_uint_t kept;   /* blocks from before a reset, to be used again */
    size_t used;       /* cut from blocks, the gaps of alignment among it */
    size_t free;       /* in blocks that are still tried */
    size_t wasted;     /* in blocks that are not */
    ngx_uint_t large;  /* live large allocations */
    ngx_uint_t slots;  /* entries of large that wait for another one */
    ngx_uint_t cleanups;
} ngx_pool_stats_t;

/* What the calling thread keeps and did since it started. */
typedef struct {
    size_t limit;          /* bytes that may be kept */
    size_t size;           /* bytes that are */
    ngx_uint_t blocks;     /* that are kept */
    ngx_uint_t large;      /* large allocations that are kept */
    ngx_uint_t allocated;  /* by the system, for pools: malloc() and the like */
    ngx_uint_t given_back; /* to the system: free() */
} ngx_pool_cache_stats_t;

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
 * Let each block that the pool takes from now on be twice as large as the one
 * before, as long as it is not larger than the greatest power of two in most
 * bytes; then as large as that one. 0: as at first, no block grows.
 * For pools that grow to many blocks: fewer changes of block, but more memory
 * that is never used (pool/README.md has figures).
 */
void ngx_pool_grow(ngx_pool_t *pool, size_t most);

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
 * Blocks of destroyed pools, and large allocations that a reset or a destroy
 * released, stay with the thread that did it, at most NGX_POOL_CACHE_SIZE bytes
 * in all, for its next ones; they go back to the system at the thread's end.
 * Under AddressSanitizer and in NGX_DEBUG_PALLOC builds the bound is 0 at
 * first, so that nothing is kept.
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

/*
 * Tell what a pool, or the calling thread's cache, consists of. For inspection:
 * nothing is counted beforehand for it in an allocation from a block.
 * Cost: O(blocks + large allocations + cleanups), of the cache O(kept blocks).
 */
void ngx_pool_stats(const ngx_pool_t *pool, ngx_pool_stats_t *stats);
void ngx_pool_cache_stats(ngx_pool_cache_stats_t *stats);

/* Whose last and end are those of block, one of those in use: the first so many
 * of the chain. For inspection. */
const ngx_pool_data_t *ngx_pool_block_data(const ngx_pool_t *pool,
                                           const ngx_pool_t *block);

/*
 * The rest is for the inline functions and the library itself. A library that
 * marks memory for a checker keeps hole at its most: all then comes to rest().
 */
typedef void *(*ngx_pool_rest_pt)(ngx_pool_t *pool, size_t size);

/* ngx_palloc() and ngx_pnalloc() of what ngx_pool_cut() leaves. */
void *ngx_palloc_rest(ngx_pool_t *pool, size_t size);
void *ngx_pnalloc_rest(ngx_pool_t *pool, size_t size);

/*
 * Cut size bytes from the window, if nginx would take that block and it has
 * room; else call rest(). What is not larger than hole may fit another block.
 */
static inline void *
ngx_pool_cut(ngx_pool_t *pool, size_t size, uintptr_t alignment, size_t hole,
             ngx_pool_rest_pt rest)
{
    u_char *m;

    if (size <= hole || size > pool->max) {
        return rest(pool, size);
    }
    m = ngx_align_ptr(pool->d.last, alignment);

    /* m may lie behind an end that is not aligned, so end - m could wrap; the
     * sum cannot: size is at most max. */
    if ((uintptr_t) m + size > (uintptr_t) pool->d.end) {
        return rest(pool, size);
    }
    pool->d.last = m + size;
    return m;
}

/*
 * ngx_palloc() and ngx_pnalloc() within the caller's own code as far as a block
 * has room, with the same result: for loops that allocate. pool/README.md says
 * what that gains.
 */
static inline void *
ngx_palloc_inline(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_cut(pool, size, NGX_ALIGNMENT, pool->d.hole,
                        ngx_palloc_rest);
}

static inline void *
ngx_pnalloc_inline(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_cut(pool, size, 1, (size_t) pool->d.hole + pool->d.ragged,
                        ngx_pnalloc_rest);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
