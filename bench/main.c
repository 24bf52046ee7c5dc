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

#include "measure/interrupt.h"
#include "measure/memory.h"
#include "measure/rounds.h"
#include "plan/options.h"
#include "plan/plan.h"
#include "shim/shim.h"
#include "write/results.h"

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
static int list(const struct plan *plan);
static void list_row(const char *name, const char *reason);
static int measure(struct plan *plan, const struct options *options, int argc,
                   char **argv);
static void tell_skipped(const struct plan *plan);
static const char *tell_reason(const char *name, const char *reason,
                               const char *before);
static int run_timed(struct plan *plan, struct rounds *rounds, size_t *failed);
static int run_memory(struct plan *plan, size_t *failed);

int
main(int argc, char **argv)
{
    struct options options;
    struct plan *plan;
    char error[PLAN_ERROR_MAX];
    struct exchange *exchange;
    int status;

    memory_child(argc, argv);
    make_room(argv);
    exchange = rounds_begin(argc, argv);
    if (exchange != NULL) {
        argc--;
        argv++;
    }
    if (options_parse(&options, argc, argv) != 0) {
        return EXIT_USAGE;
    }
    if (options.help) {
        options_print_help(stdout);
        return EXIT_OK;
    }
    plan = plan_create(&options, error);
    if (plan == NULL) {
        fprintf(stderr, "bench: %s\n", error);
        return EXIT_USAGE;
    }
    if (exchange != NULL) {
        shim_init(&(int){1}, argv);
        status = rounds_child(exchange, plan);
    } else {
        status =
            options.list ? list(plan) : measure(plan, &options, argc, argv);
    }
    plan_destroy(plan);
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
list(const struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct row *row = &plan->rows[i];

        list_row(row->name, row->reason);
    }
    for (size_t i = 0; i < plan->memory_count; i++) {
        const struct memory_row *row = &plan->memory[i];

        list_row(row->name, row->reason);
    }
    return EXIT_OK;
}

static void
list_row(const char *name, const char *reason)
{
    if (reason[0] == '\0') {
        printf("%s\n", name);
    } else {
        printf("%s  skipped: %s\n", name, reason);
    }
}

static int
measure(struct plan *plan, const struct options *options, int argc, char **argv)
{
    struct rounds rounds = options->quick ? quick : full;
    struct results results;
    size_t failed = 0;
    int status;

    rounds.arguments = argv + 1;
    if (options->rounds != 0) {
        rounds.wanted = options->rounds;
    }
    tell_skipped(plan);
    if (plan_runnable(plan) +
            memory_runnable(plan->memory, plan->memory_count) ==
        0) {
        return EXIT_FAILED;
    }
    if (results_init(&results, options, argc, argv) != 0) {
        return EXIT_FAILED;
    }

    shim_init(&(int){1}, argv);
    interrupt_watch();
    status = run_timed(plan, &rounds, &failed);
    if (status == EXIT_OK) {
        status = run_memory(plan, &failed);
    }
    if (status == EXIT_OK && results_write(&results, plan, &rounds) != 0) {
        status = EXIT_FAILED;
    } else if (status == EXIT_OK) {
        printf("%s\n", results.path);
        status = failed > 0 ? EXIT_FAILED : EXIT_OK;
    }
    results_done(&results);
    return status;
}

/* Each reason once: the rows that share one follow each other, and those of
 * memory have the reasons of the timed ones. */
static void
tell_skipped(const struct plan *plan)
{
    const char *before = "";

    for (size_t i = 0; i < plan->count; i++) {
        const struct row *row = &plan->rows[i];

        before = tell_reason(row->name, row->reason, before);
    }
    for (size_t i = 0; plan->count == 0 && i < plan->memory_count; i++) {
        const struct memory_row *row = &plan->memory[i];

        before = tell_reason(row->name, row->reason, before);
    }
}

/* Returns the reason that was told last. */
static const char *
tell_reason(const char *name, const char *reason, const char *before)
{
    if (reason[0] == '\0' || strcmp(reason, before) == 0) {
        return before;
    }
    fprintf(stderr, "bench: skipped: %s: %s\n", name, reason);
    return reason;
}

/* Returns an exit status: other than EXIT_OK, nothing is to be written. Adds
 * the rows that failed to *failed. */
static int
run_timed(struct plan *plan, struct rounds *rounds, size_t *failed)
{
    size_t runnable = plan_runnable(plan);
    int err;

    if (runnable == 0) {
        return EXIT_OK;
    }
    err = rounds_run(rounds, plan);
    if (err != 0) {
        fprintf(stderr, "bench: %s\n", strerror(-err));
        return EXIT_FAILED;
    }
    if (rounds->complete == 0) {
        fputs("bench: no round is complete; nothing is written\n", stderr);
        return rounds->interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
    }
    *failed += runnable - plan_runnable(plan);
    return EXIT_OK;
}

/* As run_timed(). Interrupted, what was timed is still to be written. */
static int
run_memory(struct plan *plan, size_t *failed)
{
    *failed += memory_run(plan->memory, plan->memory_count);
    if (plan->count == 0 && interrupt_came()) {
        fputs("bench: interrupted; nothing is written\n", stderr);
        return EXIT_INTERRUPTED;
    }
    return EXIT_OK;
}
