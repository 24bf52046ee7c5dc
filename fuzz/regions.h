/*
 * The executor for regions of any allocator. It runs a program, see
 * pool/ops/program.h, on real regions, and checks the promises that every
 * allocator has to keep if it is compared with a pool:
 *
 * - an object is aligned as the allocator says, and overlaps no other one;
 * - the bytes that are written into an object stay until its end;
 * - memory is refused only when the system has refused it;
 * - each cleanup runs once, at its region's end.
 *
 * Threads: the op thread names the thread of the ops after it, by number % 3. 0
 * is the caller; 1 and 2 are workers, which start with their first op. When
 * number / 3 is odd, the worker ends, and a new one does the worker's next op.
 * A region may go from thread to thread, unless its allocator forbids it.
 *
 * One run at a time.
 */
#ifndef FUZZ_REGIONS_H
#define FUZZ_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#include "op.h"

enum {
    REGIONS_THREADS = 3,

    /* The usual bytes_most. It is low, so that many programs run in a
     * second. */
    REGIONS_BYTES_MOST = 8 * 1024 * 1024,
};

/* The order of a program's ops. */
enum regions_mode {
    /* One op after the other: the effects depend on the input alone. */
    REGIONS_SCHEDULED,

    /* All threads at the same time, for ThreadSanitizer. A thread waits for
     * another one only when it takes over a region. The program runs twice: the
     * next thread does each op, too, on regions of its own. So threads race for
     * all that they share, also in a program with one thread. fail_alloc does
     * nothing. */
    REGIONS_CONCURRENT,
};

struct regions_object {
    unsigned char *p;
    size_t size;
    size_t alignment;   /* that p must have */
    unsigned code;      /* of the op that made it */
    uint32_t number;    /* of that op among those that make objects, from 1 */
    unsigned char fill; /* the value of every written byte */
};

/*
 * An allocator as the executor sees it. state is the result of create(). A
 * function that makes checks of its own reports a broken promise by
 * regions_fail().
 */
struct regions_allocator {
    const char *name; /* for messages */
    size_t alignment; /* of alloc()'s objects */

    /* Most bytes that the regions of one number are asked for in a program.
     * After that they get no more objects, and no new region is made. */
    size_t bytes_most;

    int is_empty_anywhere;  /* an object of size 0 need not be aligned */
    int is_general;         /* objects are freed one by one */
    int is_bound_to_thread; /* a region stays with the thread that made it */
    int is_limited;         /* a region gets no more than create()'s numbers */
    int frees_newest_only;
    int takes_any_size;      /* also sizes that no system has */
    int reset_runs_cleanups; /* 0: a region with cleanups is not reset */

    /* Make a region for about count objects and size bytes in all. Returns NULL
     * when it is refused. In destroy() and reset() regions_each() still has the
     * region's objects. */
    void *(*create)(size_t size, size_t count);
    void (*destroy)(void *state);
    void (*reset)(void *state); /* NULL: the allocator has no reset */

    /* The last three may be NULL. Then alloc() is called. */
    void *(*alloc)(void *state, size_t size);
    void *(*alloc_packed)(void *state, size_t size);
    void *(*alloc_zeroed)(void *state, size_t size);
    void *(*alloc_aligned)(void *state, size_t size, size_t alignment);

    /* Free an object. Returns whether it has ended. NULL: objects stay. */
    int (*free)(void *state, const struct regions_object *object);

    /* Let the region's end add 1 to *ran. Returns 0, or -ENOMEM. May be
     * NULL. */
    int (*cleanup)(void *state, size_t *ran);

    /* Set the sizes that relative amounts refer to. NULL: fixed numbers. */
    void (*scale)(void *state, struct op_scale *ret_scale);

    /* Whether create() has to fail with that size. NULL: never. */
    int (*is_refused_size)(size_t size);

    /* Called for each object that a reset or its region's end has ended. May be
     * NULL. */
    void (*ended)(const struct regions_object *object);

    /* enter() is called on the thread before its first op, leave() on the
     * thread after its last op, left() on the caller's thread after the thread
     * has ended. Each may be NULL. */
    void (*enter)(unsigned thread);
    void (*leave)(unsigned thread);
    void (*left)(unsigned thread);

    /* The ops cache_trim and cache_limit, on the calling thread. May be
     * NULL. */
    void (*trim)(void);
    void (*limit)(size_t size);

    /* fail_alloc() lets an allocation from the system fail, as the op of that
     * name says. refusals() returns the number of failures. NULL: no allocation
     * fails. */
    void (*fail_alloc)(unsigned nth);
    size_t (*refusals)(void);

    /* Called after each op, in REGIONS_SCHEDULED alone. May be NULL. */
    void (*check)(void);
};

/* Run the program at data, of size bytes. A broken promise is printed with the
 * op and its number, and aborts. */
void regions_run(const struct regions_allocator *allocator,
                 enum regions_mode mode, const uint8_t *data, size_t size);

/* Print that the promise words is broken at the calling thread's op, and
 * abort. */
_Noreturn void regions_fail(const char *words);

/* A hash of the effects of each op of the last run: the region's number of
 * objects and its bytes. For REGIONS_SCHEDULED alone. */
uint64_t regions_hash(void);

/* Let the hash depend on value, too. */
void regions_hash_add(uint64_t value);

/* The number of the calling thread. */
unsigned regions_thread(void);

/* Call visit() for each live object of each region, with its region's state. */
void regions_each(void (*visit)(void *state,
                                const struct regions_object *object,
                                void *data),
                  void *data);

/* Call visit() for each live region. */
void regions_each_state(void (*visit)(void *state, void *data), void *data);

#endif
