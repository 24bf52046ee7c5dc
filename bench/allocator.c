#include "allocator.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(ALLOCATOR_PATH_MAX >= PATH_MAX, "realpath() writes that much");

const char *allocator_class_name(enum allocator_class class)
{
    static const char *const names[] = {
        [ALLOCATOR_SHARED] = "shared",
        [ALLOCATOR_ARCHIVE] = "archive",
        [ALLOCATOR_INLINED] = "inlined",
        [ALLOCATOR_LIMIT] = "limit",
    };

    return names[class];
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
