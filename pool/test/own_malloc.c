/*
 * A program with a malloc() of its own, over the library as it is installed. In
 * front of each piece stands a word that glibc's malloc_usable_size() would
 * take for a larger size. Where the program does not define that function
 * itself (OWN_USABLE_SIZE is 0), the library may not use it, so no large
 * allocation is kept. One thread.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include "group.h"

enum {
    ARENA_SIZE = 512 * 1024 * 1024,
    CLASSES = 40,               /* class n has pieces of 1 << n bytes */
    FRONT = 4 * sizeof(size_t), /* bytes in front of a piece */
    GUARD = 16,                 /* bytes after it */
    GUARD_BYTE = 0xfe,
    WRONG = 4 * 1024,  /* bytes that glibc would count too much */
    GLIBC_MMAPPED = 2, /* glibc then believes the size without a check */

    POOL_SIZE = 4096,
    LARGE = 10000,
    REGIONS = 300,
    ALLOCATIONS = 60,
};

/* The FRONT bytes before each piece. */
struct front {
    size_t size; /* that was asked for */
    u_char *start;
    size_t guard;
    size_t glibc; /* where glibc has its size */
};

_Static_assert(sizeof(struct front) == FRONT, "a piece is aligned");

/* The head of a free one, at its start. */
struct unused {
    struct unused *next;
};

static u_char *arena_next;
static u_char *arena_end;
static struct unused *unused[CLASSES];
static size_t arena_live;

void *memalign(size_t alignment, size_t size);
size_t malloc_usable_size(void *p);

static void *arena_take(size_t n);
static size_t arena_class(size_t size);
static void arena_check(const struct front *front);

void *
malloc(size_t size)
{
    void *p = NULL;

    return posix_memalign(&p, 16, size) == 0 ? p : NULL;
}

void *
calloc(size_t count, size_t size)
{
    void *p =
        count != 0 && size > SIZE_MAX / count ? NULL : malloc(count * size);

    if (p != NULL) {
        memset(p, 0, count * size);
    }
    return p;
}

void *
realloc(void *p, size_t size)
{
    void *moved = malloc(size);

    if (moved != NULL && p != NULL) {
        size_t old = ((struct front *) p - 1)->size;

        memcpy(moved, p, old < size ? old : size);
        free(p);
    }
    return moved;
}

void
free(void *p)
{
    struct front *front = (struct front *) p - 1;
    struct unused *start;
    size_t n;

    if (p == NULL) {
        return;
    }
    arena_check(front);
    start = (struct unused *) (void *) front->start;
    n = *(size_t *) (void *) (front->start + sizeof(*start));
    start->next = unused[n];
    unused[n] = start;
    arena_live--;
}

int
posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    size_t around = 2 * alignment + FRONT + 2 * GUARD;
    struct front *front;
    u_char *start;
    u_char *p;
    size_t n;

    if (size > ARENA_SIZE || alignment > ARENA_SIZE) {
        return ENOMEM;
    }
    n = arena_class(size + around);
    start = arena_take(n);
    if (start == NULL) {
        return ENOMEM;
    }
    *(size_t *) (void *) (start + sizeof(struct unused)) = n;
    p = ngx_align_ptr(start + GUARD + FRONT, alignment);
    front = (struct front *) (void *) p - 1;
    front->size = size;
    front->start = start;
    front->guard = size;
    front->glibc = ((size + WRONG) & ~(size_t) 15) | GLIBC_MMAPPED;
    memset(p + size, GUARD_BYTE, GUARD);
    arena_live++;
    *ret_p = p;
    return 0;
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    void *p = NULL;

    return posix_memalign(&p, alignment, size) == 0 ? p : NULL;
}

void *
memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

#if OWN_USABLE_SIZE
size_t
malloc_usable_size(void *p)
{
    arena_check((struct front *) p - 1);
    return ((struct front *) p - 1)->size;
}
#endif

/* Of class n; NULL when the arena is full. */
static void *
arena_take(size_t n)
{
    u_char *p = (u_char *) unused[n];

    if (p != NULL) {
        unused[n] = unused[n]->next;
        return p;
    }
    if (arena_next == NULL) {
        arena_next = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (arena_next == MAP_FAILED) {
            abort();
        }
        arena_end = arena_next + ARENA_SIZE;
    }
    if ((size_t) (arena_end - arena_next) < (size_t) 1 << n) {
        return NULL;
    }
    p = arena_next;
    arena_next += (size_t) 1 << n;
    return p;
}

static size_t
arena_class(size_t size)
{
    size_t n = 6;

    while ((size_t) 1 << n < size) {
        n++;
    }
    return n;
}

/* Ends the program if anything was written around the piece. */
static void
arena_check(const struct front *front)
{
    const u_char *end = (const u_char *) (front + 1) + front->size;
    size_t i;

    for (i = 0; i < GUARD; i++) {
        if (front->guard != front->size || end[i] != GUARD_BYTE) {
            abort();
        }
    }
}

/* One allocation of a region. */
struct live {
    u_char *p;
    size_t size;
};

/* Allocates small and large ones, fills each, and checks all at the end. */
static void
use_region(ngx_pool_t *pool, size_t region)
{
    struct live live[ALLOCATIONS];
    size_t i;
    size_t j;

    for (i = 0; i < ALLOCATIONS; i++) {
        size_t size = i % 4 == 0 ? LARGE + region * 37 % 5000 : 10 * i;

        live[i].size = size;
        live[i].p =
            i % 8 == 0 ? ngx_pmemalign(pool, size, 64) : ngx_palloc(pool, size);
        assert_non_null(live[i].p);
        memset(live[i].p, (int) i, size);
    }
    for (i = 0; i < ALLOCATIONS; i++) {
        for (j = 0; j < live[i].size; j++) {
            if (live[i].p[j] != i) {
                fail_msg("allocation %zu of region %zu was overwritten", i,
                         region);
            }
        }
    }
    for (i = 0; i < ALLOCATIONS; i += 12) {
        assert_int_equal(ngx_pfree(pool, live[i].p), NGX_OK);
    }
}

static ngx_pool_cache_stats_t
run_regions(void)
{
    ngx_pool_cache_stats_t stats;
    size_t region;

    for (region = 0; region < REGIONS; region++) {
        ngx_pool_t *pool = ngx_create_pool(POOL_SIZE, NULL);

        use_region(pool, region);
        if (region % 3 == 0) {
            ngx_reset_pool(pool);
            use_region(pool, region);
        }
        ngx_destroy_pool(pool);
    }
    ngx_pool_cache_stats(&stats);
    return stats;
}

static void
test_own_malloc_serves_pools(void **state)
{
    size_t live;

    (void) state;
    ngx_pool_cache_trim();
    live = arena_live;
    (void) run_regions();
    assert_true(arena_live > live);
    ngx_pool_cache_trim();
    assert_int_equal(arena_live, live);
}

/* Blocks have a size that the pool knows. */
static void
test_own_malloc_lets_blocks_be_kept(void **state)
{
    ngx_pool_cache_stats_t stats = run_regions();

    (void) state;
    assert_true(stats.blocks > 0);
    assert_true(stats.size >= stats.blocks * POOL_SIZE);
}

static void
test_own_malloc_lets_larges_be_kept_if_it_knows_their_size(void **state)
{
    ngx_pool_cache_stats_t stats = run_regions();

    (void) state;
    assert_int_equal(stats.large > 0, OWN_USABLE_SIZE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_malloc_serves_pools),
        cmocka_unit_test(test_own_malloc_lets_blocks_be_kept),
        cmocka_unit_test(
            test_own_malloc_lets_larges_be_kept_if_it_knows_their_size),
    };

    return GROUP_RUN(tests);
}
