/*
 * The measurement: in every round each row runs once, in an order drawn anew,
 * so that what drifts on the machine falls on all alike, and rows are compared
 * within a round. Round 0 only finds out how many iterations a row needs; they
 * then stay fixed.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "grid.h"

/* How long it may take. */
struct rounds {
    int wanted;      /* rounds */
    double seconds;  /* for all of it, round 0 included */
    double limit;    /* seconds after which no round is begun, */
    int least;       /* once that many are complete */
    double run_max;  /* seconds of one run of a row */
    int complete;    /* out: rounds that all rows have samples of */
    int interrupted; /* out: Ctrl-C ended it */
    double elapsed;  /* out: seconds */
};

/*
 * Run all rows that are not skipped, with progress on stderr. A row that fails
 * is marked as skipped, with the reason, and runs no further.
 * Returns 0, or a negative errno. What is complete then counts all the same.
 */
int rounds_run(struct rounds *rounds, struct grid *grid);

#endif
