#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Bytes of a worker's stack. AddressSanitizer clears a byte for every 8 of
     * them when a thread starts. For the usual 8 MiB that takes longer than the
     * thread's ops. */
    STACK_SIZE = 256 * 1024,
};

static void worker_start(struct worker *worker);
static void *worker_main(void *data);

void
worker_begin(struct worker *worker, worker_fn *fn, void *data)
{
    if (!worker->is_alive) {
        worker_start(worker);
    }
    worker->fn = fn;
    worker->data = data;
    (void) sem_post(&worker->has_work);
}

void
worker_wait(struct worker *worker)
{
    semaphore_take(&worker->is_done);
}

void
worker_end(struct worker *worker)
{
    if (!worker->is_alive) {
        return;
    }
    worker->fn = NULL;
    (void) sem_post(&worker->has_work);
    (void) pthread_join(worker->thread, NULL);
    (void) sem_destroy(&worker->has_work);
    (void) sem_destroy(&worker->is_done);
    worker->is_alive = 0;
}

void
semaphore_take(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR) {
        /* a signal handler has run */
    }
}

static void
worker_start(struct worker *worker)
{
    pthread_attr_t attributes;
    int err;

    (void) sem_init(&worker->has_work, 0, 0);
    (void) sem_init(&worker->is_done, 0, 0);
    (void) pthread_attr_init(&attributes);
    (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
    err = pthread_create(&worker->thread, &attributes, worker_main, worker);
    (void) pthread_attr_destroy(&attributes);
    if (err != 0) {
        fprintf(stderr, "a worker's thread: %s\n", strerror(err));
        abort();
    }
    worker->is_alive = 1;
}

static void *
worker_main(void *data)
{
    struct worker *worker = data;

    for (;;) {
        semaphore_take(&worker->has_work);
        if (worker->fn == NULL) {
            return NULL;
        }
        worker->fn(worker->data);
        (void) sem_post(&worker->is_done);
    }
}
