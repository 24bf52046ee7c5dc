/*
 * nginx's memory pool: memory that is released all at once. A pool is a chain
 * of blocks of one size. A small allocation is cut from a block by moving one
 * pointer. A larger one comes from the system and goes onto a list.
 *
 * Names, structs and semantics are nginx's (src/core/ngx_palloc.h). The same
 * files serve inside nginx in place of the original. pool/README.md has the
 * rule, the invariants, and each difference from nginx with its reason.
 *
 * One thread at a time may use a pool. Distinct pools are independent. A pool
 * may be destroyed on another thread than the one that created it.
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

/* nginx's least size for a pool that a user configures. ngx_create_pool()
 * takes smaller sizes too. */
#define NGX_MIN_POOL_SIZE                                                      \
    ngx_align((sizeof(ngx_pool_t) + 2 * sizeof(ngx_pool_large_t)),             \
              NGX_POOL_ALIGNMENT)

/* The most bytes that a thread keeps for its next pools, until
 * ngx_pool_cache_limit() says otherwise. */
#ifndef NGX_POOL_CACHE_SIZE
#define NGX_POOL_CACHE_SIZE (16 * 1024 * 1024)
#endif

/* Compiled for AddressSanitizer. */
#if defined(__SANITIZE_ADDRESS__)
#define NGX_POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_POOL_ASAN 1
#endif
#endif
#ifndef NGX_POOL_ASAN
#define NGX_POOL_ASAN 0
#endif

/*
 * Mark unallocated memory for AddressSanitizer, or for valgrind in builds with
 * NGX_POOL_VALGRIND. Inside nginx that is off unless asked for: ngx_array grows
 * its last allocation in place by moving d.last, and marks would turn that into
 * a false report.
 */
#ifndef NGX_POOL_POISON
#if defined(NGX_STANDALONE) && (NGX_POOL_ASAN || defined(NGX_POOL_VALGRIND))
#define NGX_POOL_POISON 1
#else
#define NGX_POOL_POISON 0
#endif
#endif

/* Bytes after each small allocation that stay marked, so that the first byte
 * past its end is reported even where another allocation follows. The next one
 * then starts at a multiple of 8, as the checker needs it. */
#ifndef NGX_POOL_REDZONE
#define NGX_POOL_REDZONE (16 * NGX_POOL_POISON)
#endif

/* As in nginx, every allocation is a large one where this is not 0. */
#ifndef NGX_DEBUG_PALLOC
#define NGX_DEBUG_PALLOC 0
#endif

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef void (*ngx_pool_cleanup_pt)(void *data);

/* A handler to run with data before the pool's memory is released. */
typedef struct ngx_pool_cleanup_s {
    ngx_pool_cleanup_pt handler; /* NULL: nothing runs */
    void *data;
    struct ngx_pool_cleanup_s *next; /* the one that was added before */
} ngx_pool_cleanup_t;

/* A large allocation. */
typedef struct ngx_pool_large_s {
    struct ngx_pool_large_s *next;
    void *alloc; /* NULL: it was freed */
} ngx_pool_large_t;

/* The head of every block. */
typedef struct {
    u_char *last; /* end of the allocated bytes: the next allocation's start */
    u_char *end;  /* end of the block */
    ngx_pool_t *next;
    ngx_uint_t failed; /* how many allocations this block could not serve */
} ngx_pool_data_t;

/* The library's own: finds entries of large by address. */
typedef struct ngx_pool_index_s ngx_pool_index_t;

/* The head of a pool's first block. Later blocks have d alone. */
struct ngx_pool_s {
    ngx_pool_data_t d;
    size_t max;          /* the largest size that comes from a block */
    ngx_pool_t *current; /* the first block that is still tried */
    ngx_chain_t *chain;  /* ngx_buf's: NULL after creation and reset */
    ngx_pool_large_t *large;
    ngx_pool_cleanup_t *cleanup; /* newest first */
    ngx_log_t *log;

    /* Not nginx's. Other code has no use for these. */
    ngx_pool_large_t *spare; /* entries of freed allocations, to be reused */
    ngx_pool_index_t *index; /* of large, or NULL: the list is short */
};

/* The contents of a pool at one moment. Sizes are in bytes. */
typedef struct {
    size_t size;         /* of all blocks */
    ngx_uint_t blocks;   /* all of them */
    ngx_uint_t unused;   /* blocks that were not tried since the last reset */
    size_t used;         /* cut from blocks, alignment gaps included */
    size_t free;         /* left in blocks that are still tried */
    size_t wasted;       /* left in blocks before current */
    ngx_uint_t large;    /* live large allocations */
    ngx_uint_t cleanups; /* on its list, with or without a handler */
    size_t index;        /* of the index of large allocations */
} ngx_pool_stats_t;

/* The memory that the calling thread keeps. Sizes are in bytes. */
typedef struct {
    size_t limit;      /* the most that may be kept */
    size_t size;       /* that is kept */
    ngx_uint_t blocks; /* kept blocks */
    ngx_uint_t large;  /* kept large allocations */
    size_t overhead;   /* of the bookkeeping, not part of size */
} ngx_pool_cache_stats_t;

/* The data of an ngx_pool_cleanup_file() or ngx_pool_delete_file() cleanup. */
typedef struct {
    ngx_fd_t fd;
    u_char *name; /* NUL-terminated; outlives the pool or lies in it */
    ngx_log_t *log;
} ngx_pool_cleanup_file_t;

/*
 * Create a pool whose blocks have size bytes each, including the first one's
 * header of sizeof(ngx_pool_t). log receives failures and must outlive the
 * pool; outside nginx it may be NULL.
 * Owned by the caller: release with ngx_destroy_pool().
 * Returns NULL when memory runs out, or when size is less than the header and
 * two red zones: sizeof(ngx_pool_t) + 2 * NGX_POOL_REDZONE.
 */
ngx_pool_t *ngx_create_pool(size_t size, ngx_log_t *log);

/*
 * Run the pool's cleanups, then release all of its memory.
 * A handler may use the pool as before. It may add cleanups, which run too.
 * Cost: O(blocks + large allocations).
 */
void ngx_destroy_pool(ngx_pool_t *pool);

/*
 * Run the pool's cleanups, then release its large allocations and make its
 * blocks empty: everything allocated from the pool is gone.
 * Cost: O(blocks used since the last reset + large allocations).
 */
void ngx_reset_pool(ngx_pool_t *pool);

/*
 * Allocate size bytes, aligned to NGX_ALIGNMENT. They are not cleared.
 * Size 0 gives a pointer that is not NULL and may not be written.
 * Owned by the pool: valid until ngx_reset_pool() or ngx_destroy_pool().
 * Returns NULL when memory runs out. The pool is then unchanged, except that
 * blocks may have counted a failure.
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
 * Returns NULL for any other alignment too.
 */
void *ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment);

/*
 * Release the large allocation that starts at p before the pool's end.
 * Returns NGX_OK, or NGX_DECLINED when p is no live large allocation of this
 * pool: a small one, another pool's, a freed one, NULL, or any other value. p
 * is never dereferenced.
 * Cost: O(1) amortised for a live one, in any order, plus the system's free().
 * O(large allocations) for a value that is declined, as in nginx.
 */
ngx_int_t ngx_pfree(ngx_pool_t *pool, void *p);

/*
 * Add a cleanup that runs before those added earlier. The caller sets handler,
 * which is NULL at first, and fills data: size bytes aligned to NGX_ALIGNMENT,
 * or NULL for size 0. Each handler of a pool runs once. Setting handler to
 * NULL cancels it.
 * Owned by the pool. Returns NULL when memory runs out, as ngx_palloc().
 */
ngx_pool_cleanup_t *ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size);

/*
 * Run the newest ngx_pool_cleanup_file() cleanup of fd now, and not again.
 * Cost: O(cleanups).
 */
void ngx_pool_run_cleanup_file(ngx_pool_t *pool, ngx_fd_t fd);

/* A cleanup handler; data is an ngx_pool_cleanup_file_t: close its file. */
void ngx_pool_cleanup_file(void *data);

/*
 * A cleanup handler; data is an ngx_pool_cleanup_file_t: delete its file, then
 * close it. A name that does not exist any more is no error.
 */
void ngx_pool_delete_file(void *data);

/*
 * Blocks of destroyed pools, and large allocations that a reset or a destroy
 * releases, stay with the calling thread for its next pools. Kept memory
 * follows recent use: memory that the thread's last 32 to 64 pools did not need
 * goes back to the system, except for 512 KiB. A thread never keeps more than
 * its limit, which is NGX_POOL_CACHE_SIZE at first. All of it goes back at the
 * thread's end.
 * Under AddressSanitizer the limit is 0 at first. With NGX_DEBUG_PALLOC it is
 * always 0.
 */

/*
 * Set the limit of the calling thread, in bytes: 0 keeps nothing, SIZE_MAX is
 * no limit. Memory kept beyond it is released now. No effect under
 * NGX_DEBUG_PALLOC.
 */
void ngx_pool_cache_limit(size_t size);

/* Release all that the calling thread keeps. */
void ngx_pool_cache_trim(void);

/* The bytes that the calling thread keeps. */
size_t ngx_pool_cache_size(void);

/*
 * Report the contents of a pool, or the memory that the calling thread keeps.
 * Nothing is counted in advance.
 * Cost: O(blocks + large allocations + cleanups); of the thread, O(1).
 */
void ngx_pool_stats(const ngx_pool_t *pool, ngx_pool_stats_t *stats);
void ngx_pool_cache_stats(ngx_pool_cache_stats_t *stats);

/* Builds with marks, red zones or NGX_DEBUG_PALLOC: every allocation takes the
 * slow path. The slow path has another name there, so that a program that uses
 * the inline functions links only with a library that was built alike. */
#define NGX_POOL_CHECKED                                                       \
    (NGX_POOL_POISON || NGX_POOL_REDZONE != 0 || NGX_DEBUG_PALLOC)
#if NGX_POOL_CHECKED
#define ngx_palloc_slow ngx_palloc_checked
#endif

/* For the inline functions below: any allocation, whatever its size. */
void *ngx_palloc_slow(ngx_pool_t *pool, size_t size, uintptr_t alignment);

static inline void *
ngx_pool_cut(ngx_pool_t *pool, size_t size, uintptr_t alignment)
{
    ngx_pool_t *block = pool->current;
    u_char *m = ngx_align_ptr(block->d.last, alignment);

    /* An end that is not aligned may lie before m, and end - m would wrap. The
     * sum does not: size is at most max. */
    if (__builtin_expect(NGX_POOL_CHECKED || size > pool->max ||
                             (uintptr_t) m + size > (uintptr_t) block->d.end,
                         0)) {
        return ngx_palloc_slow(pool, size, alignment);
    }
    block->d.last = m + size;
    return m;
}

/*
 * ngx_palloc() and ngx_pnalloc() with the fast path compiled into the caller:
 * for loops that allocate. The results are the same. pool/README.md has the
 * figures.
 */
static inline void *
ngx_palloc_inline(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_cut(pool, size, NGX_ALIGNMENT);
}

static inline void *
ngx_pnalloc_inline(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_cut(pool, size, NGX_POOL_REDZONE == 0 ? 1 : 8);
}

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
