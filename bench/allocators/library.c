#include "allocators/library.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "allocator.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIBRARY_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define LIBRARY_UNDER_SANITIZER 1
#endif
#endif
#ifndef LIBRARY_UNDER_SANITIZER
#define LIBRARY_UNDER_SANITIZER 0
#endif

/* A fuzzing farm's build: an input does the same on every machine of it. */
#if defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
#define LIBRARY_IN_FARM 1
#else
#define LIBRARY_IN_FARM 0
#endif

void *
library_open(const char *file, char *reason)
{
    void *handle;

    if (LIBRARY_UNDER_SANITIZER) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "the sanitizer of this build refuses RTLD_DEEPBIND");
        return NULL;
    }
    if (LIBRARY_IN_FARM) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "not every machine that runs this build has %s", file);
        return NULL;
    }
    handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (handle == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
    }
    return handle;
}

void
library_close(void *handle)
{
    (void) dlclose(handle);
}

/* dlsym()'s pointer becomes a pointer to a function by way of its bytes. */
int
library_find(void *handle, const char *name, void *ret_function, char *reason)
{
    void *symbol = dlsym(handle, name);

    if (symbol == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
        return -1;
    }
    memcpy(ret_function, &symbol, sizeof(symbol));
    return 0;
}

int
library_find_own(void *handle, const char *name, void *ret_function,
                 char *reason)
{
    void *symbol = dlsym(handle, name);
    struct link_map *own = NULL;
    struct link_map *found = NULL;
    Dl_info info;

    if (symbol == NULL || dlinfo(handle, RTLD_DI_LINKMAP, &own) != 0 ||
        dladdr1(symbol, &info, (void **) &found, RTLD_DL_LINKMAP) == 0 ||
        own != found) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "has no %s of its own", name);
        return -1;
    }
    memcpy(ret_function, &symbol, sizeof(symbol));
    return 0;
}
