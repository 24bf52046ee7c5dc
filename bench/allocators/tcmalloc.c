#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TCMALLOC_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define TCMALLOC_UNDER_SANITIZER 1
#endif
#endif
#ifndef TCMALLOC_UNDER_SANITIZER
#define TCMALLOC_UNDER_SANITIZER 0
#endif

static const char tcmalloc_file[] = "libtcmalloc_minimal.so.4";

/* The library's functions, which take the place of a state. */
struct tcmalloc {
    void *(*malloc)(size_t size);
    void (*free)(void *p);
    const char *(*version)(int *major, int *minor, const char **patch);
};

static int tcmalloc_find(struct tcmalloc *tcmalloc, void *handle);

/*
 * RTLD_LOCAL: nobody else gets its malloc. RTLD_DEEPBIND: it gets its own. It
 * must map its memory: by sbrk() it would take it from behind the C library's
 * heap, whose top could then never be trimmed again.
 */
static void *
tcmalloc_open(char *reason)
{
    static struct tcmalloc tcmalloc;
    void *handle;

    if (TCMALLOC_UNDER_SANITIZER) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "the sanitizer of this build refuses RTLD_DEEPBIND");
        return NULL;
    }
    if (setenv("TCMALLOC_SKIP_SBRK", "true", 1) != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", strerror(errno));
        return NULL;
    }
    handle = dlopen(tcmalloc_file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
        return NULL;
    }
    if (tcmalloc_find(&tcmalloc, handle) != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
        dlclose(handle);
        return NULL;
    }
    return &tcmalloc;
}

static const void *
tcmalloc_entry(void *library)
{
    struct tcmalloc *tcmalloc = library;

    return (const void *) (uintptr_t) tcmalloc->malloc;
}

static void
tcmalloc_version(void *library, char *version)
{
    struct tcmalloc *tcmalloc = library;
    int major;
    int minor;
    const char *patch;

    tcmalloc->version(&major, &minor, &patch);
    snprintf(version, ALLOCATOR_VERSION_MAX, "%d.%d%s", major, minor, patch);
}

static void *
tcmalloc_alloc(void *state, size_t size)
{
    struct tcmalloc *tcmalloc = state;

    return tcmalloc->malloc(size);
}

static void
tcmalloc_free(void *state, void *p)
{
    struct tcmalloc *tcmalloc = state;

    tcmalloc->free(p);
}

const struct allocator allocator_tcmalloc = {
    .name = "tcmalloc",
    .kind = ALLOCATOR_GENERAL,
    .open = tcmalloc_open,
    .entry = tcmalloc_entry,
    .version = tcmalloc_version,
    .create = adapter_no_region,
    .alloc = tcmalloc_alloc,
    .free = tcmalloc_free,
    .destroy = adapter_nothing,
};

/* dlsym()'s pointers become pointers to functions by way of their bytes. */
static int
tcmalloc_find(struct tcmalloc *tcmalloc, void *handle)
{
    const struct {
        const char *name;
        void *to;
    } symbols[] = {
        {"malloc", &tcmalloc->malloc},
        {"free", &tcmalloc->free},
        {"tc_version", &tcmalloc->version},
    };

    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *symbol = dlsym(handle, symbols[i].name);

        if (symbol == NULL) {
            return -ENOENT;
        }
        memcpy(symbols[i].to, &symbol, sizeof(symbol));
    }
    return 0;
}
