/*
 * Programs that recorders are known to harm or to lose: hostile WHAT [COUNT
 * [FILE]]. Each allocates COUNT times 100 bytes where it says so, and checks
 * that it was not harmed.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CLOSED = 256, /* descriptors, in programs that close all */
    NOBODY = 65534,
    NO_MEMORY = 77, /* the exit status */
};

#define HUGE_SIZE (((size_t) 1 << 31) + 12345)

#define CHECK(what)                                                            \
    do {                                                                       \
        if (!(what)) {                                                         \
            dprintf(STDERR_FILENO, "hostile: line %d: %s\n", __LINE__, #what); \
            _exit(3);                                                          \
        }                                                                      \
    } while (0)

static int count;
static const char *file;

static void
allocate(void)
{
    errno = EXDEV;
    for (int i = 0; i < count; i++) {
        void *volatile p = malloc(100);

        CHECK(p != NULL);
        free(p);
        CHECK(errno == EXDEV);
    }
}

/* Returns in the child; in the parent when that has ended well. */
static void
in_child(pid_t child)
{
    int status;

    CHECK(child != -1);
    if (child == 0) {
        return;
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    exit(0);
}

static void
do_malloc(void)
{
    allocate();
}

/* A daemon closes all that it has, and its log takes the first number. */
static void
do_closing(void)
{
    int log;

    for (int fd = 3; fd < CLOSED; fd++) {
        (void) close(fd);
    }
    log = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(log == 3);
    allocate();
    CHECK(write(log, "parent\n", 7) == 7);
    in_child(fork());
    CHECK(write(log, "child\n", 6) == 6);
    allocate();
    CHECK(write(log, "done\n", 5) == 5);
    CHECK(close(log) == 0);
}

/* A child that may no longer write files, as privilege separation has it. */
static void
do_file_size(void)
{
    in_child(fork());
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0}) == 0);
    allocate();
}

static void
do_bare_fork(void)
{
    allocate();
    in_child(_Fork());
    allocate();
    _exit(0);
}

static void
do_clone(void)
{
    allocate();
    in_child((pid_t) syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    allocate();
    _exit(0);
}

/* The parent's heap is the child's, and so are its events the parent's. */
static void
do_vfork(void)
{
    pid_t child = vfork();
    int status;

    if (child == 0) {
        allocate();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    allocate();
}

static void
do_daemon(void)
{
    CHECK(daemon(1, 1) == 0);
    CHECK(freopen("/dev/null", "w", stdout) != NULL);
    CHECK(freopen("/dev/null", "w", stderr) != NULL);
    (void) usleep(300000);
    allocate();
}

/* Never ends. */
static void
do_waiting(void)
{
    allocate();
    for (;;) {
        (void) pause();
    }
}

/* Like daemon(), and then another program. */
static void
do_daemon_exec(void)
{
    char number[16];

    (void) snprintf(number, sizeof(number), "%d", count);
    CHECK(daemon(1, 1) == 0);
    (void) usleep(300000);
    (void) execl(file, file, "malloc", number, NULL);
    CHECK(0);
}

/* One object of more than 2 GiB, which is never touched. */
static void
do_huge(void)
{
    void *volatile p = malloc(HUGE_SIZE);

    if (p == NULL) {
        exit(NO_MEMORY);
    }
    free(p);
}

/* How many raw files the process has mapped. */
static int
raw_files(const char *folder)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int files = 0;

    CHECK(maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        files += strstr(line, folder) != NULL && strstr(line, "notes") == NULL;
    }
    CHECK(fclose(maps) == 0);
    return files;
}

/* Says how much memory the files of that many children take. A child has its
 * own alone. */
static void
do_children(void)
{
    const char *folder = getenv("NGXPOOL_RECORD_FOLDER");
    char gate[2];
    char path[4096];
    struct stat status;
    long blocks = 0;
    int ready[2];
    int over[2];
    pid_t *children = calloc((size_t) count, sizeof(*children));

    CHECK(pipe(ready) == 0 && pipe(over) == 0 && children != NULL);
    for (int i = 0; i < count; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            CHECK(folder == NULL || raw_files(folder) == 1);
            CHECK(close(over[1]) == 0 && write(ready[1], "x", 1) == 1);
            (void) !read(over[0], gate, 1);
            _exit(0);
        }
    }
    CHECK(close(ready[1]) == 0); /* one that fails is noticed */
    for (int i = 0; i < count; i++) {
        CHECK(read(ready[0], gate, 1) == 1);
    }
    for (int i = 0; folder != NULL && i < count; i++) {
        (void) snprintf(path, sizeof(path), "%s/%d.0", folder,
                        (int) children[i]);
        CHECK(stat(path, &status) == 0);
        blocks += status.st_blocks;
    }
    printf("%ld\n", blocks * 512);
    CHECK(close(over[1]) == 0);
    while (wait(NULL) > 0) {
    }
}

/* A compiler leaves out what is not used. */
static void
use_and_free(void *volatile p)
{
    CHECK(p != NULL);
    free(p);
}

/* All kinds of calls that give aligned memory, whose events are of three words.
 * A pair of one word each before, and some of them cross the windows' ends. */
static void
do_aligned(void)
{
    use_and_free(malloc(100));
    for (int i = 0; i < count; i++) {
        void *p = NULL;

        use_and_free(valloc(100));
        use_and_free(pvalloc(100));
        use_and_free(memalign(64, 100));
        use_and_free(aligned_alloc(64, 128));
        CHECK(posix_memalign(&p, 64, 100) == 0);
        use_and_free(p);
    }
}

/* Writes a byte for each hundred allocations, none of them freed, until it is
 * killed or the pipe is full. */
static void
do_forever(void)
{
    for (int i = 1;; i++) {
        CHECK(malloc(100) != NULL);
        if (i % 100 == 0) {
            CHECK(write(STDOUT_FILENO, "x", 1) == 1);
        }
    }
}

/* Children that see no files of ours, and may not write any. */
static void
do_chroot(void)
{
    CHECK(chroot(file) == 0 && chdir("/") == 0);
    CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    allocate();
    in_child(fork());
    allocate();
}

/* A child of another user makes a file of its own. */
static void
do_setuid(void)
{
    CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    in_child(fork());
    allocate();
}

/* The timer fires once, and the handler sets it again. With an interval that is
 * shorter than a fork, a signal would be pending at the end of each handler,
 * and the program would never get back to its loop. */
static const struct itimerval alarm_soon = {.it_value = {.tv_usec = 300}};
static volatile sig_atomic_t alarms;

static void
on_alarm(int number)
{
    pid_t child = _Fork();
    int status;

    (void) number;
    if (child == 0) {
        alarms = count;
        return;
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    alarms++;
    CHECK(setitimer(ITIMER_REAL, &alarm_soon, NULL) == 0);
}

/* Forks within a signal handler COUNT times, wherever the program then is; the
 * children go on from there. */
static void
do_forking_handler(void)
{
    CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
    CHECK(setitimer(ITIMER_REAL, &alarm_soon, NULL) == 0);
    while (alarms < count) {
        void *volatile p = malloc(100);

        free(p);
    }
    (void) signal(SIGALRM, SIG_IGN);
}

static void *
allocate_in_thread(void *unused)
{
    allocate();
    return unused;
}

/* Forks while other threads allocate. */
static void
do_threads_fork(void)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++) {
        CHECK(pthread_create(&threads[i], NULL, allocate_in_thread, NULL) == 0);
    }
    for (int i = 0; i < 20; i++) {
        pid_t child = fork();
        int status;

        if (child == 0) {
            allocate();
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* With as little memory to lock as usual. */
static void
do_lock_memory(void)
{
    CHECK(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    allocate();
}

static const struct {
    const char *name;
    void (*run)(void);
} programs[] = {
    {"aligned", do_aligned},
    {"bare_fork", do_bare_fork},
    {"children", do_children},
    {"chroot", do_chroot},
    {"clone", do_clone},
    {"closing", do_closing},
    {"daemon", do_daemon},
    {"daemon_exec", do_daemon_exec},
    {"file_size", do_file_size},
    {"forever", do_forever},
    {"forking_handler", do_forking_handler},
    {"huge", do_huge},
    {"lock_memory", do_lock_memory},
    {"malloc", do_malloc},
    {"setuid", do_setuid},
    {"threads_fork", do_threads_fork},
    {"vfork", do_vfork},
    {"waiting", do_waiting},
};

int
main(int argc, char **argv)
{
    count = argc > 2 ? atoi(argv[2]) : 1;
    file = argc > 3 ? argv[3] : NULL;
    for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
        if (argc > 1 && strcmp(argv[1], programs[i].name) == 0) {
            programs[i].run();
            return 0;
        }
    }
    fprintf(stderr, "hostile: see its source\n");
    return 2;
}
