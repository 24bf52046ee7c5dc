#include "worker.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STACK_SIZE = 256 * 1024, /* bytes; enough for any op */
};

typedef int create_fn(pthread_t *thread, const pthread_attr_t *attributes,
                      void *(*start)(void *data), void *data);

/* Where AddressSanitizer is not linked, this is NULL. */
void __asan_init(void) __attribute__((weak));

static create_fn *create_find(void);
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

/*
 * Returns pthread_create(), or under AddressSanitizer the GNU C library's own:
 * AddressSanitizer's never releases its record of a thread, and targets start
 * threads in every run. AddressSanitizer then reports the same errors, but not
 * which thread made them.
 */
static create_fn *
create_find(void)
{
    void *libc = __asan_init != NULL
                     ? dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD)
                     : NULL;
    create_fn *create = NULL;

    if (libc != NULL) {
        *(void **) &create = dlsym(libc, "pthread_create");
        (void) dlclose(libc);
    }
    return create != NULL ? create : pthread_create;
}

static void
worker_start(struct worker *worker)
{
    static create_fn *create;
    pthread_attr_t attributes;
    int err;

    create = create != NULL ? create : create_find();
    (void) sem_init(&worker->has_work, 0, 0);
    (void) sem_init(&worker->is_done, 0, 0);
    (void) pthread_attr_init(&attributes);
    (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
    err = create(&worker->thread, &attributes, worker_main, worker);
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
