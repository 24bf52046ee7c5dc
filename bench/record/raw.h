/*
 * The raw file of a recorded process: events with addresses, in the order in
 * which they happened. Each process writes one, and convert.c makes programs of
 * them (pool/ops/).
 *
 * The file is mapped and shared: the events that were written are in it,
 * whatever happens to the process. README.md has the life of a process under
 * recording. An event is one to six words of 32 bits. It takes their place by
 * one addition, writes its operands first, and counts once its first word is
 * written. A place without a first word was taken by a thread that got no
 * further. Calls that give memory are written after the call, calls that take
 * it before: so an address is never given twice in the file without being taken
 * between.
 *
 * Most of the events of malloc() and free() are one word. Their addresses are
 * relative to the head's base, in units of 16 bytes:
 *
 *     short RAW_ALLOC  bits 100, 8 bits of size, 21 of address
 *     short RAW_FREE   bits 101, 29 bits of address
 *
 * Short events are of the first thread, and of no pool. All others are:
 *
 *     word 0     bits 11; 4 bits of code; 9 bits of thread; 3 bits: a word of
 *                rests follows, a size follows, an other follows; 14 bits of
 *                address
 *     word 1     31 bits of address. Both parts together are its bits 3 to 47
 *     then       rests: the lowest 3 bits of the address, 28 bits of the size
 *                size: its lowest 31 bits
 *                other: 2 words, of the upper and the lower 31 bits
 *
 * The top bit is set in word 0 and clear in all others.
 *
 * Words are numbered from the file's start. An event lies within one window of
 * RAW_WINDOW words. One that would cross the end leaves its place empty and
 * takes another.
 */
#ifndef BENCH_RECORD_RAW_H
#define BENCH_RECORD_RAW_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define RAW_MAGIC "ngxraw4" /* eight bytes with its end */

#define RAW_FIRST UINT32_C(0x80000000) /* in word 0 of every event */
#define RAW_LONG  UINT32_C(0x40000000) /* in that of a long one */
#define RAW_FREED UINT32_C(0x20000000) /* in that of a short RAW_FREE */

#define RAW_ADDRESS_MAX ((UINT64_C(1) << 48) - 1)

enum {
    RAW_UNIT_BITS = 4, /* a unit is 16 bytes, glibc's alignment */

    /* Of short events. */
    RAW_SIZE_BITS = 8,
    RAW_ALLOC_BITS = 21, /* 32 MiB from the base */
    RAW_FREE_BITS = 29,  /* 8 GiB */

    /* Of long events. */
    RAW_CODE_SHIFT = 26,
    RAW_THREAD_SHIFT = 17,
    RAW_RESTS_SHIFT = 16,
    RAW_SIZE_SHIFT = 15,
    RAW_OTHER_SHIFT = 14,
    RAW_HIGH_BITS = 14, /* of the address, in word 0 */
    RAW_LOW_BITS = 3,   /* of the address, in the rests */
    RAW_WORD_BITS = 31, /* that an operand may use */
    RAW_REST_BITS = 28, /* of the size, in the rests */

    RAW_EVENT_WORDS = 6, /* at most */

    RAW_WINDOW = 256 * 1024, /* words */
    RAW_WINDOWS = 4096,      /* of a file, at most: 4 GiB */

    RAW_PROGRAM_SIZE = 168,

    RAW_THREADS = 511, /* from 1; all later ones are called that */
    RAW_CODE_MAX = 15,
    RAW_ALIGNMENT_MAX = 15, /* of its logarithm */
};

enum raw_code {
    RAW_NONE,
    RAW_ALLOC,   /* address of size bytes, from pool other; 0: malloc()'s */
    RAW_PACKED,  /* likewise, without alignment */
    RAW_ZEROED,  /* likewise, zeroed */
    RAW_ALIGNED, /* likewise, aligned; raw_add_aligned() says how */
    RAW_FREE,    /* address */
    RAW_MOVE,    /* address: about to be moved, as the same thread's next */
    RAW_MOVED,   /* says: to address, of size bytes; address 0: it was left as
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

/* At the file's start. The magic is written last. */
struct raw_head {
    char magic[8];
    _Atomic uint64_t next;    /* word that is taken next; may be after ready */
    _Atomic uint64_t ready;   /* words that have memory */
    _Atomic uint64_t lost;    /* events that found no memory */
    _Atomic uint64_t stopped; /* why ready grows no more: an errno, or 0 */
    uint64_t limit;           /* of ready */
    uint64_t pid;             /* as the process sees it */
    uint64_t pid_namespace;   /* 0: unknown */
    uint64_t started_ns;      /* CLOCK_BOOTTIME */
    _Atomic uint64_t base;    /* of short events' addresses */
    uint64_t reserved;
    char program[RAW_PROGRAM_SIZE]; /* its path, or the path's end */
};

enum {
    RAW_HEAD_WORDS = sizeof(struct raw_head) / sizeof(uint32_t),
};

_Static_assert(sizeof(struct raw_head) == 256, "the format has no gaps");

/* Why a process has no file, or a program that was started will have none. */
enum raw_why {
    RAW_WHY_NONE,
    RAW_WHY_FILE,        /* none could be made */
    RAW_WHY_KERNEL,      /* has no MADV_POPULATE_WRITE or MADV_WIPEONFORK */
    RAW_WHY_SANITIZER,   /* it has a malloc() of its own */
    RAW_WHY_STATIC,      /* no library can be preloaded */
    RAW_WHY_SETUID,      /* the dynamic linker ignores what is preloaded */
    RAW_WHY_MACHINE,     /* the program is for another machine */
    RAW_WHY_ENVIRONMENT, /* it was started without the recorder's variables */
    RAW_WHY_UNREACHABLE, /* it was started where the recorder is not seen */
    RAW_WHYS,
};

struct raw_note {
    uint64_t pid;
    uint32_t why; /* enum raw_why */
    uint32_t err; /* of RAW_WHY_FILE: an errno */
    char program[RAW_PROGRAM_SIZE];
};

enum {
    RAW_NOTES = 356, /* as many as fit */
    RAW_NOTES_SIZE = 64 * 1024,
};

/* The file "notes", beside those of the processes. It has all its memory from
 * the start, and stays mapped in every process: where nothing else can be
 * written, this can. */
struct raw_notes {
    _Atomic uint64_t count; /* may be more than there is space for */
    struct raw_note note[RAW_NOTES];
};

_Static_assert(sizeof(struct raw_notes) <= RAW_NOTES_SIZE, "notes fit");

#define RAW_FOLDER "NGXPOOL_RECORD_FOLDER" /* a file a process is made there */
#define RAW_LIMIT  "NGXPOOL_RECORD_LIMIT"  /* bytes of a process, at most */

/* Write malloc()'s RAW_ALLOC, if p is not NULL and this process is recorded.
 * Returns p. Cost: about 30 instructions. */
void *raw_malloc(void *p, size_t size);

/* Write free()'s RAW_FREE likewise. */
void raw_free(const void *p);

/* Write any event of this thread, if this process is recorded. */
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

/* Whether the program has a sanitizer's malloc(): nothing is recorded, and
 * nothing may stand between the two. Recorders that are preloaded have it. */
int raw_has_sanitizer(void) __attribute__((weak));

/* Whether this process was started to be recorded. */
int raw_is_asked(void);

/* Note why a program is not recorded; NULL: the one that runs. */
void raw_note(enum raw_why why, int err, const char *program);

/* Find the function that name would be without the recorder; *ret_function is a
 * pointer to it. library is where it is if a program has opened that late, or
 * NULL. Returns 0, or -1 when there is none. */
int raw_next(const char *name, const char *library, void *ret_function);

#endif
