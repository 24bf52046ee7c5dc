#include <stdio.h>
#include <sys/mman.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

static const void *
null_entry(void *library)
{
    return library;
}

static void
null_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", BENCH_POOL_VERSION);
}

enum {
    /* The thread's memory, for all of its regions. No object is larger. */
    NULL_SIZE = 1024 * 1024 * 1024,

    NULL_ALIGNMENT = 4096, /* mmap()'s */
};

static _Thread_local void *null_memory
    __attribute__((tls_model("initial-exec")));

static void *
null_create(void *library, size_t size, size_t count)
{
    (void) library;
    (void) size;
    (void) count;
    if (null_memory == NULL) {
        void *memory = mmap(NULL, NULL_SIZE, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        null_memory = memory != MAP_FAILED ? memory : NULL;
    }
    return null_memory;
}

/* The address space would stay mapped after the thread's end. */
static void
null_trim(void *library)
{
    (void) library;
    if (null_memory != NULL) {
        (void) munmap(null_memory, NULL_SIZE);
        null_memory = NULL;
    }
}

static inline void *
null_alloc(void *state, size_t size)
{
    (void) size;
    return state;
}

static int
null_fill(struct region *region)
{
    return region_fill_with(region, null_alloc);
}

static int
null_replay(struct region *region)
{
    return replay_with(region, null_alloc, NULL);
}

static inline void
null_free(void *state, void *p)
{
    (void) state;
    (void) p;
}

FREE_LOOPS(null, null_alloc, null_free);

const struct allocator allocator_null = {
    .name = "null",
    .kind = ALLOCATOR_REGION,
    .class = ALLOCATOR_LIMIT,
    .alignment = NULL_ALIGNMENT,
    .keeps = NULL_SIZE,
    .policy = "no allocator: every object is the same memory, which the "
              "thread keeps",
    .is_null = 1,
    .open = adapter_linked,
    .entry = null_entry,
    .version = null_version,
    .create = null_create,
    .alloc = null_alloc,
    .fill = null_fill,
    .free = null_free,
    .replay = null_replay,
    .free_order = null_free_order,
    .exchange = null_exchange,
    .reset = adapter_nothing,
    .destroy = adapter_nothing,
    .trim = null_trim,
};
