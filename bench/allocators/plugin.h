/*
 * A malloc that is opened beside the C library's, which stays the process's
 * own: what adapters of such libraries share. One thread opens; then any
 * thread.
 */
#ifndef BENCH_ALLOCATORS_PLUGIN_H
#define BENCH_ALLOCATORS_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

struct region;

/* Its functions, which take the place of a state. */
struct plugin {
    void *handle; /* dlopen()'s */
    void *(*malloc)(size_t size);
    void (*free)(void *p);
};

/*
 * Open the library file, and find its malloc() and free(). RTLD_LOCAL: nobody
 * else gets them. RTLD_DEEPBIND: it gets its own. Returns 0, or -1: reason then
 * says why, in at most ALLOCATOR_REASON_MAX bytes.
 */
int plugin_open(struct plugin *plugin, const char *file, char *reason);

/* Find one more function. *ret_function is a pointer to a function. Returns 0,
 * or -1 as plugin_open() does. */
int plugin_find(const struct plugin *plugin, const char *name,
                void *ret_function, char *reason);

/* As struct allocator has them; library and state are a struct plugin. */
const void *plugin_entry(void *library);
void *plugin_alloc(void *state, size_t size);
void plugin_free(void *state, void *p);
int plugin_fill(struct region *region);
int plugin_replay(struct region *region);
void plugin_empty(struct region *region);
void plugin_free_order(struct region *region, const uint32_t *order);
int plugin_exchange(struct region *region, const uint32_t *slots, size_t count);

#endif
