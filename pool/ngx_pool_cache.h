/*
 * The memory that a thread keeps for its next pools, private to the library.
 * ngx_palloc.h says which memory is kept. All other memory is asked of the
 * system here.
 *
 * Kept memory lies in bins, each a stack: of blocks of one size, or of large
 * allocations of a class of sizes, four to each doubling.
 *
 * Kept memory follows recent use. A thread keeps no more than was allocated
 * for its own pools, so a thread that only destroys pools of other threads
 * keeps nothing. A bin's low is its least count since the last sweep: that many
 * of its pieces were not needed since. Every 32nd pool that ends releases them
 * until 512 KiB are left, and the thread keeps that much less from then on.
 */
#ifndef POOL_NGX_POOL_CACHE_H
#define POOL_NGX_POOL_CACHE_H

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>
#include <ngx_pool_mark.h>

enum {
    /* Pools from one sweep to the next, and the bytes that a sweep leaves: 32
     * blocks of the default size. */
    NGX_POOL_SWEEP_REGIONS = 32,
    NGX_POOL_SWEEP_LEAVES = 512 * 1024,

    /* How many bins are searched for blocks of a size, and how many pieces of a
     * bin are looked at for a large allocation. */
    NGX_POOL_TRIES = 8,

    NGX_POOL_HASH_BITS = 6,
    NGX_POOL_BLOCK_BINS = (1 << NGX_POOL_HASH_BITS) + NGX_POOL_TRIES,
    NGX_POOL_BINS = NGX_POOL_BLOCK_BINS + 4 * 8 * sizeof(size_t),
};

/* The head of a piece of kept memory. */
typedef struct ngx_pool_kept_s {
    struct ngx_pool_kept_s *next;
    size_t size;
} ngx_pool_kept_t;

typedef struct {
    ngx_pool_kept_t *newest;
    ngx_uint_t count;
    ngx_uint_t low; /* the least count since the last sweep */
} ngx_pool_bin_t;

typedef struct {
    size_t most;  /* bytes that the thread may keep now: at most the limit */
    size_t left;  /* of these, the bytes that are free: most less the kept */
    size_t ended; /* how many pools have ended */
    ngx_pool_bin_t bins[NGX_POOL_BINS];
} ngx_pool_cache_t;

typedef struct {
    ngx_pool_cache_t *cache; /* NULL: nothing is kept */
    size_t limit;
} ngx_pool_thread_t;

/* initial-exec: the shared library then reaches it as fast as a program does.
 * It takes 16 of the few bytes that the dynamic linker reserves for that. */
extern _Thread_local ngx_pool_thread_t ngx_pool_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* As ngx_pool_cache_get(), always from the system. */
void *ngx_pool_cache_allocate(size_t size, ngx_log_t *log);

/* Memory for a large allocation, or NULL when memory runs out. */
void *ngx_pool_cache_get_large(size_t size, ngx_log_t *log);

/* Take p, a large allocation of a pool that ends: keep it, or release it. */
void ngx_pool_cache_put_large(void *p);

/* Release kept memory until no more than leave bytes are left. A sweep releases
 * only pieces that were not needed since the last one. */
void ngx_pool_cache_shrink(size_t leave, ngx_uint_t is_sweep);

/* The bin of blocks of size bytes. NGX_POOL_TRIES bins are searched, from that
 * of the size's hash on. The first one with such blocks is taken, or the first
 * empty one where a block is to be kept (is_taken is 0). If there is none, it
 * is the bin after them, which may then have blocks of several sizes. The
 * hashes of the powers of two from 32 bytes to 256 KiB differ. */
static inline size_t
ngx_pool_block_bin(size_t size, ngx_uint_t is_taken)
{
    const ngx_pool_cache_t *cache = ngx_pool_thread.cache;
    size_t nth = ((uint32_t) size * 0x846ca68bu) >> (32 - NGX_POOL_HASH_BITS);
    size_t last = nth + NGX_POOL_TRIES;

    while (cache != NULL && nth < last &&
           (cache->bins[nth].newest == NULL
                ? is_taken
                : cache->bins[nth].newest->size != size)) {
        nth++;
    }
    return nth;
}

/* A piece of the nth bin that has size bytes and at most slack more; or NULL.
 * Only the newest ones are looked at. Without slack, that is the newest. */
static inline void *
ngx_pool_cache_take(size_t nth, size_t size, size_t slack)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;
    ngx_pool_bin_t *bin = cache == NULL ? NULL : &cache->bins[nth];
    ngx_pool_kept_t **link = bin == NULL ? NULL : &bin->newest;
    ngx_pool_kept_t *kept;
    ngx_uint_t tries = slack == 0 ? 1 : NGX_POOL_TRIES;

    for (; link != NULL && tries > 0; tries--) {
        kept = *link;
        if (kept == NULL) {
            break;
        }
        if (kept->size - size <= slack) {
            *link = kept->next;
            if (--bin->count < bin->low) {
                bin->low = bin->count;
            }
            cache->left += kept->size;
            ngx_mark_free(kept, kept->size);
            ngx_mark_open(kept, size);
            return kept;
        }
        link = &kept->next;
    }
    return NULL;
}

/* Keep p, of size bytes, in the nth bin, or release it. */
static inline void
ngx_pool_cache_keep(size_t nth, void *p, size_t size)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;
    ngx_pool_kept_t *kept = p;

    if (cache == NULL || size > cache->left) {
        ngx_free(p);
        return;
    }
    ngx_mark_open(kept, sizeof(*kept));
    kept->next = cache->bins[nth].newest;
    kept->size = size;
    cache->bins[nth].newest = kept;
    cache->bins[nth].count++;
    cache->left -= size;
    ngx_mark_free(kept + 1, size - sizeof(*kept));
}

/* A block of size bytes, its contents undefined, or NULL when memory runs
 * out. */
static inline void *
ngx_pool_cache_get(size_t size, ngx_log_t *log)
{
    void *p = ngx_pool_cache_take(ngx_pool_block_bin(size, 1), size, 0);

    return p != NULL ? p : ngx_pool_cache_allocate(size, log);
}

/* Note that a pool has ended. */
static inline void
ngx_pool_cache_region(void)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;

    if (cache != NULL && ++cache->ended % NGX_POOL_SWEEP_REGIONS == 0) {
        ngx_pool_cache_shrink(NGX_POOL_SWEEP_LEAVES, 1);
    }
}

#endif
