#include "allocators/plugin.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plan/replay.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLUGIN_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||     \
    __has_feature(memory_sanitizer)
#define PLUGIN_UNDER_SANITIZER 1
#endif
#endif
#ifndef PLUGIN_UNDER_SANITIZER
#define PLUGIN_UNDER_SANITIZER 0
#endif

int
plugin_open(struct plugin *plugin, const char *file, char *reason)
{
    if (PLUGIN_UNDER_SANITIZER) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "the sanitizer of this build refuses RTLD_DEEPBIND");
        return -1;
    }
    plugin->handle = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (plugin->handle == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
        return -1;
    }
    if (plugin_find(plugin, "malloc", &plugin->malloc, reason) != 0 ||
        plugin_find(plugin, "free", &plugin->free, reason) != 0) {
        dlclose(plugin->handle);
        return -1;
    }
    return 0;
}

/* dlsym()'s pointer becomes a pointer to a function by way of its bytes. */
int
plugin_find(const struct plugin *plugin, const char *name, void *ret_function,
            char *reason)
{
    void *symbol = dlsym(plugin->handle, name);

    if (symbol == NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "%s", dlerror());
        return -1;
    }
    memcpy(ret_function, &symbol, sizeof(symbol));
    return 0;
}

const void *
plugin_entry(void *library)
{
    struct plugin *plugin = library;

    return (const void *) (uintptr_t) plugin->malloc;
}

void *
plugin_alloc(void *state, size_t size)
{
    struct plugin *plugin = state;

    return plugin->malloc(size);
}

void
plugin_free(void *state, void *p)
{
    struct plugin *plugin = state;

    plugin->free(p);
}

int
plugin_fill(struct region *region)
{
    return region_fill_with(region, plugin_alloc);
}

int
plugin_replay(struct region *region)
{
    return replay_with(region, plugin_alloc, plugin_free);
}

void
plugin_empty(struct region *region)
{
    region_free_with(region, plugin_free);
}

void
plugin_free_order(struct region *region, const uint32_t *order)
{
    region_free_order_with(region, order, plugin_free);
}

int
plugin_exchange(struct region *region, const uint32_t *slots, size_t count)
{
    return region_exchange_with(region, slots, count, plugin_alloc,
                                plugin_free);
}
