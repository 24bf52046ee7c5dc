/*
 * This program, started again, to measure in a process that has done nothing
 * else before. Both processes share a piece of memory that malloc() manages in
 * neither. One thread.
 */
#ifndef BENCH_MEASURE_PROCESS_H
#define BENCH_MEASURE_PROCESS_H

#include <stddef.h>

struct process {
    void *memory; /* zeroed at first */
    size_t size;
    int fd;
};

/* Make memory of size bytes for processes. Release with process_done(). Returns
 * 0, or a negative errno: there is nothing to release then. */
int process_init(struct process *process, size_t size);
void process_done(struct process *process);

enum {
    PROCESS_INPUTS = 3, /* the descriptor under which a process finds inputs */
};

/*
 * Start this program with option as its only argument, and wait for its end.
 * inputs is a descriptor that the process gets as PROCESS_INPUTS, or -1. After
 * Ctrl-C here it is ended.
 * Returns its status as of waitpid(), or a negative errno.
 */
int process_run(struct process *process, const char *option, int inputs);

/* The same by another program: argv[0], looked for in PATH. It has to start
 * this program, with its option as the only argument. */
int process_run_program(struct process *process, const char *const *argv,
                        int inputs);

/* Whether a process with that status failed, or did not set is_done as its last
 * action. Then reason, of size bytes, says why. */
int process_reason(int status, int is_done, char *reason, size_t size);

/*
 * The shared memory, of at least size bytes, in a process that process_run()
 * started with option. Such a process is killed when its starter ends. NULL in
 * any other process. Where option was not given by process_run(), the process
 * ends with a message.
 */
void *process_memory(int argc, char **argv, const char *option, size_t size);

#endif
