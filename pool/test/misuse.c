/*
 * Uses of memory that is not allocated, one a run, for a checker to report.
 *
 *   misuse list               the names, each with AddressSanitizer's word for
 *                             what is wrong: "-" for a program that is clean
 *   misuse NAME read|write    prints the address that it is about to touch,
 *                             one byte of it, and touches it
 *
 * Compiled over the seam, for it has to run out of memory, with a checker's
 * marks on and red zones of the default size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "heap.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
    LIMIT = 1024 * 1024, /* of the cache, where a case wants one */
};

struct misuse {
    const char *name;
    const char *report;
    void *(*find)(ngx_pool_t *pool); /* what to touch; NULL: nothing */
};

/* Where a pool is not to be destroyed any more, it is noted here. */
static ngx_pool_t *destroyed;

static void touch(void *p, int write);

static void *
unused_tail(ngx_pool_t *pool)
{
    return pool->d.last;
}

static void *
unused_tails_end(ngx_pool_t *pool)
{
    (void) ngx_palloc(pool, 100);
    return pool->d.end - 1;
}

static void *
unused_tail_of_a_later_block(ngx_pool_t *pool)
{
    pool->d.last = pool->d.end;
    (void) ngx_palloc(pool, 100);
    return pool->d.next->d.end - 1;
}

static void *
behind_palloc(ngx_pool_t *pool)
{
    u_char *p = ngx_palloc(pool, 64);

    (void) ngx_palloc(pool, 64);
    return p + 64;
}

static void *
behind_palloc_of_odd_size(ngx_pool_t *pool)
{
    u_char *p = ngx_palloc(pool, 61);

    (void) ngx_palloc(pool, 64);
    return p + 61;
}

static void *
behind_pnalloc(ngx_pool_t *pool)
{
    u_char *p = ngx_pnalloc(pool, 5);

    (void) ngx_pnalloc(pool, 5);
    return p + 5;
}

static void *
behind_pcalloc(ngx_pool_t *pool)
{
    u_char *p = ngx_pcalloc(pool, 24);

    (void) ngx_pcalloc(pool, 24);
    return p + 24;
}

static void *
behind_cleanup_data(ngx_pool_t *pool)
{
    u_char *p = ngx_pool_cleanup_add(pool, 10)->data;

    (void) ngx_palloc(pool, 8);
    return p + 10;
}

static void *
before_palloc(ngx_pool_t *pool)
{
    (void) ngx_palloc(pool, 8);
    return (u_char *) ngx_palloc(pool, 8) - 1;
}

static void *
palloc_of_0(ngx_pool_t *pool)
{
    return ngx_palloc(pool, 0);
}

static void *
behind_large(ngx_pool_t *pool)
{
    return (u_char *) ngx_palloc(pool, LARGE) + LARGE;
}

static void *
behind_pmemalign(ngx_pool_t *pool)
{
    return (u_char *) ngx_pmemalign(pool, 64, 64) + 64;
}

static void *
large_after_pfree(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, LARGE);

    (void) ngx_pfree(pool, p);
    return p;
}

static void *
small_after_reset(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, 100);

    ngx_reset_pool(pool);
    return p;
}

static void *
large_after_reset(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, LARGE);

    ngx_reset_pool(pool);
    return p;
}

static void *
cleanup_after_reset(ngx_pool_t *pool)
{
    void *p = ngx_pool_cleanup_add(pool, 8)->data;

    ngx_reset_pool(pool);
    return p;
}

static void *
later_block_after_reset(ngx_pool_t *pool)
{
    void *p;

    pool->d.last = pool->d.end;
    (void) ngx_palloc(pool, 100);
    pool->d.next->d.last = pool->d.next->d.end;
    p = ngx_palloc(pool, 100);
    ngx_reset_pool(pool);
    return p;
}

/* In a block that is in use again, but not so far. */
static void *
later_block_used_again_after_reset(ngx_pool_t *pool)
{
    u_char *p;

    pool->d.last = pool->d.end;
    (void) ngx_palloc(pool, 100);
    p = ngx_palloc(pool, 100);
    ngx_reset_pool(pool);
    pool->d.last = pool->d.end;
    (void) ngx_palloc(pool, 50);
    return p;
}

static void *
small_after_destroy(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, 100);

    ngx_pool_cache_limit(0);
    ngx_destroy_pool(pool);
    destroyed = pool;
    return p;
}

static void *
pool_after_destroy(ngx_pool_t *pool)
{
    ngx_pool_cache_limit(0);
    ngx_destroy_pool(pool);
    destroyed = pool;
    return &pool->max;
}

static void *
large_after_destroy(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, LARGE);

    ngx_destroy_pool(pool);
    destroyed = pool;
    return p;
}

static void *
small_after_destroy_kept(ngx_pool_t *pool)
{
    void *p = ngx_palloc(pool, 100);

    ngx_pool_cache_limit(LIMIT);
    ngx_destroy_pool(pool);
    destroyed = pool;
    return p;
}

static void *
later_block_after_destroy_kept(ngx_pool_t *pool)
{
    pool->d.last = pool->d.end;
    return small_after_destroy_kept(pool);
}

static void *
pool_after_destroy_kept(ngx_pool_t *pool)
{
    ngx_pool_cache_limit(LIMIT);
    ngx_destroy_pool(pool);
    destroyed = pool;
    return &pool->max;
}

static void *
head_after_destroy_kept(ngx_pool_t *pool)
{
    ngx_pool_cache_limit(LIMIT);
    ngx_destroy_pool(pool);
    destroyed = pool;
    return &pool->d.last;
}

/* The pool that has the block now has not allocated that far. */
static void *
old_memory_in_a_block_that_was_kept(ngx_pool_t *pool)
{
    void *p;

    (void) ngx_palloc(pool, 100);
    p = ngx_palloc(pool, 100);
    ngx_pool_cache_limit(LIMIT);
    ngx_destroy_pool(pool);
    destroyed = pool;
    (void) ngx_palloc(ngx_create_pool(POOL_SIZE, NULL), 50);
    return p;
}

static void *
cleanup_that_was_undone(ngx_pool_t *pool)
{
    pool->d.last = pool->d.end - 2 * sizeof(ngx_pool_cleanup_t);
    heap_fail_at(0);
    if (ngx_pool_cleanup_add(pool, 100) != NULL) {
        return NULL;
    }
    return pool->d.last;
}

static void
fill_all(void *p, size_t size)
{
    memset(p, 0xa5, size);
}

/* Every byte of every allocation, all the pool's life long, and again in blocks
 * that were kept. */
static void *
within_bounds(ngx_pool_t *pool)
{
    size_t round;
    size_t n;

    ngx_pool_cache_limit(LIMIT);
    for (round = 0; round < 4; round++) {
        for (n = 0; n < 200; n++) {
            size_t size = n * 37 % 1500;

            fill_all(ngx_palloc(pool, size), size);
            fill_all(ngx_pnalloc(pool, size), size);
            fill_all(ngx_pcalloc(pool, size), size);
            fill_all(ngx_pmemalign(pool, size, 64), size);
            fill_all(ngx_pool_cleanup_add(pool, size + 1)->data, size + 1);
            (void) ngx_pfree(pool, pool->large->alloc);
        }
        if (round % 2 == 0) {
            ngx_reset_pool(pool);
        } else {
            ngx_destroy_pool(pool);
            pool = ngx_create_pool(POOL_SIZE, NULL);
        }
    }
    ngx_destroy_pool(pool);
    destroyed = pool;
    ngx_pool_cache_trim();
    return NULL;
}

static const struct misuse misuses[] = {
    {"unused_tail", "use-after-poison", unused_tail},
    {"unused_tails_end", "use-after-poison", unused_tails_end},
    {"unused_tail_of_a_later_block", "use-after-poison",
     unused_tail_of_a_later_block},
    {"behind_palloc", "use-after-poison", behind_palloc},
    {"behind_palloc_of_odd_size", "use-after-poison",
     behind_palloc_of_odd_size},
    {"behind_pnalloc", "use-after-poison", behind_pnalloc},
    {"behind_pcalloc", "use-after-poison", behind_pcalloc},
    {"behind_cleanup_data", "use-after-poison", behind_cleanup_data},
    {"before_palloc", "use-after-poison", before_palloc},
    {"palloc_of_0", "use-after-poison", palloc_of_0},
    {"behind_large", "heap-buffer-overflow", behind_large},
    {"behind_pmemalign", "heap-buffer-overflow", behind_pmemalign},
    {"large_after_pfree", "heap-use-after-free", large_after_pfree},
    {"small_after_reset", "use-after-poison", small_after_reset},
    {"large_after_reset", "heap-use-after-free", large_after_reset},
    {"cleanup_after_reset", "use-after-poison", cleanup_after_reset},
    {"later_block_after_reset", "use-after-poison", later_block_after_reset},
    {"later_block_used_again_after_reset", "use-after-poison",
     later_block_used_again_after_reset},
    {"small_after_destroy", "heap-use-after-free", small_after_destroy},
    {"pool_after_destroy", "heap-use-after-free", pool_after_destroy},
    {"large_after_destroy", "heap-use-after-free", large_after_destroy},
    {"small_after_destroy_kept", "use-after-poison", small_after_destroy_kept},
    {"later_block_after_destroy_kept", "use-after-poison",
     later_block_after_destroy_kept},
    {"pool_after_destroy_kept", "use-after-poison", pool_after_destroy_kept},
    {"head_after_destroy_kept", "use-after-poison", head_after_destroy_kept},
    {"old_memory_in_a_block_that_was_kept", "use-after-poison",
     old_memory_in_a_block_that_was_kept},
    {"cleanup_that_was_undone", "use-after-poison", cleanup_that_was_undone},
    {"within_bounds", "-", within_bounds},
};

enum {
    MISUSES = sizeof(misuses) / sizeof(misuses[0]),
};

int
main(int argc, char **argv)
{
    size_t i;

    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        for (i = 0; i < MISUSES; i++) {
            (void) printf("%s %s\n", misuses[i].name, misuses[i].report);
        }
        return 0;
    }

    for (i = 0; argc == 3 && i < MISUSES; i++) {
        if (strcmp(argv[1], misuses[i].name) == 0) {
            ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);
            void *p = misuses[i].find(pool);

            touch(p, strcmp(argv[2], "write") == 0);
            if (destroyed == NULL) {
                ngx_destroy_pool(pool);
            }
            return 0;
        }
    }
    (void) fprintf(stderr, "usage: misuse list | NAME read|write\n");
    return 2;
}

static void
touch(void *p, int write)
{
    volatile u_char *byte = p;

    if (byte == NULL) {
        return;
    }
    (void) printf("%p\n", p);
    (void) fflush(stdout);
    if (write) {
        *byte = 0;
    } else {
        (void) *byte;
    }
}
