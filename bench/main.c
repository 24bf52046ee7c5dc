/*
 * bench: measures allocators against each other in rounds. --help says how to
 * call it. The last line on stdout is the folder of the results.
 *
 * Exit status: 0 results are written; 1 nothing could be measured or written,
 * or a row failed; 2 the command line or the environment; 130 ended by Ctrl-C
 * before the first round was complete.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "measure/environment.h"
#include "measure/instructions.h"
#include "measure/interrupt.h"
#include "measure/memory.h"
#include "measure/rounds.h"
#include "plan/options.h"
#include "plan/plan.h"
#include "shim/shim.h"
#include "write/progress.h"
#include "write/results.h"

enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_INTERRUPTED = 130,

    /* Rounds, and the layouts that they take in turn. A layout's rounds count
     * as one for the sign test: 7 values have an interval, 12 a narrow one. The
     * rounds beyond show how much two processes of one layout differ. */
    LAYOUTS_QUICK = 7,
    ROUNDS_QUICK = 9,
    LAYOUTS_FULL = BENCH_LAYOUTS,
    ROUNDS_FULL = BENCH_LAYOUTS + 4,

    /* The fewest rounds whose least and largest ratio bound the median with
     * more than 95 % confidence (sign test). */
    ROUNDS_LEAST = 6,

    SKIPPED_SHOWN = 3,
};

/* Seconds. 90 and 900 are promised; the others are for the start, memory,
 * instructions and the report. No round is begun that would end after limit. */
static const struct rounds quick = {.wanted = ROUNDS_QUICK,
                                    .layouts = LAYOUTS_QUICK,
                                    .seconds = 66,
                                    .limit = 74,
                                    .least = ROUNDS_LEAST,
                                    .run_max = 0.05,
                                    .is_apart = 1};
static const struct rounds full = {.wanted = ROUNDS_FULL,
                                   .layouts = LAYOUTS_FULL,
                                   .seconds = 800,
                                   .limit = 840,
                                   .least = ROUNDS_LEAST,
                                   .run_max = 0.1,
                                   .is_apart = 1};

static int list(const struct plan *plan);
static void list_row(const char *name, const char *reason);
static int run(const struct options *options, int argc, char **argv);
static int resume(const struct options *options);
static void set_rounds(struct rounds *rounds, const struct options *options);
static int measure(struct plan *plan, struct rounds *rounds,
                   struct results *results);
static void show_skipped(const struct plan *plan);
static int measure_rounds(struct plan *plan, struct rounds *rounds);

int
main(int argc, char **argv)
{
    char reason[ENVIRONMENT_REASON_MAX];
    struct options options;

    memory_child(argc, argv);
    instructions_child(argc, argv);
    rounds_child(argc, argv);
    environment_prepare(argv);
    if (options_parse(&options, argc, argv) != 0) {
        return EXIT_USAGE;
    }
    if (options.help) {
        options_print_help(stdout);
        return EXIT_OK;
    }
    if (environment_check(reason) != 0) {
        fprintf(stderr, "bench: %s\n", reason);
        return EXIT_USAGE;
    }
    shim_init(&(int){1}, argv);
    return options.resume ? resume(&options) : run(&options, argc, argv);
}

static int
run(const struct options *options, int argc, char **argv)
{
    char error[PLAN_ERROR_MAX];
    struct plan *plan = plan_create(options, error);
    struct rounds rounds;
    struct results results;
    int status = EXIT_FAILED;

    if (plan == NULL) {
        fprintf(stderr, "bench: %s\n", error);
        return EXIT_USAGE;
    }
    if (options->list) {
        status = list(plan);
        plan_destroy(plan);
        return status;
    }
    set_rounds(&rounds, options);
    if (rounds.wanted < ROUNDS_LEAST) {
        fprintf(stderr,
                "bench: --rounds %d: the report will have no intervals; "
                "those need %d rounds\n",
                rounds.wanted, ROUNDS_LEAST);
    }
    show_skipped(plan);
    if (plan_runnable(plan) +
                memory_runnable(plan->memory, plan->memory_count) !=
            0 &&
        results_init(&results, options, argc, argv) == 0) {
        if (progress_begin(&results, &rounds) == 0) {
            status = measure(plan, &rounds, &results);
        }
        results_done(&results);
    }
    plan_destroy(plan);
    return status;
}

/* Goes on with a run that was ended early, by the options of its start. */
static int
resume(const struct options *asked)
{
    struct options options;
    struct progress progress;
    char error[PLAN_ERROR_MAX];
    char folder[RESULTS_PATH_MAX];
    struct plan *plan;
    struct rounds rounds;
    struct results results;
    int status = EXIT_USAGE;

    snprintf(folder, sizeof(folder), "%s/%s", asked->results, asked->label);
    if (progress_open(&progress, folder) != 0) {
        return EXIT_USAGE;
    }
    if (options_parse(&options, progress.argc, progress.argv) != 0) {
        progress_done(&progress);
        return EXIT_USAGE;
    }
    options.label = asked->label;
    options.results = asked->results;
    options.resume = 1;
    set_rounds(&rounds, &options);
    rounds.seed = progress.seed;
    rounds.wanted = progress.wanted;
    rounds.layouts = progress.layouts;
    plan = plan_create(&options, error);
    if (plan == NULL) {
        fprintf(stderr, "bench: %s\n", error);
    } else if (results_init(&results, &options, progress.argc, progress.argv) ==
               0) {
        if (progress_load(&results, &rounds, plan) == 0) {
            fprintf(stderr, "bench: goes on after %d of %d rounds\n",
                    rounds.complete, rounds.wanted);
            status = measure(plan, &rounds, &results);
        }
        results_done(&results);
    }
    plan_destroy(plan);
    progress_done(&progress);
    return status;
}

static void
set_rounds(struct rounds *rounds, const struct options *options)
{
    *rounds = options->quick ? quick : full;
    if (options->rounds != 0) {
        rounds->wanted = options->rounds;
        rounds->layouts =
            options->rounds < BENCH_LAYOUTS ? options->rounds : BENCH_LAYOUTS;
    }
    rounds->seed = options->seed;
    if (!options->has_seed &&
        getrandom(&rounds->seed, sizeof(rounds->seed), 0) < 0) {
        rounds->seed = (uint64_t) getpid();
    }
}

/* Returns an exit status. The rounds are kept until the results are written.
 * The choice may leave rows of memory alone. */
static int
measure(struct plan *plan, struct rounds *rounds, struct results *results)
{
    size_t runnable = plan_runnable(plan);
    size_t failed;
    int status = EXIT_OK;

    interrupt_watch();
    rounds->keep = progress_keep;
    rounds->user = results;
    if (runnable != 0) {
        status = measure_rounds(plan, rounds);
        if (rounds->complete == 0) {
            progress_end(results);
            return status;
        }
    }
    failed = runnable - plan_runnable(plan) + memory_run(plan) +
             instructions_run(plan);
    rounds->interrupted = interrupt_came();
    if (results_write(results, plan, rounds) != 0) {
        return EXIT_FAILED;
    }
    if (status == EXIT_OK && !rounds->interrupted) {
        progress_end(results);
    }
    printf("%s\n", results->path);
    return failed > 0 ? EXIT_FAILED : status;
}

/* Returns an exit status: EXIT_INTERRUPTED where no round is complete. */
static int
measure_rounds(struct plan *plan, struct rounds *rounds)
{
    int err = rounds_run(rounds, plan);

    if (err != 0) {
        fprintf(stderr, "bench: %s\n", strerror(-err));
    }
    if (rounds->complete == 0) {
        fputs("bench: no round is complete; nothing is written\n", stderr);
        return rounds->interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
    }
    return err != 0 ? EXIT_FAILED : EXIT_OK;
}

/* A few are named, each with its reason: many would hide the lines after them.
 * Rows that share a reason follow each other. */
static void
show_skipped(const struct plan *plan)
{
    const char *before = "";
    size_t shown = 0;
    size_t skipped = 0;

    for (size_t i = 0; i < plan->count; i++) {
        const struct row *row = &plan->rows[i];

        if (row->reason[0] == '\0') {
            continue;
        }
        skipped++;
        if (strcmp(row->reason, before) != 0 && shown < SKIPPED_SHOWN) {
            fprintf(stderr, "bench: skipped: %s: %s\n", row->name, row->reason);
            shown++;
        }
        before = row->reason;
    }
    if (skipped > shown) {
        fprintf(stderr,
                "bench: skipped: %zu rows in all; --list has each reason\n",
                skipped);
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
