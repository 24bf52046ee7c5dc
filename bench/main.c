/*
 * bench: measures allocators against each other in rounds. --help tells how to
 * call it. The last line on stdout is the folder of the results.
 *
 * Exit status: 0 results are written; 1 nothing could be measured or written,
 * or a row failed; 2 the command line; 130 ended by Ctrl-C before the first
 * round was complete.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid.h"
#include "interrupt.h"
#include "options.h"
#include "results.h"
#include "rounds.h"
#include "shim.h"

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INTERRUPTED = 130,

    /* The fewest rounds whose second least and second largest ratio bound the
     * median with more than 95 % confidence (sign test), and a number that
     * makes that interval narrow. */
    ROUNDS_QUICK = 9,
    ROUNDS_FULL = 25,

    /* The fewest whose least and largest ratio bound it so. */
    ROUNDS_LEAST = 6,

    MAIN_TUNABLES_MAX =
        4096, /* of GLIBC_TUNABLES; a longer one is left alone */
};

/* jemalloc 5.3 needs 2.6 KiB; 0.5 KiB is what others find without it. */
#define MAIN_TLS "glibc.rtld.optional_static_tls=16384"

/* Seconds: what the promised 90 and 1500 leave beside the start and the report,
 * and when to stop where the machine is slower than round 0 was. */
static const struct rounds quick = {.wanted = ROUNDS_QUICK,
                                    .seconds = 50,
                                    .limit = 60,
                                    .least = ROUNDS_LEAST,
                                    .run_max = 0.05};
static const struct rounds full = {.wanted = ROUNDS_FULL,
                                   .seconds = 1200,
                                   .limit = 1450,
                                   .least = ROUNDS_LEAST,
                                   .run_max = 0.1};

static void make_room(char **argv);
static int list(const struct grid *grid);
static int measure(struct grid *grid, const struct options *options, int argc,
                   char **argv);
static void tell_skipped(const struct grid *grid);

int
main(int argc, char **argv)
{
    struct options options;
    struct grid *grid;
    char error[GRID_ERROR_MAX];
    int status;

    make_room(argv);
    if (options_parse(&options, argc, argv) != 0) {
        return EXIT_USAGE;
    }
    if (options.help) {
        options_print_help(stdout);
        return EXIT_OK;
    }
    grid = grid_create(&options, error);
    if (grid == NULL) {
        fprintf(stderr, "bench: %s\n", error);
        return EXIT_USAGE;
    }
    status = options.list ? list(grid) : measure(grid, &options, argc, argv);
    grid_destroy(grid);
    return status;
}

/*
 * Starts the program again where it was started without room for a library that
 * is opened late and has thread-local data of its own, as jemalloc does. That
 * fails without harm: the library is then skipped.
 */
static void
make_room(char **argv)
{
    static const char name[] = "GLIBC_TUNABLES";
    const char *before = getenv(name);
    char value[MAIN_TUNABLES_MAX];
    int length;

    if (before != NULL && strstr(before, MAIN_TLS) != NULL) {
        return;
    }
    length = before != NULL
                 ? snprintf(value, sizeof(value), "%s:%s", before, MAIN_TLS)
                 : snprintf(value, sizeof(value), "%s", MAIN_TLS);
    if (length > 0 && (size_t) length < sizeof(value) &&
        setenv(name, value, 1) == 0) {
        (void) execv("/proc/self/exe", argv);
    }
}

static int
list(const struct grid *grid)
{
    for (size_t i = 0; i < grid->count; i++) {
        const struct row *row = &grid->rows[i];

        if (row->reason[0] == '\0') {
            printf("%s\n", row->name);
        } else {
            printf("%s  skipped: %s\n", row->name, row->reason);
        }
    }
    return EXIT_OK;
}

static int
measure(struct grid *grid, const struct options *options, int argc, char **argv)
{
    struct rounds rounds = options->quick ? quick : full;
    struct results results;
    size_t runnable = grid_runnable(grid);
    int status;

    if (options->rounds != 0) {
        rounds.wanted = options->rounds;
    }
    if (runnable == 0) {
        fprintf(stderr, "bench: %s: %s\n", grid->rows[0].name,
                grid->rows[0].reason);
        return EXIT_FAILED;
    }
    if (results_init(&results, options, argc, argv) != 0) {
        return EXIT_FAILED;
    }

    tell_skipped(grid);
    shim_init(&(int){1}, argv);
    interrupt_watch();
    if (rounds_run(&rounds, grid) != 0) {
        fputs("bench: out of memory\n", stderr);
        status = EXIT_FAILED;
    } else if (rounds.complete == 0) {
        fputs("bench: no round is complete; nothing is written\n", stderr);
        status = rounds.interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
    } else if (results_write(&results, options, grid, &rounds) != 0) {
        status = EXIT_FAILED;
    } else {
        printf("%s\n", results.path);
        status = grid_runnable(grid) < runnable ? EXIT_FAILED : EXIT_OK;
    }
    results_done(&results);
    return status;
}

/* Each reason once: the rows that share one follow each other. */
static void
tell_skipped(const struct grid *grid)
{
    const char *before = "";

    for (size_t i = 0; i < grid->count; i++) {
        const char *reason = grid->rows[i].reason;

        if (reason[0] != '\0' && strcmp(reason, before) != 0) {
            fprintf(stderr, "bench: skipped: %s: %s\n", grid->rows[i].name,
                    reason);
            before = reason;
        }
    }
}
