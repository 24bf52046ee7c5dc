/*
 * An allocator outside this project, against bench_plugin.h. One thread opens
 * it; then any thread uses it.
 */
#ifndef BENCH_ALLOCATORS_PLUGIN_H
#define BENCH_ALLOCATORS_PLUGIN_H

#include "allocator.h"
#include "bench_plugin.h"

struct plugin {
    void *handle; /* library_open()'s */
    const struct bench_plugin *of;
};

/*
 * Open file and check its promises: its version, that no function is missing,
 * its name, and that small objects are aligned as it says. Returns 0,
 * or -1: reason then says why, in at most ALLOCATOR_REASON_MAX bytes.
 */
int plugin_open(struct plugin *plugin, const char *file, char *reason);

/* The row of an open plug-in, except for the fields that extra.c sets. */
struct allocator plugin_row(const struct plugin *plugin);

#endif
