/*
 * malloc() and its kin, recorded; preloaded. While the dynamic linker looks for
 * the real functions, it allocates from a small buffer, and frees nothing.
 *
 * In a program with a sanitizer's malloc() each function here ends in a jump to
 * the sanitizer's, which then sees its caller's frame and none of ours.
 */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "raw.h"

enum {
    EARLY_SIZE = 64 * 1024,
    EARLY_ALIGNMENT = 16,
};

static _Alignas(EARLY_ALIGNMENT) char early[EARLY_SIZE];
static size_t early_used;

static enum {
    NOT_READY,
    LOOKING, /* for the real ones */
    READY,
    ASIDE, /* nothing is recorded */
} state;

static struct {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    int (*posix_memalign)(void **ret_p, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    void *(*pvalloc)(size_t size);
} real;

static int look(void);
static void *early_take(size_t size);
static int early_is(const void *p);
static void *early_move(const char *p, size_t size);
static void *seen_aligned(void *p, size_t size, size_t alignment);
static size_t page_size(void);

/* Whether calls are recorded. Where not, the real ones are called if there are
 * any by now. */
static inline int
is_ready(void)
{
    return __builtin_expect(state == READY, 1) || look() == READY;
}

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
    if (!is_ready()) {
        return state == ASIDE ? real.malloc(size) : early_take(size);
    }
    return raw_malloc(real.malloc(size), size);
}

__attribute__((visibility("default"))) void *
calloc(size_t count, size_t size)
{
    void *p;

    if (!is_ready()) {
        return state == ASIDE ? real.calloc(count, size)
                              : early_take(count * size);
    }
    p = real.calloc(count, size);
    if (p != NULL) {
        raw_add(RAW_ZEROED, p, count * size, 0);
    }
    return p;
}

__attribute__((visibility("default"))) void *
realloc(void *p, size_t size)
{
    void *moved;

    if (early_is(p)) {
        return early_move(p, size);
    }
    if (!is_ready()) {
        return state == ASIDE ? real.realloc(p, size) : early_take(size);
    }
    if (p != NULL) {
        raw_add(RAW_MOVE, p, 0, 0);
    }
    moved = real.realloc(p, size);
    if (p == NULL) {
        return raw_malloc(moved, size);
    }
    raw_add(RAW_MOVED, moved, size, 0);
    return moved;
}

__attribute__((visibility("default"))) void
free(void *p)
{
    if (p == NULL || early_is(p)) {
        return;
    }
    if (is_ready()) {
        raw_free(p);
    } else if (state != ASIDE) {
        return;
    }
    real.free(p);
}

__attribute__((visibility("default"))) int
posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    int err;

    if (!is_ready()) {
        return state == ASIDE ? real.posix_memalign(ret_p, alignment, size)
                              : ENOMEM;
    }
    err = real.posix_memalign(ret_p, alignment, size);
    if (err == 0) {
        raw_add_aligned(*ret_p, size, alignment, NULL);
    }
    return err;
}

__attribute__((visibility("default"))) void *
aligned_alloc(size_t alignment, size_t size)
{
    if (!is_ready()) {
        return state == ASIDE ? real.aligned_alloc(alignment, size) : NULL;
    }
    return seen_aligned(real.aligned_alloc(alignment, size), size, alignment);
}

__attribute__((visibility("default"))) void *
memalign(size_t alignment, size_t size)
{
    if (!is_ready()) {
        return state == ASIDE ? real.memalign(alignment, size) : NULL;
    }
    return seen_aligned(real.memalign(alignment, size), size, alignment);
}

__attribute__((visibility("default"))) void *
valloc(size_t size)
{
    if (!is_ready()) {
        return state == ASIDE ? real.valloc(size) : NULL;
    }
    return seen_aligned(real.valloc(size), size, page_size());
}

/* Whole pages, of which all belong to the program. */
__attribute__((visibility("default"))) void *
pvalloc(size_t size)
{
    size_t page = page_size();
    void *p;

    if (!is_ready()) {
        return state == ASIDE ? real.pvalloc(size) : NULL;
    }
    p = real.pvalloc(size);
    return seen_aligned(p, (size + page - 1) & ~(page - 1), page);
}

/* Find the real ones. The first call is made before there is a second thread.
 * pvalloc() is not in every C library, nor in programs that have another. */
static __attribute__((noinline)) int
look(void)
{
    if (state != NOT_READY) {
        return (int) state;
    }
    state = LOOKING;
    (void) raw_next("malloc", NULL, &real.malloc);
    (void) raw_next("calloc", NULL, &real.calloc);
    (void) raw_next("realloc", NULL, &real.realloc);
    (void) raw_next("posix_memalign", NULL, &real.posix_memalign);
    (void) raw_next("aligned_alloc", NULL, &real.aligned_alloc);
    (void) raw_next("memalign", NULL, &real.memalign);
    (void) raw_next("valloc", NULL, &real.valloc);
    (void) raw_next("pvalloc", NULL, &real.pvalloc);
    (void) raw_next("free", NULL, &real.free);
    state = raw_has_sanitizer() ? ASIDE : READY;
    return (int) state;
}

/* Zeroed, as it is from the start. */
static void *
early_take(size_t size)
{
    void *p = early + early_used;

    size = (size + EARLY_ALIGNMENT - 1) & ~(size_t) (EARLY_ALIGNMENT - 1);
    if (size > EARLY_SIZE - early_used) {
        return NULL;
    }
    early_used += size;
    return p;
}

static int
early_is(const void *p)
{
    return (const char *) p >= early && (const char *) p < early + EARLY_SIZE;
}

/* The size of p is unknown: all that was taken after p is copied too. */
static void *
early_move(const char *p, size_t size)
{
    size_t left = (size_t) (early + early_used - p);
    void *moved = malloc(size);

    return moved != NULL ? memcpy(moved, p, left < size ? left : size) : NULL;
}

static void *
seen_aligned(void *p, size_t size, size_t alignment)
{
    if (p != NULL) {
        raw_add_aligned(p, size, alignment, NULL);
    }
    return p;
}

static size_t
page_size(void)
{
    return (size_t) sysconf(_SC_PAGESIZE);
}
