/*
 * An allocator that is compared: a struct of functions, one in each file of
 * allocators/, and the table of all of them, which measured.c has.
 *
 * A general allocator frees object by object. A region allocator gives all of a
 * region back at once.
 *
 * The loops over a region's objects are compiled once for each allocator, in
 * its own file, and call it as its users' code does. How that code is linked
 * decides the cost of a call, so each allocator has a class, and rows of two
 * classes are not compared:
 *
 *   shared    one call of a function through a pointer, which the dynamic
 *             linker or open() has set
 *   archive   one call of a function that is linked into the program
 *   inlined   no call: the allocator is compiled into the loop
 *   limit     no allocator: a loop that none can be faster than
 *
 * Threads: open() is called once. Then each region is used by one thread at a
 * time, and there may be any number of regions and threads.
 */
#ifndef BENCH_ALLOCATOR_H
#define BENCH_ALLOCATOR_H

#include <stddef.h>
#include <stdint.h>

enum {
    ALLOCATOR_ALIGNMENT = 8, /* the least of any allocator's alignment */
    ALLOCATOR_NAME_MAX = 32, /* bytes of a name, the NUL included */
    ALLOCATOR_REASON_MAX = 512,
    ALLOCATOR_VERSION_MAX = 64,
    ALLOCATOR_PATH_MAX = 4096,
};

/*
 * For keeps: no limit in bytes, but the memory is not kept for good either. The
 * library gives it back as time passes, as more is freed, or once the top of
 * the heap is free. policy says when.
 */
#define ALLOCATOR_KEEPS_DECAYS (SIZE_MAX - 1)

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
#if defined(__cplusplus)
    enum allocator_class class_; /* class is a word of C++ */
#else
    enum allocator_class class;
#endif

    size_t alignment; /* of objects, in bytes */

    /* Bytes that a region takes at a time from malloc() or from the system, at
     * first. 0: it has no blocks. */
    size_t block;

    /* Bytes of freed regions that are kept for the next ones at most. 0: none,
     * they are given back to malloc(). SIZE_MAX: all of them, for good; such a
     * row is compared only with others of that kind. Or
     * ALLOCATOR_KEEPS_DECAYS. */
    size_t keeps;

    /* For the reader of the report, in one sentence: the memory that is kept,
     * how blocks grow, and all else that decides the figures. */
    const char *policy;

    /*
     * Bytes that create() sets aside for each expected allocation, on top of
     * the bytes asked for. 0: it sets nothing aside.
     */
    size_t reserved;

    /*
     * The most bytes that are asked of malloc() at once for a region of size
     * bytes whose largest object has largest bytes, where that may be more than
     * block. reserved is part of size. NULL: largest. allocator_chunk() calls
     * it.
     */
    size_t (*chunk)(size_t size, size_t largest);

    /* How many regions can be alive at once. 0: no limit. */
    size_t regions_max;

    /* A region has to end on the thread that made it. */
    int is_bound_to_thread;

    /*
     * Find the library. Returns the argument library of the other functions,
     * valid until the process ends; or NULL, and reason says why, in at most
     * ALLOCATOR_REASON_MAX bytes.
     */
    void *(*open)(char *reason);

    /* The address of the function that allocates. allocator_path() finds the
     * file that it belongs to. */
    const void *(*entry)(void *library);

    /* A part of that file's path, so that another library cannot serve without
     * being noticed. NULL: it is compiled into the file that lists it. */
    const char *file;

    /* Write the library's version, in at most ALLOCATOR_VERSION_MAX bytes. */
    void (*version)(void *library, char *version);

    /*
     * Begin a region for about count allocations of size bytes in all. Returns
     * the argument state of the other functions, or NULL when memory runs out.
     * A general allocator has no regions and returns any other pointer.
     */
    void *(*create)(void *library, size_t size, size_t count);

    /* Allocate size bytes, aligned to alignment. Size 0 gives a pointer too, of
     * any alignment. Returns NULL when memory runs out. */
    void *(*alloc)(void *state, size_t size);

    /* Free one object of any size. NULL in a region allocator that cannot. */
    void (*free)(void *state, void *p);

    /* Free one object before its region ends, if it is large enough for that.
     * NULL where regions cannot do so, and where free() is. */
    void (*free_early)(void *state, void *p);

    /* Free the newest object; the one before it becomes the newest. NULL where
     * regions cannot do so, and where free() is. */
    void (*free_newest)(void *state, void *p);

    /*
     * Let the end of the region add 1 to *ran, in the way in which the
     * library's users register a cleanup. Returns 0, or -ENOMEM. NULL: the
     * library has no cleanups.
     */
    int (*cleanup)(void *state, size_t *ran);

    /* region_fill() and region_free(), with alloc() and free() compiled into
     * their loops. empty() is NULL in a region allocator. */
    int (*fill)(struct region *region);
    void (*empty)(struct region *region);

    /* replay_with(), compiled likewise. NULL where a region cannot grow beyond
     * the size that create() is given. */
    int (*replay)(struct region *region);

    /*
     * The loops of FREE_LOOPS() with alloc(), and with free(), free_early() or
     * free_newest(), whichever there is; NULL where there is none. The loop of
     * CLEANUP_LOOP() with alloc() and cleanup(); NULL where cleanup() is.
     */
    void (*free_order)(struct region *region, const uint32_t *order);
    int (*exchange)(struct region *region, const uint32_t *slots, size_t count);
    int (*fill_cleanup)(struct region *region, size_t *ran);

    /* All objects lie in the same memory, so their contents are not checked. */
    int is_null;

    /* Free all objects of the region and keep the region. NULL in a general
     * allocator, where every object has been freed already, and in a region
     * allocator that cannot do it. */
    void (*reset)(void *state);

    /* End the region with all of its objects. A general one does nothing. */
    void (*destroy)(void *state);

    /* Give back the memory of freed regions that the calling thread keeps, so
     * that it is as before its first region. Called after each row and before
     * a thread ends. NULL: nothing is kept there. */
    void (*trim)(void *library);
};

/* All allocators of this module, in the order in which they are listed. */
extern const struct allocator *const allocators[];
extern const size_t allocators_count;

/* "shared", "archive", "inlined", "limit". */
const char *allocator_class_name(enum allocator_class of);

/* The allocator of this module called name, or NULL. */
const struct allocator *allocator_find(const char *name);

/* The most bytes that it asks of malloc() at once for a region of count objects
 * and size bytes, whose largest object has largest bytes. */
size_t allocator_chunk(const struct allocator *allocator, size_t size,
                       size_t count, size_t largest);

/* Write the path of the file that holds the code at address, as the dynamic
 * linker knows it, in at most ALLOCATOR_PATH_MAX bytes. "" where it knows none.
 */
void allocator_path(const void *address, char *path);

#endif
