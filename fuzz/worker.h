/*
 * A thread that does one thing at a time. Whoever waits for it sees all that it
 * did, and it sees all that was done before. So what is done by one worker
 * after the other needs no locks.
 *
 * One thread owns the workers. A failure to start one is printed and aborts.
 */
#ifndef FUZZ_WORKER_H
#define FUZZ_WORKER_H

#include <pthread.h>
#include <semaphore.h>

typedef void worker_fn(void *data);

/* All zero: its thread is not there. */
struct worker {
    int is_alive;
    pthread_t thread;
    sem_t has_work;
    sem_t is_done;
    worker_fn *fn; /* NULL: the thread is to end */
    void *data;
};

/* Let the worker, which is idle, do fn(data). Starts its thread where it is not
 * there. */
void worker_begin(struct worker *worker, worker_fn *fn, void *data);

/* Wait until that is done. */
void worker_wait(struct worker *worker);

/* End the thread of the worker, which is idle, and wait until it has ended. */
void worker_end(struct worker *worker);

/* As sem_wait(), but a signal does not end the wait. */
void semaphore_take(sem_t *semaphore);

#endif
