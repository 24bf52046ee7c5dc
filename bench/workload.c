#include "workload.h"

#include <string.h>

const struct workload *const workloads[] = {
    &workload_fill,        &workload_fill_trim, &workload_fill_reset,
    &workload_free_random, &workload_threads_1, &workload_threads_2,
    &workload_replay,
};

const size_t workloads_count = sizeof(workloads) / sizeof(workloads[0]);

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
