/*
 * replay: runs a target with files, each in a process of its own, and prints
 * one TAP line a file.
 *
 *     replay_TARGET [--print | --hash | --together | --broken] FILE|FOLDER...
 *
 * A folder stands for the files in it and below, in order of their names. A
 * file whose name ends in .ops is text (pool/ops/program.h), any other one is
 * bytes. No word that begins with '-' is a file: write ./-FILE. A program that
 * takes more than ten seconds of the processor has no end, and fails.
 *
 *     --print     prints each program's text, and runs none
 *     --hash      runs all in one process, and prints each replay_hash(), if
 *                 the target has one
 *     --together  runs all in one process, which is much faster under
 *                 AddressSanitizer; from the one on that fails there, each has
 *                 its own. A program that fails there and holds alone counts as
 *                 failed, and so does a failure at the end of that process
 *     --broken    for mutants: runs programs in the same way, but only failures
 *                 in a process of their own count. Stops at the first program
 *                 that fails, and exits with 0 if one fails
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"
#include "replay.h"

enum {
    PROGRAM_SIZE_MAX =
        1024 * 1024, /* of a file; no fuzzer's input is as long */
    PATH_SIZE = 4096,

    /* Of the processor, for a program. The slowest one, burst_bins in pool_oom
     * with AddressSanitizer, takes 0.3. */
    SECONDS_MAX = 10,
};

enum ending {
    HOLDS,
    FAILS,
    FAILS_AFTER_OTHERS, /* and holds alone */
    ENDLESS,
    OVER_LIMIT, /* the process's RLIMIT_CPU ended it */
};

struct replay {
    int only_prints;
    int only_hashes;
    int is_together;
    int wants_broken;
    size_t *held;           /* programs that held so far; NULL outside of the
                             * process that runs all of them */
    enum ending end_of_all; /* how that process ended */
    size_t skipped;         /* programs that held there, and do not run again */
    size_t done;
    size_t failed;
};

static int replay_paths(struct replay *replay, char **paths);
static int replay_together(struct replay *replay, char **paths);
static int replay_option(struct replay *replay, const char *word);
static int replay_path(struct replay *replay, const char *path);
static void replay_end(struct replay *replay);
static int replay_folder(struct replay *replay, const char *path);
static int replay_file(struct replay *replay, const char *path);
static int file_read(const char *path, uint8_t *ret_data, size_t *ret_size);
static enum ending next_run(const struct replay *replay, const uint8_t *data,
                            size_t size);
static enum ending program_run(const uint8_t *data, size_t size);
static enum ending end_run(void);
static void report(struct replay *replay, enum ending ending, const char *name);
static void set_limit(void);
static enum ending child_wait(pid_t child);

int
main(int argc, char **argv)
{
    struct replay replay = {0};
    int first = argc > 1 && argv[1][0] == '-' ? 2 : 1;
    int i;

    if (first == 2 && replay_option(&replay, argv[1]) != 0) {
        return EXIT_FAILURE;
    }
    for (i = first; i < argc && argv[i][0] != '-'; i++) {
    }
    if (i < argc || first == argc) {
        fprintf(stderr,
                "%s: found %s, expected [--print | --hash | --together | "
                "--broken] FILE|FOLDER...\n",
                argv[0], i < argc ? argv[i] : "no file");
        return EXIT_FAILURE;
    }
    if (replay.is_together && replay_together(&replay, &argv[first]) != 0) {
        return EXIT_FAILURE;
    }
    if (replay_paths(&replay, &argv[first]) != 0) {
        return EXIT_FAILURE;
    }
    if (!replay.only_prints && !replay.only_hashes) {
        replay_end(&replay);
        printf("1..%zu\n", replay.done);
    }
    return (replay.failed != 0) == replay.wants_broken ? EXIT_SUCCESS
                                                       : EXIT_FAILURE;
}

/* Returns 0, or -1 with a message. */
static int
replay_paths(struct replay *replay, char **paths)
{
    for (; *paths != NULL; paths++) {
        if (replay_path(replay, *paths) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Runs all programs in one process, until one fails. Sets end_of_all and
 * skipped. Returns 0, or -1 with a message. */
static int
replay_together(struct replay *replay, char **paths)
{
    size_t *held = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child;

    if (held == MAP_FAILED) {
        fprintf(stderr, "mmap: %s\n", strerror(errno));
        return -1;
    }
    child = fork();
    if (child == 0) {
        replay->held = held;
        _exit(replay_paths(replay, paths) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    replay->end_of_all = child_wait(child);
    replay->skipped = *held;
    return munmap(held, sizeof(*held));
}

/* Returns 0, or -1 with a message. */
static int
replay_option(struct replay *replay, const char *word)
{
    if (strcmp(word, "--print") == 0) {
        replay->only_prints = 1;
    } else if (strcmp(word, "--together") == 0) {
        replay->is_together = 1;
    } else if (strcmp(word, "--broken") == 0) {
        replay->is_together = 1;
        replay->wants_broken = 1;
    } else if (strcmp(word, "--hash") == 0 && replay_hash != NULL) {
        replay->only_hashes = 1;
    } else {
        fprintf(stderr, "replay: found %s, expected %s\n", word,
                replay_hash != NULL
                    ? "--print, --hash, --together or --broken"
                    : "--print, --together or --broken; this target has no "
                      "hash");
        return -1;
    }
    return 0;
}

/* Runs the target's check at the end of a process. Valgrind and ThreadSanitizer
 * report some errors at the end of one, too. */
static void
replay_end(struct replay *replay)
{
    if (replay->end_of_all == FAILS && replay->skipped == replay->done &&
        !replay->wants_broken) {
        report(replay, FAILS, "end of the process of all programs");
    }
    if (replay_done == NULL || (replay->wants_broken && replay->failed != 0)) {
        return;
    }
    report(replay, end_run(), "end of a process");
}

static int
replay_path(struct replay *replay, const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    return S_ISDIR(status.st_mode) ? replay_folder(replay, path)
                                   : replay_file(replay, path);
}

static int
replay_folder(struct replay *replay, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    int rc = 0;
    int i;

    if (count < 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    for (i = 0; i < count; i++) {
        char below[PATH_SIZE];

        if (rc == 0 && entries[i]->d_name[0] != '.') {
            int length = snprintf(below, sizeof(below), "%s/%s", path,
                                  entries[i]->d_name);

            rc = length < PATH_SIZE ? replay_path(replay, below) : -1;
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int
replay_file(struct replay *replay, const char *path)
{
    static uint8_t data[PROGRAM_SIZE_MAX];
    size_t size;

    if (replay->wants_broken && replay->failed != 0) {
        return 0;
    }
    if (replay->held == NULL && replay->done < replay->skipped) {
        report(replay, HOLDS, path);
        return 0;
    }
    if (file_read(path, data, &size) != 0) {
        return -1;
    }
    if (replay->only_prints) {
        program_print(data, size, stdout);
        return 0;
    }
    if (replay->only_hashes) {
        set_limit();
        printf("%016" PRIx64 " %s\n", replay_hash(data, size), path);
        return 0;
    }
    if (replay->held != NULL) {
        set_limit();
        replay_one(data, size);
        ++*replay->held;
        return 0;
    }
    report(replay, next_run(replay, data, size), path);
    return 0;
}

static int
file_read(const char *path, uint8_t *ret_data, size_t *ret_size)
{
    static char text[PROGRAM_SIZE_MAX];
    const char *end = strrchr(path, '.');
    int is_text = end != NULL && strcmp(end, ".ops") == 0;
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    size = fread(is_text ? (void *) text : ret_data, 1, PROGRAM_SIZE_MAX, file);
    (void) fclose(file);
    if (size == PROGRAM_SIZE_MAX) {
        fprintf(stderr, "%s: longer than %d bytes\n", path,
                PROGRAM_SIZE_MAX - 1);
        return -1;
    }
    *ret_size = size;
    if (!is_text) {
        return 0;
    }

    text[size] = '\0';
    if (program_parse(text, OP_VARIABLE, ret_data, PROGRAM_SIZE_MAX,
                      ret_size) != 0) {
        fprintf(stderr, "%s:%zu: not an op; see pool/ops/op.h\n", path,
                *ret_size);
        return -1;
    }
    return 0;
}

/* Runs a program in its own process, unless it had no end among others, or used
 * up the time of a process in which it was the first. */
static enum ending
next_run(const struct replay *replay, const uint8_t *data, size_t size)
{
    int is_next = replay->done == replay->skipped;
    enum ending ending = replay->end_of_all;

    if (is_next &&
        (ending == ENDLESS || (ending == OVER_LIMIT && replay->skipped == 0))) {
        return ending;
    }
    ending = program_run(data, size);
    if (is_next && replay->end_of_all == FAILS && ending == HOLDS &&
        !replay->wants_broken) {
        return FAILS_AFTER_OTHERS;
    }
    return ending;
}

static enum ending
program_run(const uint8_t *data, size_t size)
{
    pid_t child;

    (void) fflush(stdout);
    child = fork();
    if (child == 0) {
        set_limit();
        replay_one(data, size);
        _exit(EXIT_SUCCESS);
    }
    return child_wait(child);
}

/* Counts a program, and prints its line. */
static void
report(struct replay *replay, enum ending ending, const char *name)
{
    replay->done++;
    replay->failed += ending != HOLDS;
    printf("%s %zu - %s\n", ending == HOLDS ? "ok" : "not ok", replay->done,
           name);
    if (ending == FAILS_AFTER_OTHERS) {
        printf("# fails only after the programs before it\n");
    } else if (ending == ENDLESS) {
        printf("# no end after %d seconds of the processor\n", SECONDS_MAX);
    } else if (ending == OVER_LIMIT) {
        printf("# ended by the limit of its processor time, RLIMIT_CPU\n");
    }
}

/* Runs replay_done() in a process that ends by exit(), as most do. */
static enum ending
end_run(void)
{
    pid_t child;

    (void) fflush(stdout);
    child = fork();
    if (child == 0) {
        set_limit();
        replay_done();
        exit(EXIT_SUCCESS);
    }
    return child_wait(child);
}

/* Lets SIGPROF end this process after SECONDS_MAX from now. */
static void
set_limit(void)
{
    const struct itimerval limit = {.it_value = {.tv_sec = SECONDS_MAX}};

    (void) setitimer(ITIMER_PROF, &limit, NULL);
}

static enum ending
child_wait(pid_t child)
{
    int status;

    if (child < 0) {
        fprintf(stderr, "fork: %s\n", strerror(errno));
        return FAILS;
    }
    while (waitpid(child, &status, 0) != child) {
        if (errno != EINTR) {
            return FAILS;
        }
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF) {
        return ENDLESS;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
        return OVER_LIMIT;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? HOLDS
                                                                    : FAILS;
}
