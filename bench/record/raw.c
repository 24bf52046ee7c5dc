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
};

#define RAW_FILE  "NGXPOOL_RECORD_FILE"  /* a process writes to that, "." pid */
#define RAW_LIMIT "NGXPOOL_RECORD_LIMIT" /* events of a process, at most */

/* The process's; NULL: it is not recorded, or not yet. */
static struct raw_head *raw_head;

static _Atomic uint64_t raw_threads;
static _Thread_local uint64_t raw_thread
    __attribute__((tls_model("initial-exec")));
static _Thread_local int raw_depth __attribute__((tls_model("initial-exec")));

static void raw_open(void);
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

/* The file is given all its memory now: a disk that is full later would end the
 * process. */
static void
raw_open(void)
{
    const char *file = getenv(RAW_FILE);
    const char *limit = getenv(RAW_LIMIT);
    char path[PATH_SIZE];
    uint64_t capacity = limit != NULL ? strtoull(limit, NULL, 10) : 0;
    size_t size = sizeof(struct raw_head) + capacity * sizeof(struct raw_event);
    struct raw_head *head;
    int fd;

    if (file == NULL || capacity == 0 ||
        snprintf(path, sizeof(path), "%s.%ld", file, (long) getpid()) >=
            (int) sizeof(path)) {
        return;
    }
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd == -1) {
        raw_tell("cannot write", path);
        return;
    }
    errno = posix_fallocate(fd, 0, (off_t) size);
    if (errno != 0) {
        raw_tell("no room for", path);
        (void) unlink(path);
        (void) close(fd);
        return;
    }
    head = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);
    if (head == MAP_FAILED) {
        raw_tell("cannot map", path);
        return;
    }
    head->capacity = capacity;
    head->pid = (uint64_t) getpid();
    memcpy(head->magic, RAW_MAGIC, sizeof(head->magic));
    raw_head = head;
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
