#include "arena/arena.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
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
#define arena_mark_live(p, size) ASAN_UNPOISON_MEMORY_REGION(p, size)

/* Reads the object's last byte: AddressSanitizer reports a second free, and a
 * size that is too large. */
#define arena_check_live(p, size)                                              \
    ((void) ((size) != 0 && ((const volatile char *) (p))[(size) -1]))

/* gcc 14 warns that a new block of malloc()'s is read here before it is
 * written, unless the assembly hides where p comes from. */
static inline void
arena_mark_free(void *p, size_t size)
{
    __asm__("" : "+r"(p));
    ASAN_POISON_MEMORY_REGION(p, size);
}
#else
#define arena_mark_free(p, size)  ((void) (p), (void) (size))
#define arena_mark_live(p, size)  ((void) (p), (void) (size))
#define arena_check_live(p, size) ((void) (p), (void) (size))
#endif

enum {
    /* The classes are 16, 32, ... 128 bytes, and eight for each doubling
     * above: 144, 160, ... 256, 288, ... 4096. */
    ALIGNMENT_LOG = 4,
    STEPS_LOG = 3,
    LINEAR_MAX = ARENA_ALIGNMENT << STEPS_LOG,
    CLASSES = 48,

    /* Bytes of a thread's first span, how much larger each next one is, and the
     * most; a span holds at least one object. Measured with lognormal sizes: a
     * hundred objects mostly fit into one chunk, as with spans of 1 KiB, and
     * ten thousand are as fast as with spans of 4 KiB. */
    SPAN_MIN = 512,
    SPAN_STEP = 64,
    SPAN_MAX = 4096,
};

_Static_assert(ARENA_ALIGNMENT == 1 << ALIGNMENT_LOG, "the logarithm is right");
_Static_assert(LINEAR_MAX << ((CLASSES >> STEPS_LOG) - 1) == ARENA_SMALL_MAX,
               "each small size has a class");
_Static_assert(_Alignof(max_align_t) >= ARENA_ALIGNMENT,
               "malloc() aligns as objects are");

/* A free object. */
struct object {
    struct object *next;
};

/* A thread's free memory of one class: freed objects, and a span's free end. */
struct list {
    struct object *objects;
    char *span;
    size_t span_count; /* objects that are left in the span */
};

/* A thread's free memory in one arena, in whose chunks this lies; objects
 * follow it. Other threads read only next and thread, which do not change. */
struct cache {
    _Alignas(ARENA_ALIGNMENT) struct cache *next;
    uint64_t thread; /* its number */
    char *rest;      /* of the thread's latest chunk: spans are cut from it */
    char *end;
    size_t span_size; /* of the next span */
    struct list lists[CLASSES];
};

struct chunk {
    struct chunk *next;
    _Alignas(ARENA_ALIGNMENT) char data[ARENA_CHUNK_SIZE - ARENA_ALIGNMENT];
};

/* The header of a large object. */
struct large {
    struct large *next;
    struct large **link; /* the pointer to this one */
    _Alignas(ARENA_ALIGNMENT) char data[];
};

/* It lies in its first chunk. */
struct arena {
    _Alignas(ARENA_ALIGNMENT) struct cache *_Atomic caches;
    struct chunk *chunks; /* in the order of their use */

    pthread_mutex_t lock;  /* of the next two fields */
    struct chunk **unused; /* link to the first unused one, or the last link */
    struct large *large;

    struct cache first; /* of the thread that created or reset the arena */
};

/* A thread's own. */
struct thread {
    uint64_t number; /* never used twice; 0: not yet given */
    struct chunk *kept;
    unsigned kept_count;
};

static size_t class_of(size_t size, size_t *ret_class_size);
static struct cache *cache_find(struct arena *arena);
static void *span_pop(struct list *list, size_t size, size_t class_size);
static void *refill(struct arena *arena, struct cache *cache, size_t size);
static struct cache *cache_extend(struct arena *arena, struct cache *cache);
static void cache_begin(struct cache *cache, struct arena *arena,
                        struct chunk *chunk);
static void *large_alloc(struct arena *arena, size_t size);
static void large_free(struct arena *arena, void *p);
static void larges_free(struct arena *arena);
static struct chunk *chunk_get(void);
static void chunk_put(struct chunk *chunk);

static _Atomic uint64_t last_number;

/* initial-exec: a shared library reaches it without a call. It takes 24 of the
 * few bytes that the dynamic linker reserves for that. */
static _Thread_local struct thread self
    __attribute__((tls_model("initial-exec")));

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
    arena->chunks = chunk;
    arena->lock = (pthread_mutex_t) PTHREAD_MUTEX_INITIALIZER;
    arena->large = NULL;
    arena_reset(arena);
    return arena;
}

void
arena_destroy(struct arena *arena)
{
    struct chunk *chunk;

    if (arena == NULL) {
        return;
    }
    larges_free(arena);
    pthread_mutex_destroy(&arena->lock);
    chunk = arena->chunks;
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        chunk_put(chunk);
        chunk = next;
    }
}

void
arena_reset(struct arena *arena)
{
    larges_free(arena);
    for (struct chunk *chunk = arena->chunks->next; chunk != NULL;
         chunk = chunk->next) {
        arena_mark_free(chunk->data, sizeof(chunk->data));
    }
    arena->unused = &arena->chunks->next;
    atomic_store_explicit(&arena->caches, NULL, memory_order_relaxed);
    cache_begin(&arena->first, arena, arena->chunks);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    struct cache *cache = cache_find(arena);

    if (size > ARENA_SMALL_MAX) {
        return large_alloc(arena, size);
    }
    if (cache != NULL) {
        size_t class_size;
        struct list *list = &cache->lists[class_of(size, &class_size)];

        if (list->objects != NULL) {
            struct object *object = list->objects;

            arena_mark_live(object, sizeof(*object));
            list->objects = object->next;
            arena_mark_free(object, sizeof(*object));
            arena_mark_live(object, size);
            return object;
        }
        if (list->span_count != 0) {
            return span_pop(list, size, class_size);
        }
    }
    return refill(arena, cache, size);
}

void
arena_free(struct arena *arena, void *p, size_t size)
{
    struct cache *cache = cache_find(arena);
    size_t class_size;
    size_t class;

    if (size > ARENA_SMALL_MAX) {
        large_free(arena, p);
        return;
    }
    class = class_of(size, &class_size);
    arena_check_live(p, size);
    if (cache != NULL) {
        struct object *object = p;

        arena_mark_live(object, sizeof(*object));
        object->next = cache->lists[class].objects;
        cache->lists[class].objects = object;
    }
    arena_mark_free(p, class_size);
}

void
arena_trim(void)
{
    while (self.kept != NULL) {
        free(chunk_get());
    }
}

/* The class of size, which is small, and the bytes of each of its objects. */
static inline size_t
class_of(size_t size, size_t *ret_class_size)
{
    size_t last = size - (size != 0); /* the offset of the last byte */
    unsigned step_log =
        63 - STEPS_LOG - (unsigned) __builtin_clzll(last | LINEAR_MAX);

    *ret_class_size = ((last >> step_log) + 1) << step_log;
    return (last >> step_log) + ((step_log - ALIGNMENT_LOG) << STEPS_LOG);
}

/* The calling thread's cache, or NULL if it has none yet. */
static inline struct cache *
cache_find(struct arena *arena)
{
    struct cache *cache =
        atomic_load_explicit(&arena->caches, memory_order_acquire);

    while (cache != NULL && cache->thread != self.number) {
        cache = cache->next;
    }
    return cache;
}

static inline void *
span_pop(struct list *list, size_t size, size_t class_size)
{
    char *p = list->span;

    list->span += class_size;
    list->span_count--;
    arena_mark_live(p, size);
    return p;
}

/* Cuts a span for the class of size, and allocates its first object. Not
 * inlined: arena_alloc() would have to save registers. */
static __attribute__((noinline)) void *
refill(struct arena *arena, struct cache *cache, size_t size)
{
    size_t class_size;
    size_t class = class_of(size, &class_size);
    struct list *list;
    size_t space;

    if (cache == NULL || (size_t) (cache->end - cache->rest) < class_size) {
        cache = cache_extend(arena, cache);
        if (cache == NULL) {
            return NULL;
        }
    }
    space = (size_t) (cache->end - cache->rest);
    if (space > cache->span_size) {
        space = cache->span_size;
    }
    if (cache->span_size < SPAN_MAX) {
        cache->span_size += SPAN_STEP;
    }
    list = &cache->lists[class];
    list->span = cache->rest;
    list->span_count = space < class_size ? 1 : space / class_size;
    cache->rest += list->span_count * class_size;
    return span_pop(list, size, class_size);
}

/* Gives the calling thread another chunk, and a cache if it has none. The free
 * end of its last chunk is lost until the reset. Returns the cache, or NULL
 * when memory runs out. */
static struct cache *
cache_extend(struct arena *arena, struct cache *cache)
{
    struct chunk *chunk;

    pthread_mutex_lock(&arena->lock);
    chunk = *arena->unused;
    if (chunk == NULL) {
        chunk = chunk_get();
        *arena->unused = chunk;
    }
    if (chunk == NULL) {
        pthread_mutex_unlock(&arena->lock);
        return NULL;
    }
    arena->unused = &chunk->next;
    if (cache == NULL) {
        cache = (struct cache *) (void *) chunk->data;
        cache_begin(cache, arena, chunk);
    } else {
        cache->rest = chunk->data;
        cache->end = (char *) (chunk + 1);
    }
    pthread_mutex_unlock(&arena->lock);
    return cache;
}

/* Makes an empty cache for the calling thread. Its rest is the end of the
 * chunk. The lock is held if other threads may use the arena. */
static void
cache_begin(struct cache *cache, struct arena *arena, struct chunk *chunk)
{
    if (self.number == 0) {
        self.number = atomic_fetch_add(&last_number, 1) + 1;
    }
    arena_mark_live(cache, sizeof(*cache));
    memset(cache, 0, sizeof(*cache));
    cache->thread = self.number;
    cache->rest = (char *) (cache + 1);
    cache->end = (char *) (chunk + 1);
    arena_mark_free(cache->rest, (size_t) (cache->end - cache->rest));
    cache->span_size = SPAN_MIN;
    cache->next = atomic_load_explicit(&arena->caches, memory_order_relaxed);
    atomic_store_explicit(&arena->caches, cache, memory_order_release);
}

/* Not inlined, for the same reason as refill(). */
static __attribute__((noinline)) void *
large_alloc(struct arena *arena, size_t size)
{
    struct large *large;

    large = size <= PTRDIFF_MAX - sizeof(*large) ? malloc(sizeof(*large) + size)
                                                 : NULL;
    if (large == NULL) {
        return NULL;
    }

    pthread_mutex_lock(&arena->lock);
    large->next = arena->large;
    large->link = &arena->large;
    if (large->next != NULL) {
        large->next->link = &large->next;
    }
    arena->large = large;
    pthread_mutex_unlock(&arena->lock);
    return large->data;
}

static void
large_free(struct arena *arena, void *p)
{
    struct large *large =
        (struct large *) (void *) ((char *) p - offsetof(struct large, data));

    pthread_mutex_lock(&arena->lock);
    *large->link = large->next;
    if (large->next != NULL) {
        large->next->link = large->link;
    }
    pthread_mutex_unlock(&arena->lock);
    free(large);
}

static void
larges_free(struct arena *arena)
{
    while (arena->large != NULL) {
        struct large *large = arena->large;

        arena->large = large->next;
        free(large);
    }
}

/* A chunk that the thread has kept, or a new one; its next one is NULL. Returns
 * NULL when memory runs out. */
static struct chunk *
chunk_get(void)
{
    struct chunk *chunk = self.kept;

    if (chunk != NULL) {
        self.kept = chunk->next;
        self.kept_count--;
    } else {
        chunk = malloc(sizeof(*chunk));
        if (chunk == NULL) {
            return NULL;
        }
        arena_mark_free(chunk->data, sizeof(chunk->data));
    }
    chunk->next = NULL;
    return chunk;
}

static void
chunk_put(struct chunk *chunk)
{
    if (self.kept_count == ARENA_KEPT_CHUNKS_MAX) {
        free(chunk);
        return;
    }
    arena_mark_free(chunk->data, sizeof(chunk->data));
    chunk->next = self.kept;
    self.kept = chunk;
    self.kept_count++;
}
