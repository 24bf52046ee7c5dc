#include "allocator.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(ALLOCATOR_PATH_MAX >= PATH_MAX, "realpath() writes that much");

const char *
allocator_class_name(enum allocator_class of)
{
    static const char *const names[] = {
        [ALLOCATOR_SHARED] = "shared",
        [ALLOCATOR_ARCHIVE] = "archive",
        [ALLOCATOR_INLINED] = "inlined",
        [ALLOCATOR_LIMIT] = "limit",
    };

    return names[of];
}

size_t
allocator_chunk(const struct allocator *allocator, size_t size, size_t count,
                size_t largest)
{
    size_t block = allocator->block;
    size_t chunk = largest;

    if (allocator->chunk != NULL) {
        chunk = allocator->chunk(size + count * allocator->reserved, largest);
    }
    return chunk > block ? chunk : block;
}

void
allocator_path(const void *address, char *path)
{
    Dl_info info;

    path[0] = '\0';
    if (dladdr(address, &info) != 0 && info.dli_fname != NULL &&
        realpath(info.dli_fname, path) == NULL) {
        snprintf(path, ALLOCATOR_PATH_MAX, "%s", info.dli_fname);
    }
}
