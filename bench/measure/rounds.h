/*
 * The measurement: in every round each row runs, in random order. A drift of
 * the machine then affects all rows alike, and rows are compared within a
 * round. A first pass, which is no round, only finds out how many
 * iterations a row needs.
 *
 * Each round has a process of its own, with a layout of its own: where code and
 * data lie makes an allocator faster or slower for all of a process's life, up
 * to twice. In one process that looks like a property of the allocator.
 */
#ifndef BENCH_MEASURE_ROUNDS_H
#define BENCH_MEASURE_ROUNDS_H

#include "plan/plan.h"

struct rounds {
    uint64_t seed;  /* of orders, of layouts, and of places in memory */
    int wanted;     /* rounds */
    int layouts;    /* that take part: after as many rounds they come again */
    double seconds; /* for all of it, the first pass included */
    double limit;   /* seconds after which no round is begun, */
    int least;      /* once that many are complete */
    double run_max; /* seconds of one run of a row */
    int is_apart;   /* each round has a process; else all run in this one */

    /* Called after each complete round. Other than 0, a negative errno, ends
     * the measurement. NULL: not called. */
    int (*keep)(const struct rounds *rounds, const struct plan *plan, int round,
                void *user);
    void *user;

    int complete;    /* in: rounds that the rows' readings hold already, with
                        iterations; out: rounds that all rows have */
    int interrupted; /* out: Ctrl-C ended it */
    double elapsed;  /* in, out: seconds */
};

/*
 * Run all rows that are not skipped, with progress on stderr. A row that fails
 * is marked as skipped, with the reason, and runs no further.
 * Returns 0, or a negative errno. Complete rounds then count all the same.
 */
int rounds_run(struct rounds *rounds, struct plan *plan);

/* The layout of a round. */
int rounds_layout(const struct rounds *rounds, int round);

/* Allocate wanted readings of each row. Returns 0 or -ENOMEM. */
int rounds_allocate(const struct rounds *rounds, struct plan *plan);

/* In a process that rounds_run() started: does its round, and does not return.
 * In any other: returns. */
void rounds_child(int argc, char **argv);

#endif
