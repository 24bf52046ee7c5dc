/*
 * What a recorded process did, as its recorder saw it: a file of events with
 * addresses in them, in the order in which they happened. record.py has one
 * written for each process, and convert.c makes programs of them (pool/ops/).
 *
 * The file is mapped and shared: what was written is in it whatever becomes of
 * the process. An event takes its place by one atomic addition and is there when
 * its code is; a place without a code was taken by a thread that got no further.
 * What gives memory is written behind the call, what takes it before: so an
 * address is never given twice in the file without being taken between.
 */
#ifndef BENCH_RECORD_RAW_H
#define BENCH_RECORD_RAW_H

#include <stdatomic.h>
#include <stdint.h>

#define RAW_MAGIC "ngxraw1" /* eight bytes with its end */

enum {
    RAW_THREAD_SHIFT = 8, /* in an event's what; the code is below */
};

enum raw_code {
    RAW_NONE,
    RAW_ALLOC,   /* address of size bytes, from pool other; 0: malloc()'s */
    RAW_PACKED,  /* likewise, without alignment */
    RAW_ZEROED,  /* likewise, zeroed */
    RAW_ALIGNED, /* likewise, aligned to other; malloc()'s */
    RAW_FREE,    /* address */
    RAW_MOVE,    /* address: about to be made anew, as the same thread's next */
    RAW_MOVED,   /* says: at address, of size bytes; address 0: it was left as
                     it is, or freed where size is 0 */
    RAW_POOL,    /* address: a pool of blocks of size bytes, 0: of any; child of
                     other, or of none */
    RAW_CLEAR,   /* address: a pool; or a chunk: what is below it */
    RAW_DESTROY, /* address: a pool */
    RAW_CLEANUP, /* added to pool address, size bytes; other is its data */
    RAW_CLEANED, /* run or killed early, likewise */
    RAW_CHILD,   /* address: a chunk of size bytes that may have others below
                    it, itself below other; 0: below none */
    RAW_RELEASE, /* address: such a chunk, and all that is below it */
    RAW_STOLEN,  /* address: such a chunk, is below other now */
    RAW_CODES,
};

struct raw_event {
    _Atomic uint64_t what; /* enum raw_code | thread << RAW_THREAD_SHIFT */
    uint64_t address;
    uint64_t size;
    uint64_t other;
};

struct raw_head {
    char magic[8];
    _Atomic uint64_t capacity; /* events that have a place */
    _Atomic uint64_t next; /* the next one's; beyond capacity: it had none */
    uint64_t pid;
};

/* Write an event of this thread, if this process is recorded. */
void raw_add(enum raw_code code, const void *address, uint64_t size,
             uint64_t other);

/* Whether the thread is within a call that is recorded already, as raw_enter()
 * said; raw_leave() ends that. */
int raw_inside(void);
void raw_enter(void);
void raw_leave(void);

/* Find the function that name would be without the recorder; *ret_function is a
 * pointer to it. Ends the process with a message when there is none. */
void raw_next(const char *name, void *ret_function);

#endif
