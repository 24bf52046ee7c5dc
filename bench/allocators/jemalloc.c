#include <stdio.h>

#include "allocators/adapters.h"
#include "allocators/plugin.h"

typedef int jemalloc_mallctl_fn(const char *name, void *old, size_t *old_size,
                                void *new, size_t new_size);

struct jemalloc {
    struct plugin plugin;
    jemalloc_mallctl_fn *mallctl;
};

/* Its thread-local data need room that the dynamic linker has only where the
 * process was started with it: bench's main() sees to that. */
static void *
jemalloc_open(char *reason)
{
    static struct jemalloc jemalloc;

    if (plugin_open(&jemalloc.plugin, "libjemalloc.so.2", reason) != 0 ||
        plugin_find(&jemalloc.plugin, "mallctl", &jemalloc.mallctl, reason) !=
            0) {
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
    .kind = ALLOCATOR_GENERAL,
    .open = jemalloc_open,
    .entry = plugin_entry,
    .version = jemalloc_version,
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
