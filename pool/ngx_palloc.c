#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include <pthread.h>

/* The bytes that p, of malloc()'s, has room for; 0: the system does not
 * tell. */
#if defined(__linux__)
#include <malloc.h>
#define ngx_usable_size(p) malloc_usable_size(p)
#else
#define ngx_usable_size(p) ((void) (p), (size_t) 0)
#endif

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

    NGX_POOL_INDEX_MIN = 64, /* places in a new index: four walked lists */

    /*
     * Blocks of a pool with so many large allocations for each are not kept:
     * they lie between those in the system's heap, which could not shrink below
     * them. Giving them back costs little beside that of the large ones.
     */
    NGX_POOL_LARGE_MANY = 4,

    NGX_POOL_HASH_SHIFT = 32, /* the product's upper half is the hash */

    /* nginx makes pools of four sizes (connection, request, default, upstream),
     * and a module may add its own. */
    NGX_POOL_CACHE_BINS = 8,

    /*
     * Large allocations of a pool that ends are kept as well: a request's body
     * buffer of 10240 bytes costs malloc() more than ten small allocations. Not
     * those of a pool with more of them, nor longer ones: they would pin the
     * heap as blocks among many large ones do, and fill the cache.
     */
    NGX_POOL_LARGE_KEPT = 64,
    NGX_POOL_LARGE_KEPT_SIZE = 64 * 1024,

    /* What is kept serves a size less by so much: malloc() rounds up, glibc's
     * by up to 23 bytes. */
    NGX_POOL_LARGE_SLACK = 32,

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

    /* Whether ngx_pool_cut() cuts nothing by itself: that would have to
     * be marked, or not be a small allocation at all. */
    NGX_POOL_NEVER_CUT =
        NGX_POOL_MARKS || NGX_POOL_REDZONE != 0 || NGX_POOL_ALL_LARGE,

    /* hole: no size is larger. */
    NGX_POOL_NO_WINDOW = UINT16_MAX,

    /*
     * A block with so much room is worth to be the window, although the newest
     * has more: 53 to 84 % of the sizes in real requests are no larger than 64
     * and 256 bytes. Or one with room for so many more of what was just cut.
     */
    NGX_POOL_WINDOW_MIN = 128,
    NGX_POOL_WINDOW_MORE = 4,

    /* slots: large is an index. */
    NGX_POOL_INDEXED = UINT8_MAX,
};

/* Kept out of the callers, which are then short enough to have no frame. */
#define NGX_POOL_COLD __attribute__((noinline))

/* 2^64 over the golden ratio: spreads the upper bits of a product (Knuth). */
#define NGX_POOL_HASH 0x9e3779b97f4a7c15u

/*
 * The addresses of all large allocations, in place of the list's entries: open
 * addressing with linear probing.
 */
typedef struct {
    ngx_pool_large_t first; /* all that is left of the list; no allocation's */
    size_t mask;            /* places - 1; their number is a power of two */
    size_t count;           /* places that are not NULL */
    void *places[];
} ngx_pool_index_t;

/* Kept memory of one size, linked by d.next; empty: size 0. */
typedef struct {
    size_t size;
    ngx_pool_t *blocks;
} ngx_pool_bin_t;

/* Bins, the one used last first. */
typedef ngx_pool_bin_t ngx_pool_bins_t[NGX_POOL_CACHE_BINS];

typedef struct {
    size_t room; /* bytes that may be kept besides; 0 until watched */
    size_t limit;
    ngx_uint_t watched;
    ngx_uint_t allocated;  /* calls to the system, of all kinds */
    ngx_uint_t given_back; /* calls to ngx_free() */
    ngx_pool_bins_t blocks;
    ngx_pool_bins_t large;
} ngx_pool_cache_t;

/* A block from current on: how many behind it, and where its last and end
 * are. */
typedef struct {
    ngx_pool_t *block;
    ngx_pool_data_t *data;
    ngx_uint_t nth;
} ngx_pool_walk_t;

/* The block that a small allocation is cut from, NULL: a new one, and how far
 * it had been used. */
typedef struct {
    ngx_pool_t *block;
    u_char *last;
} ngx_pool_mark_t;

/* The least size of a pool: its header, and the red zones of what a cleanup
 * takes of a later block. */
#define NGX_POOL_SIZE_MIN (sizeof(ngx_pool_t) + 2 * NGX_POOL_REDZONE)

/* A fresh block holds a cleanup and, behind it, data of up to max bytes, or an
 * entry of large: so ngx_pool_cleanup_add() takes one new block at most. */
_Static_assert(sizeof(ngx_pool_t) - sizeof(ngx_pool_data_t) >=
                   sizeof(ngx_pool_cleanup_t) + NGX_POOL_REDZONE +
                       NGX_ALIGNMENT,
               "a new block must hold what a cleanup with data takes");
_Static_assert(NGX_POOL_SIZE_MIN - sizeof(ngx_pool_data_t) >=
                   sizeof(ngx_pool_cleanup_t) + sizeof(ngx_pool_large_t) +
                       2 * NGX_POOL_REDZONE,
               "a new block must hold what a large cleanup takes");
_Static_assert(sizeof(ngx_pool_t) == 10 * sizeof(void *) || sizeof(void *) != 8,
               "nginx's size");

static void ngx_pool_begin(ngx_pool_t *pool);
static void *ngx_pool_small(ngx_pool_t *pool, size_t size, uintptr_t alignment);
static u_char *ngx_pool_search(ngx_pool_t *pool, size_t size,
                               uintptr_t alignment, ngx_pool_walk_t *walk);
static void ngx_pool_walk_start(ngx_pool_t *pool, ngx_pool_walk_t *walk);
static void ngx_pool_walk_on(ngx_pool_t *pool, ngx_pool_walk_t *walk);
static void *ngx_pool_extend(ngx_pool_t *pool, ngx_pool_t *newest, size_t size);
static size_t ngx_pool_next_size(const ngx_pool_t *pool,
                                 const ngx_pool_t *newest);
static void ngx_pool_block_open(ngx_pool_t *pool, ngx_pool_t *block);
static ngx_uint_t ngx_pool_wide(const ngx_pool_t *pool, size_t size);
static void ngx_pool_close(ngx_pool_t *pool);
static void ngx_pool_aim(ngx_pool_t *pool, ngx_uint_t nth);
static ngx_pool_t *ngx_pool_behind(const ngx_pool_t *pool, ngx_uint_t n);
static void ngx_pool_swap(ngx_pool_t *pool, ngx_pool_t *window);
static ngx_pool_data_t *ngx_pool_data(ngx_pool_t *pool, ngx_pool_t *block);
static void *ngx_pool_take(ngx_pool_t *pool, ngx_pool_data_t *data, u_char *m,
                           size_t size);
static int ngx_pool_fits(const ngx_pool_data_t *data, const u_char *m,
                         size_t size);
static size_t ngx_pool_room(const ngx_pool_data_t *data, uintptr_t alignment);
static size_t ngx_pool_header(const ngx_pool_t *pool, const ngx_pool_t *block);
static size_t ngx_pool_block_size(const ngx_pool_t *pool,
                                  const ngx_pool_t *block);
static ngx_pool_mark_t ngx_pool_mark(ngx_pool_t *pool, size_t size);
static void ngx_pool_undo(ngx_pool_t *pool, ngx_pool_mark_t mark,
                          void *allocated);

static void *ngx_pool_large(ngx_pool_t *pool, size_t size);
static void *ngx_pool_large_new(size_t size, ngx_log_t *log);
static void *ngx_pool_large_add(ngx_pool_t *pool, void *p);
static ngx_pool_large_t *ngx_pool_entry(ngx_pool_t *pool);
static int ngx_pool_large_take(ngx_pool_t *pool, void *p);
static size_t ngx_pool_large_done(ngx_pool_t *pool);
static void ngx_pool_large_end(ngx_pool_t *pool, void *p, int is_kept);
static size_t ngx_pool_large_count(const ngx_pool_t *pool);

static ngx_pool_index_t *ngx_pool_index(const ngx_pool_t *pool);
static ngx_pool_index_t *ngx_pool_index_create(size_t count, ngx_log_t *log);
static int ngx_pool_index_build(ngx_pool_t *pool);
static void ngx_pool_index_done(ngx_pool_t *pool);
static void *ngx_pool_index_add(ngx_pool_t *pool, void *p);
static int ngx_pool_index_grow(ngx_pool_t *pool);
static int ngx_pool_index_is_full(size_t count, size_t places);
static void ngx_pool_index_put(ngx_pool_index_t *index, void *p);
static size_t ngx_pool_index_find(const ngx_pool_index_t *index, const void *p);
static int ngx_pool_index_take(ngx_pool_index_t *index, const void *p);
static size_t ngx_pool_index_home(const ngx_pool_index_t *index, const void *p);

static ngx_pool_t *ngx_pool_end(ngx_pool_t *pool);
static size_t ngx_pool_finish(ngx_pool_t *pool);

static void *ngx_pool_system_take(void *p);
static void ngx_pool_system_give(void *p);
static ngx_pool_t *ngx_pool_cache_get(size_t size, ngx_log_t *log);
static ngx_pool_t *ngx_pool_cache_search(size_t size, ngx_log_t *log);
static void ngx_pool_cache_put(ngx_pool_t *block, size_t size);
static void *ngx_pool_cache_get_large(size_t size);
static void ngx_pool_cache_put_large(void *p);
static void ngx_pool_cache_place(ngx_pool_bins_t bins, ngx_pool_t *block,
                                 size_t size);
static ngx_pool_t *ngx_pool_cache_pop(ngx_pool_bin_t *bin);
static void ngx_pool_cache_push(ngx_pool_bin_t *bin, ngx_pool_t *block);
static int ngx_pool_cache_front(ngx_pool_bins_t bins, size_t size);
static void ngx_pool_cache_empty(ngx_pool_bin_t *bin);
static size_t ngx_pool_cache_shrink(ngx_pool_bins_t bins, size_t size);
static ngx_uint_t ngx_pool_cache_count(const ngx_pool_bins_t bins);
static ngx_uint_t ngx_pool_cache_watch(ngx_pool_cache_t *cache);
static void ngx_pool_cache_start(void);
static void ngx_pool_cache_stop(void *data);

/*
 * initial-exec: the shared library then reaches it as fast as the program's
 * own. It takes 300 bytes of what the dynamic linker has for that in a process
 * that loads the library late.
 */
static _Thread_local ngx_pool_cache_t ngx_pool_cache
    __attribute__((tls_model("initial-exec"))) = {
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
    ngx_pool_t *newest = ngx_pool_behind(pool, pool->d.tried);
    ngx_pool_t *block;

    for (block = pool;; block = block->d.next) {
        const ngx_pool_data_t *data = ngx_pool_block_data(pool, block);
        u_char *start = (u_char *) block + ngx_pool_header(pool, block);

        ngx_mark_free(start, (size_t) (data->end - start));
        if (block == newest) {
            return;
        }
    }
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

    if (size < NGX_POOL_SIZE_MIN) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "pool size %uz is less than its header of %uz", size,
                      NGX_POOL_SIZE_MIN);
        return NULL;
    }

    pool = ngx_pool_cache_get(size, log);
    if (pool == NULL) {
        return NULL;
    }
    room = size - sizeof(ngx_pool_t) - NGX_POOL_REDZONE;

    pool->d.end = (u_char *) pool + size;
    pool->d.next = NULL;
    pool->d.growth = 0;
    pool->d.slots = 0;
    pool->max = room < NGX_MAX_ALLOC_FROM_POOL ? room : NGX_MAX_ALLOC_FROM_POOL;
    pool->chain = NULL;
    pool->large = NULL;
    pool->cleanup = NULL;
    pool->log = log;

    ngx_mark_pool_start(pool);
    ngx_pool_begin(pool);
    return pool;
}

void
ngx_pool_grow(ngx_pool_t *pool, size_t most)
{
    pool->d.growth = 0;
    while (most > 1) {
        most /= 2;
        pool->d.growth++;
    }
}

void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_t *block;
    ngx_pool_t *next;

    if (pool->cleanup != NULL || pool->large != NULL) {
        pool = ngx_pool_end(pool);
    }
    ngx_mark_pool_end(pool);
    ngx_pool_close(pool);

    for (block = pool; block != NULL; block = next) {
        next = block->d.next;
        ngx_pool_cache_put(block, (size_t) (block->d.end - (u_char *) block));
    }
}

void
ngx_reset_pool(ngx_pool_t *pool)
{
    if (pool->cleanup != NULL || pool->large != NULL) {
        (void) ngx_pool_finish(pool);
    }
    ngx_mark_pool_end(pool);
    ngx_mark_pool_start(pool);
    ngx_mark_used_free(pool);
    ngx_pool_close(pool);

    pool->chain = NULL;
    ngx_pool_begin(pool);
}

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc_inline(pool, size);
}

NGX_POOL_COLD void *
ngx_palloc_rest(ngx_pool_t *pool, size_t size)
{
    if (size <= pool->max && !NGX_POOL_ALL_LARGE) {
        return ngx_pool_small(pool, size, NGX_ALIGNMENT);
    }
    return ngx_pool_large(pool, size);
}

void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pnalloc_inline(pool, size);
}

NGX_POOL_COLD void *
ngx_pnalloc_rest(ngx_pool_t *pool, size_t size)
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
    p = ngx_pool_system_take(ngx_memalign(alignment, size, pool->log));
    return p != NULL ? ngx_pool_large_add(pool, p) : NULL;
}

ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    if (p == NULL || !ngx_pool_large_take(pool, p)) {
        return NGX_DECLINED;
    }
    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p", p);
    ngx_pool_system_give(p);
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
        system = ngx_pool_large_new(size, pool->log);
        if (system == NULL) {
            return NULL;
        }
    }

    mark = ngx_pool_mark(pool, sizeof(ngx_pool_cleanup_t));
    cleanup = ngx_pool_small(pool, sizeof(ngx_pool_cleanup_t), NGX_ALIGNMENT);
    if (cleanup == NULL) {
        ngx_pool_system_give(system);
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
    size_t kept;

    if (NGX_POOL_ALL_LARGE) {
        return;
    }

    (void) ngx_pool_cache_shrink(cache->large, size);
    kept = ngx_pool_cache_shrink(cache->blocks, size);
    cache->limit = size;
    cache->room = cache->watched ? size - kept : 0;
}

void
ngx_pool_cache_trim(void)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;

    (void) ngx_pool_cache_shrink(cache->large, 0);
    (void) ngx_pool_cache_shrink(cache->blocks, 0);
}

size_t
ngx_pool_cache_size(void)
{
    const ngx_pool_cache_t *cache = &ngx_pool_cache;

    return cache->watched ? cache->limit - cache->room : 0;
}

void
ngx_pool_cache_stats(ngx_pool_cache_stats_t *stats)
{
    const ngx_pool_cache_t *cache = &ngx_pool_cache;

    *stats = (ngx_pool_cache_stats_t){
        .limit = cache->limit,
        .size = ngx_pool_cache_size(),
        .blocks = ngx_pool_cache_count(cache->blocks),
        .large = ngx_pool_cache_count(cache->large),
        .allocated = cache->allocated,
        .given_back = cache->given_back,
    };
}

void
ngx_pool_stats(const ngx_pool_t *pool, ngx_pool_stats_t *stats)
{
    const ngx_pool_t *block;
    const ngx_pool_cleanup_t *cleanup;
    const ngx_pool_t *newest = ngx_pool_behind(pool, pool->d.tried);
    int passed = 1;
    int is_kept = 0;

    *stats = (ngx_pool_stats_t){0};
    for (block = pool; !is_kept; block = block->d.next) {
        size_t size = ngx_pool_block_size(pool, block);
        size_t room = ngx_pool_room(ngx_pool_block_data(pool, block), 1);

        passed = passed && block != pool->current;
        stats->blocks++;
        stats->size += size;
        *(passed ? &stats->wasted : &stats->free) += room;
        stats->used += size - ngx_pool_header(pool, block) - room;
        is_kept = block == newest;
    }
    for (; block != NULL; block = block->d.next) {
        stats->kept++;
        stats->size += (size_t) (block->d.end - (const u_char *) block);
    }

    stats->large = ngx_pool_large_count(pool);
    stats->slots = pool->d.slots == NGX_POOL_INDEXED ? 0 : pool->d.slots;
    for (cleanup = pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        stats->cleanups++;
    }
}

const ngx_pool_data_t *
ngx_pool_block_data(const ngx_pool_t *pool, const ngx_pool_t *block)
{
    const ngx_pool_t *window = ngx_pool_behind(pool, pool->d.window);

    if (NGX_POOL_NEVER_CUT || window == pool) {
        return &block->d;
    }
    if (block == window) {
        return &pool->d;
    }
    return block == pool ? &window->d : &block->d;
}

/* The first block alone is in use, and empty; d.end, d.next stand. */
static void
ngx_pool_begin(ngx_pool_t *pool)
{
    pool->current = pool;
    pool->d.tried = 0;
    pool->d.window = 0;
    pool->d.ragged = 0;
    pool->d.hole = NGX_POOL_NEVER_CUT ? NGX_POOL_NO_WINDOW : 0;
    ngx_pool_block_open(pool, pool);
}

/* Cuts size from a block in use, whichever has room, or from another one. */
static void *
ngx_pool_small(ngx_pool_t *pool, size_t size, uintptr_t alignment)
{
    ngx_pool_walk_t walk;
    u_char *m;

    m = ngx_pool_search(pool, size, alignment, &walk);
    if (m == NULL) {
        return ngx_pool_extend(pool, walk.block, size);
    }
    m = ngx_pool_take(pool, walk.data, m, size);

    /* The window had no room; or hole was too large; or much room is before. */
    if (walk.nth >= pool->d.window || ngx_pool_room(walk.data, NGX_ALIGNMENT) >=
                                          NGX_POOL_WINDOW_MORE * size) {
        ngx_pool_close(pool);
        ngx_pool_aim(pool, walk.nth);
    }
    return m;
}

/* nginx's rule: where size fits the first of the blocks from current on that it
 * fits; NULL: none. walk stops there, or at the newest. */
static inline u_char *
ngx_pool_search(ngx_pool_t *pool, size_t size, uintptr_t alignment,
                ngx_pool_walk_t *walk)
{
    ngx_pool_walk_start(pool, walk);
    for (;;) {
        u_char *m = ngx_align_ptr(walk->data->last, alignment);

        if (ngx_pool_fits(walk->data, m, size)) {
            return m;
        }
        if (walk->nth == pool->d.tried) {
            return NULL;
        }
        ngx_pool_walk_on(pool, walk);
    }
}

static inline void
ngx_pool_walk_start(ngx_pool_t *pool, ngx_pool_walk_t *walk)
{
    walk->block = pool->current;
    walk->nth = 0;
    walk->data = &walk->block->d;
    if (NGX_POOL_NEVER_CUT) {
        return;
    }
    if (pool->d.window == 0) {
        walk->data = &pool->d;
    } else if (walk->block == pool) {
        walk->data = &ngx_pool_behind(pool, pool->d.window)->d;
    }
}

/* To the next block; the first one is no block's next. */
static inline void
ngx_pool_walk_on(ngx_pool_t *pool, ngx_pool_walk_t *walk)
{
    walk->block = walk->block->d.next;
    walk->nth++;
    walk->data = &walk->block->d;
    if (!NGX_POOL_NEVER_CUT && walk->nth == pool->d.window) {
        walk->data = &pool->d;
    }
}

/*
 * Takes another block into use, behind newest: the next one kept from before a
 * reset, else a new one. What a new pool does and what a reset one does differ
 * in nothing else.
 */
static NGX_POOL_COLD void *
ngx_pool_extend(ngx_pool_t *pool, ngx_pool_t *newest, size_t size)
{
    ngx_pool_t *block = newest->d.next;
    ngx_pool_t *p;
    ngx_pool_t *next;
    u_char *m;

    if (block == NULL) {
        size_t block_size = ngx_pool_next_size(pool, newest);

        block = ngx_pool_cache_get(block_size, pool->log);
        if (block == NULL) {
            return NULL;
        }
        block->d.end = (u_char *) block + block_size;
        block->d.next = NULL;
        newest->d.next = block;
    }
    ngx_pool_block_open(pool, block);
    m = ngx_pool_take(pool, &block->d,
                      ngx_align_ptr(block->d.last, NGX_ALIGNMENT), size);

    ngx_pool_close(pool);
    pool->d.tried++;
    for (p = pool->current; p != newest; p = next) {
        next = p->d.next;
        if (p->d.failed++ > NGX_POOL_FAILED_MAX) {
            pool->current = next;
            pool->d.tried--;
        }
    }
    ngx_pool_aim(pool, ngx_pool_wide(pool, size));
    return m;
}

static size_t
ngx_pool_next_size(const ngx_pool_t *pool, const ngx_pool_t *newest)
{
    size_t size = ngx_pool_block_size(pool, newest);

    return size <= ((size_t) 1 << pool->d.growth) / 2 ? 2 * size : size;
}

/* Makes all of the block's room free; d.end stands already. */
static void
ngx_pool_block_open(ngx_pool_t *pool, ngx_pool_t *block)
{
    block->d.last = (u_char *) block + ngx_pool_header(pool, block);
    block->d.failed = 0;
    ngx_mark_free(block->d.last, (size_t) (block->d.end - block->d.last));
}

/*
 * Where the window had best be once size has made a new block necessary: at the
 * first block that is tried and has much room, as nginx wants smaller sizes
 * there, else at the newest. If it turns out that few fit, the first that does
 * not takes the window along.
 */
static inline ngx_uint_t
ngx_pool_wide(const ngx_pool_t *pool, size_t size)
{
    const ngx_pool_t *block = pool->current;
    ngx_uint_t tried = pool->d.tried;
    ngx_uint_t nth;

    for (nth = 0; nth < tried; nth++) {
        size_t room = ngx_pool_room(&block->d, NGX_ALIGNMENT);

        if (room >= NGX_POOL_WINDOW_MIN && room >= size / 2) {
            break;
        }
        block = block->d.next;
    }
    return nth;
}

/* Closes the window: every block has its own last and end. */
static inline void
ngx_pool_close(ngx_pool_t *pool)
{
    ngx_pool_swap(pool, ngx_pool_behind(pool, pool->d.window));
}

/* Opens the window at the block that comes nth behind current; hole is the most
 * room before it. */
static inline void
ngx_pool_aim(ngx_pool_t *pool, ngx_uint_t nth)
{
    ngx_pool_t *block = pool->current;
    ngx_uint_t left;
    size_t hole = 0;
    size_t room = 0;

    if (NGX_POOL_NEVER_CUT) {
        return;
    }
    for (left = nth; left > 0; left--) {
        size_t aligned = ngx_pool_room(&block->d, NGX_ALIGNMENT);
        size_t packed = ngx_pool_room(&block->d, 1);

        hole = aligned > hole ? aligned : hole;
        room = packed > room ? packed : room;
        block = block->d.next;
    }
    pool->d.ragged = (uint8_t) (room - hole);
    pool->d.hole =
        hole < NGX_POOL_NO_WINDOW ? (uint16_t) hole : NGX_POOL_NO_WINDOW;
    pool->d.window = (uint8_t) nth;
    ngx_pool_swap(pool, block);
}

/* The block that comes n behind current. */
static inline ngx_pool_t *
ngx_pool_behind(const ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_pool_t *block = pool->current;

    while (n-- > 0) {
        block = block->d.next;
    }
    return block;
}

/* Makes window the window where the first block is it, or the other way. */
static inline void
ngx_pool_swap(ngx_pool_t *pool, ngx_pool_t *window)
{
    u_char *last = pool->d.last;
    u_char *end = pool->d.end;

    if (!NGX_POOL_NEVER_CUT && window != pool) {
        pool->d.last = window->d.last;
        pool->d.end = window->d.end;
        window->d.last = last;
        window->d.end = end;
    }
}

static ngx_pool_data_t *
ngx_pool_data(ngx_pool_t *pool, ngx_pool_t *block)
{
    return (ngx_pool_data_t *) (uintptr_t) ngx_pool_block_data(pool, block);
}

static inline void *
ngx_pool_take(ngx_pool_t *pool, ngx_pool_data_t *data, u_char *m, size_t size)
{
    data->last = m + size + NGX_POOL_REDZONE;
    ngx_mark_live(pool, m, size);
    return m;
}

/* As in ngx_pool_cut(), size may also be that of a bookkeeping struct. */
static inline int
ngx_pool_fits(const ngx_pool_data_t *data, const u_char *m, size_t size)
{
    return (uintptr_t) m + size + NGX_POOL_REDZONE <= (uintptr_t) data->end;
}

/* Bytes behind the last allocation and the next multiple of alignment. */
static inline size_t
ngx_pool_room(const ngx_pool_data_t *data, uintptr_t alignment)
{
    const u_char *m = ngx_align_ptr(data->last, alignment);

    return m < data->end ? (size_t) (data->end - m) : 0;
}

static size_t
ngx_pool_header(const ngx_pool_t *pool, const ngx_pool_t *block)
{
    return block == pool ? sizeof(ngx_pool_t) : sizeof(ngx_pool_data_t);
}

static size_t
ngx_pool_block_size(const ngx_pool_t *pool, const ngx_pool_t *block)
{
    return (size_t) (ngx_pool_block_data(pool, block)->end -
                     (const u_char *) block);
}

/* Finds where ngx_pool_small(pool, size, NGX_ALIGNMENT) will cut from. */
static ngx_pool_mark_t
ngx_pool_mark(ngx_pool_t *pool, size_t size)
{
    ngx_pool_walk_t walk;
    ngx_pool_mark_t mark = {NULL, NULL};

    if (ngx_pool_search(pool, size, NGX_ALIGNMENT, &walk) != NULL) {
        mark.block = walk.block;
        mark.last = walk.data->last;
    }
    return mark;
}

/*
 * Takes back the newest small allocation; mark was taken just before it, and
 * has a block: behind a new one, what a cleanup takes next does not fail. hole
 * needs no more: it never counts the room of the block that was cut from last.
 */
static void
ngx_pool_undo(ngx_pool_t *pool, ngx_pool_mark_t mark, void *allocated)
{
    ngx_pool_data_t *data = ngx_pool_data(pool, mark.block);

    ngx_mark_undo(pool, allocated,
                  (size_t) (data->last - (u_char *) allocated));
    data->last = mark.last;
}

static NGX_POOL_COLD void *
ngx_pool_large(ngx_pool_t *pool, size_t size)
{
    void *p = ngx_pool_large_new(size, pool->log);

    return p != NULL ? ngx_pool_large_add(pool, p) : NULL;
}

/* size bytes, kept or of the system, or NULL. */
static void *
ngx_pool_large_new(size_t size, ngx_log_t *log)
{
    void *p = ngx_pool_cache_get_large(size);

    return p != NULL ? p : ngx_pool_system_take(ngx_alloc(size, log));
}

/* Makes p, memory of the system, the pool's; gives it back when that fails. */
static void *
ngx_pool_large_add(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large;

    if (pool->d.slots == NGX_POOL_INDEXED) {
        return ngx_pool_index_add(pool, p);
    }
    if (pool->d.slots != 0) {
        large = pool->large;
        while (large->alloc != NULL) {
            large = large->next;
        }
        pool->d.slots--;
    } else {
        large = ngx_pool_entry(pool);
        if (large == NULL) {
            ngx_pool_system_give(p);
            return NULL;
        }
        large->next = pool->large;
        pool->large = large;
    }
    large->alloc = p;
    return p;
}

/* A new entry, small whatever max is. */
static ngx_pool_large_t *
ngx_pool_entry(ngx_pool_t *pool)
{
    size_t size = sizeof(ngx_pool_large_t);
    u_char *m = ngx_align_ptr(pool->d.last, NGX_ALIGNMENT);

    if (size > pool->d.hole && ngx_pool_fits(&pool->d, m, size)) {
        return ngx_pool_take(pool, &pool->d, m, size);
    }
    return ngx_pool_small(pool, size, NGX_ALIGNMENT);
}

/* Takes p, which is not NULL, off the list. Returns whether it was there. A
 * long list becomes an index at the first need. */
static int
ngx_pool_large_take(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large = pool->large;
    ngx_uint_t walked = 0;

    if (pool->d.slots == NGX_POOL_INDEXED) {
        return ngx_pool_index_take(ngx_pool_index(pool), p);
    }
    while (large != NULL && large->alloc != p) {
        large = large->next;
        if (++walked == NGX_POOL_LARGE_WALK && ngx_pool_index_build(pool)) {
            return ngx_pool_index_take(ngx_pool_index(pool), p);
        }
    }
    if (large == NULL) {
        return 0;
    }
    large->alloc = NULL;
    pool->d.slots += pool->d.slots < NGX_POOL_INDEXED - 1;
    return 1;
}

/* Ends all large allocations. Returns how many. */
static size_t
ngx_pool_large_done(ngx_pool_t *pool)
{
    size_t count = ngx_pool_large_count(pool);
    int is_kept = count <= NGX_POOL_LARGE_KEPT;
    ngx_pool_large_t *large;

    if (pool->d.slots == NGX_POOL_INDEXED) {
        ngx_pool_index_done(pool);
    }
    for (large = pool->large; large != NULL; large = large->next) {
        if (large->alloc != NULL) {
            ngx_pool_large_end(pool, large->alloc, is_kept);
        }
    }
    pool->large = NULL;
    pool->d.slots = 0;
    return count;
}

/* With the pool: keeps p, or gives it back. */
static void
ngx_pool_large_end(ngx_pool_t *pool, void *p, int is_kept)
{
    (void) pool;
    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p", p);
    if (is_kept) {
        ngx_pool_cache_put_large(p);
    } else {
        ngx_pool_system_give(p);
    }
}

static size_t
ngx_pool_large_count(const ngx_pool_t *pool)
{
    const ngx_pool_large_t *large;
    size_t count = 0;

    if (pool->d.slots == NGX_POOL_INDEXED) {
        return ngx_pool_index(pool)->count;
    }
    for (large = pool->large; large != NULL; large = large->next) {
        count += large->alloc != NULL;
    }
    return count;
}

static ngx_pool_index_t *
ngx_pool_index(const ngx_pool_t *pool)
{
    return (ngx_pool_index_t *) pool->large;
}

/* An empty index for count allocations, at most four fifths full by them. */
static ngx_pool_index_t *
ngx_pool_index_create(size_t count, ngx_log_t *log)
{
    size_t places = NGX_POOL_INDEX_MIN;
    ngx_pool_index_t *index;

    while (ngx_pool_index_is_full(count, places)) {
        places *= 2;
    }
    index = ngx_pool_system_take(
        ngx_calloc(sizeof(ngx_pool_index_t) + places * sizeof(void *), log));
    if (index != NULL) {
        index->mask = places - 1;
    }
    return index;
}

/* Makes an index of the list, whose entries are used no more. Returns whether
 * there was memory for one. */
static int
ngx_pool_index_build(ngx_pool_t *pool)
{
    ngx_pool_large_t *large;
    ngx_pool_index_t *index =
        ngx_pool_index_create(ngx_pool_large_count(pool), pool->log);

    if (index == NULL) {
        return 0;
    }
    for (large = pool->large; large != NULL; large = large->next) {
        if (large->alloc != NULL) {
            ngx_pool_index_put(index, large->alloc);
        }
    }
    pool->large = &index->first;
    pool->d.slots = NGX_POOL_INDEXED;
    return 1;
}

/* Ends all that the index has, and itself. Nothing is kept: the order, of which
 * depends what is, is none that the caller's program determines. */
static void
ngx_pool_index_done(ngx_pool_t *pool)
{
    ngx_pool_index_t *index = ngx_pool_index(pool);
    size_t i;

    for (i = 0; i <= index->mask; i++) {
        if (index->places[i] != NULL) {
            ngx_pool_large_end(pool, index->places[i], 0);
        }
    }
    ngx_pool_system_give(index);
    pool->large = NULL;
}

/* ngx_pool_large_add() of a pool with an index. One that cannot grow is filled
 * but for one place, where each search ends. */
static void *
ngx_pool_index_add(ngx_pool_t *pool, void *p)
{
    ngx_pool_index_t *index = ngx_pool_index(pool);

    if (ngx_pool_index_is_full(index->count + 1, index->mask + 1) &&
        !ngx_pool_index_grow(pool) && index->count == index->mask) {
        ngx_pool_system_give(p);
        return NULL;
    }
    ngx_pool_index_put(ngx_pool_index(pool), p);
    return p;
}

/* Returns whether there was memory for a larger one. */
static int
ngx_pool_index_grow(ngx_pool_t *pool)
{
    ngx_pool_index_t *old = ngx_pool_index(pool);
    ngx_pool_index_t *index = ngx_pool_index_create(old->count + 1, pool->log);
    size_t i;

    if (index == NULL) {
        return 0;
    }
    for (i = 0; i <= old->mask; i++) {
        if (old->places[i] != NULL) {
            ngx_pool_index_put(index, old->places[i]);
        }
    }
    pool->large = &index->first;
    ngx_pool_system_give(old);
    return 1;
}

/* Four fifths: a search then ends after three places, or nine in vain. */
static inline int
ngx_pool_index_is_full(size_t count, size_t places)
{
    return 5 * count > 4 * places;
}

static inline void
ngx_pool_index_put(ngx_pool_index_t *index, void *p)
{
    index->places[ngx_pool_index_find(index, p)] = p;
    index->count++;
}

/* Where p is, or else the empty place where it belongs. */
static inline size_t
ngx_pool_index_find(const ngx_pool_index_t *index, const void *p)
{
    size_t i = ngx_pool_index_home(index, p);

    while (index->places[i] != NULL && index->places[i] != p) {
        i = (i + 1) & index->mask;
    }
    return i;
}

/*
 * Takes p out, and moves back those behind it that a search would no longer
 * reach: deletion without tombstones (Knuth, vol. 3, 6.4, algorithm R).
 * Returns whether p was there.
 */
static int
ngx_pool_index_take(ngx_pool_index_t *index, const void *p)
{
    size_t mask = index->mask;
    size_t i = ngx_pool_index_find(index, p);
    size_t j = i;

    if (index->places[i] == NULL) {
        return 0;
    }
    index->count--;
    while (index->places[j = (j + 1) & mask] != NULL) {
        size_t home = ngx_pool_index_home(index, index->places[j]);

        if (((j - home) & mask) >= ((j - i) & mask)) {
            index->places[i] = index->places[j];
            i = j;
        }
    }
    index->places[i] = NULL;
    return 1;
}

static inline size_t
ngx_pool_index_home(const ngx_pool_index_t *index, const void *p)
{
    uint64_t hash = (uint64_t) (uintptr_t) p * NGX_POOL_HASH;

    return (size_t) (hash >> NGX_POOL_HASH_SHIFT) & index->mask;
}

/* ngx_pool_finish() of a pool that is destroyed. Where there were many large
 * allocations, it gives all blocks but the first back as well. Returns pool. */
static NGX_POOL_COLD ngx_pool_t *
ngx_pool_end(ngx_pool_t *pool)
{
    size_t large = ngx_pool_finish(pool);
    ngx_pool_t *block;
    ngx_pool_t *next;

    for (block = pool->d.next; block != NULL; block = block->d.next) {
        if (large < NGX_POOL_LARGE_MANY) {
            return pool;
        }
        large -= NGX_POOL_LARGE_MANY;
    }

    ngx_pool_close(pool);
    for (block = pool->d.next; block != NULL; block = next) {
        next = block->d.next;
        ngx_pool_system_give(block);
    }
    pool->d.next = NULL;
    pool->d.window = 0;
    pool->current = pool;
    return pool;
}

/* Runs the cleanups, newest first, where a handler may add further ones, which
 * come next; then gives the large allocations back. Returns their number. */
static NGX_POOL_COLD size_t
ngx_pool_finish(ngx_pool_t *pool)
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
    return ngx_pool_large_done(pool);
}

/* p, which the system gave; NULL is none. */
static inline void *
ngx_pool_system_take(void *p)
{
    ngx_pool_cache.allocated += p != NULL;
    return p;
}

static inline void
ngx_pool_system_give(void *p)
{
    ngx_pool_cache.given_back += p != NULL;
    ngx_free(p);
}

/* A block of size bytes, its contents undefined, or NULL. */
static inline ngx_pool_t *
ngx_pool_cache_get(size_t size, ngx_log_t *log)
{
    ngx_pool_bin_t *bin = ngx_pool_cache.blocks;

    if (bin->size != size || bin->blocks == NULL) {
        return ngx_pool_cache_search(size, log);
    }
    return ngx_pool_cache_pop(bin);
}

/* size is not that of the last time, or no such block is kept. */
static NGX_POOL_COLD ngx_pool_t *
ngx_pool_cache_search(size_t size, ngx_log_t *log)
{
    ngx_pool_bin_t *bin = ngx_pool_cache.blocks;

    if (ngx_pool_cache_front(bin, size) && bin->blocks != NULL) {
        return ngx_pool_cache_pop(bin);
    }
    return ngx_pool_system_take(ngx_memalign(NGX_POOL_ALIGNMENT, size, log));
}

/* Takes block, of size bytes, from a pool: keeps it, or gives it back. */
static inline void
ngx_pool_cache_put(ngx_pool_t *block, size_t size)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;

    if (cache->blocks[0].size != size || size > cache->room) {
        ngx_pool_cache_place(cache->blocks, block, size);
        return;
    }
    ngx_pool_cache_push(cache->blocks, block);
}

/* Kept memory for a large allocation of size bytes, or NULL. */
static void *
ngx_pool_cache_get_large(size_t size)
{
    ngx_pool_bin_t *bins = ngx_pool_cache.large;
    ngx_uint_t i;

    for (i = 0; i < NGX_POOL_CACHE_BINS; i++) {
        size_t more = bins[i].size - size; /* wraps where it is less */

        if (more <= NGX_POOL_LARGE_SLACK && bins[i].blocks != NULL) {
            u_char *p;

            (void) ngx_pool_cache_front(bins, bins[i].size);
            p = (u_char *) ngx_pool_cache_pop(bins);
            ngx_mark_free(p + size, more);
            return p;
        }
    }
    return NULL;
}

/* Takes a large allocation from a pool that ends: keeps it, or gives it
 * back. */
static void
ngx_pool_cache_put_large(void *p)
{
    size_t size = ngx_usable_size(p);

    if (size < sizeof(ngx_pool_data_t) || size > NGX_POOL_LARGE_KEPT_SIZE) {
        ngx_pool_system_give(p);
        return;
    }
    ngx_pool_cache_place(ngx_pool_cache.large, p, size);
}

/* Keeps block, of size bytes, in one of bins, or gives it back. */
static NGX_POOL_COLD void
ngx_pool_cache_place(ngx_pool_bins_t bins, ngx_pool_t *block, size_t size)
{
    ngx_pool_cache_t *cache = &ngx_pool_cache;
    ngx_uint_t i;

    /* A bin may be emptied for this one, so size is compared first. */
    if (size > cache->limit || !ngx_pool_cache_watch(cache)) {
        ngx_pool_system_give(block);
        return;
    }
    if (!ngx_pool_cache_front(bins, size)) {
        for (i = NGX_POOL_CACHE_BINS - 1; i > 0; i--) {
            if (bins[i].blocks == NULL) {
                break;
            }
        }
        if (bins[i].blocks != NULL) {
            i = NGX_POOL_CACHE_BINS - 1;
            ngx_pool_cache_empty(&bins[i]);
        }
        bins[i].size = size;
        (void) ngx_pool_cache_front(bins, size);
    }
    if (size > cache->room) {
        ngx_pool_system_give(block);
        return;
    }
    ngx_pool_cache_push(bins, block);
}

/* The bin has a block, and no size but its own is looked at. */
static inline ngx_pool_t *
ngx_pool_cache_pop(ngx_pool_bin_t *bin)
{
    ngx_pool_t *block = bin->blocks;

    bin->blocks = block->d.next;
    ngx_pool_cache.room += bin->size;
    ngx_mark_open(block, bin->size);
    return block;
}

static inline void
ngx_pool_cache_push(ngx_pool_bin_t *bin, ngx_pool_t *block)
{
    /* Of a large allocation that was short, the link's place is marked. */
    ngx_mark_open(&block->d.next, sizeof(block->d.next));
    block->d.next = bin->blocks;
    bin->blocks = block;
    ngx_pool_cache.room -= bin->size;

    /* The link stays readable: LeakSanitizer follows it too. */
    ngx_mark_free(block, offsetof(ngx_pool_t, d.next));
    ngx_mark_free(&block->d.failed, bin->size - offsetof(ngx_pool_t, d.failed));
}

/* Moves the bin of size to the front. Returns whether there is one. */
static int
ngx_pool_cache_front(ngx_pool_bins_t bins, size_t size)
{
    ngx_pool_bin_t bin;
    ngx_uint_t i = 0;

    while (bins[i].size != size) {
        if (++i == NGX_POOL_CACHE_BINS) {
            return 0;
        }
    }
    bin = bins[i];
    for (; i > 0; i--) {
        bins[i] = bins[i - 1];
    }
    bins[0] = bin;
    return 1;
}

static void
ngx_pool_cache_empty(ngx_pool_bin_t *bin)
{
    ngx_pool_t *block;

    while ((block = bin->blocks) != NULL) {
        bin->blocks = block->d.next;
        ngx_pool_cache.room += bin->size;
        ngx_pool_system_give(block);
    }
}

/* Empties bins, those used longest ago first, until no more than size bytes are
 * kept in all. Returns how many are. */
static size_t
ngx_pool_cache_shrink(ngx_pool_bins_t bins, size_t size)
{
    ngx_uint_t i;

    for (i = NGX_POOL_CACHE_BINS; i-- > 0 && ngx_pool_cache_size() > size;) {
        ngx_pool_cache_empty(&bins[i]);
    }
    return ngx_pool_cache_size();
}

static ngx_uint_t
ngx_pool_cache_count(const ngx_pool_bins_t bins)
{
    ngx_uint_t count = 0;
    ngx_uint_t i;

    for (i = 0; i < NGX_POOL_CACHE_BINS; i++) {
        const ngx_pool_t *block;

        for (block = bins[i].blocks; block != NULL; block = block->d.next) {
            count++;
        }
    }
    return count;
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
    cache->room = cache->watched ? cache->limit : 0;
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
