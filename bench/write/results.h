/*
 * A run's folder, results/<label>: run.json, machine.json, and command.
 * run.json has google-benchmark's schema, one entry a row and round, whose
 * repetition_index is the round. It also has lists of its own, which
 * google-benchmark's tools do not look at: latencies, memory, instructions,
 * complexity. An earlier run's files stay until all are written.
 */
#ifndef BENCH_WRITE_RESULTS_H
#define BENCH_WRITE_RESULTS_H

#include "measure/rounds.h"
#include "plan/options.h"
#include "plan/plan.h"

enum {
    RESULTS_PATH_MAX = 4096,
};

/* The folder of the results, and the command line of the run. */
struct results {
    char path[RESULTS_PATH_MAX]; /* of the folder */
    int folder;                  /* open and locked */
    int argc;
    char **argv;
};

/*
 * Make the folder that options ask for, see that it can be written, and lock it
 * against other processes. An earlier run in it is an error, unless options ask
 * to replace it or to resume it.
 * Returns 0, or a negative errno: a message is then on stderr.
 */
int results_init(struct results *results, const struct options *options,
                 int argc, char **argv);

/* Unlock the folder, and remove it where it is still empty. */
void results_done(struct results *results);

/* Write all files. Returns 0, or a negative errno: a message is
 * then on stderr, and the files are as they were. */
int results_write(const struct results *results, const struct plan *plan,
                  const struct rounds *rounds);

#endif
