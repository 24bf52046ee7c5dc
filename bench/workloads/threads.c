/*
 * An iteration is one region a thread, as in fill, on one thread or on two at
 * once. The difference is the cost of one thread's allocations for the other.
 * All of it is timed, by the wall clock; the allocations of all threads count.
 * The second thread is there before the clock starts, and waits for each batch
 * in a loop, on a core of its own.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "workload.h"

enum {
    /* Enough ops that the start and the end of a batch are negligible. */
    THREADS_BATCH = 128 * WORKLOAD_BATCH,
};

static const struct workload_cells threads_full[] = {
    {"lognormal", "100"},
    {"nginx_request", "25"},
    {NULL, NULL},
};

/* Its rows are much like those of fill. */
static const struct workload_cells threads_1_quick[] = {
    {NULL, NULL},
};

static const struct workload_cells threads_quick[] = {
    {"lognormal", "100"},
    {NULL, NULL},
};

/* The second thread: its task, and its result. */
struct helper {
    pthread_t thread;
    struct region region;
    atomic_size_t wanted; /* batches so far; SIZE_MAX: no more */
    atomic_size_t done;
    size_t count; /* regions of a batch */
    int err;
};

static void *
helper_run(void *data)
{
    struct helper *helper = data;

    for (size_t batch = 0;; batch++) {
        size_t wanted;

        while ((wanted = atomic_load(&helper->wanted)) == batch) {
            sched_yield();
        }
        if (wanted == SIZE_MAX) {
            const struct allocator *allocator = helper->region.allocator;

            if (allocator->trim != NULL) {
                allocator->trim(helper->region.library);
            }
            return NULL;
        }
        helper->err = workload_fill.batch(&helper->region, helper->count);
        atomic_store(&helper->done, batch + 1);
    }
}

static int
threads_start_1(struct region *region)
{
    return workload_fill.start(region);
}

static void
threads_stop_1(struct region *region)
{
    workload_fill.stop(region);
}

static int
threads_start_2(struct region *region)
{
    struct helper *helper = calloc(1, sizeof(*helper));

    region->own = helper;
    if (helper == NULL) {
        return -ENOMEM;
    }
    helper->region = *region;
    helper->region.pointers = calloc(region->n, sizeof(void *));
    if (helper->region.pointers == NULL ||
        pthread_create(&helper->thread, NULL, helper_run, helper) != 0) {
        free(helper->region.pointers);
        free(helper);
        return -ENOMEM;
    }
    return workload_fill.start(region);
}

static void
threads_stop_2(struct region *region)
{
    struct helper *helper = region->own;

    workload_fill.stop(region);
    atomic_store(&helper->wanted, SIZE_MAX);
    (void) pthread_join(helper->thread, NULL);
    free(helper->region.pointers);
    free(helper);
}

static int
threads_take(struct region *region)
{
    return workload_fill.take(region);
}

static void
threads_give(struct region *region)
{
    workload_fill.give(region);
}

static int
threads_batch_1(struct region *region, size_t count)
{
    return workload_fill.batch(region, count);
}

static int
threads_batch_2(struct region *region, size_t count)
{
    struct helper *helper = region->own;
    size_t batch = atomic_load(&helper->done) + 1;
    int err;

    helper->count = count;
    atomic_store(&helper->wanted, batch);
    err = workload_fill.batch(region, count);
    while (atomic_load(&helper->done) != batch) {
        sched_yield();
    }
    return err != 0 ? err : helper->err;
}

const struct workload workload_threads_1 = {
    .name = "threads_1",
    .heap_top = HEAP_TOP_PINNED,
    .full = threads_full,
    .quick = threads_1_quick,
    .threads = 1,
    .makers = 1,
    .batch_op = THREADS_BATCH,
    .refuse = workload_no_limit,
    .start = threads_start_1,
    .stop = threads_stop_1,
    .take = threads_take,
    .check = region_check,
    .give = threads_give,
    .batch = threads_batch_1,
};

const struct workload workload_threads_2 = {
    .name = "threads_2",
    .heap_top = HEAP_TOP_PINNED,
    .full = threads_full,
    .quick = threads_quick,
    .threads = 2,
    .makers = 2,
    .batch_op = THREADS_BATCH,
    .refuse = workload_no_limit,
    .start = threads_start_2,
    .stop = threads_stop_2,
    .take = threads_take,
    .check = region_check,
    .give = threads_give,
    .batch = threads_batch_2,
};
