/*
 * What a recorded process did, as its recorder saw it: a file of events with
 * addresses in them, in the order in which they happened. record.py has one
 * written for each process, and convert.c makes programs of them (pool/ops/).
 *
 * The file is mapped and shared: what was written is in it whatever becomes of
 * the process. An event is one to three words. It takes their place by one
 * addition, writes its operands first, and is there when its first word is; a
 * place without one was taken by a thread that got no further. What gives
 * memory is written behind the call, what takes it before: so an address is
 * never given twice in the file without being taken between.
 *
 *     word 0     from the top: 1 bit, set; 4 bits of code; 2 bits: a size
 *                follows, an other follows; 9 bits of thread; 48 of address
 *     then       size, other: those that are not 0, their top bit clear
 *
 * Most of what programs do is in one word: a RAW_ALLOC of less than 512 bytes
 * from malloc() by the first thread is RAW_SHORT, with its size where the
 * thread is.
 */
#ifndef BENCH_RECORD_RAW_H
#define BENCH_RECORD_RAW_H

#include <stdatomic.h>
#include <stdint.h>

#define RAW_MAGIC "ngxraw2" /* eight bytes with its end */

#define RAW_FIRST       (UINT64_C(1) << 63) /* in word 0 of every event */
#define RAW_ADDRESS_MAX ((UINT64_C(1) << 48) - 1)

enum {
    RAW_CODE_SHIFT = 59,
    RAW_SIZE_SHIFT = 58,  /* a size follows */
    RAW_OTHER_SHIFT = 57, /* an other follows */
    RAW_THREAD_SHIFT = 48,

    RAW_THREADS = 511, /* from 1; all later ones are called that */
    RAW_SHORT_MAX = 511,
    RAW_CODE_MAX = 15,
    RAW_ALIGNMENT_MAX = 15, /* of its logarithm */
};

enum raw_code {
    RAW_NONE,
    RAW_SHORT = RAW_NONE, /* in a file alone, as is said above */
    RAW_ALLOC,   /* address of size bytes, from pool other; 0: malloc()'s */
    RAW_PACKED,  /* likewise, without alignment */
    RAW_ZEROED,  /* likewise, zeroed */
    RAW_ALIGNED, /* likewise, aligned; raw_add_aligned() says how */
    RAW_FREE,    /* address */
    RAW_MOVE,    /* address: about to be made anew, as the same thread's next */
    RAW_MOVED,   /* says: at address, of size bytes; address 0: it was left as
                     it is, or freed where size is 0 */
    RAW_POOL,    /* address: a pool of blocks of size bytes, 0: of any; child of
                     other, or of none */
    RAW_CLEAR,   /* address: a pool, size: enum raw_when; or a chunk, of what
                    is below it */
    RAW_DESTROY, /* address: a pool, size: enum raw_when */
    RAW_CLEANUP, /* added to pool address, size bytes; other is its data */
    RAW_CLEANED, /* run or killed early, likewise */
    RAW_CHILD,   /* address: a chunk of size bytes that may have others below
                    it, itself below other; 0: below none */
    RAW_RELEASE, /* address: such a chunk, and all that is below it */
    RAW_STOLEN,  /* address: such a chunk, is below other now */
    RAW_CODES,   /* at most 16 */
};

/* A pool's cleanups may allocate from it before it is cleared or destroyed. */
enum raw_when {
    RAW_AT_ONCE,
    RAW_BEGINS,
    RAW_DONE, /* by the thread that began it */
};

_Static_assert(RAW_CODES <= RAW_CODE_MAX + 1, "a code has four bits");

struct raw_head {
    char magic[8];
    _Atomic uint64_t capacity; /* words that have a place */
    _Atomic uint64_t next;     /* the next one's, which may be beyond */
    _Atomic uint64_t lost;     /* events that had none */
    uint64_t pid;
};

/* Write an event of this thread, if this process is recorded. */
void raw_add(enum raw_code code, const void *address, uint64_t size,
             uint64_t other);

/* RAW_ALIGNED: pools lie at multiples of 16 at least, so that other holds the
 * binary logarithm of the alignment in its lowest 4 bits, 15 at most. */
void raw_add_aligned(const void *address, uint64_t size, uint64_t alignment,
                     const void *pool);

/* Whether the thread is within a call that is recorded already, as raw_enter()
 * said; raw_leave() ends that. */
int raw_inside(void);
void raw_enter(void);
void raw_leave(void);

/* Find the function that name would be without the recorder; *ret_function is a
 * pointer to it. Ends the process with a message when there is none. */
void raw_next(const char *name, void *ret_function);

#endif
