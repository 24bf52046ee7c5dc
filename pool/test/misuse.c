/*
 * Uses of memory that is not allocated, for a checker to report, each in a
 * process of its own: it prints the address that it will touch, then touches
 * one byte there. One line is printed before it and one after it:
 *
 *   case NAME read|write REPORT    REPORT: AddressSanitizer's name of the
 *                                  error, or "-" for a valid program
 *   status STATUS                  the process's exit status, or 255
 *
 * The processes are forked, since a checker takes long to start. Compiled over
 * the seam, because one case runs out of memory, with the marks of a checker
 * and red zones of the default size.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "heap.h"

enum {
    POOL_SIZE = 1024,
    LARGE = 8192,
    LIMIT = 1024 * 1024,       /* of the cache, where a case keeps memory */
    LINK = 2 * sizeof(void *), /* bytes of kept memory that stay readable */
    KILLED = 255,              /* stands for a status: a signal ended it */
};

struct misuse {
    const char *name;
    const char *report;
    void *(*find)(ngx_pool_t *pool); /* returns the address, or NULL */
};

/* The pool, when a case has destroyed it already. */
static ngx_pool_t *destroyed;

static int watch(const struct misuse *misuse, int write);
static void perform(const struct misuse *misuse, int write);
static void keep(void);
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
past_palloc(ngx_pool_t *pool)
{
    u_char *p = ngx_palloc(pool, 64);

    (void) ngx_palloc(pool, 64);
    return p + 64;
}

static void *
past_palloc_of_odd_size(ngx_pool_t *pool)
{
    u_char *p = ngx_palloc(pool, 61);

    (void) ngx_palloc(pool, 64);
    return p + 61;
}

static void *
past_pnalloc(ngx_pool_t *pool)
{
    u_char *p = ngx_pnalloc(pool, 5);

    (void) ngx_pnalloc(pool, 5);
    return p + 5;
}

static void *
past_pcalloc(ngx_pool_t *pool)
{
    u_char *p = ngx_pcalloc(pool, 24);

    (void) ngx_pcalloc(pool, 24);
    return p + 24;
}

static void *
past_cleanup_data(ngx_pool_t *pool)
{
    u_char *p = ngx_pool_cleanup_add(pool, 10)->data;

    (void) ngx_palloc(pool, 8);
    return p + 10;
}

static void *
before_cleanup_data(ngx_pool_t *pool)
{
    return (u_char *) ngx_pool_cleanup_add(pool, 10)->data - 1;
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
past_large(ngx_pool_t *pool)
{
    return (u_char *) ngx_palloc(pool, LARGE) + LARGE;
}

static void *
past_pmemalign(ngx_pool_t *pool)
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

/* In a block that is used again, but less of it than before the reset. */
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

    keep();
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
    keep();
    ngx_destroy_pool(pool);
    destroyed = pool;
    return &pool->max;
}

static void *
head_after_destroy_kept(ngx_pool_t *pool)
{
    keep();
    ngx_destroy_pool(pool);
    destroyed = pool;
    return (u_char *) pool + LINK;
}

static void *
large_after_reset_kept(ngx_pool_t *pool)
{
    u_char *p;

    keep();
    pool = ngx_create_pool(POOL_SIZE, NULL);
    p = ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    return p + LINK;
}

static void *
past_large_that_was_kept(ngx_pool_t *pool)
{
    u_char *p;

    keep();
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    p = ngx_palloc(pool, LARGE);
    memset(p, 0xa5, LARGE);
    return p + LARGE;
}

/* The piece that serves is larger than the size that was asked for. */
static void *
past_smaller_large_in_kept_memory(ngx_pool_t *pool)
{
    keep();
    pool = ngx_create_pool(POOL_SIZE, NULL);
    (void) ngx_palloc(pool, LARGE);
    ngx_reset_pool(pool);
    return (u_char *) ngx_palloc(pool, LARGE - 100) + LARGE - 100;
}

/* The pool that has the block now has not allocated that far. */
static void *
old_memory_in_a_block_that_was_kept(ngx_pool_t *pool)
{
    void *p;

    (void) ngx_palloc(pool, 100);
    p = ngx_palloc(pool, 100);
    keep();
    ngx_destroy_pool(pool);
    destroyed = pool;
    (void) ngx_palloc(ngx_create_pool(POOL_SIZE, NULL), 50);
    return p;
}

static void *
cleanup_that_failed(ngx_pool_t *pool)
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

/* Every byte of every allocation, before and after resets, and in memory that
 * was kept. */
static void *
within_bounds(ngx_pool_t *pool)
{
    size_t round;
    size_t n;

    keep();
    for (round = 0; round < 4; round++) {
        for (n = 0; n < 200; n++) {
            size_t size = n * 37 % 1500;

            fill_all(ngx_palloc(pool, size), size);
            fill_all(ngx_pnalloc(pool, size), size);
            fill_all(ngx_pcalloc(pool, size), size);
            fill_all(ngx_pmemalign(pool, size, 64), size);
            fill_all(ngx_pool_cleanup_add(pool, size + 1)->data, size + 1);
            (void) ngx_pfree(pool, ngx_palloc(pool, LARGE));
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
    {"past_palloc", "use-after-poison", past_palloc},
    {"past_palloc_of_odd_size", "use-after-poison", past_palloc_of_odd_size},
    {"past_pnalloc", "use-after-poison", past_pnalloc},
    {"past_pcalloc", "use-after-poison", past_pcalloc},
    {"past_cleanup_data", "use-after-poison", past_cleanup_data},
    {"before_cleanup_data", "use-after-poison", before_cleanup_data},
    {"before_palloc", "use-after-poison", before_palloc},
    {"palloc_of_0", "use-after-poison", palloc_of_0},
    {"past_large", "heap-buffer-overflow", past_large},
    {"past_pmemalign", "heap-buffer-overflow", past_pmemalign},
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
    {"large_after_reset_kept", "use-after-poison", large_after_reset_kept},
    {"past_large_that_was_kept", "heap-buffer-overflow",
     past_large_that_was_kept},
    {"past_smaller_large_in_kept_memory", "use-after-poison",
     past_smaller_large_in_kept_memory},
    {"cleanup_that_failed", "use-after-poison", cleanup_that_failed},
    {"within_bounds", "-", within_bounds},
};

enum {
    MISUSES = sizeof(misuses) / sizeof(misuses[0]),
};

int
main(void)
{
    size_t i;
    int write;

    for (i = 0; i < MISUSES; i++) {
        for (write = 0; write < 2; write++) {
            int status = watch(&misuses[i], write);

            if (status == -1) {
                perror("misuse");
                return 1;
            }
            (void) printf("status %d\n", status);
        }
    }
    return 0;
}

/* Returns the exit status of a process that does it, or -1. */
static int
watch(const struct misuse *misuse, int write)
{
    pid_t child;
    int status;

    (void) printf("case %s %s %s\n", misuse->name, write ? "write" : "read",
                  misuse->report);
    (void) fflush(stdout);
    child = fork();
    if (child == 0) {
        perform(misuse, write);
        exit(0);
    }
    if (child == -1 || waitpid(child, &status, 0) != child) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED;
}

static void
perform(const struct misuse *misuse, int write)
{
    ngx_pool_t *pool;
    void *p;

    ngx_pool_cache_limit(0);
    pool = ngx_create_pool(POOL_SIZE, NULL);
    p = misuse->find(pool);
    touch(p, write);
    if (destroyed == NULL) {
        ngx_destroy_pool(pool);
    }
}

/* From here on the thread keeps memory, as much as it asks the system for
 * here. */
static void
keep(void)
{
    ngx_pool_t *pool;

    ngx_pool_cache_limit(LIMIT);
    pool = ngx_create_pool(2 * POOL_SIZE, NULL);
    (void) ngx_pfree(pool, ngx_palloc(pool, LIMIT));
    ngx_destroy_pool(pool);
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
