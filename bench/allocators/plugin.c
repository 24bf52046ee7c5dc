#include "allocators/plugin.h"

#include <stdint.h>
#include <stdio.h>

#include "allocators/library.h"
#include "plan/replay.h"

enum {
    PLUGIN_CHECKED_MAX =
        512, /* bytes of an object whose alignment is checked */
};

static int plugin_check(const struct bench_plugin *of, char *reason);
static const char *plugin_missing(const struct bench_plugin *of);
static int plugin_check_alignment(const struct bench_plugin *of, char *reason);
static const void *plugin_entry(void *library);
static void *plugin_create(void *library, size_t size, size_t count);
static int plugin_fill(struct region *region);
static int plugin_replay(struct region *region);
static void plugin_free_order(struct region *region, const uint32_t *order);
static int plugin_exchange(struct region *region, const uint32_t *slots,
                           size_t count);
static void plugin_trim(void *library);

int
plugin_open(struct plugin *plugin, const char *file, char *reason)
{
    plugin->handle = library_open(file, reason);
    if (plugin->handle == NULL) {
        return -1;
    }
    if (library_find_own(plugin->handle, "bench_plugin", &plugin->of, reason) !=
            0 ||
        plugin_check(plugin->of, reason) != 0) {
        library_close(plugin->handle);
        return -1;
    }
    return 0;
}

struct allocator
plugin_row(const struct plugin *plugin)
{
    const struct bench_plugin *of = plugin->of;

    return (struct allocator){
        .name = of->name,
        .kind = ALLOCATOR_REGION,
        .class = ALLOCATOR_SHARED,
        .alignment = of->alignment,
        .block = of->block,
        .keeps = of->keeps,
        .policy = of->policy,
        .entry = plugin_entry,
        .create = plugin_create,
        .alloc = of->alloc,
        .free_early = of->free,
        .fill = plugin_fill,
        .replay = plugin_replay,
        .reset = of->reset,
        .destroy = of->destroy,
        .free_order = of->free != NULL ? plugin_free_order : NULL,
        .exchange = of->free != NULL ? plugin_exchange : NULL,
        .trim = of->trim != NULL ? plugin_trim : NULL,
    };
}

/* The fields after version may lie elsewhere in another version, so version is
 * checked first. */
static int
plugin_check(const struct bench_plugin *of, char *reason)
{
    if (of->version != BENCH_PLUGIN_VERSION) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "is for version %u of bench_plugin.h, expected %u",
                 of->version, BENCH_PLUGIN_VERSION);
        return -1;
    }
    if (plugin_missing(of) != NULL) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "its bench_plugin has no %s",
                 plugin_missing(of));
        return -1;
    }
    if (of->alignment < ALLOCATOR_ALIGNMENT ||
        (of->alignment & (of->alignment - 1)) != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX,
                 "its alignment is %zu, expected a power of two of at least %d",
                 of->alignment, ALLOCATOR_ALIGNMENT);
        return -1;
    }
    return plugin_check_alignment(of, reason);
}

/* A required field that is not set, or NULL. */
static const char *
plugin_missing(const struct bench_plugin *of)
{
    return of->name == NULL      ? "name"
           : of->policy == NULL  ? "policy"
           : of->create == NULL  ? "create()"
           : of->alloc == NULL   ? "alloc()"
           : of->destroy == NULL ? "destroy()"
                                 : NULL;
}

static int
plugin_check_alignment(const struct bench_plugin *of, char *reason)
{
    size_t sum = (size_t) PLUGIN_CHECKED_MAX * (PLUGIN_CHECKED_MAX + 1) / 2;
    void *region = of->create(sum, PLUGIN_CHECKED_MAX);
    int err = region != NULL ? 0 : -1;

    if (err != 0) {
        snprintf(reason, ALLOCATOR_REASON_MAX, "create() returned NULL");
        return err;
    }
    for (size_t size = 1; size <= PLUGIN_CHECKED_MAX && err == 0; size++) {
        void *p = of->alloc(region, size);

        if (p == NULL || (uintptr_t) p % of->alignment != 0) {
            snprintf(reason, ALLOCATOR_REASON_MAX,
                     "alloc() of %zu bytes returned %p, expected a multiple of "
                     "its alignment, %zu",
                     size, p, of->alignment);
            err = -1;
        }
    }
    of->destroy(region);
    if (of->trim != NULL) {
        of->trim();
    }
    return err;
}

static const void *
plugin_entry(void *library)
{
    struct plugin *plugin = library;

    return (const void *) (uintptr_t) plugin->of->alloc;
}

static void *
plugin_create(void *library, size_t size, size_t count)
{
    struct plugin *plugin = library;

    return plugin->of->create(size, count);
}

/* The pointer is read before the loop, which then calls through it. */
static int
plugin_fill(struct region *region)
{
    return region_fill_with(region, region->allocator->alloc);
}

static int
plugin_replay(struct region *region)
{
    return replay_with(region, region->allocator->alloc,
                       region->allocator->free_early);
}

static void
plugin_free_order(struct region *region, const uint32_t *order)
{
    region_free_order_with(region, order, region->allocator->free_early);
}

static int
plugin_exchange(struct region *region, const uint32_t *slots, size_t count)
{
    return region_exchange_with(region, slots, count, region->allocator->alloc,
                                region->allocator->free_early);
}

static void
plugin_trim(void *library)
{
    struct plugin *plugin = library;

    plugin->of->trim();
}
