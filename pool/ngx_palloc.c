#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include <pthread.h>

/*
 * Marking what is not allocated, for AddressSanitizer or valgrind. Inside nginx
 * it is off unless -DNGX_POOL_POISON=1 asks for it: ngx_array grows its last
 * allocation in place by moving d.last, which marks would make a false report.
 */
#ifndef NGX_POOL_POISON
#if defined(NGX_STANDALONE)
#define NGX_POOL_POISON 1
#else
#define NGX_POOL_POISON 0
#endif
#endif

#if defined(__SANITIZE_ADDRESS__)
#define NGX_POOL_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_POOL_UNDER_ASAN 1
#endif
#endif
#ifndef NGX_POOL_UNDER_ASAN
#define NGX_POOL_UNDER_ASAN 0
#endif

#if defined(NGX_POOL_VALGRIND) && !NGX_POOL_UNDER_ASAN
#define NGX_POOL_UNDER_VALGRIND 1
#else
#define NGX_POOL_UNDER_VALGRIND 0
#endif

#define NGX_POOL_MARKS                                                         \
    (NGX_POOL_POISON && (NGX_POOL_UNDER_ASAN || NGX_POOL_UNDER_VALGRIND))

#if NGX_POOL_MARKS && NGX_POOL_UNDER_ASAN

#include <sanitizer/asan_interface.h>

#define ngx_mark_pool_start(pool) ((void) (pool))
#define ngx_mark_pool_end(pool)   ((void) (pool))
#define ngx_mark_free(p, size)    ASAN_POISON_MEMORY_REGION(p, size)
#define ngx_mark_live(pool, p, size)                                           \
    ((void) (pool), ASAN_UNPOISON_MEMORY_REGION(p, size))
#define ngx_mark_undo(pool, p, size)                                           \
    ((void) (pool), ASAN_POISON_MEMORY_REGION(p, size))
#define ngx_mark_open(p, size) ASAN_UNPOISON_MEMORY_REGION(p, size)

#elif NGX_POOL_MARKS

#include <valgrind/memcheck.h>

#define ngx_mark_pool_start(pool)    VALGRIND_CREATE_MEMPOOL(pool, 0, 0)
#define ngx_mark_pool_end(pool)      VALGRIND_DESTROY_MEMPOOL(pool)
#define ngx_mark_free(p, size)       VALGRIND_MAKE_MEM_NOACCESS(p, size)
#define ngx_mark_live(pool, p, size) VALGRIND_MEMPOOL_ALLOC(pool, p, size)
#define ngx_mark_undo(pool, p, size) VALGRIND_MEMPOOL_FREE(pool, p)
#define ngx_mark_open(p, size)       VALGRIND_MAKE_MEM_UNDEFINED(p, size)

#endif

/*
 * Bytes behind each small allocation that stay marked, so that the first one
 * past its end is reported although a neighbour follows. They change the
 * layout; 0 keeps nginx's.
 */
#ifndef NGX_POOL_REDZONE
#if NGX_POOL_MARKS
#define NGX_POOL_REDZONE 16
#else
#define NGX_POOL_REDZONE 0
#endif
#endif

enum {
    /* nginx's: one more new block after that many, and a block is passed. */
    NGX_POOL_FAILED_MAX = 4,

    /*
     * A list so short is walked as fast as a hash table is probed; a pool that
     * never frees from a longer one never pays for an index.
     */
    NGX_POOL_LARGE_WALK = 16,

    NGX_POOL_INDEX_MIN = 64, /* entries in a new index: twice a walked list */

    NGX_POOL_HASH_SHIFT = 32, /* the product's upper half is the hash */

    /* nginx makes pools of four sizes (connection, request, default, upstream),
     * and a module may add its own. */
    NGX_POOL_CACHE_BINS = 8,

#if defined(NGX_DEBUG_PALLOC)
    NGX_POOL_ALL_LARGE = 1,
    NGX_POOL_CACHE_INITIAL = 0,
#elif NGX_POOL_UNDER_ASAN
    /* A block given back to ASan stays in its quarantine: that catches more
     * uses after destroy than a kept block, which is soon allocated again. */
    NGX_POOL_ALL_LARGE = 0,
    NGX_POOL_CACHE_INITIAL = 0,
#else
    NGX_POOL_ALL_LARGE = 0,
    NGX_POOL_CACHE_INITIAL = NGX_POOL_CACHE_SIZE,
#endif

    /* Where a red zone follows, the next allocation starts a new granule. */
    NGX_POOL_PACKED = NGX_POOL_REDZONE == 0 ? 1 : 8,
};

/* Kept out of the callers, which are then short enough to have no frame. */
#define NGX_POOL_COLD __attribute__((noinline))

/* 2^64 over the golden ratio: spreads the upper bits of a product (Knuth). */
#define NGX_POOL_HASH 0x9e3779b97f4a7c15u

/* Open addressing with linear probing, at most half full. */
struct ngx_pool_index_s {
    size_t mask;  /* entries - 1; their number is a power of two */
    size_t count; /* entries that are not NULL */
    ngx_pool_large_t *entries[];
};

/* Kept blocks of one size, linked by d.next; empty: size 0. */
typedef struct {
    size_t size;
    ngx_pool_t *blocks;
} ngx_pool_bin_t;

typedef struct {
    size_t limit;
    size_t size; /* of all kept blocks, <= limit */
    ngx_uint_t watched;
    ngx_uint_t victim; /* the bin to empty for the next new size */
    ngx_pool_bin_t bins[NGX_POOL_CACHE_BINS];
} ngx_pool_cache_t;

/* The block that a small allocation is cut from, NULL: a new one, with what the
 * allocation changes. */
typedef struct {
    ngx_pool_t *block;
    u_char *last;
    size_t hole;
} ngx_pool_mark_t;

/* A fresh block holds a cleanup and, behind it, data or an entry of large: so
 * ngx_pool_cleanup_add() takes one new block at most. */
_Static_assert(sizeof(ngx_pool_t) - sizeof(ngx_pool_data_t) >=
                   sizeof(ngx_pool_cleanup_t) + 2 * NGX_POOL_REDZONE +
                       NGX_ALIGNMENT,
               "a new block must hold what a cleanup takes");

static void *ngx_pool_small(ngx_pool_t *pool, size_t size, size_t alignment);
static void *ngx_pool_small_next(ngx_pool_t *pool, size_t size,
                                 size_t alignment);
static void *ngx_pool_small_extend(ngx_pool_t *pool, size_t size);
static size_t ngx_pool_hole(const ngx_pool_t *pool, const ngx_pool_t *tail);
static void *ngx_pool_cut(ngx_pool_t *pool, ngx_pool_t *block, u_char *m,
                          size_t size);
static int ngx_pool_fits(const ngx_pool_t *block, const u_char *m, size_t size);
static void ngx_pool_block_open(ngx_pool_t *pool, ngx_pool_t *block);
static size_t ngx_pool_block_size(const ngx_pool_t *pool);
static ngx_pool_mark_t ngx_pool_mark(const ngx_pool_t *pool, size_t size);
static void ngx_pool_undo(ngx_pool_t *pool, ngx_pool_mark_t mark,
                          void *allocated);

static void *ngx_pool_large(ngx_pool_t *pool, size_t size);
static void *ngx_pool_large_add(ngx_pool_t *pool, void *p);
static ngx_pool_large_t *ngx_pool_large_find(ngx_pool_t *pool, const void *p);
static void ngx_pool_large_remove(ngx_pool_t *pool, ngx_pool_large_t *large);
static void ngx_pool_large_done(ngx_pool_t *pool);

static void ngx_pool_index_build(ngx_pool_t *pool);
static void ngx_pool_index_add(ngx_pool_t *pool, ngx_pool_large_t *large);
static size_t ngx_pool_index_find(const ngx_pool_index_t *index, const void *p);
static void ngx_pool_index_remove(ngx_pool_index_t *index, size_t i);
static size_t ngx_pool_index_home(const ngx_pool_index_t *index, const void *p);

static void ngx_pool_run_cleanups(ngx_pool_t *pool);

static ngx_pool_t *ngx_pool_cache_get(size_t size, ngx_log_t *log);
static void ngx_pool_cache_put(ngx_pool_t *block, size_t size);
static ngx_pool_bin_t *ngx_pool_cache_bin(ngx_pool_cache_t *cache, size_t size);
static void ngx_pool_cache_empty(ngx_pool_cache_t *cache, ngx_pool_bin_t *bin);
static ngx_uint_t ngx_pool_cache_watch(ngx_pool_cache_t *cache);
static void ngx_pool_cache_start(void);
static void ngx_pool_cache_stop(void *data);

static _Thread_local ngx_pool_cache_t ngx_pool_cache = {
    .limit = NGX_POOL_CACHE_INITIAL,
};

static pthread_once_t ngx_pool_cache_once = PTHREAD_ONCE_INIT;
static pthread_key_t ngx_pool_cache_key;
static ngx_uint_t ngx_pool_cache_keyed; /* the key exists; set by once */

/*
 * ngx_mark_*: tell the checker that the build is for, if any, about memory.
 * pool_start, pool_end: allocations of pool may follow; all of them are gone.
 * free: the bytes are nobody's. live: they are an allocation of pool. undo:
 * they are one no longer. open: they are for the pool's own code to write.
 * used_free: so are all blocks in use behind their headers.
 */
#if NGX_POOL_MARKS

static void
ngx_mark_used_free(ngx_pool_t *pool)
{
    ngx_pool_t *block;

    for (block = pool; block != pool->tail; block = block->d.next) {
        ngx_pool_block_open(pool, block);
    }
    ngx_pool_block_open(pool, block);
}

#else

#define ngx_mark_pool_start(pool)    ((void) (pool))
#define ngx_mark_pool_end(pool)      ((void) (pool))
#define ngx_mark_free(p, size)       ((void) (p))
#define ngx_mark_live(pool, p, size) ((void) (pool))
#define ngx_mark_undo(pool, p, size) ((void) (pool), (void) (p))
#define ngx_mark_open(p, size)       ((void) (p))
#define ngx_mark_used_free(pool)     ((void) (pool))

#endif

ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t *pool;
    size_t room;

    if (size < sizeof(ngx_pool_t)) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "pool size %uz is less than its header of %uz", size,
                      sizeof(ngx_pool_t));
        return NULL;
    }

    pool = ngx_pool_cache_get(size, log);
    if (pool == NULL) {
        return NULL;
    }
    room = size - sizeof(ngx_pool_t);

    pool->d.end = (u_char *) pool + size;
    pool->d.next = NULL;
    pool->max = room < NGX_MAX_ALLOC_FROM_POOL ? room : NGX_MAX_ALLOC_FROM_POOL;
    pool->current = pool;
    pool->chain = NULL;
    pool->large = NULL;
    pool->cleanup = NULL;
    pool->log = log;
    pool->tail = pool;
    pool->hole = 0;
    pool->large_free = NULL;
    pool->index = NULL;

    ngx_mark_pool_start(pool);
    ngx_pool_block_open(pool, pool);
    return pool;
}

void
ngx_destroy_pool(ngx_pool_t *pool)
{
    size_t size = ngx_pool_block_size(pool);
    ngx_pool_t *block;
    ngx_pool_t *next;

    ngx_pool_run_cleanups(pool);
    ngx_pool_large_done(pool);
    ngx_mark_pool_end(pool);

    for (block = pool; block != NULL; block = next) {
        next = block->d.next;
        ngx_pool_cache_put(block, size);
    }
}

void
ngx_reset_pool(ngx_pool_t *pool)
{
    ngx_pool_run_cleanups(pool);
    ngx_pool_large_done(pool);
    ngx_mark_pool_end(pool);
    ngx_mark_pool_start(pool);
    ngx_mark_used_free(pool);

    pool->current = pool;
    pool->chain = NULL;
    pool->tail = pool;
    pool->hole = 0;
    ngx_pool_block_open(pool, pool);
}

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    if (size <= pool->max && !NGX_POOL_ALL_LARGE) {
        return ngx_pool_small(pool, size, NGX_ALIGNMENT);
    }
    return ngx_pool_large(pool, size);
}

void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    if (size <= pool->max && !NGX_POOL_ALL_LARGE) {
        return ngx_pool_small(pool, size, NGX_POOL_PACKED);
    }
    return ngx_pool_large(pool, size);
}

void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void *p = ngx_palloc(pool, size);

    if (p != NULL) {
        ngx_memzero(p, size);
    }
    return p;
}

void *
ngx_pmemalign(ngx_pool_t *pool, size_t size, size_t alignment)
{
    void *p;

    if (alignment == 0 || (alignment & (alignment - 1)) != 0) {
        ngx_log_error(NGX_LOG_ALERT, pool->log, 0,
                      "alignment %uz is no power of two", alignment);
        return NULL;
    }

    /* posix_memalign() takes no less. */
    if (alignment < sizeof(void *)) {
        alignment = sizeof(void *);
    }
    p = ngx_memalign(alignment, size, pool->log);
    return p != NULL ? ngx_pool_large_add(pool, p) : NULL;
}

ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large;

    large = p != NULL ? ngx_pool_large_find(pool, p) : NULL;
    if (large == NULL) {
        return NGX_DECLINED;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p", p);
    ngx_pool_large_remove(pool, large);
    ngx_free(p);
    return NGX_OK;
}

ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    int is_large = size > pool->max || (NGX_POOL_ALL_LARGE && size != 0);
    void *data = NULL;
    void *system = NULL;
    ngx_pool_cleanup_t *cleanup;
    ngx_pool_mark_t mark;

    if (is_large) {
        system = ngx_alloc(size, pool->log);
        if (system == NULL) {
            return NULL;
        }
    }

    mark = ngx_pool_mark(pool, sizeof(ngx_pool_cleanup_t));
    cleanup = ngx_pool_small(pool, sizeof(ngx_pool_cleanup_t), NGX_ALIGNMENT);
    if (cleanup == NULL) {
        ngx_free(system);
        return NULL;
    }

    if (is_large) {
        data = ngx_pool_large_add(pool, system);
    } else if (size != 0) {
        data = ngx_pool_small(pool, size, NGX_ALIGNMENT);
    }
    if (data == NULL && size != 0) {
        ngx_pool_undo(pool, mark, cleanup);
        return NULL;
    }

    cleanup->handler = NULL;
    cleanup->data = data;
    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;

    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "add cleanup: %p",
                   (void *) cleanup);
    return cleanup;
}

void
ngx_pool_run_cleanup_file(ngx_pool_t *pool, ngx_fd_t fd)
{
    ngx_pool_cleanup_t *cleanup;

    for (cleanup = pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        ngx_pool_cleanup_file_t *file = cleanup->data;

        if (cleanup->handler == ngx_pool_cleanup_file && file->fd == fd) {
            cleanup->handler = NULL;
            ngx_pool_cleanup_file(file);
            return;
        }
    }
}

void
ngx_pool_cleanup_file(void *data)
{
    ngx_pool_cleanup_file_t *file = data;

    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, file->log, 0, "file cleanup: fd:%d",
                   file->fd);
    if (ngx_close_file(file->fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, file->log, ngx_errno,
                      ngx_close_file_n " \"%s\" failed", file->name);
    }
}

void
ngx_pool_delete_file(void *data)
{
    ngx_pool_cleanup_file_t *file = data;

    if (ngx_delete_file(file->name) == NGX_FILE_ERROR) {
        ngx_err_t err = ngx_errno;

        if (err != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_CRIT, file->log, err,
                          ngx_delete_file_n " \"%s\" failed", file->name);
        }
    }
    ngx_pool_cleanup_file(file);
}

void
ngx_pool_cache_limit(size_t size)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;
    ngx_uint_t i;

    if (NGX_POOL_ALL_LARGE) {
        return;
    }

    cache->limit = size;
    for (i = 0; i < NGX_POOL_CACHE_BINS && cache->size > size; i++) {
        ngx_pool_cache_empty(cache, &cache->bins[i]);
    }
}

void
ngx_pool_cache_trim(void)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;
    ngx_uint_t i;

    for (i = 0; i < NGX_POOL_CACHE_BINS; i++) {
        ngx_pool_cache_empty(cache, &cache->bins[i]);
    }
}

size_t
ngx_pool_cache_size(void)
{
    return ngx_pool_cache.size;
}

/*
 * nginx tries the blocks from current on, and in a long-lived pool nearly always
 * ends at the last one. What is larger than every hole before it starts there.
 */
static inline void *
ngx_pool_small(ngx_pool_t *pool, size_t size, size_t alignment)
{
    ngx_pool_t *block = pool->current;
    u_char *m;

    if (block != pool && size > pool->hole) {
        block = pool->tail;
    }
    m = ngx_align_ptr(block->d.last, alignment);
    if (ngx_pool_fits(block, m, size)) {
        return ngx_pool_cut(pool, block, m, size);
    }
    return ngx_pool_small_next(pool, size, alignment);
}

/* size does not fit where it was tried first: current or tail. */
static NGX_POOL_COLD void *
ngx_pool_small_next(ngx_pool_t *pool, size_t size, size_t alignment)
{
    ngx_pool_t *tail = pool->tail;
    ngx_pool_t *block = size > pool->hole ? tail : pool->current;

    for (;;) {
        u_char *m = ngx_align_ptr(block->d.last, alignment);

        if (ngx_pool_fits(block, m, size)) {
            if (block == tail && size <= pool->hole) {
                pool->hole = ngx_pool_hole(pool, tail);
            }
            return ngx_pool_cut(pool, block, m, size);
        }
        if (block == tail) {
            return ngx_pool_small_extend(pool, size);
        }
        block = block->d.next;
    }
}

/*
 * Takes another block into use: the next one kept from before a reset, else a
 * new one. What a new pool does and what a reset one does differ in nothing
 * else.
 */
static void *
ngx_pool_small_extend(ngx_pool_t *pool, size_t size)
{
    ngx_pool_t *tail = pool->tail;
    ngx_pool_t *block = tail->d.next;
    ngx_pool_t *p;
    ngx_pool_t *next;

    if (block == NULL) {
        size_t block_size = ngx_pool_block_size(pool);

        block = ngx_pool_cache_get(block_size, pool->log);
        if (block == NULL) {
            return NULL;
        }
        block->d.end = (u_char *) block + block_size;
        block->d.next = NULL;
        tail->d.next = block;
    }

    for (p = pool->current; p != tail; p = next) {
        next = p->d.next;
        if (p->d.failed++ > NGX_POOL_FAILED_MAX) {
            pool->current = next;
        }
    }
    pool->tail = block;
    pool->hole = ngx_pool_hole(pool, block);

    ngx_pool_block_open(pool, block);
    return ngx_pool_cut(pool, block,
                        ngx_align_ptr(block->d.last, NGX_ALIGNMENT), size);
}

/*
 * The most bytes free in a block from current up to, not including, tail. The
 * first block does not count: ngx_array may give bytes back to it at any time,
 * so it is tried at each allocation while it is current.
 */
static size_t
ngx_pool_hole(const ngx_pool_t *pool, const ngx_pool_t *tail)
{
    const ngx_pool_t *block = pool->current;
    size_t hole = 0;

    if (block == pool && block != tail) {
        block = block->d.next;
    }
    for (; block != tail; block = block->d.next) {
        if (block->d.last + hole < block->d.end) {
            hole = (size_t) (block->d.end - block->d.last);
        }
    }
    return hole;
}

static inline void *
ngx_pool_cut(ngx_pool_t *pool, ngx_pool_t *block, u_char *m, size_t size)
{
    block->d.last = m + size + NGX_POOL_REDZONE;
    ngx_mark_live(pool, m, size);
    return m;
}

/*
 * m may lie behind an end that is not aligned, so end - m could wrap; the sum
 * cannot: size is at most pool->max or that of a bookkeeping struct.
 */
static inline int
ngx_pool_fits(const ngx_pool_t *block, const u_char *m, size_t size)
{
    return (uintptr_t) m + size + NGX_POOL_REDZONE <= (uintptr_t) block->d.end;
}

/* Makes all of the block's room free; end and next stand already. */
static void
ngx_pool_block_open(ngx_pool_t *pool, ngx_pool_t *block)
{
    size_t header =
        block == pool ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t);

    block->d.last = (u_char *) block + header;
    block->d.failed = 0;
    ngx_mark_free(block->d.last, (size_t) (block->d.end - block->d.last));
}

static size_t
ngx_pool_block_size(const ngx_pool_t *pool)
{
    return (size_t) (pool->d.end - (const u_char *) pool);
}

/* Finds where ngx_pool_small(pool, size, NGX_ALIGNMENT) will cut from. */
static ngx_pool_mark_t
ngx_pool_mark(const ngx_pool_t *pool, size_t size)
{
    ngx_pool_mark_t mark = {.block = pool->current, .hole = pool->hole};

    while (!ngx_pool_fits(
        mark.block, ngx_align_ptr(mark.block->d.last, NGX_ALIGNMENT), size)) {
        if (mark.block == pool->tail) {
            mark.block = NULL;
            return mark;
        }
        mark.block = mark.block->d.next;
    }
    mark.last = mark.block->d.last;
    return mark;
}

/*
 * Takes back the newest small allocation; mark was taken just before it, and
 * has a block: behind a new one, what a cleanup takes next does not fail.
 */
static void
ngx_pool_undo(ngx_pool_t *pool, ngx_pool_mark_t mark, void *allocated)
{
    ngx_mark_undo(pool, allocated,
                  (size_t) (mark.block->d.last - (u_char *) allocated));
    mark.block->d.last = mark.last;
    pool->hole = mark.hole;
}

static NGX_POOL_COLD void *
ngx_pool_large(ngx_pool_t *pool, size_t size)
{
    void *p = ngx_alloc(size, pool->log);

    return p != NULL ? ngx_pool_large_add(pool, p) : NULL;
}

/* Makes p, memory of ngx_alloc(), the pool's; frees it when that fails. */
static void *
ngx_pool_large_add(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large = pool->large_free;

    if (large != NULL) {
        pool->large_free = large->next;
    } else {
        large = ngx_pool_small(pool, sizeof(ngx_pool_large_t), NGX_ALIGNMENT);
        if (large == NULL) {
            ngx_free(p);
            return NULL;
        }
    }

    large->alloc = p;
    large->next = pool->large;
    pool->large = large;
    if (pool->index != NULL) {
        ngx_pool_index_add(pool, large);
    }
    return p;
}

/* The entry of p, or NULL. A long list gets an index at the first need. */
static ngx_pool_large_t *
ngx_pool_large_find(ngx_pool_t *pool, const void *p)
{
    ngx_pool_large_t *large = pool->large;
    ngx_uint_t walked;

    if (pool->index == NULL) {
        for (walked = 0; walked < NGX_POOL_LARGE_WALK; walked++) {
            if (large == NULL || large->alloc == p) {
                return large;
            }
            large = large->next;
        }
        ngx_pool_index_build(pool);
    }

    if (pool->index != NULL) {
        return pool->index->entries[ngx_pool_index_find(pool->index, p)];
    }
    while (large != NULL && large->alloc != p) {
        large = large->next;
    }
    return large;
}

/*
 * Takes large off the list, whose order means nothing: the first entry's
 * allocation moves into large's place, and the first entry becomes free.
 */
static void
ngx_pool_large_remove(ngx_pool_t *pool, ngx_pool_large_t *large)
{
    ngx_pool_large_t *first = pool->large;

    if (pool->index != NULL) {
        ngx_pool_index_t *index = pool->index;

        ngx_pool_index_remove(index, ngx_pool_index_find(index, large->alloc));
        if (large != first) {
            index->entries[ngx_pool_index_find(index, first->alloc)] = large;
        }
    }
    large->alloc = first->alloc;
    pool->large = first->next;
    first->alloc = NULL;
    first->next = pool->large_free;
    pool->large_free = first;
}

static void
ngx_pool_large_done(ngx_pool_t *pool)
{
    ngx_pool_large_t *large;

    for (large = pool->large; large != NULL; large = large->next) {
        ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p",
                       large->alloc);
        ngx_free(large->alloc);
    }
    ngx_free(pool->index);
    pool->large = NULL;
    pool->large_free = NULL;
    pool->index = NULL;
}

/*
 * Makes an index of the list at most half full; without one the list is
 * walked. An index that stood before goes.
 */
static void
ngx_pool_index_build(ngx_pool_t *pool)
{
    size_t count = 0;
    size_t entries = NGX_POOL_INDEX_MIN;
    ngx_pool_large_t *large;
    ngx_pool_index_t *index;

    for (large = pool->large; large != NULL; large = large->next) {
        count++;
    }
    while (entries < 2 * count) {
        entries *= 2;
    }

    ngx_free(pool->index);
    index = ngx_calloc(sizeof(ngx_pool_index_t) +
                           entries * sizeof(ngx_pool_large_t *),
                       pool->log);
    pool->index = index;
    if (index == NULL) {
        return;
    }

    index->mask = entries - 1;
    index->count = count;
    for (large = pool->large; large != NULL; large = large->next) {
        index->entries[ngx_pool_index_find(index, large->alloc)] = large;
    }
}

/* large, whose allocation is not in the index, is on the list already. */
static void
ngx_pool_index_add(ngx_pool_t *pool, ngx_pool_large_t *large)
{
    ngx_pool_index_t *index = pool->index;

    if (2 * (index->count + 1) > index->mask + 1) {
        ngx_pool_index_build(pool);
        return;
    }
    index->entries[ngx_pool_index_find(index, large->alloc)] = large;
    index->count++;
}

/* Where p's entry is, or else the empty place where it belongs. */
static size_t
ngx_pool_index_find(const ngx_pool_index_t *index, const void *p)
{
    size_t i = ngx_pool_index_home(index, p);

    while (index->entries[i] != NULL && index->entries[i]->alloc != p) {
        i = (i + 1) & index->mask;
    }
    return i;
}

/*
 * Empties entry i, and moves back those behind it that a search would no longer
 * reach: deletion without tombstones (Knuth, vol. 3, 6.4, algorithm R).
 */
static void
ngx_pool_index_remove(ngx_pool_index_t *index, size_t i)
{
    size_t mask = index->mask;
    size_t j = i;

    index->count--;
    while (index->entries[j = (j + 1) & mask] != NULL) {
        size_t home = ngx_pool_index_home(index, index->entries[j]->alloc);

        if (((j - home) & mask) >= ((j - i) & mask)) {
            index->entries[i] = index->entries[j];
            i = j;
        }
    }
    index->entries[i] = NULL;
}

static size_t
ngx_pool_index_home(const ngx_pool_index_t *index, const void *p)
{
    uint64_t hash = (uint64_t) (uintptr_t) p * NGX_POOL_HASH;

    return (size_t) (hash >> NGX_POOL_HASH_SHIFT) & index->mask;
}

/* Newest first; a handler may add further ones, which come next. */
static void
ngx_pool_run_cleanups(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t *cleanup;

    while ((cleanup = pool->cleanup) != NULL) {
        pool->cleanup = cleanup->next;
        if (cleanup->handler != NULL) {
            ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "run cleanup: %p",
                           (void *) cleanup);
            cleanup->handler(cleanup->data);
        }
    }
}

/* A block of size bytes, its contents undefined, or NULL. */
static ngx_pool_t *
ngx_pool_cache_get(size_t size, ngx_log_t *log)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;
    ngx_uint_t i;

    for (i = 0; i < NGX_POOL_CACHE_BINS; i++) {
        ngx_pool_bin_t *bin = &cache->bins[i];
        ngx_pool_t *block = bin->blocks;

        if (bin->size == size && block != NULL) {
            bin->blocks = block->d.next;
            cache->size -= size;
            ngx_mark_open(block, size);
            return block;
        }
    }
    return ngx_memalign(NGX_POOL_ALIGNMENT, size, log);
}

/* Takes block, of size bytes, from a pool: keeps it, or releases it. */
static void
ngx_pool_cache_put(ngx_pool_t *block, size_t size)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;
    ngx_pool_bin_t *bin;

    /* Another bin may be emptied for this one, so size is compared first. */
    if (size > cache->limit || !ngx_pool_cache_watch(cache)) {
        ngx_free(block);
        return;
    }
    bin = ngx_pool_cache_bin(cache, size);
    if (size > cache->limit - cache->size) {
        ngx_free(block);
        return;
    }

    block->d.next = bin->blocks;
    bin->blocks = block;
    cache->size += size;

    /* The link stays readable: LeakSanitizer follows it too. */
    ngx_mark_free(block, offsetof(ngx_pool_t, d.next));
    ngx_mark_free(&block->d.failed, size - offsetof(ngx_pool_t, d.failed));
}

/* The bin of size, made from an empty one or the next victim. */
static ngx_pool_bin_t *
ngx_pool_cache_bin(ngx_pool_cache_t *cache, size_t size)
{
    ngx_pool_bin_t *bin = NULL;
    ngx_uint_t i;

    for (i = 0; i < NGX_POOL_CACHE_BINS; i++) {
        if (cache->bins[i].size == size) {
            return &cache->bins[i];
        }
        if (cache->bins[i].blocks == NULL && bin == NULL) {
            bin = &cache->bins[i];
        }
    }

    if (bin == NULL) {
        bin = &cache->bins[cache->victim];
        cache->victim = (cache->victim + 1) % NGX_POOL_CACHE_BINS;
        ngx_pool_cache_empty(cache, bin);
    }
    bin->size = size;
    return bin;
}

static void
ngx_pool_cache_empty(ngx_pool_cache_t *cache, ngx_pool_bin_t *bin)
{
    ngx_pool_t *block;

    while ((block = bin->blocks) != NULL) {
        bin->blocks = block->d.next;
        cache->size -= bin->size;
        ngx_free(block);
    }
}

/* Sees to it that the thread's end empties the cache; 0: it cannot. */
static ngx_uint_t
ngx_pool_cache_watch(ngx_pool_cache_t *cache)
{
    if (cache->watched) {
        return 1;
    }
    (void) pthread_once(&ngx_pool_cache_once, ngx_pool_cache_start);
    cache->watched = ngx_pool_cache_keyed &&
                     pthread_setspecific(ngx_pool_cache_key, cache) == 0;
    return cache->watched;
}

static void
ngx_pool_cache_start(void)
{
    ngx_pool_cache_keyed =
        pthread_key_create(&ngx_pool_cache_key, ngx_pool_cache_stop) == 0;
}

/* At a thread's end. What its later handlers destroy is not kept any more. */
static void
ngx_pool_cache_stop(void *data)
{
    ngx_pool_cache_t *cache = data;

    ngx_pool_cache_limit(0);
    cache->watched = 0;
}

/* At the process's end, or when the library is unloaded: no thread's end comes
 * here any more. */
__attribute__((destructor)) static void
ngx_pool_cache_unload(void)
{
    ngx_pool_cache_limit(0);
    if (ngx_pool_cache_keyed) {
        ngx_pool_cache_keyed = 0;
        (void) pthread_key_delete(ngx_pool_cache_key);
    }
}
