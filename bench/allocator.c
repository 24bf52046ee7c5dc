#include "allocator.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/adapters.h"

_Static_assert(ALLOCATOR_PATH_MAX >= PATH_MAX, "realpath() writes that much");

const struct allocator *const allocators[] = {
    &allocator_pool,        &allocator_nginx,
    &allocator_glibc,       &allocator_tcmalloc,
    &allocator_jemalloc,    &allocator_mimalloc,
    &allocator_arena,       &allocator_apr,
    &allocator_apr_limit,   &allocator_obstack,
    &allocator_pmr,         &allocator_talloc,
    &allocator_talloc_pool, &allocator_pool_unbounded,
    &allocator_pool_inline, &allocator_bump_register,
    &allocator_bump_memory, &allocator_null,
};

const size_t allocators_count = sizeof(allocators) / sizeof(allocators[0]);

const char *allocator_class_name(enum allocator_class class)
{
    static const char *const names[] = {
        [ALLOCATOR_CALLED] = "called",
        [ALLOCATOR_INLINED] = "inlined",
        [ALLOCATOR_LIMIT] = "limit",
    };

    return names[class];
}

const struct allocator *
allocator_find(const char *name)
{
    for (size_t i = 0; i < allocators_count; i++) {
        if (strcmp(allocators[i]->name, name) == 0) {
            return allocators[i];
        }
    }
    return NULL;
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
