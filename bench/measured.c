#include "measured.h"

#include <string.h>

#include "allocators/adapters.h"
#include "allocators/extra.h"

const struct allocator *const allocators[] = {
    &allocator_pool,        &allocator_nginx,         &allocator_glibc,
    &allocator_tcmalloc,    &allocator_jemalloc,      &allocator_jemalloc_arena,
    &allocator_mimalloc,    &allocator_mimalloc_heap, &allocator_arena,
    &allocator_apr,         &allocator_apr_limit,     &allocator_apr_httpd,
    &allocator_obstack,     &allocator_obstack_16k,   &allocator_pmr,
    &allocator_talloc,      &allocator_talloc_pool,   &allocator_pool_unbounded,
    &allocator_pool_inline, &allocator_bump_register, &allocator_bump_memory,
    &allocator_null,
};

const size_t allocators_count = sizeof(allocators) / sizeof(allocators[0]);

const struct workload *const workloads[] = {
    &workload_fill,         &workload_fill_trim,  &workload_fill_reset,
    &workload_littered,     &workload_cleanup,    &workload_large,
    &workload_free_random,  &workload_pairs_fifo, &workload_pairs_lifo,
    &workload_pairs_random, &workload_churn,      &workload_threads_1,
    &workload_threads_2,    &workload_handoff,    &workload_request,
    &workload_replay,
};

const size_t workloads_count = sizeof(workloads) / sizeof(workloads[0]);

const struct measured measured = {
    .allocators = allocators,
    .allocators_count = sizeof(allocators) / sizeof(allocators[0]),
    .workloads = workloads,
    .workloads_count = sizeof(workloads) / sizeof(workloads[0]),
    .open_extras = extras_open,
};

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

const struct workload *
workload_find(const char *name)
{
    for (size_t i = 0; i < workloads_count; i++) {
        if (strcmp(workloads[i]->name, name) == 0) {
            return workloads[i];
        }
    }
    return NULL;
}
