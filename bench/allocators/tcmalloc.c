#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocators/adapters.h"
#include "allocators/plugin.h"

typedef const char *tcmalloc_version_fn(int *major, int *minor,
                                        const char **patch);

struct tcmalloc {
    struct plugin plugin;
    tcmalloc_version_fn *version;
};

/*
 * It must map its memory: by sbrk() it would take it from behind the C
 * library's heap, whose top could then never be trimmed again.
 */
static void *
tcmalloc_open(char *reason)
{
    static struct tcmalloc tcmalloc;

    if (setenv("TCMALLOC_SKIP_SBRK", "true", 1) != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", strerror(errno));
        return NULL;
    }
    if (plugin_open(&tcmalloc.plugin, "libtcmalloc_minimal.so.4", reason) !=
            0 ||
        plugin_find(&tcmalloc.plugin, "tc_version", &tcmalloc.version,
                    reason) != 0) {
        return NULL;
    }
    return &tcmalloc;
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

const struct allocator allocator_tcmalloc = {
    .name = "tcmalloc",
    .kind = ALLOCATOR_GENERAL,
    .open = tcmalloc_open,
    .entry = plugin_entry,
    .version = tcmalloc_version,
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
