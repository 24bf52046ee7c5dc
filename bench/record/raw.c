#include "raw.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    MESSAGE_SIZE = 4200,

    /* Words that the file is given memory for at a time, one chunk ahead. */
    RAW_CHUNK = 64 * 1024,
};

#define RAW_FILE  "NGXPOOL_RECORD_FILE"  /* a process writes to that, "." pid */
#define RAW_LIMIT "NGXPOOL_RECORD_LIMIT" /* words of a process, at most */

/* What follows a first word must not look like one. */
#define RAW_OPERAND_MAX (RAW_FIRST - 1)

/* The process's; NULL: it is not recorded, or not yet. */
static struct raw_head *raw_head;

static _Atomic uint64_t raw_threads;
static _Thread_local uint64_t raw_thread
    __attribute__((tls_model("initial-exec")));
static _Thread_local int raw_depth __attribute__((tls_model("initial-exec")));

static int raw_fd; /* of raw_head */

static void raw_add_first(enum raw_code code, const void *address,
                          uint64_t size, uint64_t other);
static void raw_ahead(struct raw_head *head, uint64_t nth);
static uint64_t raw_take(struct raw_head *head, uint64_t words);
static void raw_open(void);
static int raw_advance(struct raw_head *head, uint64_t nth);
static void raw_tell(const char *what, const char *path);

/* Written so that nothing has to be saved on the way: what calls, ends it. */
void
raw_add(enum raw_code code, const void *address, uint64_t size, uint64_t other)
{
    struct raw_head *head = raw_head;
    uint64_t has_size = size != 0;
    uint64_t has_other = other != 0;
    uint64_t words = 1 + has_size + has_other;
    uint64_t thread;
    _Atomic uint64_t *word;
    uint64_t nth;

    if (head == NULL) {
        return;
    }
    if (raw_thread == 0) {
        raw_add_first(code, address, size, other);
        return;
    }
    thread = raw_thread;
    if (code == RAW_ALLOC && thread == 1 && size <= RAW_SHORT_MAX &&
        other == 0) {
        code = RAW_SHORT;
        thread = size;
        has_size = 0;
        words = 1;
    }
    nth = raw_take(head, words);
    if (nth + words > head->capacity) {
        atomic_fetch_add(&head->lost, 1);
        return;
    }

    word = (_Atomic uint64_t *) (head + 1) + nth;
    if (has_size) {
        size = size < RAW_OPERAND_MAX ? size : RAW_OPERAND_MAX;
        atomic_store_explicit(word + 1, size, memory_order_relaxed);
    }
    if (has_other) {
        atomic_store_explicit(word + 1 + has_size, other & RAW_OPERAND_MAX,
                              memory_order_relaxed);
    }
    atomic_store_explicit(word,
                          RAW_FIRST | (uint64_t) code << RAW_CODE_SHIFT |
                              has_size << RAW_SIZE_SHIFT |
                              has_other << RAW_OTHER_SHIFT |
                              thread << RAW_THREAD_SHIFT |
                              ((uintptr_t) address & RAW_ADDRESS_MAX),
                          memory_order_release);
    if ((nth + words) / RAW_CHUNK != nth / RAW_CHUNK) {
        raw_ahead(head, nth + words);
    }
}

void
raw_add_aligned(const void *address, uint64_t size, uint64_t alignment,
                const void *pool)
{
    uint64_t logarithm = 0;

    while (logarithm < RAW_ALIGNMENT_MAX &&
           (uint64_t) 1 << logarithm < alignment) {
        logarithm++;
    }
    raw_add(RAW_ALIGNED, address, size, (uintptr_t) pool | logarithm);
}

/* The thread's first. */
static __attribute__((noinline)) void
raw_add_first(enum raw_code code, const void *address, uint64_t size,
              uint64_t other)
{
    uint64_t thread = atomic_fetch_add(&raw_threads, 1) + 1;

    raw_thread = thread < RAW_THREADS ? thread : RAW_THREADS;
    raw_add(code, address, size, other);
}

/* A place for so many words, one behind the other. An addition that no thread
 * can come between need not be atomic. */
static uint64_t
raw_take(struct raw_head *head, uint64_t words)
{
    uint64_t nth;

    if (!__libc_single_threaded) {
        return atomic_fetch_add_explicit(&head->next, words,
                                         memory_order_relaxed);
    }
    nth = atomic_load_explicit(&head->next, memory_order_relaxed);
    atomic_store_explicit(&head->next, nth + words, memory_order_relaxed);
    return nth;
}

/* A chunk begins at nth, or did a little before: the next one is made ready. */
static __attribute__((noinline)) void
raw_ahead(struct raw_head *head, uint64_t nth)
{
    (void) raw_advance(head, (nth / RAW_CHUNK + 1) * RAW_CHUNK);
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
    size_t size = sizeof(struct raw_head) + capacity * sizeof(uint64_t);
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
    if (raw_advance(head, 0) == 0 && raw_advance(head, RAW_CHUNK) == 0) {
        raw_head = head;
    }
}

/*
 * Gives the file memory for a chunk of words from nth on, and maps it: a disk
 * that is full would end the process where an event is written. It is the last
 * chunk then, and the limit is where it ends. Whoever is a whole chunk faster
 * than this is has it from the system page by page.
 */
static int
raw_advance(struct raw_head *head, uint64_t nth)
{
    size_t start = sizeof(*head) + nth * sizeof(uint64_t);
    size_t size = RAW_CHUNK * sizeof(uint64_t);
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t before = start % page;
    int err;

    if (nth >= head->capacity) {
        return 0;
    }
    /* One pass costs half of two, and pages cost most of all here. */
    if (madvise((char *) head + start - before, size + before,
                MADV_POPULATE_WRITE) == 0) {
        return 0;
    }
    err = posix_fallocate(raw_fd, (off_t) start, (off_t) size);
    if (err != 0) {
        errno = err;
        raw_tell("stops here, there is no room for", "more events");
        head->capacity = nth;
        return -1;
    }
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
