#include "measure/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure/interrupt.h"

enum {
    PROCESS_LOOK_MS = 200, /* between two looks for Ctrl-C */
};

static int process_start(const struct process *process, const char *const *argv,
                         int inputs, pid_t *ret_pid);
static int process_wait(pid_t pid);

int
process_init(struct process *process, size_t size)
{
    int fd = memfd_create("bench-process", MFD_CLOEXEC);
    void *memory = MAP_FAILED;
    int err;

    if (fd >= 0 && ftruncate(fd, (off_t) size) == 0) {
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    if (memory == MAP_FAILED) {
        err = -errno;
        if (fd >= 0) {
            (void) close(fd);
        }
        return err;
    }
    *process = (struct process){.memory = memory, .size = size, .fd = fd};
    return 0;
}

void
process_done(struct process *process)
{
    (void) munmap(process->memory, process->size);
    (void) close(process->fd);
}

int
process_run(struct process *process, const char *option, int inputs)
{
    const char *const argv[] = {"/proc/self/exe", option, NULL};

    return process_run_program(process, argv, inputs);
}

int
process_run_program(struct process *process, const char *const *argv,
                    int inputs)
{
    pid_t pid;
    int err = process_start(process, argv, inputs, &pid);

    return err != 0 ? err : process_wait(pid);
}

static int
process_start(const struct process *process, const char *const *argv,
              int inputs, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int err = posix_spawn_file_actions_init(&actions);

    if (err != 0) {
        return -err;
    }
    err = posix_spawn_file_actions_adddup2(&actions, process->fd, STDIN_FILENO);
    if (err == 0 && inputs >= 0) {
        err =
            posix_spawn_file_actions_adddup2(&actions, inputs, PROCESS_INPUTS);
    }
    if (err == 0) {
        err = posix_spawnp(ret_pid, argv[0], &actions, NULL,
                           (char *const *) (uintptr_t) argv, environ);
    }
    (void) posix_spawn_file_actions_destroy(&actions);
    return -err;
}

/* waitpid() alone would go on after a signal that came here alone. */
static int
process_wait(pid_t pid)
{
    struct pollfd end = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    int status = 0;

    while (end.fd >= 0 && poll(&end, 1, PROCESS_LOOK_MS) <= 0) {
        if (interrupt_came()) {
            (void) kill(pid, SIGINT);
            break;
        }
    }
    if (end.fd >= 0) {
        (void) close(end.fd);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return status;
}

int
process_reason(int status, int is_done, char *reason, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(reason, size, "the process was ended by signal %d",
                 WTERMSIG(status));
        return 1;
    }
    if (WEXITSTATUS(status) != 0 || !is_done) {
        snprintf(reason, size, "the process ended with status %d",
                 WEXITSTATUS(status));
        return 1;
    }
    return 0;
}

void *
process_memory(int argc, char **argv, const char *option, size_t size)
{
    off_t length;
    void *memory;

    if (argc < 2 || strcmp(argv[1], option) != 0) {
        return NULL;
    }
    length = lseek(STDIN_FILENO, 0, SEEK_END);
    memory = length < (off_t) size
                 ? MAP_FAILED
                 : mmap(NULL, (size_t) length, PROT_READ | PROT_WRITE,
                        MAP_SHARED, STDIN_FILENO, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "bench: %s is for bench itself\n", option);
        exit(EXIT_FAILURE);
    }
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return memory;
}
