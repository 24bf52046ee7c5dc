/*
 * arena_ops: the arena that pools are compared with (bench/arena/arena.h) keeps
 * its promises after any ops on any threads:
 *
 * - the promises of fuzz/regions.h;
 * - it takes memory from the system by chunks and by large objects, and
 *   releases all of it; the system counts the memory, and fails on demand;
 * - a thread's next object of a size is the one that the thread freed last, and
 *   no other thread gets it before the reset;
 * - a thread's next arena begins in a chunk of the one that it destroyed;
 * - bytes that are not allocated are marked for AddressSanitizer.
 *
 * The input is a program, see pool/ops/program.h.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "arena/arena.h"
#include "heap.h"
#include "regions.h"
#include "replay.h"

enum {
    FAILS_WITHIN = 2, /* no call makes more allocations from the system */

    /* AddressSanitizer unmaps a block of more than 128 KiB, with its red zones
     * of 4 KiB at most, when its quarantine is full. The block then has no
     * marks. */
    MARKED_MAX = (128 - 4) * 1024,

    FREED_MAX = 64,           /* of an arena, the latest ones are remembered */
    NOBODY = REGIONS_THREADS, /* the thread has ended */
};

/* An arena, and the state that it must have. */
struct attacked {
    struct arena *arena;
    size_t large;      /* live objects that are blocks of the system */
    unsigned small_on; /* a bit for each thread that has small objects */

    /* The object that the thread's last call freed. p may be NULL. */
    struct {
        void *p;
        size_t size;
    } freed[REGIONS_THREADS];

    /* The latest objects that were freed, and for which thread. */
    size_t free_count;
    struct {
        void *p;
        unsigned thread;
    } free[FREED_MAX];
};

/* The system's memory before a call. */
struct before {
    size_t calls;
    size_t blocks;
    size_t bytes;
};

/* Where AddressSanitizer is not linked, this is NULL. */
int __asan_address_is_poisoned(const volatile void *p) __attribute__((weak));

static size_t arenas_count;
static size_t threads_count;
static int keeps_chunk[REGIONS_THREADS]; /* the thread, of an ended arena */

static void *attacked_create(size_t size, size_t count);
static void attacked_destroy(void *state);
static void attacked_reset(void *state);
static void *attacked_alloc(void *state, size_t size);
static int attacked_free(void *state, const struct regions_object *object);
static void attacked_ended(const struct regions_object *object);
static void attacked_enter(unsigned thread);
static void attacked_leave(unsigned thread);
static void attacked_trim(void);
static void forget(void *state, void *data);
static void free_add(struct attacked *attacked, void *p, unsigned thread);
static void free_take(struct attacked *attacked, const void *p);
static void attacked_fail(unsigned nth);
static void attacked_check(void);
static struct before before(void);
static int is_unchanged(const struct before *before);
static int is_poisoned(const void *p);

static const struct regions_allocator allocator = {
    .name = "arena",
    .alignment = ARENA_ALIGNMENT,
    .bytes_most = REGIONS_BYTES_MOST,
    .takes_any_size = 1,
    .create = attacked_create,
    .destroy = attacked_destroy,
    .reset = attacked_reset,
    .alloc = attacked_alloc,
    .free = attacked_free,
    .ended = attacked_ended,
    .enter = attacked_enter,
    .leave = attacked_leave,
    .trim = attacked_trim,
    .fail_alloc = attacked_fail,
    .refusals = heap_refusals,
    .check = attacked_check,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    heap_fail_at(HEAP_NEVER);
    regions_run(&allocator, REGIONS_SCHEDULED, data, size);
    if (heap_live_blocks() != 0 || heap_live_bytes() != 0) {
        regions_fail("all memory goes back to the system");
    }
    return 0;
}

void
replay_one(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
}

uint64_t
replay_hash(const uint8_t *data, size_t size)
{
    (void) LLVMFuzzerTestOneInput(data, size);
    return regions_hash();
}

/* The main thread gets its number here, so that the first program finds the
 * same state as the others. */
__attribute__((constructor)) static void
load(void)
{
    arena_destroy(arena_create());
    arena_trim();
}

static void *
attacked_create(size_t size, size_t count)
{
    struct attacked *attacked = calloc(1, sizeof(*attacked));
    struct before was = before();
    unsigned thread = regions_thread();

    (void) size;
    (void) count;
    if (attacked == NULL) {
        abort();
    }
    attacked->arena = arena_create();
    if (heap_calls() > was.calls + (keeps_chunk[thread] ? 0 : 1)) {
        regions_fail("an arena takes one chunk, a kept one if there is one");
    }
    if (attacked->arena == NULL) {
        free(attacked);
        return NULL;
    }
    keeps_chunk[thread] = 0;
    arenas_count++;
    return attacked;
}

static void
attacked_destroy(void *state)
{
    struct attacked *attacked = state;
    struct before was = before();

    arena_destroy(attacked->arena);
    if (heap_calls() != was.calls ||
        heap_live_blocks() > was.blocks - attacked->large) {
        regions_fail("an arena's end releases its large objects");
    }
    arenas_count--;
    keeps_chunk[regions_thread()] = 1;
    free(attacked);
}

static void
attacked_reset(void *state)
{
    struct attacked *attacked = state;
    struct before was = before();

    arena_reset(attacked->arena);
    if (heap_calls() != was.calls ||
        heap_live_blocks() != was.blocks - attacked->large) {
        regions_fail("a reset releases large objects and keeps chunks");
    }
    *attacked = (struct attacked){.arena = attacked->arena};
}

static void *
attacked_alloc(void *state, size_t size)
{
    struct attacked *attacked = state;
    unsigned thread = regions_thread();
    void *freed = attacked->freed[thread].p;
    struct before was = before();
    char *p = arena_alloc(attacked->arena, size);

    keeps_chunk[thread] = 0;
    if (p == NULL) {
        if (!is_unchanged(&was)) {
            regions_fail("a call that returns NULL leaves the arena as it was");
        }
        return NULL;
    }
    attacked->freed[thread].p = NULL;
    if (size > ARENA_SMALL_MAX) {
        attacked->large++;
        if (heap_live_blocks() != was.blocks + 1) {
            regions_fail("a large object is a block of the system");
        }
        return p;
    }
    attacked->small_on |= 1u << thread;
    free_take(attacked, p);
    if (freed != NULL && size == attacked->freed[thread].size && p != freed) {
        regions_fail("the thread that frees an object allocates it first");
    }
    if (heap_live_bytes() != was.bytes &&
        heap_live_bytes() != was.bytes + ARENA_CHUNK_SIZE) {
        regions_fail("small objects take memory by chunks");
    }
    if (size % ARENA_ALIGNMENT != 0 && !is_poisoned(p + size)) {
        regions_fail("the byte after an object is marked");
    }
    return p;
}

static int
attacked_free(void *state, const struct regions_object *object)
{
    struct attacked *attacked = state;
    unsigned thread = regions_thread();
    struct before was = before();
    size_t size = object->size;
    int is_large = size > ARENA_SMALL_MAX;

    arena_free(attacked->arena, object->p, size);
    if (heap_calls() != was.calls ||
        heap_live_blocks() != was.blocks - (size_t) is_large) {
        regions_fail("only a large object goes back to the system when freed");
    }
    attacked->large -= (size_t) is_large;
    attacked->freed[thread].p = NULL;
    if (!is_large && (attacked->small_on & 1u << thread) != 0) {
        attacked->freed[thread].p = object->p;
        attacked->freed[thread].size = size;
    }
    if (!is_large) {
        free_add(attacked, object->p, thread);
    }
    attacked_ended(object);
    return 1;
}

static void
attacked_ended(const struct regions_object *object)
{
    if (object->size != 0 && object->size <= MARKED_MAX &&
        (!is_poisoned(object->p) ||
         !is_poisoned(object->p + object->size - 1))) {
        regions_fail("an object that has ended is marked");
    }
}

static void
attacked_enter(unsigned thread)
{
    (void) thread;
    threads_count++;
}

/* A new thread of that number has no objects. */
static void
attacked_leave(unsigned thread)
{
    regions_each_state(forget, &thread);
    attacked_trim();
    threads_count--;
}

static void
attacked_trim(void)
{
    arena_trim();
    keeps_chunk[regions_thread()] = 0;
}

static void
forget(void *state, void *data)
{
    struct attacked *attacked = state;
    const unsigned *thread = data;

    attacked->small_on &= ~(1u << *thread);
    attacked->freed[*thread].p = NULL;
    for (size_t i = 0; i < FREED_MAX; i++) {
        if (attacked->free[i].thread == *thread) {
            attacked->free[i].thread = NOBODY;
        }
    }
}

/* Only thread may get the object at p again. */
static void
free_add(struct attacked *attacked, void *p, unsigned thread)
{
    size_t at = attacked->free_count++ % FREED_MAX;

    attacked->free[at].p = p;
    attacked->free[at].thread = thread;
}

static void
free_take(struct attacked *attacked, const void *p)
{
    for (size_t i = 0; i < FREED_MAX; i++) {
        if (attacked->free[i].p == p) {
            if (attacked->free[i].thread != regions_thread()) {
                regions_fail("a freed object serves only the thread that freed "
                             "it");
            }
            attacked->free[i].p = NULL;
        }
    }
}

static void
attacked_fail(unsigned nth)
{
    heap_fail_at(nth % FAILS_WITHIN);
}

static void
attacked_check(void)
{
    if (arenas_count == 0 &&
        heap_live_blocks() > threads_count * ARENA_KEPT_CHUNKS_MAX) {
        regions_fail("a thread keeps no more chunks than it may");
    }
}

static struct before
before(void)
{
    return (struct before){
        .calls = heap_calls(),
        .blocks = heap_live_blocks(),
        .bytes = heap_live_bytes(),
    };
}

static int
is_unchanged(const struct before *before)
{
    return heap_live_blocks() == before->blocks &&
           heap_live_bytes() == before->bytes;
}

/* Without AddressSanitizer there are no marks, and this is always true. */
static int
is_poisoned(const void *p)
{
    return __asan_address_is_poisoned == NULL || __asan_address_is_poisoned(p);
}
