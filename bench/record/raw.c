#include "raw.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_SIZE = 4096,
    NAME_SIZE = 48, /* of a file in the folder */
    WORD_SIZE = sizeof(uint32_t),
    WINDOW_SIZE = RAW_WINDOW * WORD_SIZE,

    /* A file's memory grows by as much as it has, and by at most this. */
    GROWTH_MAX = RAW_WINDOW / 2,

    /* No address of an object is a multiple of a unit away from it. */
    RAW_NO_BASE = 1,
};

#define RAW_LIMIT_DEFAULT (UINT64_C(256) * 1024 * 1024)

/* The largest size that a long event has space for. */
#define RAW_SIZE_MAX ((UINT64_C(1) << (RAW_WORD_BITS + RAW_REST_BITS)) - 1)

/* Linux 5.14's, which the C library's headers need not know. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* glibc's, which another C library need not have. */
#pragma weak __libc_single_threaded
extern int __register_atfork(void (*prepare)(void), void (*parent)(void),
                             void (*child)(void), void *library)
    __attribute__((weak));

/* State that no child inherits: the kernel clears it in any new process. */
struct raw_own {
    struct raw_head *head; /* NULL: not recorded, or not yet */
    _Atomic int is_begun;
};

static struct raw_own raw_nobody = {.is_begun = 1};
static struct raw_own *raw_own = &raw_nobody;

/* The mapped parts of the file; a child's first one lies where its parent's
 * did. */
static _Atomic(uint32_t *) raw_windows[RAW_WINDOWS];
static void *raw_stray; /* raw_leave_parent() says what for */

static int raw_is_started;
static char raw_path[PATH_SIZE];
static size_t raw_path_length; /* of the folder in it */
static uint64_t raw_limit;
static char raw_program[RAW_PROGRAM_SIZE];
static struct raw_notes *raw_notes;

/* Whether the process has one thread, as glibc says, or 0 where it does not. */
static const char raw_never;
static const char *raw_is_alone = &raw_never;

/* The base of short events: a child's is its parent's. At first there is none,
 * and no address is near it. */
static _Atomic uint64_t raw_base = RAW_NO_BASE;

static _Atomic uint64_t raw_threads;
static _Thread_local uint64_t raw_thread
    __attribute__((tls_model("initial-exec")));
static _Thread_local int raw_depth __attribute__((tls_model("initial-exec")));

static void *raw_malloc_long(void *p, size_t size);
static void raw_set_base(const void *p);
static uint64_t raw_units(const void *address);
static void raw_put(struct raw_head *head, uint32_t first);
static void raw_put_late(struct raw_head *head, uint64_t nth, uint32_t first);
static int raw_join(void);
static void raw_start(void);
static size_t raw_write(uint32_t *ret_words, enum raw_code code,
                        uint64_t address, uint64_t size, uint64_t other);
static _Atomic uint32_t *raw_place(struct raw_head *head, uint64_t words);
static _Atomic uint32_t *raw_word(uint64_t nth);
static uint64_t raw_take(struct raw_head *head, uint64_t words);
static int raw_grow(struct raw_head *head, uint64_t end);
static int raw_grow_once(struct raw_head *head, uint64_t ready);
static uint32_t *raw_window(uint64_t index);
static int raw_settle(void);
static void raw_set_program(char *ret_program, const char *path);
static void raw_begin(void);
static void raw_leave_parent(void);
static int raw_create(void);
static int raw_map(int fd);
static void *raw_map_head(int fd);

/* The head is read once: where a signal handler forks in between, the child
 * goes on with its parent's. */
void *
raw_malloc(void *p, size_t size)
{
    struct raw_head *head = raw_own->head;
    uint64_t units = raw_units(p);

    if (head == NULL || raw_thread != 1 || units >> RAW_ALLOC_BITS != 0 ||
        size >> RAW_SIZE_BITS != 0) {
        return raw_malloc_long(p, size);
    }
    raw_put(head, RAW_FIRST | (uint32_t) (size << RAW_ALLOC_BITS | units));
    return p;
}

void
raw_free(const void *p)
{
    struct raw_head *head = raw_own->head;
    uint64_t units = raw_units(p);

    if (head == NULL || raw_thread != 1 || units >> RAW_FREE_BITS != 0) {
        raw_add(RAW_FREE, p, 0, 0);
        return;
    }
    raw_put(head, RAW_FIRST | RAW_FREED | (uint32_t) units);
}

__attribute__((noinline)) void
raw_add(enum raw_code code, const void *address, uint64_t size, uint64_t other)
{
    uint32_t words[RAW_EVENT_WORDS];
    _Atomic uint32_t *place;
    size_t count;

    if ((raw_own->head == NULL || raw_thread == 0) && raw_join() != 0) {
        return;
    }
    count = raw_write(words, code, (uintptr_t) address, size, other);
    place = raw_place(raw_own->head, count);
    if (place == NULL) {
        return;
    }
    while (count-- > 1) {
        atomic_store_explicit(place + count, words[count],
                              memory_order_relaxed);
    }
    atomic_store_explicit(place, words[0], memory_order_release);
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

int
raw_is_asked(void)
{
    return raw_path_length != 0;
}

void
raw_note(enum raw_why why, int err, const char *program)
{
    uint64_t nth;
    struct raw_note *note;

    if (raw_notes == NULL) {
        return;
    }
    nth = atomic_fetch_add(&raw_notes->count, 1);
    if (nth >= RAW_NOTES) {
        return;
    }
    note = &raw_notes->note[nth];
    note->pid = (uint64_t) getpid();
    note->err = (uint32_t) err;
    raw_set_program(note->program, program != NULL ? program : raw_program);
    note->why = why;
}

int
raw_next(const char *name, const char *library, void *ret_function)
{
    void *next = dlsym(RTLD_NEXT, name);

    if (next == NULL && library != NULL) {
        void *handle = dlopen(library, RTLD_NOLOAD | RTLD_LAZY);

        next = handle != NULL ? dlsym(handle, name) : NULL;
    }
    if (next == NULL) {
        return -1;
    }
    memcpy(ret_function, &next, sizeof(next));
    return 0;
}

static __attribute__((noinline)) void *
raw_malloc_long(void *p, size_t size)
{
    if (p != NULL) {
        raw_add(RAW_ALLOC, p, size, 0);
        if (atomic_load(&raw_base) == RAW_NO_BASE &&
            size >> RAW_SIZE_BITS == 0) {
            raw_set_base(p);
        }
    }
    return p;
}

/* The heap begins near the first small allocation. The file has the base before
 * any short event is written. */
static void
raw_set_base(const void *p)
{
    struct raw_head *head = raw_own->head;
    uint64_t base = (uintptr_t) p & ~(((uint64_t) 1 << RAW_UNIT_BITS) - 1);
    uint64_t none = RAW_NO_BASE;

    if (head != NULL) {
        (void) atomic_compare_exchange_strong(&head->base, &none, base);
        atomic_store(&raw_base, atomic_load(&head->base));
    }
}

/* From the base. A huge number if the address is no multiple of a unit, lies
 * before the base, or is NULL. */
static inline uint64_t
raw_units(const void *address)
{
    uint64_t distance = (uintptr_t) address -
                        atomic_load_explicit(&raw_base, memory_order_relaxed);

    return distance >> RAW_UNIT_BITS | distance << (64 - RAW_UNIT_BITS);
}

/* A short event. */
static inline void
raw_put(struct raw_head *head, uint32_t first)
{
    uint64_t nth = raw_take(head, 1);

    if (nth >= atomic_load_explicit(&head->ready, memory_order_acquire)) {
        raw_put_late(head, nth, first);
        return;
    }
    atomic_store_explicit(raw_word(nth), first, memory_order_release);
}

/* Its place lies after those that are ready. */
static __attribute__((noinline)) void
raw_put_late(struct raw_head *head, uint64_t nth, uint32_t first)
{
    if (raw_grow(head, nth + 1) == 0) {
        atomic_store_explicit(raw_word(nth), first, memory_order_release);
    }
}

/* The process's first event, or the thread's. Returns 0, or -1: nothing is
 * recorded. */
static int
raw_join(void)
{
    uint64_t thread;

    if (raw_own->head == NULL) {
        if (environ != NULL) {
            raw_start();
        }
        raw_begin();
        if (raw_own->head == NULL) {
            return -1;
        }
    }
    if (raw_thread == 0) {
        thread = atomic_fetch_add(&raw_threads, 1) + 1;
        raw_thread = thread < RAW_THREADS ? thread : RAW_THREADS;
    }
    return 0;
}

/* A long event, as raw.h has it. Returns the number of its words. */
static size_t
raw_write(uint32_t *ret_words, enum raw_code code, uint64_t address,
          uint64_t size, uint64_t other)
{
    const uint64_t word_max = RAW_FIRST - 1;
    const uint64_t low_max = (1 << RAW_LOW_BITS) - 1;
    uint32_t has_rests, has_size = size != 0, has_other = other != 0;
    size_t count = 2;

    address &= RAW_ADDRESS_MAX;
    size = size < RAW_SIZE_MAX ? size : RAW_SIZE_MAX;
    has_rests = (address & low_max) != 0 || size > word_max;
    ret_words[0] = RAW_FIRST | RAW_LONG | (uint32_t) code << RAW_CODE_SHIFT |
                   (uint32_t) raw_thread << RAW_THREAD_SHIFT |
                   has_rests << RAW_RESTS_SHIFT | has_size << RAW_SIZE_SHIFT |
                   has_other << RAW_OTHER_SHIFT |
                   (uint32_t) (address >> (RAW_LOW_BITS + RAW_WORD_BITS));
    ret_words[1] = (uint32_t) (address >> RAW_LOW_BITS & word_max);
    if (has_rests) {
        ret_words[count++] = (uint32_t) ((address & low_max) << RAW_REST_BITS |
                                         size >> RAW_WORD_BITS);
    }
    if (has_size) {
        ret_words[count++] = (uint32_t) (size & word_max);
    }
    if (has_other) {
        ret_words[count++] = (uint32_t) (other >> RAW_WORD_BITS & word_max);
        ret_words[count++] = (uint32_t) (other & word_max);
    }
    return count;
}

/* Space for so many words, one after the other; NULL: the event is lost. */
static _Atomic uint32_t *
raw_place(struct raw_head *head, uint64_t words)
{
    for (;;) {
        uint64_t nth = raw_take(head, words);
        uint64_t last = nth + words - 1;

        if (last >= atomic_load_explicit(&head->ready, memory_order_acquire) &&
            raw_grow(head, last + 1) != 0) {
            return NULL;
        }
        if (nth / RAW_WINDOW == last / RAW_WINDOW) {
            return raw_word(nth);
        }
    }
}

static inline _Atomic uint32_t *
raw_word(uint64_t nth)
{
    return (_Atomic uint32_t *) raw_windows[nth / RAW_WINDOW] +
           nth % RAW_WINDOW;
}

/* An addition that no thread can come between need not be atomic. */
static inline uint64_t
raw_take(struct raw_head *head, uint64_t words)
{
    uint64_t nth;

    if (!*raw_is_alone) {
        return atomic_fetch_add_explicit(&head->next, words,
                                         memory_order_relaxed);
    }
    nth = atomic_load_explicit(&head->next, memory_order_relaxed);
    atomic_store_explicit(&head->next, nth + words, memory_order_relaxed);
    return nth;
}

/* Make words up to end ready; if that fails, an event is lost. The thread that
 * needs the words makes them. Two threads at once do the same work twice: no
 * thread waits for another, nor for itself in a signal handler. */
static __attribute__((noinline)) int
raw_grow(struct raw_head *head, uint64_t end)
{
    int saved = errno;
    int err = 0;

    while (err == 0) {
        uint64_t ready = atomic_load(&head->ready);

        if (ready >= end) {
            break;
        }
        err = (int) atomic_load(&head->stopped);
        if (err == 0) {
            err = raw_grow_once(head, ready);
        }
    }
    if (err != 0) {
        atomic_fetch_add(&head->lost, 1);
    }
    errno = saved;
    return err;
}

/* The kernel gives the memory now: where the disk is full it refuses, and a
 * write would end the process. */
static int
raw_grow_once(struct raw_head *head, uint64_t ready)
{
    uint32_t *window = raw_window(ready / RAW_WINDOW);
    uint64_t growth = ready < GROWTH_MAX ? ready : GROWTH_MAX;
    uint64_t space = RAW_WINDOW - ready % RAW_WINDOW;
    uint64_t none = 0;
    uint64_t expected = ready;

    growth = growth < space ? growth : space;
    growth = growth < head->limit - ready ? growth : head->limit - ready;
    if (growth == 0 || window == NULL ||
        madvise(window + ready % RAW_WINDOW, growth * WORD_SIZE,
                MADV_POPULATE_WRITE) != 0) {
        int err = growth == 0 ? EFBIG : errno == EFAULT ? ENOSPC : errno;

        (void) atomic_compare_exchange_strong(&head->stopped, &none,
                                              (uint64_t) err);
        return err;
    }
    (void) atomic_compare_exchange_strong(&head->ready, &expected,
                                          ready + growth);
    return 0;
}

/* The window, of which the one before it is there. mremap() gives a shared
 * mapping a second time, and longer: no descriptor is needed for it. */
static uint32_t *
raw_window(uint64_t index)
{
    uint32_t *window = atomic_load(&raw_windows[index % RAW_WINDOWS]);
    uint32_t *none = NULL;
    char *both;

    if (window != NULL || index == 0 || index >= RAW_WINDOWS) {
        return window;
    }
    both = mremap(atomic_load(&raw_windows[index - 1]), 0,
                  2 * (size_t) WINDOW_SIZE, MREMAP_MAYMOVE);
    if (both == MAP_FAILED) {
        return NULL;
    }
    (void) munmap(both, WINDOW_SIZE);
    window = (uint32_t *) (void *) (both + WINDOW_SIZE);
    if (!atomic_compare_exchange_strong(&raw_windows[index], &none, window)) {
        (void) munmap(window, WINDOW_SIZE);
        window = none;
    }
    return window;
}

/* A child of fork() makes its file before the program goes on: afterwards the
 * child may drop its user, root or limits. A child that was made in another way
 * makes its file at its first event. */
static void
raw_forked(void)
{
    if (raw_own->head == NULL) {
        raw_begin();
    }
}

/* Called as a constructor, or earlier, when another library's allocates. The C
 * library's came before all of them, and has set environ. */
__attribute__((constructor)) static void
raw_start(void)
{
    int saved = errno;

    if (raw_is_started) {
        return;
    }
    raw_is_started = 1;
    raw_enter();
    if (raw_settle() == 0) {
        raw_begin();
        if (__register_atfork != NULL) {
            (void) __register_atfork(NULL, NULL, raw_forked, NULL);
        }
    }
    raw_leave();
    errno = saved;
}

/* Read what later changes of the environment, the root or the folder must not
 * change. Returns 0, or -1: nothing is recorded. */
static int
raw_settle(void)
{
    const char *folder = secure_getenv(RAW_FOLDER);
    const char *limit = secure_getenv(RAW_LIMIT);
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    char program[PATH_SIZE];
    ssize_t length;
    void *own;
    int fd;

    if (folder == NULL || strlen(folder) + NAME_SIZE > sizeof(raw_path)) {
        return -1;
    }
    raw_path_length = strlen(folder);
    memcpy(raw_path, folder, raw_path_length);
    raw_limit = limit != NULL ? strtoull(limit, NULL, 10) : RAW_LIMIT_DEFAULT;
    if (raw_limit > (uint64_t) WINDOW_SIZE * RAW_WINDOWS) {
        raw_limit = (uint64_t) WINDOW_SIZE * RAW_WINDOWS;
    }
    length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    if (length > 0) {
        program[length] = '\0';
        raw_set_program(raw_program, program);
    }

    memcpy(raw_path + raw_path_length, "/notes", sizeof("/notes"));
    fd = open(raw_path, O_RDWR | O_CLOEXEC);
    if (fd != -1) {
        void *notes = mmap(NULL, RAW_NOTES_SIZE, PROT_READ | PROT_WRITE,
                           MAP_SHARED, fd, 0);

        raw_notes = notes != MAP_FAILED ? notes : NULL;
        (void) close(fd);
    }
    if (raw_has_sanitizer != NULL && raw_has_sanitizer()) {
        raw_note(RAW_WHY_SANITIZER, 0, NULL);
        return -1;
    }
    own = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
    if (own == MAP_FAILED) {
        raw_note(RAW_WHY_FILE, errno, NULL);
        return -1;
    }
    if (madvise(own, page, MADV_WIPEONFORK) != 0) {
        raw_note(RAW_WHY_KERNEL, errno, NULL);
        return -1;
    }
    raw_own = own;
    if (&__libc_single_threaded != NULL) {
        raw_is_alone = &__libc_single_threaded;
    }
    return 0;
}

/* The end of a path, where it is longer than there is space for. */
static void
raw_set_program(char *ret_program, const char *path)
{
    size_t length = strlen(path);

    if (length >= RAW_PROGRAM_SIZE) {
        path += length - (RAW_PROGRAM_SIZE - 1);
        length = RAW_PROGRAM_SIZE - 1;
    }
    memcpy(ret_program, path, length);
    ret_program[length] = '\0';
}

/* Open and map this process's file. Its descriptor is closed before anything
 * else of the program runs. */
static void
raw_begin(void)
{
    int saved = errno;
    int err;
    int fd;

    if (raw_own->is_begun || atomic_exchange(&raw_own->is_begun, 1) != 0) {
        return;
    }
    /* Its own file is locked before the parent's is free. */
    fd = raw_create();
    err = fd == -1 || flock(fd, LOCK_SH | LOCK_NB) != 0 ? errno : 0;
    raw_leave_parent();
    atomic_store(&raw_threads, 0);
    raw_thread = 0;
    if (err == 0) {
        err = raw_map(fd);
    }
    if (err != 0 && fd != -1) {
        (void) unlink(raw_path);
    }
    if (fd != -1) {
        (void) close(fd);
    }
    if (err != 0) {
        raw_note(err == EINVAL ? RAW_WHY_KERNEL : RAW_WHY_FILE, err, NULL);
    }
    errno = saved;
}

/*
 * A child still has its parent's windows. They are given up, so that the
 * parent's file is free when the parent ends. If a signal handler forked within
 * raw_add(), the child goes on there and writes into the newest window, or to
 * the head: these addresses stay mapped, to memory of the child's own.
 */
static void
raw_leave_parent(void)
{
    uint32_t *newest = NULL;
    size_t i;

    if (raw_windows[0] == NULL) {
        return;
    }
    if (raw_stray != NULL) {
        (void) munmap(raw_stray, WINDOW_SIZE);
        raw_stray = NULL;
    }
    for (i = 1; i < RAW_WINDOWS && raw_windows[i] != NULL; i++) {
        if (newest != NULL) {
            (void) munmap(newest, WINDOW_SIZE);
        }
        newest = raw_windows[i];
        raw_windows[i] = NULL;
    }
    if (newest != NULL) {
        raw_stray = mmap(
            newest, WINDOW_SIZE, PROT_READ | PROT_WRITE,
            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
        raw_stray = raw_stray != MAP_FAILED ? raw_stray : NULL;
    }
    (void) mmap(raw_windows[0], WINDOW_SIZE, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* A new file, named for the process id. Other namespaces have the same ids, and
 * an id has a file for each program that was executed under it. */
static int
raw_create(void)
{
    unsigned nth = 0;
    int fd;

    do {
        (void) snprintf(raw_path + raw_path_length, NAME_SIZE, "/%ld.%u",
                        (long) getpid(), nth++);
        fd = open(raw_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    } while (fd == -1 && errno == EEXIST);
    return fd;
}

/*
 * Give the file its size, which is the limit's from the start, and its first
 * page of memory; it gets more as it needs it. A file beyond RLIMIT_FSIZE would
 * get the process a signal.
 *
 * The mapping has the open file, and with it the lock, for as long as the
 * process runs this program. record.py asks for the lock.
 */
static int
raw_map(int fd)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    uint64_t size = raw_limit;
    struct rlimit limit;
    struct raw_head *head;
    struct timespec now;
    struct stat status;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
        size = limit.rlim_cur;
    }
    size -= size % page;
    if (size == 0) {
        return EFBIG;
    }
    if (ftruncate(fd, (off_t) size) != 0) {
        return errno;
    }
    head = raw_map_head(fd);
    if (head == MAP_FAILED) {
        return errno;
    }
    raw_windows[0] = (uint32_t *) head;
    if (madvise(head, page, MADV_POPULATE_WRITE) != 0) {
        return errno == EFAULT ? ENOSPC : errno;
    }
    head->limit = size / WORD_SIZE;
    atomic_store(&head->next, RAW_HEAD_WORDS);
    atomic_store(&head->ready, page / WORD_SIZE);
    atomic_store(&head->base, atomic_load(&raw_base));
    head->pid = (uint64_t) getpid();
    if (stat("/proc/self/ns/pid", &status) == 0) {
        head->pid_namespace = status.st_ino;
    }
    if (clock_gettime(CLOCK_BOOTTIME, &now) == 0) {
        head->started_ns =
            (uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec;
    }
    memcpy(head->program, raw_program, sizeof(head->program));
    atomic_thread_fence(memory_order_release);
    memcpy(head->magic, RAW_MAGIC, sizeof(head->magic));
    raw_own->head = head;
    return 0;
}

/* The first window; where a parent's was, if there is one. */
static void *
raw_map_head(int fd)
{
    return mmap(raw_windows[0], WINDOW_SIZE, PROT_READ | PROT_WRITE,
                MAP_SHARED | (raw_windows[0] != NULL ? MAP_FIXED : 0), fd, 0);
}
