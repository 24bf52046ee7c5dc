#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocators/adapters.h"
#include "allocators/library.h"
#include "allocators/other_malloc.h"
#include "plan/replay.h"

typedef int jemalloc_mallctl_fn(const char *name, void *old, size_t *old_size,
                                void *new, size_t new_size);
typedef int jemalloc_mallctlnametomib_fn(const char *name, size_t *mib,
                                         size_t *mib_length);
typedef int jemalloc_mallctlbymib_fn(const size_t *mib, size_t mib_length,
                                     void *old, size_t *old_size, void *new,
                                     size_t new_size);
typedef void *jemalloc_mallocx_fn(size_t size, int flags);
typedef void jemalloc_dallocx_fn(void *p, int flags);

struct jemalloc {
    struct other_malloc other;
    jemalloc_mallctl_fn *mallctl;
    jemalloc_mallctlnametomib_fn *mallctlnametomib;
    jemalloc_mallctlbymib_fn *mallctlbymib;
    jemalloc_mallocx_fn *mallocx;
    jemalloc_dallocx_fn *dallocx;
};

enum {
    /* As jemalloc's header has them: MALLOCX_ARENA(arena) is a shift of the
     * arena's number and 1, and MALLOCX_TCACHE_NONE is this. */
    JEMALLOC_ARENA_SHIFT = 20,
    JEMALLOC_TCACHE_NONE = 1 << 8,

    JEMALLOC_MIB_LENGTH = 3, /* of "arena.0.reset" */

    /* An arena's first mapping; another one holds its own data. */
    JEMALLOC_ARENA_BLOCK = 2 * 1024 * 1024,

    /* jemalloc has 4094 numbers, and four arenas a core of its own. */
    JEMALLOC_ARENAS_MAX = 1024,
};

/* A region. When it ends, its arena is reset and waits here for the next one:
 * to make one takes 60 us and more. */
struct jemalloc_arena {
    struct jemalloc_arena *next;
    jemalloc_mallocx_fn *mallocx;
    const struct jemalloc *jemalloc;
    int flags;
    size_t reset[JEMALLOC_MIB_LENGTH]; /* the name of its reset */
};

static struct {
    pthread_mutex_t mutex; /* a region may end on another thread */
    struct jemalloc_arena *first;
} jemalloc_idle = {PTHREAD_MUTEX_INITIALIZER, NULL};

/* Its thread-local data need space that the dynamic linker has only if the
 * process was started with it. bench's main() sees to that. */
static void *
jemalloc_open(char *reason)
{
    static struct jemalloc jemalloc;
    void *handle;

    if (other_malloc_open(&jemalloc.other, "libjemalloc.so.2", reason) != 0) {
        return NULL;
    }
    handle = jemalloc.other.handle;
    if (library_find(handle, "mallctl", &jemalloc.mallctl, reason) != 0 ||
        library_find(handle, "mallctlnametomib", &jemalloc.mallctlnametomib,
                     reason) != 0 ||
        library_find(handle, "mallctlbymib", &jemalloc.mallctlbymib, reason) !=
            0 ||
        library_find(handle, "mallocx", &jemalloc.mallocx, reason) != 0 ||
        library_find(handle, "dallocx", &jemalloc.dallocx, reason) != 0) {
        return NULL;
    }
    return &jemalloc;
}

static void
jemalloc_version(void *library, char *version)
{
    struct jemalloc *jemalloc = library;
    const char *text = "unknown";
    size_t size = sizeof(text);

    (void) jemalloc->mallctl("version", &text, &size, NULL, 0);
    snprintf(version, ALLOCATOR_VERSION_MAX, "%.60s", text);
}

const struct allocator allocator_jemalloc = {
    .name = "jemalloc",
    .alignment = 8, /* of a size of at most 8; else 16 */
    .policy = "keeps freed pages, and gives back those that were not used for "
              "10 s when it is called after that",
    .open = jemalloc_open,
    .version = jemalloc_version,
    .file = "/libjemalloc.so",
    OTHER_MALLOC_ROW,
};

static const void *
jemalloc_arena_entry(void *library)
{
    struct jemalloc *jemalloc = library;

    return (const void *) (uintptr_t) jemalloc->mallocx;
}

static struct jemalloc_arena *
jemalloc_arena_make(const struct jemalloc *jemalloc)
{
    struct jemalloc_arena *arena = malloc(sizeof(*arena));
    size_t mib_length = JEMALLOC_MIB_LENGTH;
    unsigned number;
    size_t size = sizeof(number);

    if (arena == NULL ||
        jemalloc->mallctlnametomib("arena.0.reset", arena->reset,
                                   &mib_length) != 0 ||
        jemalloc->mallctl("arenas.create", &number, &size, NULL, 0) != 0) {
        free(arena);
        return NULL;
    }
    arena->mallocx = jemalloc->mallocx;
    arena->jemalloc = jemalloc;
    arena->flags =
        (int) ((number + 1) << JEMALLOC_ARENA_SHIFT) | JEMALLOC_TCACHE_NONE;
    arena->reset[1] = number;
    return arena;
}

static void *
jemalloc_arena_create(void *library, size_t size, size_t count)
{
    struct jemalloc_arena *arena;

    (void) size;
    (void) count;
    (void) pthread_mutex_lock(&jemalloc_idle.mutex);
    arena = jemalloc_idle.first;
    if (arena != NULL) {
        jemalloc_idle.first = arena->next;
    }
    (void) pthread_mutex_unlock(&jemalloc_idle.mutex);
    return arena != NULL ? arena : jemalloc_arena_make(library);
}

/* mallocx() of 0 bytes is undefined. */
static void *
jemalloc_arena_alloc(void *state, size_t size)
{
    struct jemalloc_arena *arena = state;

    return arena->mallocx(size != 0 ? size : 1, arena->flags);
}

static void
jemalloc_arena_free_one(void *state, void *p)
{
    struct jemalloc_arena *arena = state;

    arena->jemalloc->dallocx(p, arena->flags);
}

static int
jemalloc_arena_fill(struct region *region)
{
    return region_fill_with(region, jemalloc_arena_alloc);
}

static int
jemalloc_arena_replay(struct region *region)
{
    return replay_with(region, jemalloc_arena_alloc, jemalloc_arena_free_one);
}

static void
jemalloc_arena_reset(void *state)
{
    struct jemalloc_arena *arena = state;

    (void) arena->jemalloc->mallctlbymib(arena->reset, JEMALLOC_MIB_LENGTH,
                                         NULL, NULL, NULL, 0);
}

static void
jemalloc_arena_destroy(void *state)
{
    struct jemalloc_arena *arena = state;

    jemalloc_arena_reset(arena);
    (void) pthread_mutex_lock(&jemalloc_idle.mutex);
    arena->next = jemalloc_idle.first;
    jemalloc_idle.first = arena;
    (void) pthread_mutex_unlock(&jemalloc_idle.mutex);
}

/* All idle arenas are destroyed, those of other threads too. */
static void
jemalloc_arena_trim(void *library)
{
    struct jemalloc *jemalloc = library;
    struct jemalloc_arena *arena;
    char name[sizeof("arena.4294967295.destroy")];

    (void) pthread_mutex_lock(&jemalloc_idle.mutex);
    while ((arena = jemalloc_idle.first) != NULL) {
        jemalloc_idle.first = arena->next;
        snprintf(name, sizeof(name), "arena.%u.destroy",
                 (unsigned) arena->reset[1]);
        (void) jemalloc->mallctl(name, NULL, NULL, NULL, 0);
        free(arena);
    }
    (void) pthread_mutex_unlock(&jemalloc_idle.mutex);
}

FREE_LOOPS(jemalloc_arena, jemalloc_arena_alloc, jemalloc_arena_free_one);

const struct allocator allocator_jemalloc_arena = {
    .name = "jemalloc_arena",
    .kind = ALLOCATOR_REGION,
    .alignment = 8, /* of a size of at most 8; else 16 */
    .block = JEMALLOC_ARENA_BLOCK,
    .keeps = ALLOCATOR_KEEPS_DECAYS,
    .policy = "a live region has an arena of its own, which is reset at the "
              "region's end and kept for the next one; no thread cache, which "
              "would have to be flushed each time; freed pages are kept, and "
              "given back as those of jemalloc",
    .regions_max = JEMALLOC_ARENAS_MAX,
    .open = jemalloc_open,
    .entry = jemalloc_arena_entry,
    .file = "/libjemalloc.so",
    .version = jemalloc_version,
    .create = jemalloc_arena_create,
    .alloc = jemalloc_arena_alloc,
    .free = jemalloc_arena_free_one,
    .fill = jemalloc_arena_fill,
    .replay = jemalloc_arena_replay,
    .free_order = jemalloc_arena_free_order,
    .exchange = jemalloc_arena_exchange,
    .reset = jemalloc_arena_reset,
    .destroy = jemalloc_arena_destroy,
    .trim = jemalloc_arena_trim,
};
