#include "measure/rounds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "measure/interrupt.h"
#include "measure/layout.h"
#include "measure/order.h"
#include "measure/process.h"
#include "plan/generator.h"

/* Seconds that a row runs for in the first pass, at least; it takes about
 * twice. */
#define ROUNDS_CALIBRATION 0.002

/* A row's time outside the clock, in seconds, before it is measured: a third of
 * its first pass, and ROUNDS_OVERHEAD. */
#define ROUNDS_OVERHEAD         0.0004
#define ROUNDS_OVERHEAD_SHARE   0.33
#define ROUNDS_OVERHEAD_LATENCY 0.0021

/* The part of the time that is not planned. */
#define ROUNDS_SPARE 0.05

/* A run shorter than that, in seconds, measures the clock. */
#define ROUNDS_RUN_MIN 0.001

/* Seconds between two lines of progress on a terminal, and elsewhere. */
#define ROUNDS_BLINK 0.2
#define ROUNDS_LINE  10.0

#define ROUNDS_NS_A_SECOND 1e9

enum {
    PASS_AGAIN = 1,  /* no errno: a process failed, and a row does not run
                       again */
    PASS_FIRST = -1, /* the round of the first pass */

    /* Where a row runs in several slices, a slice has at least that number of
     * batches. */
    SLICE_BATCHES = 2,

    /* Such slices may spend this many times as long outside the clock as in it.
     */
    SLICE_OVERHEAD = 2,

    /* Steps that find the length of a run: each halves the interval. */
    BUDGET_STEPS = 12,
};

static const char rounds_option[] = "--round-child";

/* A row in a round, and its reading. */
struct turn {
    char name[ROW_NAME_MAX];
    struct row_key key;
    uint64_t n;
    uint64_t size;    /* of the largest region */
    uint64_t largest; /* as in struct row, like those that follow */
    uint64_t bytes;
    int64_t batch;
    int64_t iterations;
    double expected_ns;
    double seconds;
    int slices;
    int64_t latency; /* the index of its histogram; -1: none is wanted */

    struct reading reading;
    char reason[ROW_REASON_MAX]; /* why there is none; "": there is */
};

/* A round, as two processes share it: turns, then latencies. The clock is the
 * system's. */
struct exchange {
    int is_done;
    int err;          /* the round's */
    size_t current;   /* the row whose turn it is */
    size_t count;     /* of rows */
    size_t latencies; /* how many */
    int round;
    int wanted;
    int layout;
    uint64_t seed;
    double later; /* seconds that the rounds after it will take */
    double shown;
    char mallocs[PLAN_EXTRA_MAX];
    char plugins[PLAN_EXTRA_MAX];
    char error[LAYOUT_ERROR_MAX]; /* why it could not begin; "": it could */
    struct turn turns[];
};

/* One pass over all rows. */
struct pass {
    struct row **rows;
    size_t count;
    struct order order;
    size_t done;               /* how many turns of the order are over */
    int round;                 /* PASS_FIRST: the first pass */
    int wanted;                /* rounds */
    struct exchange *exchange; /* of the process of a round; or NULL */
    double start;              /* seconds, by the system's clock */
    double noted;              /* when the last turn was over */
    double expected;           /* seconds of the turns that are over */
    double total;              /* and of all rows */
    double later;              /* of the rounds after this one */
    double shown;              /* when progress was */
    int is_terminal;
};

static uint64_t round_seed(const struct rounds *rounds, int round);
static int run_rounds(struct rounds *rounds, struct plan *plan,
                      struct pass *pass, double start);
static int pass_end(const struct pass *pass, struct rounds *rounds,
                    const struct plan *plan);
static size_t pass_fill(struct pass *pass, struct plan *plan);
static int pass_run_apart(struct pass *pass, const struct rounds *rounds,
                          const struct plan *plan);
static int pass_status(const struct pass *pass, const struct exchange *exchange,
                       int status);
static size_t pass_latencies(const struct pass *pass);
static struct latency *exchange_latencies(struct exchange *exchange);
static void pass_give(const struct pass *pass, const struct rounds *rounds,
                      const struct plan *plan, struct exchange *exchange);
static void pass_take(struct pass *pass, struct exchange *exchange);
static int child_run(void *data);
static int child_pass(struct exchange *exchange, const struct plan *plan,
                      struct pass *pass);
static int child_open(struct exchange *exchange, struct plan *plan);
static int child_rows(struct exchange *exchange, struct plan *plan);
static int pass_run(struct pass *pass, uint64_t seed);
static void pass_next(const struct pass *pass);
static void pass_note(const struct shim_result *result,
                      void *user) SHIM_NOEXCEPT;
static void pass_keep(const struct pass *pass, size_t index);
static struct reading reading_of(const struct row *row,
                                 const struct shim_result *result);
static double result_counter(const struct shim_result *result,
                             const char *name);
static void set_iterations(const struct pass *pass, const struct rounds *rounds,
                           double left, int rounds_left);
static double plan_turns(const struct pass *pass, double run);
static void row_set_slices(struct row *row, double batches, double overhead);
static double run_seconds(const struct row *row);
static double overhead_seconds(const struct row *row);
static void pass_show(struct pass *pass);
static double now_seconds(void);

int
rounds_run(struct rounds *rounds, struct plan *plan)
{
    struct pass pass = {.wanted = rounds->wanted,
                        .is_terminal = isatty(STDERR_FILENO)};
    double start = now_seconds() - rounds->elapsed;
    int err = -ENOMEM;

    pass.rows = calloc(plan->count, sizeof(struct row *));
    if (pass.rows != NULL && rounds_allocate(rounds, plan) == 0) {
        err = run_rounds(rounds, plan, &pass, start);
    }
    if (pass.is_terminal) {
        fputc('\n', stderr);
    }
    free(pass.rows);
    rounds->elapsed = now_seconds() - start;
    return err;
}

int
rounds_allocate(const struct rounds *rounds, struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct row *row = &plan->rows[i];

        if (row->readings == NULL) {
            row->readings =
                calloc((size_t) rounds->wanted, sizeof(struct reading));
        }
        if (row->wants_latency && row->latency == NULL) {
            row->latency = calloc(1, sizeof(*row->latency));
        }
        if (row->readings == NULL ||
            (row->wants_latency && row->latency == NULL)) {
            return -ENOMEM;
        }
    }
    return 0;
}

int
rounds_layout(const struct rounds *rounds, int round)
{
    int layouts[BENCH_LAYOUTS];
    struct generator generator;

    generator_init(&generator, rounds->seed);
    (void) generator_next(&generator); /* round_seed() takes the first */
    for (int i = 0; i < BENCH_LAYOUTS; i++) {
        int j = (int) generator_below(&generator, (uint64_t) i + 1);

        layouts[i] = i;
        layouts[i] = layouts[j];
        layouts[j] = i;
    }
    return layouts[round % rounds->layouts];
}

/* The seed of a round's order and offsets. Users may well give seeds that
 * follow each other; such seeds have no round's seed in common. */
static uint64_t
round_seed(const struct rounds *rounds, int round)
{
    struct generator generator;

    generator_init(&generator, rounds->seed);
    return generator_next(&generator) + (uint64_t) round;
}

/* The first pass where nothing is known yet, then round by round. */
static int
run_rounds(struct rounds *rounds, struct plan *plan, struct pass *pass,
           double start)
{
    double longest = 0;
    int err = 0;

    pass->round = rounds->complete > 0 ? rounds->complete : PASS_FIRST;
    while (pass->round < rounds->wanted && err == 0) {
        double begun = now_seconds();

        if (pass->round >= rounds->least &&
            begun - start + longest > rounds->limit) {
            fprintf(stderr, "%sbench: time is up after %d of %d rounds\n",
                    pass->is_terminal ? "\n" : "", pass->round, rounds->wanted);
            break;
        }
        if (pass_fill(pass, plan) == 0) {
            break;
        }
        pass->later = pass->round == PASS_FIRST
                          ? rounds->seconds - (begun - start)
                          : pass->total * (rounds->wanted - pass->round - 1);
        err = rounds->is_apart
                  ? pass_run_apart(pass, rounds, plan)
                  : pass_run(pass, round_seed(rounds, pass->round));
        if (err == PASS_AGAIN) {
            err = 0;
            continue;
        }
        if (interrupt_came()) {
            rounds->interrupted = 1;
            break;
        }
        rounds->elapsed = now_seconds() - start;
        if (err == 0) {
            err = pass_end(pass, rounds, plan);
        }
        longest =
            now_seconds() - begun > longest ? now_seconds() - begun : longest;
        pass->round++;
    }
    return err;
}

/* Returns 0, or a negative errno. */
static int
pass_end(const struct pass *pass, struct rounds *rounds,
         const struct plan *plan)
{
    if (pass->round <= 0) {
        set_iterations(pass, rounds, rounds->seconds - rounds->elapsed,
                       rounds->wanted - pass->round - 1);
    }
    if (pass->round < 0) {
        return 0;
    }
    rounds->complete = pass->round + 1;
    return rounds->keep != NULL
               ? rounds->keep(rounds, plan, pass->round, rounds->user)
               : 0;
}

/* Takes all rows that can run, and returns their number. */
static size_t
pass_fill(struct pass *pass, struct plan *plan)
{
    pass->count = 0;
    pass->done = 0;
    pass->expected = 0;
    pass->total = 0;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->rows[i].reason[0] == '\0') {
            pass->rows[pass->count++] = &plan->rows[i];
            pass->total += plan->rows[i].seconds;
        }
    }
    return pass->count;
}

/* Runs the pass in a new process. Returns PASS_AGAIN if that process failed:
 * then the row that was running has a reason, and does not run again. */
static int
pass_run_apart(struct pass *pass, const struct rounds *rounds,
               const struct plan *plan)
{
    struct process process;
    size_t size = sizeof(struct exchange) + pass->count * sizeof(struct turn) +
                  pass_latencies(pass) * sizeof(struct latency);
    int err = process_init(&process, size);
    struct exchange *exchange;
    int status;

    if (err != 0) {
        return err;
    }
    exchange = process.memory;
    pass_give(pass, rounds, plan, exchange);
    status = process_run(&process, rounds_option, plan->inputs.fd);
    err = status < 0 ? status : 0;
    if (err == 0 && !interrupt_came()) {
        err = pass_status(pass, exchange, status);
        if (err == 0) {
            pass_take(pass, exchange);
        }
    }
    process_done(&process);
    return err;
}

/* The result of a process that ended with status, as pass_run_apart() returns
 * it. */
static int
pass_status(const struct pass *pass, const struct exchange *exchange,
            int status)
{
    struct row *row = pass->rows[exchange->current];

    if (exchange->error[0] != '\0') {
        fprintf(stderr, "bench: %s\n", exchange->error);
        return -ENOEXEC;
    }
    if (process_reason(status, exchange->is_done, row->reason,
                       sizeof(row->reason))) {
        fprintf(stderr, "%sbench: %s: %s\n", pass->is_terminal ? "\n" : "",
                row->name, row->reason);
        return PASS_AGAIN;
    }
    return exchange->err;
}

static size_t
pass_latencies(const struct pass *pass)
{
    size_t count = 0;

    for (size_t i = 0; i < pass->count; i++) {
        count += pass->rows[i]->wants_latency != 0;
    }
    return count;
}

/* They stand after the turns. */
static struct latency *
exchange_latencies(struct exchange *exchange)
{
    return (struct latency *) (void *) &exchange->turns[exchange->count];
}

static void
pass_give(const struct pass *pass, const struct rounds *rounds,
          const struct plan *plan, struct exchange *exchange)
{
    *exchange = (struct exchange){
        .count = pass->count,
        .round = pass->round,
        .wanted = pass->wanted,
        .layout = rounds_layout(rounds, pass->round < 0 ? 0 : pass->round),
        .seed = round_seed(rounds, pass->round),
        .later = pass->later,
        .shown = pass->shown,
    };
    snprintf(exchange->mallocs, PLAN_EXTRA_MAX, "%s", plan->mallocs);
    snprintf(exchange->plugins, PLAN_EXTRA_MAX, "%s", plan->plugins);
    for (size_t i = 0; i < pass->count; i++) {
        const struct row *row = pass->rows[i];
        struct turn *turn = &exchange->turns[i];

        *turn = (struct turn){.key = row->key,
                              .n = row->region.n,
                              .size = row->region.size,
                              .largest = row->largest,
                              .bytes = row->bytes,
                              .batch = row->batch,
                              .iterations = row->iterations,
                              .expected_ns = row->expected_ns,
                              .seconds = row->seconds,
                              .slices = row->slices,
                              .latency = -1};
        memcpy(turn->name, row->name, sizeof(row->name));
        if (row->wants_latency) {
            turn->latency = (int64_t) exchange->latencies++;
        }
    }
}

static void
pass_take(struct pass *pass, struct exchange *exchange)
{
    const struct latency *latencies = exchange_latencies(exchange);

    pass->shown = exchange->shown;
    for (size_t i = 0; i < pass->count; i++) {
        const struct turn *turn = &exchange->turns[i];
        struct row *row = pass->rows[i];

        memcpy(row->reason, turn->reason, sizeof(row->reason));
        row->expected_ns = turn->expected_ns;
        row->seconds = turn->seconds;
        if (pass->round < 0) {
            continue;
        }
        row->readings[pass->round] = turn->reading;
        if (turn->latency >= 0) {
            latency_merge(row->latency, &latencies[turn->latency]);
        }
    }
}

void
rounds_child(int argc, char **argv)
{
    struct exchange *exchange =
        process_memory(argc, argv, rounds_option, sizeof(*exchange));

    if (exchange == NULL) {
        return;
    }
    shim_init(&(int){1}, argv);
    exchange->err = layout_run(exchange->seed, child_run, exchange);
    exchange->is_done = 1;
    exit(EXIT_SUCCESS);
}

static int
child_run(void *data)
{
    struct exchange *exchange = data;
    struct plan plan = {0};
    struct pass pass = {.exchange = exchange,
                        .count = exchange->count,
                        .round = exchange->round,
                        .wanted = exchange->wanted,
                        .later = exchange->later,
                        .shown = exchange->shown,
                        .is_terminal = isatty(STDERR_FILENO)};
    int err = child_open(exchange, &plan);

    if (err == 0) {
        err = child_rows(exchange, &plan);
    }
    if (err == 0) {
        err = child_pass(exchange, &plan, &pass);
    }
    inputs_done(&plan.inputs);
    contenders_done(&plan.contenders);
    free(plan.rows);
    free(plan.pointers);
    return err;
}

/* Returns 0, or a negative errno. */
static int
child_pass(struct exchange *exchange, const struct plan *plan,
           struct pass *pass)
{
    int err;

    pass->rows = calloc(exchange->count, sizeof(struct row *));
    if (pass->rows == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < exchange->count; i++) {
        pass->rows[i] = &plan->rows[i];
        pass->total += plan->rows[i].seconds;
    }
    err = pass_run(pass, exchange->seed);
    exchange->shown = pass->shown;
    free(pass->rows);
    return err;
}

/* Opens the layout, its allocators and the inputs. Returns 0, or a negative
 * errno. */
static int
child_open(struct exchange *exchange, struct plan *plan)
{
    struct layout layout;
    int err = layout_open(&layout, exchange->layout, exchange->error);

    if (err == 0) {
        err = contenders_init(&plan->contenders, &layout, CONTENDERS_ALL,
                              exchange->mallocs, exchange->plugins,
                              exchange->error);
    }
    if (err == 0) {
        err = inputs_open(&plan->inputs, PROCESS_INPUTS);
    }
    if (err != 0 && exchange->error[0] == '\0') {
        snprintf(exchange->error, sizeof(exchange->error),
                 "a round's start: %s", strerror(-err));
    }
    return err;
}

/* Makes the rows by their turns. Returns 0 or -ENOMEM. */
static int
child_rows(struct exchange *exchange, struct plan *plan)
{
    size_t most = 1;

    for (size_t i = 0; i < exchange->count; i++) {
        most = exchange->turns[i].n > most ? exchange->turns[i].n : most;
    }
    plan->pointers = calloc(most, sizeof(*plan->pointers));
    plan->rows = calloc(exchange->count, sizeof(*plan->rows));
    if (plan->pointers == NULL || plan->rows == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < exchange->count; i++) {
        const struct turn *turn = &exchange->turns[i];
        struct row *row = &plan->rows[i];

        *row = (struct row){.key = turn->key,
                            .region = {.n = turn->n, .size = turn->size},
                            .largest = turn->largest,
                            .bytes = turn->bytes,
                            .batch = turn->batch,
                            .iterations = turn->iterations,
                            .expected_ns = turn->expected_ns,
                            .seconds = turn->seconds,
                            .slices = turn->slices,
                            .wants_warm_up = 1};
        memcpy(row->name, turn->name, sizeof(row->name));
        row_bind(row, &plan->contenders, &plan->inputs, plan->pointers);
        if (turn->latency >= 0) {
            row->wants_latency = 1;
            row->latency = &exchange_latencies(exchange)[turn->latency];
        }
    }
    return 0;
}

/* google-benchmark runs in the order of registration. */
static int
pass_run(struct pass *pass, uint64_t seed)
{
    const struct shim_options options = {.on_result = pass_note, .user = pass};
    int err = order_init(&pass->order, pass->rows, pass->count, seed);
    int count = 0;

    for (size_t i = 0; i < pass->count; i++) {
        pass->rows[i]->slice = 0;
        pass->rows[i]->spent = 0;
    }
    for (size_t i = 0; i < pass->order.count && err == 0; i++) {
        err =
            row_register(pass->rows[pass->order.turns[i]], ROUNDS_CALIBRATION);
    }
    pass->start = now_seconds();
    pass->noted = pass->start;
    if (err == 0) {
        pass_next(pass);
        count = shim_run(&options);
    }
    shim_clear();
    order_done(&pass->order);
    if (err == 0 && count < 0) {
        err = count;
    }
    return err;
}

/* Says whose turn comes, for the case that it ends the process. */
static void
pass_next(const struct pass *pass)
{
    if (pass->exchange != NULL && pass->done < pass->order.count) {
        pass->exchange->current = pass->order.turns[pass->done];
    }
}

/* A turn is over. */
static void
pass_note(const struct shim_result *result, void *user)
{
    struct pass *pass = user;
    size_t index = pass->order.turns[pass->done++];
    struct row *row = pass->rows[index];
    double now = now_seconds();

    pass_next(pass);
    pass->expected += row->seconds / row->slices;
    row->spent += now - pass->noted;
    pass->noted = now;
    if (interrupt_came()) {
        return;
    }
    if (result->error == NULL) {
        row->taken[row->slice++] = reading_of(row, result);
    } else if (row->reason[0] == '\0') {
        fprintf(stderr, "%sbench: %s: %s\n", pass->is_terminal ? "\n" : "",
                row->name, result->error);
        snprintf(row->reason, sizeof(row->reason), "%.500s", result->error);
    }
    if (row->slice == row->slices || row->reason[0] != '\0') {
        pass_keep(pass, index);
    }
    pass_show(pass);
}

/* All slices of the row are over, or it has failed. */
static void
pass_keep(const struct pass *pass, size_t index)
{
    struct row *row = pass->rows[index];
    struct reading reading = {0};

    row->seconds = row->spent;
    if (row->reason[0] == '\0') {
        reading = row_median(row);
        if (pass->round <= 0) {
            row->expected_ns = reading.real_ns;
        }
    }
    if (pass->exchange != NULL) {
        struct turn *turn = &pass->exchange->turns[index];

        turn->reading = reading;
        turn->expected_ns = row->expected_ns;
        turn->seconds = row->seconds;
        memcpy(turn->reason, row->reason, sizeof(turn->reason));
    } else if (pass->round >= 0) {
        row->readings[pass->round] = reading;
    }
}

/* The row has the other figures already, by its own clock. */
static struct reading
reading_of(const struct row *row, const struct shim_result *result)
{
    struct reading reading = row->reading;

    reading.iterations = result->iterations;
    reading.real_ns = result->real_time;
    reading.cpu_ns = result->cpu_time;
    reading.items_per_second = result_counter(result, "items_per_second");
    reading.bytes_per_second = result_counter(result, "bytes_per_second");
    return reading;
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

/* How often each row runs in each of the rounds that are left, in left seconds;
 * and how long its turns will take. After the first pass, overheads are a
 * guess; after the first round they are known. */
static void
set_iterations(const struct pass *pass, const struct rounds *rounds,
               double left, int rounds_left)
{
    double most = rounds->run_max;
    double least = most < ROUNDS_RUN_MIN ? most : ROUNDS_RUN_MIN;
    double budget;

    if (rounds_left < 1) {
        return;
    }
    for (size_t i = 0; i < pass->count; i++) {
        struct row *row = pass->rows[i];

        row->overhead = overhead_seconds(row) / row->slices;
    }
    budget = left * (1 - ROUNDS_SPARE) / rounds_left;
    if (plan_turns(pass, most) <= budget) {
        return;
    }
    for (int i = 0; i < BUDGET_STEPS; i++) {
        double run = sqrt(least * most);

        *(plan_turns(pass, run) <= budget ? &least : &most) = run;
    }
    (void) plan_turns(pass, least);
}

/* Let each row run for run seconds a round, or a little longer. Returns the
 * seconds that a round will take. */
static double
plan_turns(const struct pass *pass, double run)
{
    double seconds = 0;

    for (size_t i = 0; i < pass->count; i++) {
        struct row *row = pass->rows[i];

        if (row->reason[0] != '\0') {
            continue; /* it has failed, and expected_ns may be 0 */
        }
        row_set_slices(row,
                       run * ROUNDS_NS_A_SECOND /
                           (row->expected_ns * (double) row->batch),
                       pass->round < 0 ? 0 : row->overhead / run);
        row->seconds = row->overhead * row->slices + run_seconds(row);
        seconds += row->seconds;
    }
    return seconds;
}

/* Shares batches among an odd number of slices, so that one is the median.
 * overhead is that of a slice, over the time of all batches; 0: not known yet.
 */
static void
row_set_slices(struct row *row, double batches, double overhead)
{
    double each = 1;

    row->slices = ROW_SLICES;
    while (row->slices > 1 && (batches < SLICE_BATCHES * row->slices ||
                               overhead * row->slices > SLICE_OVERHEAD)) {
        row->slices -= 2;
    }
    each = batches / row->slices;
    row->iterations = row->batch * (int64_t) (each < 1 ? 1 : each);
}

/* Seconds of a round inside the clock, by the first pass or the first round. */
static double
run_seconds(const struct row *row)
{
    return row->expected_ns * (double) row->iterations * row->slices /
           ROUNDS_NS_A_SECOND;
}

/* Seconds of a round outside the clock. */
static double
overhead_seconds(const struct row *row)
{
    double overhead = row->seconds - run_seconds(row);

    if (row->iterations == 0) {
        return row->seconds * ROUNDS_OVERHEAD_SHARE + ROUNDS_OVERHEAD +
               (row->wants_latency ? ROUNDS_OVERHEAD_LATENCY : 0);
    }
    return overhead > 0 ? overhead : 0;
}

/*
 * The turns that are left are taken to be longer than expected by the factor of
 * the turns so far. At first these are few, and one slow turn would decide: so
 * a whole round of the expected length is added to them.
 */
static void
pass_show(struct pass *pass)
{
    double now = now_seconds();
    double left = pass->later;
    const struct row *row = pass->rows[pass->order.turns[pass->done - 1]];

    if (now - pass->shown < (pass->is_terminal ? ROUNDS_BLINK : ROUNDS_LINE)) {
        return;
    }
    pass->shown = now;
    if (pass->round >= 0 && pass->total > 0) {
        double pace =
            (now - pass->start + pass->total) / (pass->expected + pass->total);

        left = pace * (pass->later + pass->total - pass->expected);
    }
    left = left < 0 ? 0 : left;
    fprintf(stderr, "%sround %d of %d, turn %zu of %zu, %d:%02d left  %s%s",
            pass->is_terminal ? "\r" : "", pass->round + 1, pass->wanted,
            pass->done, pass->order.count, (int) left / 60, (int) left % 60,
            row->name, pass->is_terminal ? "\033[K" : "\n");
    fflush(stderr);
}

static double
now_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / ROUNDS_NS_A_SECOND;
}
