#include "arena.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_UNDER_ASAN 1
#endif
#endif

#if defined(ARENA_UNDER_ASAN)
#include <sanitizer/asan_interface.h>
#define arena_mark_free(p, size) ASAN_POISON_MEMORY_REGION(p, size)
#define arena_mark_live(p, size) ASAN_UNPOISON_MEMORY_REGION(p, size)
#else
#define arena_mark_free(p, size) ((void) (p), (void) (size))
#define arena_mark_live(p, size) ((void) (p), (void) (size))
#endif

enum {
    TINY_SIZE = 8,      /* the one class that is aligned to less */
    LINEAR_MAX = 128,   /* up to here a class each ARENA_ALIGNMENT bytes */
    LINEAR_CLASSES = 9, /* 8, 16, 32, ... 128 */
    STEPS = 8,          /* classes for each doubling above: waste 1/8 */
    STEPS_LOG2 = 3,
    LINEAR_MAX_LOG2 = 7,
    DOUBLINGS = 6, /* from LINEAR_MAX to ARENA_SMALL_MAX */
    CLASSES = LINEAR_CLASSES + DOUBLINGS * STEPS,

    /* A batch grows from one object to this many, or to this many bytes, as a
     * thread asks for more of its class: small regions stay small. */
    BATCH_MAX = 64,
    BATCH_SIZE_MAX = ARENA_SMALL_MAX,

    LOCAL_SLOTS = 8, /* arenas that a thread finds at once */
};

_Static_assert(LINEAR_MAX << DOUBLINGS == ARENA_SMALL_MAX,
               "the classes end at the largest small size");

/* A free object. */
struct object {
    struct object *next;
};

/* One class in one thread: freed objects first, then the rest of its span. */
struct list {
    struct object *free;
    char *span;
    uint16_t span_count;
    uint16_t free_count;
    uint16_t batch; /* of the last refill; 0: none yet */
};

/* What one thread holds of one arena; lies in the arena's own chunks. */
struct local {
    struct local *next;
    uint64_t thread;
    struct list lists[CLASSES];
};

struct chunk {
    struct chunk *next;
    _Alignas(ARENA_ALIGNMENT) char data[];
};

struct large {
    struct large *next;
    struct large *prev;
    size_t size;
    _Alignas(ARENA_ALIGNMENT) char data[];
};

/* Lies in its first chunk. */
struct arena {
    _Atomic uint64_t id;  /* never used twice; a new one at each reset */
    pthread_mutex_t lock; /* of all below */
    struct chunk *chunks; /* the last is the one that the arena lies in */
    struct chunk *unused; /* kept from before a reset */
    char *at;             /* free space of the first of chunks */
    char *end;
    struct large *large;
    struct local *locals;
    struct object *central[CLASSES]; /* batches flushed by threads */
    struct arena_stats stats;
};

struct slot {
    uint64_t id; /* 0: empty */
    struct local *local;
};

/* A thread's own. */
struct thread {
    uint64_t number; /* never used twice; 0: not yet given */
    struct slot slots[LOCAL_SLOTS];
    struct chunk *kept;
    unsigned kept_count;
    unsigned kept_max;
    int watched;
};

static size_t class_of(size_t size);
static size_t class_size(size_t class);
static size_t batch_max(size_t class);
static void *refill(struct arena *arena, struct local *local, size_t class);
static void *list_pop(struct list *list, size_t class);
static void list_flush(struct arena *arena, struct list *list, size_t class,
                       size_t count);
static struct local *local_find(struct arena *arena);
static struct local *local_make(struct arena *arena);
static char *span_cut(struct arena *arena, size_t size);
static void arena_begin(struct arena *arena, struct chunk *chunk);
static void *large_alloc(struct arena *arena, size_t size);
static void large_free(struct arena *arena, void *p);
static void larges_done(struct arena *arena);
static struct chunk *chunk_get(void);
static void chunk_put(struct chunk *chunk);
static void chunks_put(struct chunk *chunks);
static int thread_watch(void);
static void key_make(void);
static void thread_end(void *data);

static _Atomic uint64_t next_id = 1;
static _Atomic uint64_t next_thread = 1;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_made;
static _Thread_local struct thread self = {.kept_max = ARENA_KEPT_CHUNKS_MAX};

struct arena *
arena_create(void)
{
    struct chunk *chunk = chunk_get();
    struct arena *arena;

    if (chunk == NULL) {
        return NULL;
    }
    arena = (struct arena *) (void *) chunk->data;
    arena_mark_live(arena, sizeof(*arena));
    memset(arena, 0, sizeof(*arena));
    if (pthread_mutex_init(&arena->lock, NULL) != 0) {
        chunk_put(chunk);
        return NULL;
    }
    arena->stats.chunks = 1;
    arena->stats.system_size = ARENA_CHUNK_SIZE;
    arena_begin(arena, chunk);
    return arena;
}

void
arena_destroy(struct arena *arena)
{
    if (arena == NULL) {
        return;
    }
    larges_done(arena);
    pthread_mutex_destroy(&arena->lock);
    chunks_put(arena->unused);
    chunks_put(arena->chunks);
}

void
arena_reset(struct arena *arena)
{
    struct chunk *chunk = arena->chunks;

    larges_done(arena);
    while (chunk->next != NULL) {
        struct chunk *next = chunk->next;

        arena_mark_free(chunk->data, ARENA_CHUNK_SIZE - sizeof(*chunk));
        chunk->next = arena->unused;
        arena->unused = chunk;
        chunk = next;
    }
    arena_begin(arena, chunk);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    size_t class;
    struct local *local;
    void *p;

    if (size > ARENA_SMALL_MAX) {
        return large_alloc(arena, size);
    }
    class = class_of(size);
    local = local_find(arena);
    if (local == NULL) {
        return NULL;
    }
    p = list_pop(&local->lists[class], class);
    if (p == NULL) {
        p = refill(arena, local, class);
    }
    if (p != NULL) {
        arena_mark_live(p, size);
    }
    return p;
}

void
arena_free(struct arena *arena, void *p, size_t size)
{
    size_t class;
    struct local *local;
    struct list *list;
    struct object *object = p;

    if (size > ARENA_SMALL_MAX) {
        large_free(arena, p);
        return;
    }
    class = class_of(size);
    local = local_find(arena);
    if (local == NULL) {
        return; /* no memory for this thread's lists: lost until the end */
    }
    list = &local->lists[class];
    arena_mark_live(object, sizeof(*object));
    object->next = list->free;
    list->free = object;
    arena_mark_free(object, class_size(class));
    if (++list->free_count >= 2 * batch_max(class)) {
        pthread_mutex_lock(&arena->lock);
        list_flush(arena, list, class, batch_max(class));
        pthread_mutex_unlock(&arena->lock);
    }
}

void
arena_flush(struct arena *arena)
{
    struct local *local = local_find(arena);

    if (local == NULL) {
        return;
    }
    pthread_mutex_lock(&arena->lock);
    for (size_t class = 0; class < CLASSES; class ++) {
        struct list *list = &local->lists[class];

        while (list->span_count > 0) {
            struct object *object = (struct object *) (void *) list->span;

            arena_mark_live(object, sizeof(*object));
            object->next = list->free;
            list->free = object;
            list->free_count++;
            arena_mark_free(object, class_size(class));
            list->span += class_size(class);
            list->span_count--;
        }
        list_flush(arena, list, class, list->free_count);
    }
    pthread_mutex_unlock(&arena->lock);
}

void
arena_stats(struct arena *arena, struct arena_stats *ret_stats)
{
    pthread_mutex_lock(&arena->lock);
    *ret_stats = arena->stats;
    pthread_mutex_unlock(&arena->lock);
}

void
arena_trim(void)
{
    while (self.kept != NULL) {
        struct chunk *chunk = self.kept;

        self.kept = chunk->next;
        free(chunk);
    }
    self.kept_count = 0;
}

size_t
arena_class_size(size_t size)
{
    return class_size(class_of(size));
}

static inline size_t
class_of(size_t size)
{
    size_t log2;

    if (size <= TINY_SIZE) {
        return 0;
    }
    if (size <= LINEAR_MAX) {
        return (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT;
    }
    /* size - 1 has its top bit at log2, and the next STEPS_LOG2 bits tell the
     * step. */
    log2 = 63 - (size_t) __builtin_clzll(size - 1);
    return LINEAR_CLASSES + (log2 - LINEAR_MAX_LOG2) * STEPS +
           (((size - 1) >> (log2 - STEPS_LOG2)) & (STEPS - 1));
}

static size_t
class_size(size_t class)
{
    size_t above;
    size_t base;

    if (class == 0) {
        return TINY_SIZE;
    }
    if (class < LINEAR_CLASSES) {
        return class * ARENA_ALIGNMENT;
    }
    above = class - LINEAR_CLASSES;
    base = (size_t) LINEAR_MAX << (above / STEPS);
    return base + base / STEPS * (above % STEPS + 1);
}

static size_t
batch_max(size_t class)
{
    size_t count = BATCH_SIZE_MAX / class_size(class);

    return count < BATCH_MAX ? count : BATCH_MAX;
}

/* An object of class after the thread's list has run out; NULL: no memory. */
static __attribute__((noinline)) void *
refill(struct arena *arena, struct local *local, size_t class)
{
    struct list *list = &local->lists[class];
    size_t size = class_size(class);
    size_t batch = list->batch == 0 ? 1 : list->batch * (size_t) 2;

    if (batch > batch_max(class)) {
        batch = batch_max(class);
    }

    pthread_mutex_lock(&arena->lock);
    while (list->free_count < batch && arena->central[class] != NULL) {
        struct object *object = arena->central[class];

        arena_mark_live(object, sizeof(*object));
        arena->central[class] = object->next;
        object->next = list->free;
        list->free = object;
        list->free_count++;
        arena_mark_free(object, size);
    }
    if (list->free_count == 0) {
        list->span = span_cut(arena, batch * size);
        list->span_count = list->span == NULL ? 0 : (uint16_t) batch;
    }
    if (list->free_count > 0 || list->span_count > 0) {
        list->batch = (uint16_t) batch;
        arena->stats.refills++;
    }
    pthread_mutex_unlock(&arena->lock);
    return list_pop(list, class);
}

static inline void *
list_pop(struct list *list, size_t class)
{
    if (list->free != NULL) {
        struct object *object = list->free;

        arena_mark_live(object, sizeof(*object));
        list->free = object->next;
        list->free_count--;
        return object;
    }
    if (list->span_count > 0) {
        char *p = list->span;

        list->span += class_size(class);
        list->span_count--;
        return p;
    }
    return NULL;
}

/* Moves count of the list's free objects to all threads; the lock is held. */
static void
list_flush(struct arena *arena, struct list *list, size_t class, size_t count)
{
    if (count > 0) {
        arena->stats.flushes++;
    }
    list->free_count = (uint16_t) (list->free_count - count);
    for (; count > 0; count--) {
        struct object *object = list->free;

        arena_mark_live(object, sizeof(*object));
        list->free = object->next;
        object->next = arena->central[class];
        arena->central[class] = object;
        arena_mark_free(object, class_size(class));
    }
}

/* What this thread holds of arena, made at its first use; NULL: no memory. */
static inline struct local *
local_find(struct arena *arena)
{
    uint64_t id = atomic_load_explicit(&arena->id, memory_order_relaxed);
    const struct slot *slot = &self.slots[id % LOCAL_SLOTS];

    return slot->id == id ? slot->local : local_make(arena);
}

static __attribute__((noinline)) struct local *
local_make(struct arena *arena)
{
    uint64_t id = atomic_load_explicit(&arena->id, memory_order_relaxed);
    struct local *local;

    if (self.number == 0) {
        self.number = atomic_fetch_add(&next_thread, 1);
    }

    pthread_mutex_lock(&arena->lock);
    local = arena->locals;
    while (local != NULL && local->thread != self.number) {
        local = local->next;
    }
    if (local == NULL) {
        local = (struct local *) (void *) span_cut(arena, sizeof(*local));
        if (local != NULL) {
            arena_mark_live(local, sizeof(*local));
            memset(local, 0, sizeof(*local));
            local->thread = self.number;
            local->next = arena->locals;
            arena->locals = local;
        }
    }
    pthread_mutex_unlock(&arena->lock);

    if (local != NULL) {
        self.slots[id % LOCAL_SLOTS] = (struct slot){id, local};
    }
    return local;
}

/* size bytes of the newest chunk, or of a further one; the lock is held. What
 * is left of a chunk that is too full is lost until the arena's end. */
static char *
span_cut(struct arena *arena, size_t size)
{
    char *span;

    size = (size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    if (size > (size_t) (arena->end - arena->at)) {
        struct chunk *chunk = arena->unused;

        if (chunk != NULL) {
            arena->unused = chunk->next;
        } else {
            chunk = chunk_get();
            if (chunk == NULL) {
                return NULL;
            }
            arena->stats.chunks++;
            arena->stats.system_size += ARENA_CHUNK_SIZE;
        }
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        arena->at = chunk->data;
        arena->end = (char *) chunk + ARENA_CHUNK_SIZE;
    }
    span = arena->at;
    arena->at += size;
    return span;
}

/* Makes all objects gone; chunk is the one that the arena lies in. Threads that
 * knew the arena by its old id find nothing by the new one. */
static void
arena_begin(struct arena *arena, struct chunk *chunk)
{
    size_t header = (sizeof(*arena) + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT *
                    ARENA_ALIGNMENT;

    chunk->next = NULL;
    arena->chunks = chunk;
    arena->at = chunk->data + header;
    arena->end = (char *) chunk + ARENA_CHUNK_SIZE;
    arena_mark_free(arena->at, (size_t) (arena->end - arena->at));
    arena->locals = NULL;
    memset(arena->central, 0, sizeof(arena->central));
    arena->stats.refills = 0;
    arena->stats.flushes = 0;
    atomic_store_explicit(&arena->id, atomic_fetch_add(&next_id, 1),
                          memory_order_relaxed);
}

static __attribute__((noinline)) void *
large_alloc(struct arena *arena, size_t size)
{
    struct large *large;

    if (size > PTRDIFF_MAX - sizeof(*large)) {
        return NULL;
    }
    large = malloc(sizeof(*large) + size);
    if (large == NULL) {
        return NULL;
    }
    large->size = size;
    large->prev = NULL;

    pthread_mutex_lock(&arena->lock);
    large->next = arena->large;
    if (large->next != NULL) {
        large->next->prev = large;
    }
    arena->large = large;
    arena->stats.large++;
    arena->stats.system_size += sizeof(*large) + size;
    pthread_mutex_unlock(&arena->lock);
    return large->data;
}

static void
large_free(struct arena *arena, void *p)
{
    struct large *large =
        (struct large *) (void *) ((char *) p - offsetof(struct large, data));

    pthread_mutex_lock(&arena->lock);
    if (large->next != NULL) {
        large->next->prev = large->prev;
    }
    if (large->prev != NULL) {
        large->prev->next = large->next;
    } else {
        arena->large = large->next;
    }
    arena->stats.large--;
    arena->stats.system_size -= sizeof(*large) + large->size;
    pthread_mutex_unlock(&arena->lock);
    free(large);
}

static void
larges_done(struct arena *arena)
{
    while (arena->large != NULL) {
        struct large *large = arena->large;

        arena->large = large->next;
        arena->stats.large--;
        arena->stats.system_size -= sizeof(*large) + large->size;
        free(large);
    }
}

static struct chunk *
chunk_get(void)
{
    struct chunk *chunk = self.kept;

    if (chunk != NULL) {
        self.kept = chunk->next;
        self.kept_count--;
        return chunk;
    }
    chunk = malloc(ARENA_CHUNK_SIZE);
    if (chunk != NULL) {
        arena_mark_free(chunk->data, ARENA_CHUNK_SIZE - sizeof(*chunk));
    }
    return chunk;
}

static void
chunk_put(struct chunk *chunk)
{
    if (self.kept_count >= self.kept_max || !thread_watch()) {
        free(chunk);
        return;
    }
    arena_mark_free(chunk->data, ARENA_CHUNK_SIZE - sizeof(*chunk));
    chunk->next = self.kept;
    self.kept = chunk;
    self.kept_count++;
}

static void
chunks_put(struct chunk *chunks)
{
    while (chunks != NULL) {
        struct chunk *next = chunks->next;

        chunk_put(chunks);
        chunks = next;
    }
}

/* Sees to it that the thread's end releases what it keeps; 0: it cannot. */
static int
thread_watch(void)
{
    if (!self.watched) {
        pthread_once(&key_once, key_make);
        self.watched = key_made && pthread_setspecific(key, &self) == 0;
    }
    return self.watched;
}

static void
key_make(void)
{
    key_made = pthread_key_create(&key, thread_end) == 0;
}

static void
thread_end(void *data)
{
    struct thread *thread = data;

    assert(thread == &self);
    thread->kept_max = 0;
    arena_trim();
}
