/*
 * The measurement: in every round each row runs once, in an order drawn anew,
 * so that what drifts on the machine falls on all alike, and rows are compared
 * within a round. Round 0 only finds out how many iterations a row needs; they
 * then stay fixed.
 *
 * Each round has a process of its own: how that happens to lie in memory makes
 * an allocator up to twice as fast or as slow for all of its life, which rounds
 * in one process take for a property of the allocator.
 */
#ifndef BENCH_MEASURE_ROUNDS_H
#define BENCH_MEASURE_ROUNDS_H

#include "plan/plan.h"

/* How long it may take. */
struct rounds {
    char **arguments; /* the program's, NULL behind them, to start it again;
                         or NULL: all rounds are of this process */
    int wanted;       /* rounds */
    double seconds;   /* for all of it, round 0 included */
    double limit;     /* seconds after which no round is begun, */
    int least;        /* once that many are complete */
    double run_max;   /* seconds of one run of a row */
    int complete;     /* out: rounds that all rows have readings of */
    int interrupted;  /* out: Ctrl-C ended it */
    double elapsed;   /* out: seconds */
};

/*
 * Run all rows that are not skipped, with progress on stderr. A row that fails
 * is marked as skipped, with the reason, and runs no further.
 * Returns 0, or a negative errno. What is complete then counts all the same.
 */
int rounds_run(struct rounds *rounds, struct plan *plan);

/*
 * In a process that rounds_run() started: what it is to do, to be done by
 * rounds_child() once the plan stands that the arguments behind the first one
 * make. NULL in any other.
 */
struct exchange;
struct exchange *rounds_begin(int argc, char **argv);

/* Does it. Returns the process's exit status. */
int rounds_child(struct exchange *exchange, struct plan *plan);

#endif
