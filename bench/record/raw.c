#include "raw.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    MESSAGE_SIZE = 4200,

    /* Events that the file is given memory for at a time, one chunk ahead. */
    RAW_CHUNK = 16 * 1024,
};

#define RAW_FILE  "NGXPOOL_RECORD_FILE"  /* a process writes to that, "." pid */
#define RAW_LIMIT "NGXPOOL_RECORD_LIMIT" /* events of a process, at most */

/* The process's; NULL: it is not recorded, or not yet. */
static struct raw_head *raw_head;

static _Atomic uint64_t raw_threads;
static _Thread_local uint64_t raw_thread
    __attribute__((tls_model("initial-exec")));
static _Thread_local int raw_depth __attribute__((tls_model("initial-exec")));

static int raw_fd; /* of raw_head */

static void raw_open(void);
static int raw_advance(struct raw_head *head, uint64_t nth);
static void raw_tell(const char *what, const char *path);

void
raw_add(enum raw_code code, const void *address, uint64_t size, uint64_t other)
{
    struct raw_head *head = raw_head;
    struct raw_event *event;
    uint64_t nth;

    if (head == NULL) {
        return;
    }
    if (raw_thread == 0) {
        raw_thread = atomic_fetch_add(&raw_threads, 1) + 1;
    }
    nth = atomic_fetch_add_explicit(&head->next, 1, memory_order_relaxed);
    if (nth >= head->capacity) {
        return;
    }
    if (nth % RAW_CHUNK == 0) {
        (void) raw_advance(head, nth + RAW_CHUNK);
    }
    event = (struct raw_event *) (head + 1) + nth;
    event->address = (uint64_t) (uintptr_t) address;
    event->size = size;
    event->other = other;
    atomic_store_explicit(&event->what, code | raw_thread << RAW_THREAD_SHIFT,
                          memory_order_release);
}

int
raw_inside(void)
{
    return raw_depth != 0;
}

void
raw_enter(void)
{
    raw_depth++;
}

void
raw_leave(void)
{
    raw_depth--;
}

void
raw_next(const char *name, void *ret_function)
{
    void *next = dlsym(RTLD_NEXT, name);

    if (next == NULL) {
        raw_tell("nothing to record, for there is no", name);
        _exit(127);
    }
    memcpy(ret_function, &next, sizeof(next));
}

/* A child's events are its own. */
static void
raw_fork(void)
{
    raw_head = NULL;
    (void) close(raw_fd);
    raw_threads = 0;
    raw_thread = 0;
    raw_open();
}

__attribute__((constructor)) static void
raw_start(void)
{
    raw_enter();
    raw_open();
    (void) pthread_atfork(NULL, NULL, raw_fork);
    raw_leave();
}

static void
raw_open(void)
{
    const char *file = getenv(RAW_FILE);
    const char *limit = getenv(RAW_LIMIT);
    char path[PATH_SIZE];
    uint64_t capacity = limit != NULL ? strtoull(limit, NULL, 10) : 0;
    size_t size = sizeof(struct raw_head) + capacity * sizeof(struct raw_event);
    struct raw_head *head;

    raw_fd = -1;
    if (file == NULL || capacity == 0 ||
        snprintf(path, sizeof(path), "%s.%ld", file, (long) getpid()) >=
            (int) sizeof(path)) {
        return;
    }
    raw_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (raw_fd == -1 || ftruncate(raw_fd, (off_t) size) != 0) {
        raw_tell("cannot write", path);
        return;
    }
    head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, raw_fd, 0);
    if (head == MAP_FAILED || posix_fallocate(raw_fd, 0, sizeof(*head)) != 0) {
        raw_tell("no room for", path);
        return;
    }
    head->capacity = capacity;
    head->pid = (uint64_t) getpid();
    memcpy(head->magic, RAW_MAGIC, sizeof(head->magic));
    if (raw_advance(head, 0) == 0) {
        raw_head = head;
    }
}

/*
 * Gives the file memory for a chunk of events from nth on: a disk that is full
 * would end the process where an event is written. It is the last chunk then,
 * and the limit is where it ends. Whoever is a whole chunk faster than this is
 * has it from the system page by page.
 */
static int
raw_advance(struct raw_head *head, uint64_t nth)
{
    size_t start = sizeof(*head) + nth * sizeof(struct raw_event);
    size_t size = RAW_CHUNK * sizeof(struct raw_event);
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t before = start % page;
    int err;

    if (nth >= head->capacity) {
        return 0;
    }
    err = posix_fallocate(raw_fd, (off_t) start, (off_t) size);
    if (err != 0) {
        errno = err;
        raw_tell("stops here, there is no room for", "more events");
        head->capacity = nth;
        return -1;
    }
    (void) madvise((char *) head + start - before, size + before,
                   MADV_POPULATE_WRITE);
    return 0;
}

/* Without stdio, which allocates. */
static void
raw_tell(const char *what, const char *path)
{
    char message[MESSAGE_SIZE];
    int length = snprintf(message, sizeof(message), "record: %s %s: %s\n", what,
                          path, strerror(errno));

    if (length > 0) {
        (void) !write(STDERR_FILENO, message, (size_t) length);
    }
}
