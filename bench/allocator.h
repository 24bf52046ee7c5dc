/*
 * An allocator under comparison: a struct of functions, one per file of
 * allocators/, and the table of all of them.
 *
 * Those of a class are charged the same. The loops over a region's objects are
 * compiled once for each allocator, in its own file. Called: they call the
 * function that serves, as its users' code does: one call by a pointer that the
 * dynamic linker, or open(), has found. Inlined: the allocator is compiled into
 * them. Limits are loops of that kind too, around what is no allocator: none
 * can be faster.
 *
 * A general allocator frees object by object; a region allocator gives all of a
 * region back at once.
 *
 * Threads: open() once; then any number of regions on any thread, each used by
 * one at a time.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

enum {
    ALLOCATOR_ALIGNMENT = 8, /* what every alloc() keeps, whatever the size */
    ALLOCATOR_REASON_MAX = 512,
    ALLOCATOR_VERSION_MAX = 64,
    ALLOCATOR_PATH_MAX = 4096,
};

enum allocator_kind {
    ALLOCATOR_GENERAL,
    ALLOCATOR_REGION,
};

enum allocator_class {
    ALLOCATOR_SHARED,
    ALLOCATOR_ARCHIVE,
    ALLOCATOR_INLINED,
    ALLOCATOR_LIMIT,
};

struct region;

struct allocator {
    const char *name; /* as in the rows' names: [a-z0-9_]+ */
    enum allocator_kind kind;
    enum allocator_class class;

    /*
     * What create() sets aside at once for each expected allocation besides
     * the bytes asked for; 0: it sets nothing aside.
     */
    size_t reserved;

    /*
     * Find the library. Returns what the other functions take as library, valid
     * to the process's end, or NULL: then reason says why, in words, in at most
     * ALLOCATOR_REASON_MAX bytes.
     */
    void *(*open)(char *reason);

    /* The address of the function that allocates: it tells whose it is. */
    const void *(*entry)(void *library);

    /* Write the library's version, in at most ALLOCATOR_VERSION_MAX bytes. */
    void (*version)(void *library, char *version);

    /*
     * Begin a region of about count allocations of size bytes in all; what it
     * is given as state. A general allocator has none and returns any pointer.
     * Returns NULL when memory runs out.
     */
    void *(*create)(void *library, size_t size, size_t count);

    /* size bytes, aligned to ALLOCATOR_ALIGNMENT; size 0 gives a pointer too.
     * NULL when memory runs out. */
    void *(*alloc)(void *state, size_t size);

    /* Give one object of any size back. NULL in a region allocator that cannot.
     */
    void (*free)(void *state, void *p);

    /* Give one object back before the region's end, if it is large enough for
     * that. NULL where no region can, and where free() is. */
    void (*free_early)(void *state, void *p);

    /* Give the newest object back, by which the one before it becomes the
     * newest. NULL where no region can, and where free() is. */
    void (*free_newest)(void *state, void *p);

    /*
     * Let the end of the region add 1 to *ran, in the way in which the
     * library's users register a cleanup. Returns 0, or -ENOMEM. NULL: the
     * library has no cleanups.
     */
    int (*cleanup)(void *state, size_t *ran);

    /* region_fill() and region_free() with alloc() and free() in their loops;
     * empty() is NULL where free() is. */
    int (*fill)(struct region *region);
    void (*empty)(struct region *region);

    /* replay_with() likewise; NULL where regions cannot grow as they must. */
    int (*replay)(struct region *region);

    /*
     * The loops of FREE_LOOPS() with alloc() and that of free(), free_early()
     * and free_newest() which there is; NULL where there is none. The loop of
     * CLEANUP_LOOP() with alloc() and cleanup(); NULL where cleanup() is.
     */
    void (*free_order)(struct region *region, const uint32_t *order);
    int (*exchange)(struct region *region, const uint32_t *slots, size_t count);
    int (*fill_cleanup)(struct region *region, size_t *ran);

    /* It hands out the same memory again and again: what it is given to keep is
     * not there later, and is not asked for. */
    int is_null;

    /* Each region must be destroyed by the thread that made it. */
    int is_thread_bound;

    /* Give all of the region back and keep the region. NULL in a general one,
     * where every object has been freed already. */
    void (*reset)(void *state);

    /* Give the region back with all in it. A general one does nothing. */
    void (*destroy)(void *state);

    /* It keeps all of freed regions for the next ones. It competes only with
     * allocators that do so too. */
    int is_unbounded;

    /* Give back to malloc() what the thread keeps of freed regions, and leave
     * it as before the first one. Called after each row and before a thread's
     * end. NULL: nothing is kept there. */
    void (*trim)(void *library);
};

/* All allocators, in the order in which they are listed. */
extern const struct allocator *const allocators[];
extern const size_t allocators_count;

/* "shared", "inlined", "limit". */
const char *allocator_class_name(enum allocator_class class);

/* The allocator called name, or NULL. */
const struct allocator *allocator_find(const char *name);

/* Write the path of the file that holds the code at address, as the dynamic
 * linker knows it, in at most ALLOCATOR_PATH_MAX bytes; "" where it does not.
 */
void allocator_path(const void *address, char *path);

#endif
