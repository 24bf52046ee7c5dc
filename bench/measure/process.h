/*
 * This program, started again: for what is to be measured in a process that has
 * done nothing else before. The two share a piece of memory, which is malloc's
 * in neither of them. One thread.
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

/*
 * Start this program with option as its first argument and arguments, which end
 * in NULL, behind it, and wait for its end. After Ctrl-C here it is ended.
 * Returns its status as of waitpid(), or a negative errno.
 */
int process_run(struct process *process, const char *option,
                char *const *arguments);

/* Write why a process of that status, which had to set is_done last, did not
 * come to its end, if so, as text to reason, of size bytes. Returns whether
 * so. */
int process_reason(int status, int is_done, char *reason, size_t size);

/*
 * In a process that was started so, whose first argument option is: the memory,
 * of at least size bytes; it ends with the one that started it. NULL in any
 * other. Ends the process with a message where somebody else gave option.
 */
void *process_memory(int argc, char **argv, const char *option, size_t size);

#endif
