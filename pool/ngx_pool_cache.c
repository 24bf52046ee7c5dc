#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr() */
#endif

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_pool_cache.h>

#include <dlfcn.h>

static void ngx_pool_cache_missed(size_t size);
static size_t ngx_pool_large_bin(size_t size);

/* Where the system has no such function its address is NULL. */
size_t malloc_usable_size(void *p) __attribute__((weak));

/* A block that was released to AddressSanitizer stays in its quarantine, which
 * catches more uses after a destroy than a kept block does. */
_Thread_local ngx_pool_thread_t ngx_pool_thread = {
    .limit = NGX_DEBUG_PALLOC || NGX_POOL_ASAN ? 0 : NGX_POOL_CACHE_SIZE,
};

/* Set when the library is loaded. */
static ngx_uint_t ngx_pool_cache_has_key;
static ngx_uint_t ngx_pool_cache_knows_sizes;

#if defined(NGX_STANDALONE) || NGX_THREADS

#include <pthread.h>

static pthread_key_t ngx_pool_cache_key;

/* At a thread's end. Pools that its later handlers destroy are not kept. */
static void
ngx_pool_cache_end(void *data)
{
    (void) data;
    ngx_pool_cache_limit(0);
}

static ngx_uint_t
ngx_pool_cache_key_create(void)
{
    return pthread_key_create(&ngx_pool_cache_key, ngx_pool_cache_end) == 0;
}

/* The thread's end releases cache, unless it is NULL. */
static ngx_uint_t
ngx_pool_cache_key_set(ngx_pool_cache_t *cache)
{
    return pthread_setspecific(ngx_pool_cache_key, cache) == 0;
}

static void
ngx_pool_cache_key_delete(void)
{
    (void) pthread_key_delete(ngx_pool_cache_key);
}

#else

/* nginx without threads is linked without -lpthread, which glibc before 2.34
 * needs for keys. Its only thread ends as the process does. */

static ngx_uint_t
ngx_pool_cache_key_create(void)
{
    return 1;
}

static ngx_uint_t
ngx_pool_cache_key_set(ngx_pool_cache_t *cache)
{
    (void) cache;
    return 1;
}

static void
ngx_pool_cache_key_delete(void)
{
}

#endif

/*
 * malloc_usable_size() is called only if it lies in the same library as
 * malloc(). Otherwise malloc() may be the program's or a tool's, such as
 * electric fence, and the function would read a size that is not there.
 */
__attribute__((constructor)) static void
ngx_pool_cache_load(void)
{
    Dl_info allocate;
    Dl_info usable;

    ngx_pool_cache_has_key = ngx_pool_cache_key_create();
    ngx_pool_cache_knows_sizes =
        dladdr(dlsym(RTLD_DEFAULT, "malloc"), &allocate) != 0 &&
        dladdr(dlsym(RTLD_DEFAULT, "malloc_usable_size"), &usable) != 0 &&
        allocate.dli_fbase == usable.dli_fbase;
}

/* At the process's end, or when the library is unloaded. No thread's end is
 * noticed any more, so the calling thread releases what it keeps, and no thread
 * begins to keep memory. What other threads keep is not released. A deleted key
 * must not be used: glibc refuses it, musl does not. */
__attribute__((destructor)) static void
ngx_pool_cache_unload(void)
{
    ngx_pool_cache_limit(0);
    if (ngx_pool_cache_has_key) {
        ngx_pool_cache_key_delete();
        ngx_pool_cache_has_key = 0;
    }
}

void
ngx_pool_cache_limit(size_t size)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;

    if (cache != NULL) {
        ngx_pool_cache_shrink(size, 0);
        if (cache->most > size) {
            cache->left -= cache->most - size;
            cache->most = size;
        }
    }
    if (cache != NULL && size == 0) {
        (void) ngx_pool_cache_key_set(NULL);
        ngx_free(cache);
        ngx_pool_thread.cache = NULL;
    }
    ngx_pool_thread.limit = NGX_DEBUG_PALLOC ? 0 : size;
}

void
ngx_pool_cache_trim(void)
{
    size_t limit = ngx_pool_thread.limit;

    ngx_pool_cache_limit(0);
    ngx_pool_thread.limit = limit;
}

size_t
ngx_pool_cache_size(void)
{
    const ngx_pool_cache_t *cache = ngx_pool_thread.cache;

    return cache == NULL ? 0 : cache->most - cache->left;
}

void
ngx_pool_cache_stats(ngx_pool_cache_stats_t *stats)
{
    const ngx_pool_cache_t *cache = ngx_pool_thread.cache;
    ngx_uint_t i;

    *stats = (ngx_pool_cache_stats_t){
        .limit = ngx_pool_thread.limit,
        .size = ngx_pool_cache_size(),
        .overhead = cache == NULL ? 0 : sizeof(*cache),
    };
    for (i = 0; cache != NULL && i < NGX_POOL_BINS; i++) {
        *(i < NGX_POOL_BLOCK_BINS ? &stats->blocks : &stats->large) +=
            cache->bins[i].count;
    }
}

/* The first block makes the thread's bookkeeping, unless there is no memory for
 * it, or no way to learn of the thread's end. */
NGX_POOL_COLD void *
ngx_pool_cache_allocate(size_t size, ngx_log_t *log)
{
    ngx_pool_cache_t *cache;
    void *block;

    if (ngx_pool_thread.cache == NULL && ngx_pool_thread.limit != 0 &&
        ngx_pool_cache_has_key) {
        cache = ngx_calloc(sizeof(*cache), log);
        if (cache != NULL && ngx_pool_cache_key_set(cache)) {
            ngx_pool_thread.cache = cache;
        } else {
            ngx_free(cache);
        }
    }
    block = ngx_memalign(NGX_POOL_ALIGNMENT, size, log);
    if (block != NULL) {
        ngx_pool_cache_missed(size);
    }
    return block;
}

/* Some pieces of size's own class are large enough. All pieces of the next
 * class are. */
void *
ngx_pool_cache_get_large(size_t size, ngx_log_t *log)
{
    size_t bin = ngx_pool_large_bin(size);
    void *p = ngx_pool_cache_take(bin, size, size);

    if (p == NULL) {
        p = ngx_pool_cache_take(bin + 1, size, size);
    }
    if (p == NULL) {
        p = ngx_alloc(size, log);
        if (p != NULL) {
            ngx_pool_cache_missed(size);
        }
    }
    return p;
}

void
ngx_pool_cache_put_large(void *p)
{
    size_t size = ngx_pool_cache_knows_sizes ? malloc_usable_size(p) : 0;

    if (size < sizeof(ngx_pool_kept_t)) {
        ngx_free(p);
        return;
    }
    ngx_pool_cache_keep(ngx_pool_large_bin(size), p, size);
}

NGX_POOL_COLD void
ngx_pool_cache_shrink(size_t leave, ngx_uint_t is_sweep)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;
    size_t before = cache->left;
    ngx_uint_t i;
    ngx_uint_t count;
    ngx_uint_t low;

    for (i = NGX_POOL_BINS; i-- > 0 && ngx_pool_cache_size() > leave;) {
        low = cache->bins[i].low;
        count = is_sweep ? low : cache->bins[i].count;
        for (; count > 0 && ngx_pool_cache_size() > leave; count--) {
            ngx_free(ngx_pool_cache_take(i, 0, SIZE_MAX));
            low -= low > 0;
        }
        cache->bins[i].low = is_sweep ? cache->bins[i].count : low;
    }
    if (is_sweep) {
        cache->most -= cache->left - before;
        cache->left = before;
    }
}

/* Notes that size bytes came from the system, since no kept memory served them.
 * From now on the thread may keep as much more, within the limit. */
static void
ngx_pool_cache_missed(size_t size)
{
    ngx_pool_cache_t *cache = ngx_pool_thread.cache;

    if (cache != NULL) {
        if (size > ngx_pool_thread.limit - cache->most) {
            size = ngx_pool_thread.limit - cache->most;
        }
        cache->most += size;
        cache->left += size;
    }
}

/* The bin of large allocations of size bytes; of small sizes it is some bin. */
static inline size_t
ngx_pool_large_bin(size_t size)
{
    size_t shift =
        ((8 * sizeof(long) - 1) ^ (size_t) __builtin_clzl(size | 4)) - 2;

    return NGX_POOL_BLOCK_BINS + 4 * shift + (size >> shift);
}
