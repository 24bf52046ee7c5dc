/* The C library's obstacks as regions, for bench's --plugin. */
#include <bench_plugin.h>
#include <obstack.h>
#include <stdlib.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free  free

static void *
create(size_t size, size_t count)
{
    struct obstack *region = malloc(sizeof(*region));

    return region != NULL && obstack_init(region) ? region : NULL;
}

static void *
alloc(void *region, size_t size)
{
    return obstack_alloc((struct obstack *) region, (int) size);
}

static void
destroy(void *region)
{
    obstack_free((struct obstack *) region, NULL);
    free(region);
}

const struct bench_plugin bench_plugin = {
    .version = BENCH_PLUGIN_VERSION,
    .name = "example_plugin",
    .alignment = 16,
    .block = 4064,
    .policy = "obstacks of the default chunk size; keeps nothing",
    .create = create,
    .alloc = alloc,
    .destroy = destroy,
};
