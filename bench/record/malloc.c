/*
 * malloc() and its kin, recorded; preloaded. What the dynamic linker looks for
 * while it looks for the real ones comes from a small buffer and is never
 * freed.
 */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

enum {
    EARLY_SIZE = 64 * 1024,
    EARLY_ALIGNMENT = 16,
};

static _Alignas(EARLY_ALIGNMENT) char early[EARLY_SIZE];
static size_t early_used;
static int is_looking;

static struct {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    int (*posix_memalign)(void **ret_p, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
} real;

static int ready(void);
static void *early_take(size_t size);
static int early_is(const void *p);

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
    void *p;

    if (!ready()) {
        return early_take(size);
    }
    p = real.malloc(size);
    if (p != NULL) {
        raw_add(RAW_ALLOC, p, size, 0);
    }
    return p;
}

__attribute__((visibility("default"))) void *
calloc(size_t count, size_t size)
{
    void *p;

    if (!ready()) {
        return early_take(count * size);
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

    if (early_is(p) || !ready()) {
        size_t left =
            p != NULL ? (size_t) (early + early_used - (char *) p) : 0;

        moved = malloc(size);
        return moved != NULL && p != NULL
                   ? memcpy(moved, p, left < size ? left : size)
                   : moved;
    }
    if (p != NULL) {
        raw_add(RAW_MOVE, p, size, 0);
    }
    moved = real.realloc(p, size);
    if (p != NULL) {
        raw_add(RAW_MOVED, moved, size, 0);
    } else if (moved != NULL) {
        raw_add(RAW_ALLOC, moved, size, 0);
    }
    return moved;
}

__attribute__((visibility("default"))) void
free(void *p)
{
    if (p == NULL || early_is(p) || !ready()) {
        return;
    }
    raw_add(RAW_FREE, p, 0, 0);
    real.free(p);
}

__attribute__((visibility("default"))) int
posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    int err;

    if (!ready()) {
        return ENOMEM;
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
    void *p = ready() ? real.aligned_alloc(alignment, size) : NULL;

    if (p != NULL) {
        raw_add_aligned(p, size, alignment, NULL);
    }
    return p;
}

__attribute__((visibility("default"))) void *
memalign(size_t alignment, size_t size)
{
    void *p = ready() ? real.memalign(alignment, size) : NULL;

    if (p != NULL) {
        raw_add_aligned(p, size, alignment, NULL);
    }
    return p;
}

/* Whether the real ones are known. The first call is made before there is a
 * second thread. */
static int
ready(void)
{
    if (real.free != NULL) {
        return 1;
    }
    if (is_looking) {
        return 0;
    }
    is_looking = 1;
    raw_next("malloc", &real.malloc);
    raw_next("calloc", &real.calloc);
    raw_next("realloc", &real.realloc);
    raw_next("posix_memalign", &real.posix_memalign);
    raw_next("aligned_alloc", &real.aligned_alloc);
    raw_next("memalign", &real.memalign);
    raw_next("free", &real.free);
    return 1;
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
