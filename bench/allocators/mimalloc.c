#include <stdio.h>

#include "allocators/adapters.h"
#include "allocators/plugin.h"

typedef int mimalloc_version_fn(void);

struct mimalloc {
    struct plugin plugin;
    mimalloc_version_fn *version;
};

static void *
mimalloc_open(char *reason)
{
    static struct mimalloc mimalloc;

    if ((plugin_open(&mimalloc.plugin, "libmimalloc.so.3", reason) != 0 &&
         plugin_open(&mimalloc.plugin, "libmimalloc.so.2", reason) != 0) ||
        plugin_find(&mimalloc.plugin, "mi_version", &mimalloc.version,
                    reason) != 0) {
        return NULL;
    }
    return &mimalloc;
}

/* 209 is 2.0.9. */
static void
mimalloc_version(void *library, char *version)
{
    struct mimalloc *mimalloc = library;
    int number = mimalloc->version();

    snprintf(version, ALLOCATOR_VERSION_MAX, "%d.%d.%d", number / 100,
             number / 10 % 10, number % 10);
}

const struct allocator allocator_mimalloc = {
    .name = "mimalloc",
    .kind = ALLOCATOR_GENERAL,
    .open = mimalloc_open,
    .entry = plugin_entry,
    .version = mimalloc_version,
    .create = adapter_no_region,
    .alloc = plugin_alloc,
    .free = plugin_free,
    .fill = plugin_fill,
    .replay = plugin_replay,
    .free_order = plugin_free_order,
    .exchange = plugin_exchange,
    .empty = plugin_empty,
    .destroy = adapter_nothing,
};
