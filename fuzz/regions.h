/*
 * The executor for regions of any allocator that has a face: it does a program,
 * see pool/ops/program.h, to real regions, and states what every allocator that
 * is compared with a pool has to keep:
 *
 * - an object is aligned as the allocator says, and overlaps no other one;
 * - what is written into an object stays until the object's end;
 * - memory is refused only where the system has refused it;
 * - each cleanup runs once, at its region's end.
 *
 * Threads: the op thread names who does what follows. Number who % 3 is the
 * thread: 0 is the caller, 1 and 2 are workers, which start with their first
 * op. Where who / 3 is odd, the worker ends, and its next op is done by a new
 * one. A region may go from thread to thread, unless its allocator forbids it.
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
};

/* How a program is done. */
enum regions_mode {
    /* One op after the other: the input alone decides what happens. */
    REGIONS_SCHEDULED,

    /* Each thread does its ops without waiting for other ones, but for a region
     * that it takes over, for ThreadSanitizer. fail_alloc does nothing. */
    REGIONS_CONCURRENT,
};

struct regions_object {
    unsigned char *p;
    size_t size;
    size_t alignment;   /* that it must have */
    unsigned code;      /* of the op that made it */
    uint32_t number;    /* of the making op, see op.h */
    unsigned char fill; /* every byte that was written */
};

/*
 * An allocator as the executor sees it. state is what create() gave. A function
 * that checks more than the executor does calls regions_fail().
 */
struct face {
    const char *name; /* for messages */
    size_t alignment; /* of alloc()'s objects */

    int is_empty_anywhere;  /* an object of size 0 need not be aligned */
    int is_general;         /* its objects are freed one by one */
    int is_bound_to_thread; /* a region stays with the thread that made it */
    int is_limited;         /* a region has what create() expects, no more */
    int frees_newest_only;
    int takes_any_size;      /* also those that no system has */
    int reset_runs_cleanups; /* or a region with cleanups is not reset */

    /* A region of about count objects and size bytes in all. NULL: refused. */
    void *(*create)(size_t size, size_t count);
    void (*destroy)(void *state);
    void (*reset)(void *state); /* NULL: there is none */

    /* The last three may be NULL: alloc() is called. */
    void *(*alloc)(void *state, size_t size);
    void *(*alloc_packed)(void *state, size_t size);
    void *(*alloc_zeroed)(void *state, size_t size);
    void *(*alloc_aligned)(void *state, size_t size, size_t alignment);

    /* Returns whether the object is gone. NULL: objects stay. */
    int (*free)(void *state, const struct regions_object *object);

    /* Let the region's end add 1 to *ran. Returns 0, or -ENOMEM. Or NULL. */
    int (*cleanup)(void *state, size_t *ran);

    /* The sizes that others are relative to. NULL: fixed figures. */
    void (*scale)(void *state, struct op_scale *ret_scale);

    /* Whether create() has to fail with that size. NULL: never. */
    int (*is_refused_size)(size_t size);

    /* Each object's end by a reset or by its region's end. Or NULL. */
    void (*ended)(const struct regions_object *object);

    /* On the thread: before its first op, and after its last one. left() is on
     * the caller's, once the thread has ended. Each may be NULL. */
    void (*enter)(unsigned thread);
    void (*leave)(unsigned thread);
    void (*left)(unsigned thread);

    /* Of the calling thread: the ops cache_trim and cache_limit. Or NULL. */
    void (*trim)(void);
    void (*limit)(size_t size);

    /* Let an allocation of the system's fail, as fail_alloc says; and how many
     * have. NULL: none ever does. */
    void (*fail_alloc)(unsigned nth);
    size_t (*refusals)(void);

    /* After each op, where no other one is done at the same time. Or NULL. */
    void (*check)(void);
};

/* Do the program of size bytes. A broken promise is printed with the op and its
 * number, and aborts. */
void regions_run(const struct face *face, enum regions_mode mode,
                 const uint8_t *data, size_t size);

/* Say that words do not hold, at the op that the calling thread does, and
 * abort. */
_Noreturn void regions_fail(const char *words);

/* A hash of what came of each op of the last run: of an allocation whether it
 * was refused, of a region what it has. For REGIONS_SCHEDULED alone. */
uint64_t regions_trace(void);

/* Let the hash depend on value too, at the op that is done. */
void regions_trace_add(uint64_t value);

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
