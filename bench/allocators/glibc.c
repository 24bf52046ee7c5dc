#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/adapters.h"
#include "plan/replay.h"

/* Another malloc() may have taken the place of the C library's: a sanitizer's,
 * or a preloaded one. It must not get a row under this name. */
static void *
glibc_open(char *reason)
{
    void *entry = dlsym(RTLD_DEFAULT, "malloc");
    char path[ALLOCATOR_PATH_MAX];

    allocator_path(entry, path);
    if (strstr(path, "/libc.so") == NULL && strstr(path, "/libc-") == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "malloc is served by %.300s, not by the C library; to "
                 "measure another malloc, use --malloc=FILE and not LD_PRELOAD",
                 path);
        return NULL;
    }
    return entry;
}

static const void *
glibc_entry(void *library)
{
    return library;
}

static void
glibc_version(void *library, char *version)
{
    (void) library;
    snprintf(version, ALLOCATOR_VERSION_MAX, "%s", gnu_get_libc_version());
}

static void *
glibc_alloc(void *state, size_t size)
{
    (void) state;
    return malloc(size);
}

static int
glibc_fill(struct region *region)
{
    return region_fill_with(region, glibc_alloc);
}

static void
glibc_free(void *state, void *p)
{
    (void) state;
    free(p);
}

static int
glibc_replay(struct region *region)
{
    return replay_with(region, glibc_alloc, glibc_free);
}

static void
glibc_empty(struct region *region)
{
    region_free_with(region, glibc_free);
}

FREE_LOOPS(glibc, glibc_alloc, glibc_free);

const struct allocator allocator_glibc = {
    .name = "glibc",
    .kind = ALLOCATOR_GENERAL,
    .alignment = 2 * sizeof(size_t), /* malloc()'s, where it is not more */
    .keeps = ALLOCATOR_KEEPS_DECAYS,
    .policy = "keeps what is freed below a live object; gives back the top of "
              "the heap where more of it than M_TRIM_THRESHOLD is free, and "
              "what lies above M_MMAP_THRESHOLD; both are set before each row",
    .open = glibc_open,
    .entry = glibc_entry,
    .file = "/libc.so",
    .version = glibc_version,
    .create = adapter_no_region,
    .alloc = glibc_alloc,
    .free = glibc_free,
    .fill = glibc_fill,
    .replay = glibc_replay,
    .free_order = glibc_free_order,
    .exchange = glibc_exchange,
    .empty = glibc_empty,
    .destroy = adapter_nothing,
};
