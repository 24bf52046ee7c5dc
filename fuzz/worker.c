#include "worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STACK_SIZE = 256 * 1024, /* bytes; enough for any op */
};

/* The functions that start and join threads; NULL until the first start. */
static struct {
    int (*create)(pthread_t *thread, const pthread_attr_t *attributes,
                  void *(*start)(void *data), void *data);
    int (*join)(pthread_t thread, void **result);
} threads;

/* Where AddressSanitizer is not linked, this is NULL. */
void __asan_init(void) __attribute__((weak));

static void threads_find(void);
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
    (void) threads.join(worker->thread, NULL);
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

/*
 * Takes the GNU C library's own functions under AddressSanitizer, whose
 * functions of these names never release the record of a thread, though targets
 * start threads in every run. AddressSanitizer then reports the same errors,
 * but not which thread made them.
 */
static void
threads_find(void)
{
    void *libc = __asan_init != NULL
                     ? dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD)
                     : NULL;

    if (libc != NULL) {
        *(void **) &threads.create = dlsym(libc, "pthread_create");
        *(void **) &threads.join = dlsym(libc, "pthread_join");
        (void) dlclose(libc);
    }
    if (threads.create == NULL || threads.join == NULL) {
        threads.create = pthread_create;
        threads.join = pthread_join;
    }
}

static void
worker_start(struct worker *worker)
{
    pthread_attr_t attributes;
    int err;

    if (threads.create == NULL) {
        threads_find();
    }
    (void) sem_init(&worker->has_work, 0, 0);
    (void) sem_init(&worker->is_done, 0, 0);
    (void) pthread_attr_init(&attributes);
    (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
    err = threads.create(&worker->thread, &attributes, worker_main, worker);
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
