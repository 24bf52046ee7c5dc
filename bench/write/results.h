/*
 * A run's folder, results/<label>: run.json in google-benchmark's schema, one
 * entry a row and round, whose repetition_index is the round; memory.json, one
 * entry a row of memory; machine.json; and command. What an earlier run left
 * there stands until all is written. A run without timed rows writes
 * memory.json alone.
 */
#ifndef BENCH_WRITE_RESULTS_H
#define BENCH_WRITE_RESULTS_H

#include "measure/rounds.h"
#include "plan/options.h"
#include "plan/plan.h"

enum {
    RESULTS_PATH_MAX = 4096,
};

/* Where results go, and what they are from. */
struct results {
    char path[RESULTS_PATH_MAX]; /* of the folder */
    int argc;
    char **argv;
};

/*
 * Make the folder that options ask for, and see that it can be written.
 * Returns 0, or a negative errno: a message is then on stderr.
 */
int results_init(struct results *results, const struct options *options,
                 int argc, char **argv);

/* Remove the folder where it is still empty. */
void results_done(struct results *results);

/* Write what the run has rows for. Returns 0, or a negative errno: a message is
 * then on stderr, and the files are as they were. */
int results_write(const struct results *results, const struct plan *plan,
                  const struct rounds *rounds);

#endif
