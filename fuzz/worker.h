/*
 * A thread that does one task at a time. The start of a task happens after all
 * that the owner did before, and the owner's wait ends after all that the task
 * did. So tasks that run one after the other need no locks.
 *
 * One thread owns the workers. A failure to start one is printed and aborts.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

#include <pthread.h>
#include <semaphore.h>

typedef void worker_fn(void *data);

/* All zero: a worker without a thread. */
struct worker {
    int is_alive;
    pthread_t thread;
    sem_t has_work;
    sem_t is_done;
    worker_fn *fn; /* NULL: the thread must end */
    void *data;
};

/* Let the worker, which is idle, call fn(data). Starts its thread if it has
 * none. */
void worker_begin(struct worker *worker, worker_fn *fn, void *data);

/* Wait until fn(data) has returned. */
void worker_wait(struct worker *worker);

/* End the thread of the worker, which is idle, and wait until it has ended. */
void worker_end(struct worker *worker);

/* As sem_wait(), but a signal does not end the wait. */
void semaphore_take(sem_t *semaphore);

#endif
