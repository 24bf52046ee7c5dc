/*
 * pool_threads: pools keep their promises when one thread makes them and others
 * use and destroy them. The memory that a thread keeps is checked, too:
 *
 * - a thread keeps at most its limit, and at most the bytes that its own pools
 *   requested, less the bytes that went back to the system when a pool ended;
 * - a thread that is the only one with pools keeps all memory of its first
 *   pools;
 * - a new thread starts with the documented limit;
 * - at a thread's end all its memory goes back, also when a later handler of
 *   the thread's end makes and destroys pools;
 * - after each op, the system's live bytes are those of all pools and threads.
 *
 * The input is a program, see pool/ops/program.h; fuzz/regions.h describes its
 * op thread.
 *
 * With FUZZ_SCHEDULED only one thread runs at a time. Without it, a thread
 * waits for another one only when it takes over a pool, and the system's memory
 * is not counted: that build is for ThreadSanitizer, which finds data races.
 */
#include <limits.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <ngx_config.h>
#include <ngx_core.h>

#include <ngx_palloc.h>

#include "heap.h"
#include "regions.h"
#include "replay.h"
#include "states.h"
#include "tsan.h"

enum {
    FAILS_WITHIN = 4,

    KEPT_MOST = 16 * 1024 * 1024,    /* limit of a new thread */
    KEPT_LEAST = 2 * sizeof(size_t), /* a piece of kept memory has two words */
    UNSWEPT = 31,                    /* regions whose end releases nothing */

    LATE_SIZE = 512, /* of the pool that late_end() destroys */

    /* ThreadSanitizer forgets a thread in the last round. */
    LATE_ROUNDS = FUZZ_SCHEDULED ? PTHREAD_DESTRUCTOR_ITERATIONS : 1,

    /* States of a thread: see states.h. */
    KEPT_UNIT = 4096, /* bytes */
    KEPT = 14,
    REGIONS = 9,

    /* Once a thread has bookkeeping of kept memory, its pieces are counted in
     * one of this number of checks, since counting takes longer than an op. */
    COUNTED_ONE_IN = 32,
};

/* The numbers by which each thread is checked. */
static struct thread {
    size_t limit;
    size_t requested;   /* bytes that its pools may have requested from the
                       * system, less kept bytes that they released */
    size_t kept;        /* bytes, after its last op */
    size_t bookkeeping; /* bytes when pieces were counted last; 0: unknown */
    size_t checks;      /* made while the bookkeeping was known */
    size_t late;        /* bytes of the pool that late_end() destroys */
    size_t ended;       /* regions that have ended on it */
    size_t swept;       /* kept bytes that went back when a pool ended */
    int is_moved;       /* memory may have come from the system, or gone back,
                         * since the last check */
    int is_limited;     /* its limit or its kept memory was changed by an op */
    int has_aligned;    /* it has called ngx_pmemalign(), whose memory counts
                         * less */
} threads[REGIONS_THREADS];

static size_t first_refusals; /* before this run */
static int has_left; /* a thread that had pools has ended in this run */

/* The bytes at the last check_live(). */
static struct sums {
    size_t live;     /* from the system */
    size_t expected; /* that live must be, without indexes */
    size_t pools;    /* of live pools */
    size_t indexes;
} sums;

/* The large allocations of a pool. */
struct large_of {
    const ngx_pool_t *pool;
    size_t bytes;
};

STATES static struct {
    _Alignas(size_t) unsigned char kept[KEPT][REGIONS];
    unsigned char left[KEPT][REGIONS]; /* bytes that it may keep in addition */

    /* The bytes that a thread has swept. In swept: with the bytes of all live
     * pools. In others: with the part of these that other threads must have
     * requested. */
    unsigned char swept[KEPT][KEPT];
    unsigned char others[KEPT][KEPT];
} states;

_Static_assert(sizeof(states) % sizeof(size_t) == 0, "whole words");

/* This key is made after the pool's own key, so glibc calls late_end() after
 * the pool's handler. */
static pthread_key_t late_key;
static int has_late_key;

/* Where AddressSanitizer is not linked, this is NULL. */
void __asan_init(void) __attribute__((weak));

static void *pool_create(size_t size, size_t count);
static void pool_destroy(void *state);
static void pool_reset(void *state);
static void *pool_palloc(void *state, size_t size);
static void *pool_pnalloc(void *state, size_t size);
static void *pool_pcalloc(void *state, size_t size);
static void *pool_pmemalign(void *state, size_t size, size_t alignment);
static int pool_free(void *state, const struct regions_object *object);
static int pool_cleanup(void *state, size_t *ran);
static void pool_cleaned(void *data);
static void pool_scale(void *state, struct op_scale *ret_scale);
static int pool_is_refused_size(size_t size);
static int is_large(const ngx_pool_t *pool,
                    const struct regions_object *object);
static void note_requested(size_t calls, const ngx_pool_t *pool, size_t size,
                           const void *p);
static size_t large_bytes(const ngx_pool_t *pool);
static void count_large(void *state, const struct regions_object *object,
                        void *data);
static void note_released(size_t kept, size_t released);
static int keeps_all(const struct thread *thread);
static void thread_enter(unsigned number);
static void thread_leave(unsigned number);
static void thread_left(unsigned number);
static void thread_limit(size_t size);
static void thread_trim(void);
static void note_all_moved(void);
static void late_end(void *pool);
static void fail_alloc(unsigned nth);
static void check(void);
static void check_stats(struct thread *thread, size_t kept);
static void note_states(const struct thread *thread, size_t kept);
static void note_swept(void);
static size_t beyond(size_t size, size_t least);
static void check_live(void);
static void count_pool(void *state, void *data);
static void count_object(void *state, const struct regions_object *object,
                         void *data);

static const struct regions_allocator allocator = {
    .name = "pool_threads",
    .alignment = NGX_ALIGNMENT,
    .bytes_most = REGIONS_BYTES_MOST,
    .takes_any_size = 1,
    .reset_runs_cleanups = 1,
    .create = pool_create,
    .destroy = pool_destroy,
    .reset = pool_reset,
    .alloc = pool_palloc,
    .alloc_packed = pool_pnalloc,
    .alloc_zeroed = pool_pcalloc,
    .alloc_aligned = pool_pmemalign,
    .free = pool_free,
    .cleanup = pool_cleanup,
    .scale = pool_scale,
    .is_refused_size = pool_is_refused_size,
    .enter = thread_enter,
    .leave = thread_leave,
    .left = thread_left,
    .trim = thread_trim,
    .limit = thread_limit,
    .fail_alloc = fail_alloc,
    .refusals = heap_refusals,
    .check = check,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!has_late_key && pthread_key_create(&late_key, late_end) != 0) {
        abort();
    }
    has_late_key = 1;
    heap_fail_at(HEAP_NEVER);
    first_refusals = heap_refusals();
    has_left = 0;
    regions_run(&allocator,
                FUZZ_SCHEDULED ? REGIONS_SCHEDULED : REGIONS_CONCURRENT, data,
                size);
    if (tsan_has_reported()) {
        regions_fail("threads on different pools share nothing");
    }
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

static void *
pool_create(size_t size, size_t count)
{
    size_t calls = heap_calls();
    ngx_pool_t *pool = ngx_create_pool(size, NULL);

    (void) count;
    note_requested(calls, NULL, size, pool);
    return pool;
}

static void
pool_destroy(void *state)
{
    size_t calls = heap_calls();
    size_t kept = ngx_pool_cache_size();
    size_t released = large_bytes(state);
    ngx_pool_stats_t stats;

    ngx_pool_stats(state, &stats);
    ngx_destroy_pool(state);
    if (heap_calls() != calls) {
        regions_fail("a destroy needs no memory");
    }
    note_released(kept, stats.size + released);
}

static void
pool_reset(void *state)
{
    size_t calls = heap_calls();
    size_t kept = ngx_pool_cache_size();
    size_t released = large_bytes(state);

    ngx_reset_pool(state);
    if (heap_calls() != calls) {
        regions_fail("a reset needs no memory");
    }
    note_released(kept, released);
}

static void *
pool_palloc(void *state, size_t size)
{
    size_t calls = heap_calls();
    void *p = ngx_palloc(state, size);

    note_requested(calls, state, size, p);
    return p;
}

static void *
pool_pnalloc(void *state, size_t size)
{
    size_t calls = heap_calls();
    void *p = ngx_pnalloc(state, size);

    note_requested(calls, state, size, p);
    return p;
}

static void *
pool_pcalloc(void *state, size_t size)
{
    size_t calls = heap_calls();
    void *p = ngx_pcalloc(state, size);

    note_requested(calls, state, size, p);
    return p;
}

static void *
pool_pmemalign(void *state, size_t size, size_t alignment)
{
    size_t calls = heap_calls();
    void *p = ngx_pmemalign(state, size, alignment);

    threads[regions_thread()].has_aligned = 1;
    note_requested(calls, state, size, p);
    return p;
}

static int
pool_free(void *state, const struct regions_object *object)
{
    int is_gone;

    /* An object of size 0 at a block's end may have the address of the system's
     * next block: ThreadSanitizer puts no header between them. */
    if (!FUZZ_SCHEDULED && object->size == 0 && !is_large(state, object)) {
        return 0;
    }
    threads[regions_thread()].is_moved = 1;
    is_gone = ngx_pfree(state, object->p) == NGX_OK;
    if (is_gone != is_large(state, object)) {
        regions_fail("ngx_pfree() frees large allocations, not small ones");
    }
    return is_gone;
}

static int
pool_cleanup(void *state, size_t *ran)
{
    size_t calls = heap_calls();
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(state, 0);

    note_requested(calls, state, sizeof(*cleanup), cleanup);
    if (cleanup == NULL) {
        return -1;
    }
    cleanup->handler = pool_cleaned;
    cleanup->data = ran;
    return 0;
}

static void
pool_cleaned(void *data)
{
    size_t *ran = data;

    ++*ran;
}

/* For a new pool, relative sizes are close to its header's size and to the
 * least useful size. */
static void
pool_scale(void *state, struct op_scale *ret_scale)
{
    const ngx_pool_t *pool = state;

    ret_scale->page = ngx_pagesize;
    if (pool == NULL) {
        ret_scale->max = sizeof(*pool);
        ret_scale->left = NGX_MIN_POOL_SIZE;
        ret_scale->page += sizeof(*pool);
    } else {
        ret_scale->max = pool->max;
        ret_scale->left =
            (size_t) (pool->current->d.end - pool->current->d.last);
    }
}

static int
pool_is_refused_size(size_t size)
{
    return size < sizeof(ngx_pool_t) || size > HEAP_SIZE_MAX;
}

static int
is_large(const ngx_pool_t *pool, const struct regions_object *object)
{
    return object->code == OP_PMEMALIGN || object->size > pool->max;
}

/*
 * Adds the memory that a call on the calling thread may have got from the
 * system: a block, and size bytes, unless they were refused. When there is no
 * memory for the entry of a large allocation, the call got size bytes and
 * released them: then it made a second request.
 */
static void
note_requested(size_t calls, const ngx_pool_t *pool, size_t size, const void *p)
{
    struct thread *thread = &threads[regions_thread()];
    size_t *sum = &thread->requested;
    size_t block = pool == NULL ? 0 : (size_t) (pool->d.end - (u_char *) pool);
    size_t made = heap_calls() - calls;

    if (made != 0) {
        thread->is_moved = 1;
        *sum += block + (p != NULL || made > 1 ? size : 0);
    }
    if (*sum > SIZE_MAX / 2) {
        *sum = SIZE_MAX / 2; /* no thread has so much memory */
    }
}

/* The bytes of a pool's large allocations that a thread can keep; 0 for
 * concurrent threads. */
static size_t
large_bytes(const ngx_pool_t *pool)
{
    struct large_of of = {.pool = pool};

    if (FUZZ_SCHEDULED) {
        regions_each(count_large, &of);
    }
    return of.bytes;
}

static void
count_large(void *state, const struct regions_object *object, void *data)
{
    struct large_of *of = data;

    if (state == of->pool && is_large(state, object) &&
        heap_usable_size(object->p) >= KEPT_LEAST) {
        of->bytes += heap_usable_size(object->p);
    }
}

/* Subtracts the kept bytes that went back to the system when a pool ended. kept
 * is the number of kept bytes before; released is that of the bytes that the
 * pool had. */
static void
note_released(size_t kept, size_t released)
{
    struct thread *thread = &threads[regions_thread()];
    size_t *sum = &thread->requested;
    size_t left = ngx_pool_cache_size();

    thread->ended++;
    thread->is_moved = 1;
    if (keeps_all(thread) && left != kept + released) {
        regions_fail("a thread keeps all memory of its first pools");
    }
    if (left < kept) {
        *sum -= kept - left < *sum ? kept - left : *sum;
        thread->swept += kept - left;
    }
}

/* Whether all that the thread's pools release has come from the system on it,
 * is within its limit, and is not yet due to go back. */
static int
keeps_all(const struct thread *thread)
{
    int is_alone = !has_left;

    if (!FUZZ_SCHEDULED) {
        return 0;
    }
    for (unsigned i = 0; i < REGIONS_THREADS; i++) {
        is_alone &= &threads[i] == thread || threads[i].requested <= LATE_SIZE;
    }
    return is_alone && thread->ended <= UNSWEPT &&
           thread->requested <= thread->limit && !thread->is_limited &&
           !thread->has_aligned && heap_refusals() == first_refusals;
}

/* Under AddressSanitizer a thread keeps no memory until a limit is set. */
static void
thread_enter(unsigned number)
{
    struct thread *thread = &threads[number];
    ngx_pool_cache_stats_t stats;
    ngx_pool_t *late;

    *thread = (struct thread){0};
    ngx_pool_cache_stats(&stats);
    if (number != 0 && (stats.limit != (__asan_init != NULL ? 0 : KEPT_MOST) ||
                        stats.size != 0 || stats.overhead != 0)) {
        regions_fail("a new thread keeps no memory, and may keep 16 MiB");
    }
    thread_limit(NGX_POOL_CACHE_SIZE);
    thread->is_limited = 0;
    if (number != 0) {
        late = pool_create(LATE_SIZE, 0);
        thread->late = late != NULL ? LATE_SIZE : 0;
        (void) pthread_setspecific(late_key, late);
    }
}

/* Only the caller's thread releases its memory here. A worker's end must do it
 * by itself. */
static void
thread_leave(unsigned number)
{
    if (number == 0) {
        ngx_pool_cache_limit(0);
        threads[0] = (struct thread){0};
    }
}

static void
thread_left(unsigned number)
{
    has_left |= threads[number].requested > LATE_SIZE;
    threads[number] = (struct thread){0};
    check_live();
}

static void
thread_limit(size_t size)
{
    ngx_pool_cache_limit(size);
    threads[regions_thread()].limit = size;
    note_all_moved();
}

static void
thread_trim(void)
{
    ngx_pool_cache_trim();
    note_all_moved();
}

/* The bookkeeping may have been released, too. */
static void
note_all_moved(void)
{
    threads[regions_thread()].is_moved = 1;
    threads[regions_thread()].is_limited = 1;
    threads[regions_thread()].bookkeeping = 0;
}

/* At a thread's end the handlers of keys run in rounds, as long as one of them
 * sets its key again. In each round the library's handler runs before this
 * one. */
static void
late_end(void *pool)
{
    static _Thread_local unsigned round;
    ngx_pool_t *next = ngx_create_pool(LATE_SIZE, NULL);

    ngx_destroy_pool(pool);
    if (++round < LATE_ROUNDS) {
        (void) pthread_setspecific(late_key, next);
    } else if (next != NULL) {
        ngx_destroy_pool(next);
    }
}

static void
fail_alloc(unsigned nth)
{
    heap_fail_at(nth % FAILS_WITHIN);
}

/* An op that moves no memory changes no sum. */
static void
check(void)
{
    struct thread *thread = &threads[regions_thread()];
    size_t kept = ngx_pool_cache_size();

    if (FUZZ_SCHEDULED && !thread->is_moved && kept == thread->kept) {
        regions_hash_add(sums.expected);
        if (heap_live_bytes() != sums.live) {
            regions_fail("an allocation from a block does not change the "
                         "system's live bytes");
        }
        return;
    }
    if (thread->bookkeeping == 0 || thread->checks++ % COUNTED_ONE_IN == 0) {
        check_stats(thread, kept);
    }
    thread->is_moved = 0;
    thread->kept = kept;
    if (kept > thread->limit) {
        regions_fail("a thread keeps at most its own limit");
    }
    if (kept > thread->requested) {
        regions_fail(
            "a thread keeps at most the bytes that its own pools requested, "
            "less those that went back when a pool ended");
    }
    check_live();
    note_states(thread, kept);
}

static void
check_stats(struct thread *thread, size_t kept)
{
    ngx_pool_cache_stats_t stats;

    ngx_pool_cache_stats(&stats);
    thread->bookkeeping = stats.overhead;
    if (stats.size != kept || stats.limit != thread->limit) {
        regions_fail("the statistics have a thread's kept bytes and its limit");
    }
}

/* Concurrent threads would race for the states. */
static void
note_states(const struct thread *thread, size_t kept)
{
    size_t regions = states_doublings(thread->ended, REGIONS);
    size_t left = beyond(thread->requested, kept);

    if (FUZZ_SCHEDULED) {
        states.kept[states_doublings(kept / KEPT_UNIT, KEPT)][regions] = 1;
        states.left[states_doublings(left / KEPT_UNIT, KEPT)][regions] = 1;
    }
}

/* A thread's own pools have no more bytes than it requested. */
static void
note_swept(void)
{
    for (unsigned i = 0; i < REGIONS_THREADS; i++) {
        const struct thread *thread = &threads[i];
        size_t swept = states_doublings(thread->swept / KEPT_UNIT, KEPT);
        size_t own = beyond(thread->requested, thread->kept);
        size_t others = beyond(sums.pools, own);

        states.swept[swept][states_doublings(sums.pools / KEPT_UNIT, KEPT)] = 1;
        states.others[swept][states_doublings(others / KEPT_UNIT, KEPT)] = 1;
    }
}

static size_t
beyond(size_t size, size_t least)
{
    return size > least ? size - least : 0;
}

/* Does nothing for concurrent threads, whose memory is not counted. */
static void
check_live(void)
{
    if (!FUZZ_SCHEDULED) {
        return;
    }
    sums = (struct sums){.live = heap_live_bytes()};
    regions_each_state(count_pool, &sums);
    regions_each(count_object, &sums);
    sums.expected = sums.pools;
    for (unsigned i = 0; i < REGIONS_THREADS; i++) {
        const struct thread *thread = &threads[i];

        sums.expected += thread->kept + thread->bookkeeping + thread->late;
    }
    /* The hash leaves out indexes, which grow by addresses: these differ
     * between builds. */
    regions_hash_add(sums.expected);
    if (sums.expected + sums.indexes != sums.live) {
        regions_fail("the system's live bytes are those of all pools and "
                     "threads");
    }
    note_swept();
}

static void
count_pool(void *state, void *data)
{
    struct sums *all = data;
    ngx_pool_stats_t stats;

    ngx_pool_stats(state, &stats);
    all->pools += stats.size;
    all->indexes += stats.index;
}

static void
count_object(void *state, const struct regions_object *object, void *data)
{
    struct sums *all = data;

    if (is_large(state, object)) {
        all->pools += heap_usable_size(object->p);
    }
}
