#include "arena/arena.h"

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
#define arena_mark_free(p, size)  mark_free(p, size)
#define arena_mark_live(p, size)  ASAN_UNPOISON_MEMORY_REGION(p, size)
#define arena_check_live(p, size) check_live(p, size)

/* gcc 14 takes it for a read of what malloc() has just given, unless it does
 * not know that it is that. */
static inline void
mark_free(void *p, size_t size)
{
    __asm__("" : "+r"(p));
    ASAN_POISON_MEMORY_REGION(p, size);
}

/* For what reaches into free objects. */
#define ARENA_UNCHECKED __attribute__((noinline, no_sanitize_address))
#else
#define arena_mark_free(p, size)  ((void) (p), (void) (size))
#define arena_mark_live(p, size)  ((void) (p), (void) (size))
#define arena_check_live(p, size) ((void) (p), (void) (size))
#define ARENA_UNCHECKED           inline
#endif

enum {
    LINEAR_CLASSES = 8, /* 16, 32, ... 128 */
    STEPS = 8,          /* classes for each doubling above: waste under 1/8 */
    DOUBLINGS = 5,      /* from 128 to ARENA_SMALL_MAX */
    CLASSES = LINEAR_CLASSES + DOUBLINGS * STEPS,

    /* A batch grows to ARENA_BATCH_MAX objects, or to this many bytes, as a
     * thread asks for more of its class, and begins with a part of that: small
     * regions stay small. */
    BATCH_SIZE_MAX = 8192,
    BATCH_GROWTH = 16,

    /* Arenas that a thread finds at once; a power of two. */
    SLOTS = 8,

    /* Places in the table of live threads; the first is not used. */
    PLACES = ARENA_THREADS_MAX + 1,

    /* Identities that a thread draws at once, so that threads that create many
     * arenas seldom meet. */
    IDS_DRAWN = 1024,
};

/* The class of each number of ARENA_ALIGNMENT bytes: eight classes a row. */
#define CLASS_1(class)  (class)
#define CLASS_2(class)  CLASS_1(class), CLASS_1(class)
#define CLASS_4(class)  CLASS_2(class), CLASS_2(class)
#define CLASS_8(class)  CLASS_4(class), CLASS_4(class)
#define CLASS_16(class) CLASS_8(class), CLASS_8(class)
#define CLASSES_OF(times, class)                                               \
    times((class) + 0), times((class) + 1), times((class) + 2),                \
        times((class) + 3), times((class) + 4), times((class) + 5),            \
        times((class) + 6), times((class) + 7)

static const uint8_t classes[] = {
    0, /* of size 0 */
    CLASSES_OF(CLASS_1, 0),
    CLASSES_OF(CLASS_1, 8),
    CLASSES_OF(CLASS_2, 16),
    CLASSES_OF(CLASS_4, 24),
    CLASSES_OF(CLASS_8, 32),
    CLASSES_OF(CLASS_16, 40),
};

/* Steps of ARENA_ALIGNMENT up to 128, then of an eighth of what was doubled. */
#define CLASS_SIZES(of)                                                        \
    of(16), of(32), of(48), of(64), of(80), of(96), of(112), of(128), of(144), \
        of(160), of(176), of(192), of(208), of(224), of(240), of(256),         \
        of(288), of(320), of(352), of(384), of(416), of(448), of(480),         \
        of(512), of(576), of(640), of(704), of(768), of(832), of(896),         \
        of(960), of(1024), of(1152), of(1280), of(1408), of(1536), of(1664),   \
        of(1792), of(1920), of(2048), of(2304), of(2560), of(2816), of(3072),  \
        of(3328), of(3584), of(3840), of(4096)

#define SIZE(size) (size)
#define BATCH(size)                                                            \
    (BATCH_SIZE_MAX / (size) < ARENA_BATCH_MAX ? BATCH_SIZE_MAX / (size)       \
                                               : ARENA_BATCH_MAX)

static const uint16_t class_sizes[] = {CLASS_SIZES(SIZE)};

/* Objects of the largest batch. */
static const uint16_t class_batches[] = {CLASS_SIZES(BATCH)};

_Static_assert(sizeof(classes) == ARENA_SMALL_MAX / ARENA_ALIGNMENT + 1,
               "each small size has a class");
_Static_assert(sizeof(class_sizes) / sizeof(class_sizes[0]) == CLASSES,
               "each class has a size");
_Static_assert(_Alignof(max_align_t) >= ARENA_ALIGNMENT,
               "malloc() aligns as objects are");

/* A free object. */
struct object {
    struct object *next;
};

/* One class in one thread: what was freed, and then the rest of a span. */
struct list {
    struct object *free;
    char *span;
    uint16_t span_count;
    uint16_t count; /* of free */
    uint16_t limit; /* of count: two of the largest batches; 0: not yet used */
    uint16_t batch; /* of the last refill */
};

/* What one thread holds of one arena; lies in the arena's own chunks. Only the
 * thread touches it, until it has ended: see thread_lives(). */
struct local {
    _Alignas(ARENA_ALIGNMENT) struct local *next;
    uint64_t thread; /* 0: nobody's; nothing is free in it */
    char *at;        /* the rest of a chunk, to cut spans from */
    char *end;
    _Atomic size_t refills; /* others read it */
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
    /* Never used twice; a new one at each reset. */
    _Alignas(ARENA_ALIGNMENT) _Atomic uint64_t id;

    pthread_mutex_t lock; /* of all below */
    struct chunk *chunks; /* the last is the one that the arena lies in */
    struct chunk *unused; /* kept from before a reset */
    char *at;             /* the rest of a chunk that is no thread's */
    char *end;
    struct large *large;
    struct local *locals;
    struct arena_stats stats;

    /* Objects that threads gave back. Written with the lock; a glance without
     * it tells whether it pays to take the lock. */
    struct object *_Atomic central[CLASSES];
};

struct slot {
    uint64_t id; /* 0: empty */
    struct local *local;
};

/* A thread's own. */
struct thread {
    struct slot slots[SLOTS];
    uint64_t number; /* never used twice; 0: not yet given */
    uint64_t next_id;
    uint64_t ids; /* that are left to draw from next_id on */
    struct chunk *kept;
    unsigned kept_count;
    unsigned char watched; /* thread_end() will be called */
    unsigned char ended;
};

static size_t class_of(size_t size);
static struct object *object_next(const struct object *object);
static void object_link(struct object *object, struct object *next);
static void list_push(struct list *list, void *p);
static void *list_pop(struct list *list, size_t size);
static void *span_pop(struct list *list, size_t size);
static uint64_t arena_id(const struct arena *arena);
static struct slot *slot_of(uint64_t id);
static void *alloc_slowly(struct arena *arena, size_t size);
static void free_slowly(struct arena *arena, void *p, size_t size);
static struct local *local_find(struct arena *arena);
static struct local *local_make(struct arena *arena);
static struct local *local_take(struct arena *arena, uint64_t thread);
static int refill(struct arena *arena, struct local *local, size_t class);
static size_t batch_next(const struct list *list, size_t class);
static size_t central_take(struct arena *arena, struct list *list, size_t class,
                           size_t count);
static void central_put(struct arena *arena, struct list *list, size_t class,
                        size_t kept);
static size_t span_cut(struct local *local, struct list *list, size_t class,
                       size_t count);
static size_t refill_shared(struct arena *arena, struct local *local,
                            size_t class, size_t count);
static int local_extend(struct arena *arena, struct local *local, size_t size);
static int space_take(struct arena *arena, size_t size, char **ret_at,
                      char **ret_end);
static void rest_share(struct local *local);
static void locals_reap(struct arena *arena);
static void local_reap(struct arena *arena, struct local *local);
static void list_trim(struct arena *arena, struct list *list, size_t class);
static void stray_free(struct arena *arena, void *p, size_t class);
static void arena_begin(struct arena *arena, struct chunk *chunk);
static uint64_t id_draw(void);
static void *large_alloc(struct arena *arena, size_t size);
static void large_free(struct arena *arena, void *p);
static void larges_done(struct arena *arena);
static struct chunk *chunk_get(void);
static void chunk_put(struct chunk *chunk);
static void chunks_put(struct chunk *chunks);
static uint64_t thread_number(void);
static int thread_lives(uint64_t number);
static int thread_watch(void);
static void key_make(void);
static void thread_end(void *data);
#if defined(ARENA_UNDER_ASAN)
static void check_live(void *p, size_t size);
#endif

static _Atomic uint64_t next_id = 1;
static _Atomic uint64_t next_number = 1;

/* The numbers of live threads; a number's place is its remainder. */
static _Atomic uint64_t live_threads[PLACES];

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int key_made;
static _Thread_local struct thread self;

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
    memset(arena->central, 0, sizeof(arena->central));
    arena->locals = NULL;
    arena->stats.threads = 0;
    arena->stats.flushes = 0;
    arena_begin(arena, chunk);
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    uint64_t id = arena_id(arena);
    const struct slot *slot = slot_of(id);

    if (size <= ARENA_SMALL_MAX && slot->id == id) {
        struct list *list = &slot->local->lists[class_of(size)];

        if (list->free != NULL) {
            return list_pop(list, size);
        }
        if (list->span_count != 0) {
            return span_pop(list, size);
        }
    }
    return alloc_slowly(arena, size);
}

void
arena_free(struct arena *arena, void *p, size_t size)
{
    uint64_t id = arena_id(arena);
    const struct slot *slot = slot_of(id);

    if (size <= ARENA_SMALL_MAX && slot->id == id) {
        struct list *list = &slot->local->lists[class_of(size)];

        if (list->count < list->limit) {
            arena_check_live(p, size);
            arena_mark_free(p, arena_class_size(size));
            list_push(list, p);
            return;
        }
    }
    free_slowly(arena, p, size);
}

void
arena_stats(struct arena *arena, struct arena_stats *ret_stats)
{
    pthread_mutex_lock(&arena->lock);
    *ret_stats = arena->stats;
    for (struct local *local = arena->locals; local != NULL;
         local = local->next) {
        ret_stats->refills +=
            atomic_load_explicit(&local->refills, memory_order_relaxed);
    }
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
    return class_sizes[class_of(size)];
}

static inline size_t
class_of(size_t size)
{
    return classes[(size + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT];
}

static ARENA_UNCHECKED struct object *
object_next(const struct object *object)
{
    /* volatile: else gcc 12 may have the caller read it, who is checked. */
    return *(struct object *const volatile *) &object->next;
}

static ARENA_UNCHECKED void
object_link(struct object *object, struct object *next)
{
    object->next = next;
}

static inline void
list_push(struct list *list, void *p)
{
    object_link(p, list->free);
    list->free = p;
    list->count++;
}

static inline void *
list_pop(struct list *list, size_t size)
{
    struct object *object = list->free;

    list->free = object_next(object);
    list->count--;
    arena_mark_live(object, size);
    return object;
}

static inline void *
span_pop(struct list *list, size_t size)
{
    char *p = list->span;

    list->span += arena_class_size(size);
    list->span_count--;
    arena_mark_live(p, size);
    return p;
}

static inline uint64_t
arena_id(const struct arena *arena)
{
    return atomic_load_explicit(&arena->id, memory_order_relaxed);
}

/* Where this thread looks for what it holds of the arena of this id. */
static inline struct slot *
slot_of(uint64_t id)
{
    return &self.slots[id % SLOTS];
}

/* These two take any size, and are not inlined: the short ways above jump to
 * them and have nothing to save. */
static __attribute__((noinline)) void *
alloc_slowly(struct arena *arena, size_t size)
{
    struct local *local;
    struct list *list;

    if (size > ARENA_SMALL_MAX) {
        return large_alloc(arena, size);
    }
    local = local_find(arena);
    if (local == NULL) {
        return NULL;
    }
    list = &local->lists[class_of(size)];
    if (list->free == NULL && list->span_count == 0 &&
        !refill(arena, local, class_of(size))) {
        return NULL;
    }
    return list->free != NULL ? list_pop(list, size) : span_pop(list, size);
}

static __attribute__((noinline)) void
free_slowly(struct arena *arena, void *p, size_t size)
{
    size_t class;
    struct local *local;

    if (size > ARENA_SMALL_MAX) {
        large_free(arena, p);
        return;
    }
    arena_check_live(p, size);
    class = class_of(size);
    arena_mark_free(p, class_sizes[class]);
    local = local_find(arena);
    if (local == NULL) {
        stray_free(arena, p, class);
        return;
    }
    list_push(&local->lists[class], p);
    list_trim(arena, &local->lists[class], class);
}

/* What this thread holds of arena, made at its first use; NULL: no memory. */
static inline struct local *
local_find(struct arena *arena)
{
    uint64_t id = arena_id(arena);
    const struct slot *slot = slot_of(id);

    return slot->id == id ? slot->local : local_make(arena);
}

static __attribute__((noinline)) struct local *
local_make(struct arena *arena)
{
    uint64_t id = arena_id(arena);
    uint64_t thread = thread_number();
    struct local *local;

    pthread_mutex_lock(&arena->lock);
    local = arena->locals;
    while (local != NULL && local->thread != thread) {
        local = local->next;
    }
    if (local == NULL) {
        local = local_take(arena, thread);
    }
    pthread_mutex_unlock(&arena->lock);

    if (local != NULL) {
        *slot_of(id) = (struct slot){id, local};
    }
    return local;
}

/* One that its thread has left, with what is free in it, or a new one; the lock
 * is held. Of a new one's space an object of any class can be cut, so that no
 * call fails that has made one. */
static struct local *
local_take(struct arena *arena, uint64_t thread)
{
    struct local *local = arena->locals;
    char *at;
    char *end;

    while (local != NULL && thread_lives(local->thread)) {
        local = local->next;
    }
    if (local != NULL) {
        local->thread = thread;
        return local;
    }

    if (!space_take(arena, sizeof(*local) + ARENA_SMALL_MAX, &at, &end)) {
        return NULL;
    }
    local = (struct local *) (void *) at;
    arena_mark_live(local, sizeof(*local));
    memset(local, 0, sizeof(*local));
    local->thread = thread;
    local->at = at + sizeof(*local);
    local->end = end;
    local->next = arena->locals;
    arena->locals = local;
    arena->stats.threads++;
    return local;
}

/* Fills the thread's empty list; 0: no memory. */
static inline int
refill(struct arena *arena, struct local *local, size_t class)
{
    struct list *list = &local->lists[class];
    size_t batch = batch_next(list, class);
    size_t count = 0;

    if (atomic_load_explicit(&arena->central[class], memory_order_relaxed) ==
        NULL) {
        count = span_cut(local, list, class, batch);
    }
    if (count == 0) {
        count = refill_shared(arena, local, class, batch);
        if (count == 0) {
            return 0;
        }
    }
    list->batch = (uint16_t) batch;
    list->limit = (uint16_t) (2 * class_batches[class]);
    atomic_store_explicit(
        &local->refills,
        atomic_load_explicit(&local->refills, memory_order_relaxed) + 1,
        memory_order_relaxed);
    return 1;
}

static inline size_t
batch_next(const struct list *list, size_t class)
{
    size_t max = class_batches[class];
    size_t batch = list->batch * (size_t) 2;

    if (batch == 0) {
        batch = max / BATCH_GROWTH;
    }
    if (batch == 0) {
        return 1;
    }
    return batch < max ? batch : max;
}

/* Moves at most count objects into an empty list; the lock is held. Returns how
 * many there were. */
static size_t
central_take(struct arena *arena, struct list *list, size_t class, size_t count)
{
    struct object *first =
        atomic_load_explicit(&arena->central[class], memory_order_relaxed);
    struct object *last = first;
    size_t taken = 1;

    if (first == NULL) {
        return 0;
    }
    while (taken < count && object_next(last) != NULL) {
        last = object_next(last);
        taken++;
    }
    atomic_store_explicit(&arena->central[class], object_next(last),
                          memory_order_relaxed);
    object_link(last, NULL);
    list->free = first;
    list->count = (uint16_t) taken;
    return taken;
}

/* Keeps the kept objects that were freed last, and gives the others, which are
 * one at least, to all threads; the lock is held. */
static void
central_put(struct arena *arena, struct list *list, size_t class, size_t kept)
{
    struct object *first = list->free;
    struct object *before = NULL;
    struct object *last;

    for (size_t i = 0; i < kept; i++) {
        before = first;
        first = object_next(first);
    }
    for (last = first; object_next(last) != NULL; last = object_next(last)) {
    }

    object_link(last, atomic_load_explicit(&arena->central[class],
                                           memory_order_relaxed));
    atomic_store_explicit(&arena->central[class], first, memory_order_relaxed);
    if (before == NULL) {
        list->free = NULL;
    } else {
        object_link(before, NULL);
    }
    list->count = (uint16_t) kept;
    arena->stats.flushes++;
}

/* Cuts a span of at most count objects into an empty list. Returns how many
 * there was space for. */
static inline size_t
span_cut(struct local *local, struct list *list, size_t class, size_t count)
{
    size_t size = class_sizes[class];
    size_t space = (size_t) (local->end - local->at);

    if (count * size > space) {
        count = space / size;
        if (count == 0) {
            return 0;
        }
    }
    list->span = local->at;
    list->span_count = (uint16_t) count;
    local->at += count * size;
    return count;
}

/* Fills the list with what threads gave back, from the thread's own chunk, with
 * what ended threads left, or from another chunk. Returns how many objects. */
static __attribute__((noinline)) size_t
refill_shared(struct arena *arena, struct local *local, size_t class,
              size_t count)
{
    struct list *list = &local->lists[class];
    size_t taken;

    pthread_mutex_lock(&arena->lock);
    taken = central_take(arena, list, class, count);
    if (taken == 0) {
        taken = span_cut(local, list, class, count);
    }
    if (taken == 0) {
        locals_reap(arena);
        taken = central_take(arena, list, class, count);
    }
    if (taken == 0 && local_extend(arena, local, class_sizes[class])) {
        taken = span_cut(local, list, class, count);
    }
    pthread_mutex_unlock(&arena->lock);
    return taken;
}

/* Gives the thread another chunk, or size bytes of one at least; 0: no memory.
 */
static int
local_extend(struct arena *arena, struct local *local, size_t size)
{
    char *at;
    char *end;

    if (!space_take(arena, size, &at, &end)) {
        return 0;
    }
    rest_share(local);
    local->at = at;
    local->end = end;
    return 1;
}

/* size bytes at least of what is no thread's, or a chunk; 0: no memory. */
static int
space_take(struct arena *arena, size_t size, char **ret_at, char **ret_end)
{
    struct chunk *chunk = arena->unused;

    if ((size_t) (arena->end - arena->at) >= size) {
        *ret_at = arena->at;
        *ret_end = arena->end;
        arena->at = arena->end;
        return 1;
    }

    if (chunk != NULL) {
        arena->unused = chunk->next;
    } else {
        chunk = chunk_get();
        if (chunk == NULL) {
            return 0;
        }
        arena->stats.chunks++;
        arena->stats.system_size += ARENA_CHUNK_SIZE;
    }
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    *ret_at = chunk->data;
    *ret_end = (char *) chunk + ARENA_CHUNK_SIZE;
    return 1;
}

/* Makes objects of the largest classes of the rest of the thread's chunk: no
 * byte of a chunk is lost. */
static void
rest_share(struct local *local)
{
    while (local->at < local->end) {
        size_t space = (size_t) (local->end - local->at);
        size_t class = space < ARENA_SMALL_MAX ? class_of(space) : CLASSES - 1;

        if (class_sizes[class] > space) {
            class --;
        }
        list_push(&local->lists[class], local->at);
        local->at += class_sizes[class];
    }
}

/* Gives to all what threads had free that have ended; the lock is held. */
static void
locals_reap(struct arena *arena)
{
    for (struct local *local = arena->locals; local != NULL;
         local = local->next) {
        if (local->thread != 0 && !thread_lives(local->thread)) {
            local_reap(arena, local);
        }
    }
}

static void
local_reap(struct arena *arena, struct local *local)
{
    if (local->end - local->at > arena->end - arena->at) {
        char *at = arena->at;
        char *end = arena->end;

        arena->at = local->at;
        arena->end = local->end;
        local->at = at;
        local->end = end;
    }
    rest_share(local);
    for (size_t class = 0; class < CLASSES; class ++) {
        struct list *list = &local->lists[class];

        for (; list->span_count > 0; list->span_count--) {
            list_push(list, list->span);
            list->span += class_sizes[class];
        }
        if (list->free != NULL) {
            central_put(arena, list, class, 0);
        }
    }
    local->thread = 0;
}

/* Gives half of the list to all threads if it holds more than it may. */
static void
list_trim(struct arena *arena, struct list *list, size_t class)
{
    list->limit = (uint16_t) (2 * class_batches[class]);
    if (list->count <= list->limit) {
        return;
    }
    pthread_mutex_lock(&arena->lock);
    central_put(arena, list, class, list->limit / 2u);
    pthread_mutex_unlock(&arena->lock);
}

/* Frees p where there is no memory for this thread's lists. */
static void
stray_free(struct arena *arena, void *p, size_t class)
{
    pthread_mutex_lock(&arena->lock);
    object_link(
        p, atomic_load_explicit(&arena->central[class], memory_order_relaxed));
    atomic_store_explicit(&arena->central[class], p, memory_order_relaxed);
    pthread_mutex_unlock(&arena->lock);
}

/* Makes all of chunk free, the one that the arena lies in. Threads that knew
 * the arena by its old id find nothing by the new one. */
static void
arena_begin(struct arena *arena, struct chunk *chunk)
{
    chunk->next = NULL;
    arena->chunks = chunk;
    arena->at = chunk->data + sizeof(*arena);
    arena->end = (char *) chunk + ARENA_CHUNK_SIZE;
    arena_mark_free(arena->at, (size_t) (arena->end - arena->at));
    atomic_store_explicit(&arena->id, id_draw(), memory_order_relaxed);
}

static uint64_t
id_draw(void)
{
    if (self.ids == 0) {
        self.next_id = atomic_fetch_add(&next_id, IDS_DRAWN);
        self.ids = IDS_DRAWN;
    }
    self.ids--;
    return self.next_id++;
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
    if (self.ended || self.kept_count >= ARENA_KEPT_CHUNKS_MAX ||
        !thread_watch()) {
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

/* The calling thread's, given at its first call. One for which there is no
 * place has a number at place 0, and so has what still runs in a thread after
 * thread_end(). */
static uint64_t
thread_number(void)
{
    uint64_t first;
    uint64_t place = 1;

    if (self.number != 0) {
        return self.number;
    }
    first = atomic_fetch_add(&next_number, 1) * PLACES;
    self.number = first;
    if (self.ended || !thread_watch()) {
        return first;
    }
    for (; place < PLACES; place++) {
        uint64_t nobody = 0;

        if (atomic_compare_exchange_strong(&live_threads[place], &nobody,
                                           first + place)) {
            self.number = first + place;
            break;
        }
    }
    return self.number;
}

/* Once it does not, all that the thread did has happened. At place 0 nobody can
 * tell, so it does; nobody, which is 0, does not. */
static int
thread_lives(uint64_t number)
{
    uint64_t place = number % PLACES;

    if (place == 0) {
        return number != 0;
    }
    return atomic_load_explicit(&live_threads[place], memory_order_acquire) ==
           number;
}

/* Sees to it that thread_end() is called; 0: it cannot. */
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

/* Others may take over the thread's lists from here on; it must not find them
 * any more, should further destructors of its own call. */
static void
thread_end(void *data)
{
    uint64_t place = self.number % PLACES;

    (void) data;
    arena_trim();
    self.ended = 1;
    self.number = 0;
    memset(self.slots, 0, sizeof(self.slots));
    if (place != 0) {
        atomic_store_explicit(&live_threads[place], 0, memory_order_release);
    }
}

#if defined(ARENA_UNDER_ASAN)
/* Reports an object that is not live to its end: freed twice, or of another
 * size. */
static void
check_live(void *p, size_t size)
{
    const volatile char *bad = __asan_region_is_poisoned(p, size);

    if (bad != NULL) {
        (void) *bad;
    }
}
#endif
