#include "fixed.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "asan.h"
#include "bytes.h"

enum {
    /* The bytes after each block. AddressSanitizer reports an access to them.
     * Other builds have them too, so that addresses are the same. */
    REDZONE = 32,

    /* The bytes that are filled at the start and at the end of a new block. The
     * bytes between them are fresh memory, or an earlier block's. */
    FRESH_MAX = 512,
    FRESH_END = 128,

    /* The bytes of a freed block that are filled, except under
     * AddressSanitizer, which reports an access. */
    STALE_MAX = 1024,

    /* The pages after these bytes are given back to the system once they were
     * not needed UNUSED_LEAST times in a row, from the first block to the time
     * when none is live. Otherwise a campaign's memory would grow up to
     * FIXED_SIZE, and look like a leak. */
    PAGES_KEPT = 8 * 1024 * 1024,
    UNUSED_LEAST = 1000 * 1000,

    /* AddressSanitizer's marks of fresh memory are written in pieces of this
     * size. Those of all the memory are a thousand pages, in each process. */
    MARKED_PIECE = 256 * 1024,

    /* The states of a block. */
    LIVE = 0x6c697665,
    FREED = 0x66726564,
};

_Static_assert(FIXED_SIZE % MARKED_PIECE == 0, "pieces fill the memory");

/* Stands before each block. Under AddressSanitizer every byte that is no live
 * block's is marked, a header too. */
struct header {
    size_t size;
    size_t state;
};

/* The alignment of all the memory. An index hashes addresses. With the same
 * lower 32 bits in each build and run, its slots are the same but for a
 * rotation. */
static const uintptr_t alignment_of_all = (UINTPTR_MAX >> 31 >> 1) + 1;

static unsigned char *memory; /* NULL: not reserved yet */
static size_t used;           /* bytes, from the start of memory */
static size_t marked;         /* bytes that have had marks */
static size_t most;           /* all bytes from here on are 0 */
static size_t unused;         /* times in a row, see UNUSED_LEAST */
static size_t live;           /* blocks */

static void reserve(void);
static void mark(size_t end);
static struct header header_read(const void *p);
static void header_write(void *p, struct header header);
static void fill(unsigned char *p, size_t size);
static void release(void);

int
fixed_posix_memalign(void **ret_p, size_t alignment, size_t size)
{
    uintptr_t start;
    unsigned char *p;

    if (memory == NULL) {
        reserve();
    }
    start = (uintptr_t) memory + used + sizeof(struct header);
    start = (start + alignment - 1) & ~(uintptr_t) (alignment - 1);
    if (start - (uintptr_t) memory > FIXED_SIZE - REDZONE ||
        size > FIXED_SIZE - REDZONE - (start - (uintptr_t) memory)) {
        return ENOMEM;
    }
    p = memory + (start - (uintptr_t) memory);
    mark((size_t) (p - memory) + size + REDZONE);
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    header_write(p, (struct header){.size = size, .state = LIVE});
    fill(p, size);
    used = (size_t) (p - memory) + size + REDZONE;
    live++;
    *ret_p = p;
    return 0;
}

static void
reserve(void)
{
    size_t size = FIXED_SIZE + (alignment_of_all - 1);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    uintptr_t start = (uintptr_t) p + (alignment_of_all - 1);

    if (p == MAP_FAILED) {
        perror("fixed memory: mmap()");
        abort();
    }
    start &= ~(alignment_of_all - 1);
    memory = (unsigned char *) p + (start - (uintptr_t) p);
}

/* Marks the memory up to end, and at least one piece after it. */
static void
mark(size_t end)
{
    while (marked < end + MARKED_PIECE && marked < FIXED_SIZE) {
        ASAN_POISON_MEMORY_REGION(memory + marked, MARKED_PIECE);
        marked += MARKED_PIECE;
    }
}

ASAN_UNCHECKED static struct header
header_read(const void *p)
{
    return ((const struct header *) p)[-1];
}

ASAN_UNCHECKED static void
header_write(void *p, struct header header)
{
    ((struct header *) p)[-1] = header;
}

ASAN_UNCHECKED static void
fill(unsigned char *p, size_t size)
{
    size_t end = (size_t) (p - memory) + size;
    size_t start = most > (size_t) (p - memory) ? most : (size_t) (p - memory);

    if (end > most) {
        bytes_fill(memory + start, FIXED_FRESH, end - start);
        most = end;
    }
    bytes_fill(p, FIXED_FRESH, size < FRESH_MAX ? size : FRESH_MAX);
    if (size > FRESH_MAX) {
        size_t rest = size - FRESH_MAX;

        rest = rest < FRESH_END ? rest : FRESH_END;
        bytes_fill(p + size - rest, FIXED_FRESH, rest);
    }
}

void
fixed_free(void *p)
{
    struct header header = header_read(p);

    if (header.state != LIVE) {
        fprintf(stderr, "fixed memory: free() of %s\n",
                header.state == FREED ? "a freed block" : "no block");
        abort();
    }
    header.state = FREED;
    header_write(p, header);
    if (!ASAN_ON) {
        memset(p, FIXED_STALE,
               header.size < STALE_MAX ? header.size : STALE_MAX);
    }
    ASAN_POISON_MEMORY_REGION(p, header.size);
    if (--live == 0) {
        release();
        used = 0;
    }
}

/* The pages that are given back read as 0. most falls, so that fill() fills
 * them again. */
static void
release(void)
{
    unused = used > PAGES_KEPT ? 0 : unused + 1;
    if (unused >= UNUSED_LEAST && most > PAGES_KEPT &&
        madvise(memory + PAGES_KEPT, most - PAGES_KEPT, MADV_DONTNEED) == 0) {
        most = PAGES_KEPT;
    }
}
