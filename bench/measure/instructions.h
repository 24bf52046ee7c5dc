/*
 * Instructions, branches and mispredicted branches of an allocation, counted by
 * callgrind, whose branch predictor is a model. They are exact from run to run
 * where the allocator's work does not depend on addresses. Some rows of a run
 * are counted, all in one process under valgrind, in layout 0.
 */
#ifndef BENCH_MEASURE_INSTRUCTIONS_H
#define BENCH_MEASURE_INSTRUCTIONS_H

#include "measure/row.h"

/* Of an allocation, the workload's loop included. */
struct instructions_figures {
    double instructions;
    double branches;
    double mispredictions;
};

struct instructions_row {
    const struct row *row;
    struct instructions_figures figures;
    char reason[ROW_REASON_MAX]; /* why there are none; "": there are */
};

struct plan;

/*
 * Count the plan's rows of instructions that have no reason yet. A row that
 * fails gets one, also where it ends the process; the others are then counted
 * in another process. Where nothing can be counted, all get the reason. Returns
 * how many failed. It is no failure if valgrind is missing or does not start,
 * nor after Ctrl-C.
 */
size_t instructions_run(struct plan *plan);

/* In a process that instructions_run() started: counts, and does not return. In
 * any other: returns. */
void instructions_child(int argc, char **argv);

#endif
