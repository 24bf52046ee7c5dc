/*
 * The rounds of a run that has not ended, in results/<label>/rounds/: the file
 * "run" says how the run was started, and each complete round is a file of its
 * own. So when the program is ended, at most the round under way is lost, and
 * the run can be resumed. Once all results are written, the folder is removed.
 */
#ifndef BENCH_WRITE_PROGRESS_H
#define BENCH_WRITE_PROGRESS_H

#include "measure/rounds.h"
#include "write/results.h"

/* How a run was started. */
struct progress {
    char **argv; /* ends in NULL; argv[0] is the program's name */
    int argc;
    uint64_t seed;
    int layouts;
    int wanted;
};

/* Begin the folder. Rounds of an earlier run that lie there are removed.
 * Returns 0, or a negative errno: a message is then on stderr. */
int progress_begin(const struct results *results, const struct rounds *rounds);

/* Write a round's file; user is a struct results. Latencies are of all rounds
 * so far. Returns 0, or a negative errno: a message is then on stderr. */
int progress_keep(const struct rounds *rounds, const struct plan *plan,
                  int round, void *user);

/*
 * Read how the run in folder was started. Release with progress_done().
 * Returns 0, or a negative errno: a message is then on stderr. A run of another
 * commit is an error.
 */
int progress_open(struct progress *progress, const char *folder);
void progress_done(struct progress *progress);

/*
 * Read the complete rounds into the plan's rows and into rounds, whose seed,
 * layouts and wanted are the run's. Returns 0, or a negative errno: a message
 * is then on stderr. A file of other rows than the plan's is an error.
 */
int progress_load(const struct results *results, struct rounds *rounds,
                  struct plan *plan);

/* Remove the folder. */
void progress_end(const struct results *results);

#endif
