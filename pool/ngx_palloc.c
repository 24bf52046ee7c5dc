/*
 * The pool's API and its one rule.
 *
 * A pool serves memory that is released together: a request's, a connection's,
 * a parser's. An allocation moves a pointer, and a reset or a destroy releases
 * everything at once. A pool cannot release a small allocation by itself,
 * does not know how large an allocation was, does not grow one in place, and is
 * not for two threads at once.
 *
 * The rule:
 * - A size above max is a large allocation: memory of the system, put onto the
 *   list large.
 * - Any other size is cut from current if it fits there. That is the fast path.
 * - If it does not, it has failed in that block, which the block counts, and
 *   the next block is tried. At the chain's end a new block is appended.
 * - A block that has failed more than four times, or has less than a
 *   thirty-second part left, is not tried any more: current moves on.
 * - A reset makes the used blocks empty and starts over at the first. Blocks
 *   are used in the order of the chain, so unused ones end the walk.
 */
#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>
#include <ngx_pool_cache.h>
#include <ngx_pool_index.h>
#include <ngx_pool_mark.h>

enum {
    NGX_POOL_FAILED_MAX = 4, /* nginx's */

    /* Chosen by measurement: pool/README.md has the curves. */
    NGX_POOL_LEFT_PART = 32,

    /* A list so short is walked as fast as an index is searched, and a pool
     * that frees nothing from a longer one never needs an index. */
    NGX_POOL_LARGE_WALK = 16,

    /* Where a cleanup's data begin. */
    NGX_POOL_CLEANUP_SIZE =
        ngx_align(sizeof(ngx_pool_cleanup_t) + NGX_POOL_REDZONE, NGX_ALIGNMENT),

    /* The least size of a pool, the red zones of a cleanup included. */
    NGX_POOL_SIZE_MIN = sizeof(ngx_pool_t) + 2 * NGX_POOL_REDZONE,
};

_Static_assert(sizeof(ngx_pool_t) - sizeof(ngx_pool_data_t) >=
                   NGX_POOL_CLEANUP_SIZE,
               "a new block holds a cleanup with max bytes of data");

static void *ngx_palloc_small(ngx_pool_t *pool, size_t size, uintptr_t align);
static void *ngx_palloc_block(ngx_pool_t *pool, size_t size, ngx_pool_t *last,
                              ngx_pool_t *current);
static void *ngx_palloc_large(ngx_pool_t *pool, size_t size);
static ngx_uint_t ngx_pool_block_is_full(const ngx_pool_t *block);
static ngx_pool_t *ngx_pool_block_new(size_t size, size_t header,
                                      ngx_log_t *log);
static void ngx_pool_block_empty(ngx_pool_t *block, size_t header);
static ngx_uint_t ngx_pool_block_is_unused(ngx_pool_t *block, size_t header);
static void ngx_pool_block_end(ngx_pool_t *block, ngx_log_t *log);
static void *ngx_pool_large_add(ngx_pool_t *pool, void *p);
static ngx_pool_large_t *ngx_pool_large_find(ngx_pool_t *pool, const void *p);
static void ngx_pool_finish(ngx_pool_t *pool);

ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ngx_pool_t *pool;
    size_t capacity;

    if (size < NGX_POOL_SIZE_MIN) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "pool size %uz is less than its header of %uz", size,
                      (size_t) NGX_POOL_SIZE_MIN);
        return NULL;
    }
    pool = ngx_pool_block_new(size, sizeof(ngx_pool_t), log);
    if (pool == NULL) {
        return NULL;
    }
    capacity = size - sizeof(ngx_pool_t) - NGX_POOL_REDZONE;

    pool->max =
        capacity < NGX_MAX_ALLOC_FROM_POOL ? capacity : NGX_MAX_ALLOC_FROM_POOL;
    pool->current = pool;
    pool->chain = NULL;
    pool->large = NULL;
    pool->cleanup = NULL;
    pool->log = log;
    pool->spare = NULL;
    pool->index = NULL;
    return pool;
}

/* The first block is kept last and used first: it is the oldest one, and all
 * later ones can leave the end of the system's heap. */
void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_log_t *log = pool->log;
    ngx_pool_t *block;
    ngx_pool_t *next;

    if (pool->cleanup != NULL || pool->large != NULL) {
        ngx_pool_finish(pool);
    }
    for (block = pool->d.next; block != NULL; block = next) {
        next = block->d.next;
        ngx_pool_block_end(block, log);
    }
    ngx_pool_block_end(pool, log);
    ngx_pool_cache_region();
}

/*
 * Two unused blocks in a row end the walk. After one alone there may be used
 * ones: a user may have moved its last back, or nginx's own functions may have
 * appended a block without trying it.
 */
void
ngx_reset_pool(ngx_pool_t *pool)
{
    size_t header = sizeof(ngx_pool_t);
    ngx_pool_t *block;
    ngx_pool_t *next;

    if (pool->cleanup != NULL || pool->large != NULL) {
        ngx_pool_finish(pool);
    }
    for (block = pool; block != NULL; block = next) {
        next = block->d.next;
        if (ngx_pool_block_is_unused(block, header) &&
            ngx_pool_block_is_unused(next, sizeof(ngx_pool_data_t))) {
            break;
        }
        ngx_pool_block_empty(block, header);
        header = sizeof(ngx_pool_data_t);
    }
    pool->current = pool;
    pool->chain = NULL;
    pool->spare = NULL;
    ngx_pool_cache_region();
}

void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc_inline(pool, size);
}

void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_pnalloc_inline(pool, size);
}

NGX_POOL_COLD void *
ngx_palloc_slow(ngx_pool_t *pool, size_t size, uintptr_t alignment)
{
    return size > pool->max || NGX_DEBUG_PALLOC
               ? ngx_palloc_large(pool, size)
               : ngx_palloc_small(pool, size, alignment);
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
    return ngx_pool_large_add(pool, ngx_memalign(alignment, size, pool->log));
}

/*
 * Without an index the list's first entry is removed, and p's entry takes over
 * its allocation. free() reads the word before p: prefetched, it arrives while
 * the entry is looked for.
 */
ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *first = pool->large;
    ngx_pool_large_t *large;

    __builtin_prefetch((void *) ((uintptr_t) p - sizeof(void *)));
    large = p == NULL ? NULL : ngx_pool_large_find(pool, p);
    if (large == NULL) {
        return NGX_DECLINED;
    }
    ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p", p);
    ngx_free(p);
    large->alloc = NULL;
    if (pool->index == NULL) {
        large->alloc = first->alloc;
        pool->large = first->next;
        first->next = pool->spare;
        pool->spare = first;
    }
    return NGX_OK;
}

/* The cleanup and its data are one allocation, so a failed call keeps
 * nothing. */
ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    size_t taken = NGX_POOL_CLEANUP_SIZE + size;
    ngx_pool_cleanup_t *cleanup;

    if (taken < size) {
        taken = size; /* which the system refuses */
    }
    cleanup = size > pool->max || NGX_DEBUG_PALLOC
                  ? ngx_palloc_slow(pool, taken, NGX_ALIGNMENT)
                  : ngx_palloc_small(pool, taken, NGX_ALIGNMENT);
    if (cleanup == NULL) {
        return NULL;
    }
    ngx_mark_free(cleanup + 1, NGX_POOL_CLEANUP_SIZE - sizeof(*cleanup));

    cleanup->handler = NULL;
    cleanup->data =
        size != 0 ? (u_char *) cleanup + NGX_POOL_CLEANUP_SIZE : NULL;
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

    if (ngx_delete_file(file->name) == NGX_FILE_ERROR &&
        ngx_errno != NGX_ENOENT) {
        ngx_log_error(NGX_LOG_CRIT, file->log, ngx_errno,
                      ngx_delete_file_n " \"%s\" failed", file->name);
    }
    ngx_pool_cleanup_file(file);
}

/* Cuts size bytes from the first block, from current on, in which they fit, or
 * else from a new one. */
static NGX_POOL_COLD void *
ngx_palloc_small(ngx_pool_t *pool, size_t size, uintptr_t align)
{
    ngx_pool_t *block = pool->current;
    ngx_pool_t *current = block;
    u_char *m;

    for (;;) {
        m = ngx_align_ptr(block->d.last, align);
        if ((uintptr_t) m + size + NGX_POOL_REDZONE <=
            (uintptr_t) block->d.end) {
            break;
        }
        block->d.failed++;
        if (block->d.next == NULL) {
            return ngx_palloc_block(pool, size, block, current);
        }
        if (current == block && ngx_pool_block_is_full(block)) {
            current = block->d.next;
        }
        block = block->d.next;
    }
    block->d.last = m + size + NGX_POOL_REDZONE;
    pool->current = current;
    ngx_mark_open(m, size);
    return m;
}

/* Appends a block after last, where the chain ends, and cuts size bytes from
 * it. current is the first block that is still tried, if last is not full. */
static NGX_POOL_COLD void *
ngx_palloc_block(ngx_pool_t *pool, size_t size, ngx_pool_t *last,
                 ngx_pool_t *current)
{
    ngx_pool_t *block =
        ngx_pool_block_new((size_t) (pool->d.end - (u_char *) pool),
                           sizeof(ngx_pool_data_t), pool->log);
    u_char *m;

    if (block == NULL) {
        return NULL;
    }
    m = ngx_align_ptr(block->d.last, NGX_ALIGNMENT);
    block->d.last = m + size + NGX_POOL_REDZONE;
    last->d.next = block;
    pool->current =
        current == last && ngx_pool_block_is_full(last) ? block : current;
    ngx_mark_open(m, size);
    return m;
}

/* A full block is not tried any more: it has too few free bytes for most sizes,
 * or has failed often enough. */
static inline ngx_uint_t
ngx_pool_block_is_full(const ngx_pool_t *block)
{
    size_t size = (size_t) (block->d.end - (const u_char *) block);

    return block->d.failed > NGX_POOL_FAILED_MAX ||
           (size_t) (block->d.end - block->d.last) < size / NGX_POOL_LEFT_PART;
}

static NGX_POOL_COLD void *
ngx_palloc_large(ngx_pool_t *pool, size_t size)
{
    return ngx_pool_large_add(pool, ngx_pool_cache_get_large(size, pool->log));
}

/* An empty block of size bytes; NULL when memory runs out. */
static inline ngx_pool_t *
ngx_pool_block_new(size_t size, size_t header, ngx_log_t *log)
{
    ngx_pool_t *block = ngx_pool_cache_get(size, log);

    if (block != NULL) {
        block->d.end = (u_char *) block + size;
        block->d.next = NULL;
        ngx_pool_block_empty(block, header);
    }
    return block;
}

static inline void
ngx_pool_block_empty(ngx_pool_t *block, size_t header)
{
    block->d.last = (u_char *) block + header;
    block->d.failed = 0;
    ngx_mark_free(block->d.last, (size_t) (block->d.end - block->d.last));
}

static inline void
ngx_pool_block_end(ngx_pool_t *block, ngx_log_t *log)
{
    size_t size = (size_t) (block->d.end - (u_char *) block);

    (void) log; /* for a debug build */
    ngx_log_debug2(NGX_LOG_DEBUG_ALLOC, log, 0, "free: %p, unused: %uz",
                   (void *) block, (size_t) (block->d.end - block->d.last));
    ngx_pool_cache_keep(ngx_pool_block_bin(size, 0), block, size);
}

/* Whether, since the last reset, no allocation was cut from block or failed in
 * it. block may be NULL. */
static inline ngx_uint_t
ngx_pool_block_is_unused(ngx_pool_t *block, size_t header)
{
    return block == NULL ||
           (block->d.last == (u_char *) block + header && block->d.failed == 0);
}

/*
 * Puts p, memory of the system or NULL, onto the list. Releases p and returns
 * NULL if that fails. The first entry is used again if nginx's own ngx_pfree()
 * cleared it.
 */
static void *
ngx_pool_large_add(ngx_pool_t *pool, void *p)
{
    ngx_pool_large_t *large = pool->large;

    if (p == NULL || (pool->index != NULL && ngx_pool_index_put(pool, p))) {
        return p;
    }
    if (pool->index == NULL && large != NULL && large->alloc == NULL) {
        pool->large = large->next;
    } else if (pool->spare != NULL) {
        large = pool->spare;
        pool->spare = large->next;
    } else {
        large = ngx_palloc_small(pool, sizeof(*large), NGX_ALIGNMENT);
        if (large == NULL) {
            ngx_free(p);
            return NULL;
        }
    }
    large->alloc = p;
    large->next = pool->large;
    pool->large = large;
    return p;
}

/*
 * The entry of p, which is not NULL, or NULL. The index does not know entries
 * that other code put onto the list. The walk finds them too.
 */
static ngx_pool_large_t *
ngx_pool_large_find(ngx_pool_t *pool, const void *p)
{
    ngx_pool_large_t *large = ngx_pool_index_find(pool->index, p);
    ngx_uint_t walked = 0;

    if (large != NULL) {
        return large;
    }
    for (large = pool->large; large != NULL && large->alloc != p;
         large = large->next) {
        if (++walked == NGX_POOL_LARGE_WALK && pool->index == NULL &&
            ngx_pool_index_build(pool)) {
            return ngx_pool_large_find(pool, p);
        }
    }
    return large;
}

/*
 * Runs the cleanups, newest first. A handler may add others, which run next.
 * Then keeps or releases all large allocations, oldest first: kept memory then
 * lies before released memory, and the system's heap can shrink.
 */
static NGX_POOL_COLD void
ngx_pool_finish(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t *cleanup;
    ngx_pool_large_t *large;
    ngx_pool_large_t *next;
    ngx_pool_large_t *oldest = NULL;

    while ((cleanup = pool->cleanup) != NULL) {
        pool->cleanup = cleanup->next;
        if (cleanup->handler != NULL) {
            ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "run cleanup: %p",
                           (void *) cleanup);
            cleanup->handler(cleanup->data);
        }
    }
    for (large = pool->large; large != NULL; large = next) {
        next = large->next;
        large->next = oldest;
        oldest = large;
    }
    for (large = oldest; large != NULL; large = large->next) {
        if (large->alloc != NULL) {
            ngx_log_debug1(NGX_LOG_DEBUG_ALLOC, pool->log, 0, "free: %p",
                           large->alloc);
            ngx_pool_cache_put_large(large->alloc);
        }
    }
    ngx_free(pool->index);
    pool->large = NULL;
    pool->index = NULL;
}
