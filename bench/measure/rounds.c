#include "measure/rounds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure/interrupt.h"
#include "measure/process.h"
#include "plan/generator.h"

/* Of the rounds' orders; any number would do, so long as it stays. */
#define ROUNDS_SEED 25012025u

/* Seconds that a row runs for in round 0, at least; it takes about twice. */
#define ROUNDS_CALIBRATION 0.002

/* The part of the time that is left for what lies outside the clock. */
#define ROUNDS_SPARE 0.2

/* A run shorter than that, in seconds, measures the clock. */
#define ROUNDS_RUN_MIN 0.001

/* Seconds between two lines of progress on a terminal, and elsewhere. */
#define ROUNDS_BLINK 0.2
#define ROUNDS_LINE  10.0

#define ROUNDS_NS_A_SECOND 1e9

enum {
    PASS_AGAIN = 1, /* no errno: a process came to no end, a row is out */
};

static const char rounds_option[] = "--round-child";

/* A row's turn in a round, and what came of it. */
struct turn {
    char name[ROW_NAME_MAX];
    size_t row; /* the plan's that is called so */
    int64_t iterations;
    double expected_ns; /* by round 0 */
    struct reading reading;
    char reason[ROW_REASON_MAX]; /* why there is none; "": there is */
};

/* A round that a process is to do. What two processes share; the clock is the
 * system's. */
struct exchange {
    int is_done;
    int err;     /* rounds_run()'s */
    size_t done; /* how many turns have been taken */
    size_t count;
    int round; /* as in struct pass, like those that follow */
    int wanted;
    double seconds;
    double start;
    double started;
    double work;
    double shown;
    struct turn turns[];
};

/* One pass over all rows. */
struct pass {
    const struct rounds *rounds;
    struct exchange *exchange; /* in a process that does one; or NULL */
    struct row **order;
    size_t count;
    size_t done; /* how many of order have reported */
    int round;   /* -1: round 0 */
    double start;
    double started; /* the first round */
    double work;    /* of a round, as expected, in seconds */
    double worked;  /* of this round, as expected */
    double shown;   /* when progress was */
    int is_terminal;
};

static int rounds_readings(struct plan *plan, int wanted);
static size_t pass_fill(struct pass *pass, struct plan *plan);
static void pass_shuffle(struct pass *pass, struct generator *generator);
static int pass_run_apart(struct pass *pass, struct plan *plan);
static void pass_give(const struct pass *pass, const struct plan *plan,
                      struct exchange *exchange);
static void pass_take(struct pass *pass, const struct exchange *exchange);
static int pass_open(struct pass *pass, struct plan *plan);
static void pass_close(const struct pass *pass);
static int pass_run(struct pass *pass);
static void pass_note(const struct shim_result *result,
                      void *user) SHIM_NOEXCEPT;
static void pass_keep(struct row *row, const struct shim_result *result,
                      int round);
static double result_counter(const struct shim_result *result,
                             const char *name);
static void pass_set_iterations(struct pass *pass);
static void pass_show(struct pass *pass);
static double pass_left(const struct pass *pass, double now);
static double row_seconds(const struct row *row);
static double now_seconds(void);

int
rounds_run(struct rounds *rounds, struct plan *plan)
{
    struct pass pass = {.rounds = rounds,
                        .round = -1,
                        .start = now_seconds(),
                        .is_terminal = isatty(STDERR_FILENO)};
    struct generator generator;
    double longest = 0;
    int err = -ENOMEM;

    generator_init(&generator, ROUNDS_SEED);
    pass.order = calloc(plan->count, sizeof(struct row *));
    if (pass.order == NULL) {
        return -ENOMEM;
    }
    if (rounds_readings(plan, rounds->wanted) != 0) {
        goto fail;
    }

    err = 0;
    for (; pass.round < rounds->wanted && err == 0; pass.round++) {
        double begun = now_seconds();

        if (pass.round > 0 && pass.round >= rounds->least &&
            begun - pass.start + longest > rounds->limit) {
            fprintf(stderr, "bench: time is up after %d of %d rounds\n",
                    pass.round, rounds->wanted);
            break;
        }
        if (pass_fill(&pass, plan) == 0) {
            break;
        }
        pass_shuffle(&pass, &generator);
        err = rounds->arguments != NULL ? pass_run_apart(&pass, plan)
                                        : pass_run(&pass);
        if (err == PASS_AGAIN) {
            err = 0;
            pass.round--;
            continue;
        }
        if (interrupt_came()) {
            rounds->interrupted = 1;
            break;
        }
        if (pass.round < 0) {
            pass_set_iterations(&pass);
        } else {
            longest = now_seconds() - begun > longest ? now_seconds() - begun
                                                      : longest;
            rounds->complete = pass.round + 1;
        }
    }
    if (pass.is_terminal) {
        fputc('\n', stderr);
    }

fail:
    rounds->elapsed = now_seconds() - pass.start;
    free(pass.order);
    return err;
}

/* Returns 0 or -ENOMEM. */
static int
rounds_readings(struct plan *plan, int wanted)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->rows[i].readings);
        plan->rows[i].readings =
            calloc((size_t) wanted, sizeof(struct reading));
        if (plan->rows[i].readings == NULL) {
            return -ENOMEM;
        }
    }
    return 0;
}

/* Takes all rows that can run, and returns their number. */
static size_t
pass_fill(struct pass *pass, struct plan *plan)
{
    pass->count = 0;
    pass->done = 0;
    pass->worked = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].reason[0] == '\0') {
            pass->order[pass->count++] = &plan->rows[i];
        }
    }
    return pass->count;
}

/* Fisher and Yates's. */
static void
pass_shuffle(struct pass *pass, struct generator *generator)
{
    for (size_t i = pass->count; i > 1; i--) {
        size_t j = generator_below(generator, i);
        struct row *row = pass->order[j];

        pass->order[j] = pass->order[i - 1];
        pass->order[i - 1] = row;
    }
}

/* In a process that starts now. Returns PASS_AGAIN where that did not come to
 * its end: the row whose turn it was has a reason then, and runs no further. */
static int
pass_run_apart(struct pass *pass, struct plan *plan)
{
    struct process process;
    int err = process_init(&process, sizeof(struct exchange) +
                                         pass->count * sizeof(struct turn));
    struct exchange *exchange;
    struct row *row;
    int status;

    if (err != 0) {
        return err;
    }
    exchange = process.memory;
    pass_give(pass, plan, exchange);
    status = process_run(&process, rounds_option, pass->rounds->arguments);
    if (status < 0) {
        err = status;
    } else if (!interrupt_came()) {
        row = pass->order[exchange->done < pass->count ? exchange->done
                                                       : pass->count - 1];
        if (process_reason(status, exchange->is_done, row->reason,
                           sizeof(row->reason))) {
            fprintf(stderr, "%sbench: %s: %s\n", pass->is_terminal ? "\n" : "",
                    row->name, row->reason);
            err = PASS_AGAIN;
        } else {
            pass_take(pass, exchange);
            err = exchange->err;
        }
    }
    process_done(&process);
    return err;
}

static void
pass_give(const struct pass *pass, const struct plan *plan,
          struct exchange *exchange)
{
    *exchange = (struct exchange){.count = pass->count,
                                  .round = pass->round,
                                  .wanted = pass->rounds->wanted,
                                  .seconds = pass->rounds->seconds,
                                  .start = pass->start,
                                  .started = pass->started,
                                  .work = pass->work,
                                  .shown = pass->shown};
    for (size_t i = 0; i < pass->count; i++) {
        const struct row *row = pass->order[i];

        exchange->turns[i] = (struct turn){.row = (size_t) (row - plan->rows),
                                           .iterations = row->iterations,
                                           .expected_ns = row->expected_ns};
        memcpy(exchange->turns[i].name, row->name, sizeof(row->name));
    }
}

static void
pass_take(struct pass *pass, const struct exchange *exchange)
{
    pass->shown = exchange->shown;
    for (size_t i = 0; i < pass->count; i++) {
        const struct turn *turn = &exchange->turns[i];
        struct row *row = pass->order[i];

        snprintf(row->reason, sizeof(row->reason), "%s", turn->reason);
        row->expected_ns = turn->expected_ns;
        if (pass->round >= 0) {
            row->readings[pass->round] = turn->reading;
        }
    }
}

struct exchange *
rounds_begin(int argc, char **argv)
{
    return process_memory(argc, argv, rounds_option, sizeof(struct exchange));
}

int
rounds_child(struct exchange *exchange, struct plan *plan)
{
    const struct rounds rounds = {.wanted = exchange->wanted,
                                  .seconds = exchange->seconds};
    struct pass pass = {.rounds = &rounds,
                        .exchange = exchange,
                        .round = exchange->round,
                        .start = exchange->start,
                        .started = exchange->started,
                        .work = exchange->work,
                        .shown = exchange->shown,
                        .is_terminal = isatty(STDERR_FILENO)};

    pass.order = calloc(exchange->count, sizeof(struct row *));
    if (pass.order == NULL || rounds_readings(plan, exchange->wanted) != 0) {
        exchange->err = -ENOMEM;
    } else if (pass_open(&pass, plan) != 0) {
        fputs("bench: the rows are others than at the start\n", stderr);
        return EXIT_FAILURE;
    } else {
        exchange->err = pass_run(&pass);
        pass_close(&pass);
    }
    free(pass.order);
    exchange->is_done = 1;
    return EXIT_SUCCESS;
}

/* Returns 0, or -1 where the plan has not the rows that are to be run. Whether
 * one can run has been decided: less memory may be available now. */
static int
pass_open(struct pass *pass, struct plan *plan)
{
    for (; pass->count < pass->exchange->count; pass->count++) {
        const struct turn *turn = &pass->exchange->turns[pass->count];
        struct row *row;

        if (turn->row >= plan->count ||
            strcmp(plan->rows[turn->row].name, turn->name) != 0) {
            return -1;
        }
        row = &plan->rows[turn->row];
        row->reason[0] = '\0';
        row->iterations = turn->iterations;
        row->expected_ns = turn->expected_ns;
        pass->order[pass->count] = row;
    }
    return 0;
}

static void
pass_close(const struct pass *pass)
{
    struct exchange *exchange = pass->exchange;

    exchange->shown = pass->shown;
    for (size_t i = 0; i < pass->count; i++) {
        const struct row *row = pass->order[i];
        struct turn *turn = &exchange->turns[i];

        turn->expected_ns = row->expected_ns;
        if (pass->round >= 0) {
            turn->reading = row->readings[pass->round];
        }
        memcpy(turn->reason, row->reason, sizeof(turn->reason));
    }
}

/* google-benchmark runs in the order of registration. */
static int
pass_run(struct pass *pass)
{
    const struct shim_options options = {.on_result = pass_note, .user = pass};
    int count = 0;
    int err = 0;

    for (size_t i = 0; i < pass->count && err == 0; i++) {
        err = row_register(pass->order[i], ROUNDS_CALIBRATION);
    }
    if (err == 0) {
        count = shim_run(&options);
    }
    shim_clear();
    if (err == 0 && count < 0) {
        err = count;
    }
    return err;
}

static void
pass_note(const struct shim_result *result, void *user)
{
    struct pass *pass = user;
    struct row *row = pass->order[pass->done++];

    if (pass->exchange != NULL) {
        pass->exchange->done = pass->done;
    }
    pass->worked += row_seconds(row);
    if (interrupt_came()) {
        return;
    }
    if (result->error != NULL) {
        fprintf(stderr, "%sbench: %s: %s\n", pass->is_terminal ? "\n" : "",
                row->name, result->error);
        snprintf(row->reason, sizeof(row->reason), "%.500s", result->error);
    } else {
        pass_keep(row, result, pass->round);
    }
    pass_show(pass);
}

static void
pass_keep(struct row *row, const struct shim_result *result, int round)
{
    struct reading reading = {
        .iterations = result->iterations,
        .real_ns = result->real_time,
        .cpu_ns = result->cpu_time,
        .items_per_second = result_counter(result, "items_per_second"),
        .bytes_per_second = result_counter(result, "bytes_per_second"),
    };

    if (round < 0) {
        row->expected_ns = reading.real_ns;
    } else {
        row->readings[round] = reading;
    }
}

/* 0: there is none. */
static double
result_counter(const struct shim_result *result, const char *name)
{
    for (size_t i = 0; i < result->counters_count; i++) {
        if (strcmp(result->counters[i].name, name) == 0) {
            return result->counters[i].value;
        }
    }
    return 0;
}

/* From round 0's readings: how often each row is to run in every round. */
static void
pass_set_iterations(struct pass *pass)
{
    const struct rounds *rounds = pass->rounds;
    double now = now_seconds();
    double left = rounds->seconds - (now - pass->start);
    double run =
        left * (1 - ROUNDS_SPARE) / ((double) pass->count * rounds->wanted);

    run = run < ROUNDS_RUN_MIN ? ROUNDS_RUN_MIN : run;
    run = run > rounds->run_max ? rounds->run_max : run;
    for (size_t i = 0; i < pass->count; i++) {
        struct row *row = pass->order[i];
        double batches;

        if (row->reason[0] != '\0') {
            continue; /* it failed just now, and expected_ns is 0 */
        }
        batches =
            run * ROUNDS_NS_A_SECOND / (row->expected_ns * (double) row->batch);
        row->iterations = row->batch * (int64_t) (batches < 1 ? 1 : batches);
        pass->work += row_seconds(row);
    }
    pass->started = now;
    pass->shown = 0;
}

static void
pass_show(struct pass *pass)
{
    double now = now_seconds();
    double left = pass_left(pass, now);
    const struct row *row = pass->order[pass->done - 1];

    if (now - pass->shown < (pass->is_terminal ? ROUNDS_BLINK : ROUNDS_LINE)) {
        return;
    }
    pass->shown = now;
    fprintf(stderr, "%sround %d of %d, row %zu of %zu, %d:%02d left  %s%s",
            pass->is_terminal ? "\r" : "", pass->round + 1,
            pass->rounds->wanted, pass->done, pass->count, (int) left / 60,
            (int) left % 60, row->name, pass->is_terminal ? "\033[K" : "\n");
    fflush(stderr);
}

/* Seconds to the end, by the speed so far. */
static double
pass_left(const struct pass *pass, double now)
{
    double total = pass->work * pass->rounds->wanted;
    double done = pass->work * pass->round + pass->worked;
    double left = pass->rounds->seconds - (now - pass->start);

    if (pass->round >= 0 && done > 0) {
        left = (now - pass->started) * (total - done) / done;
    }
    return left < 0 ? 0 : left;
}

/* What a run of the row takes inside the clock, by round 0. */
static double
row_seconds(const struct row *row)
{
    return row->expected_ns * (double) row->iterations / ROUNDS_NS_A_SECOND;
}

static double
now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / ROUNDS_NS_A_SECOND;
}
