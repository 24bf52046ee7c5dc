#include "measure/instructions.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(BENCH_CALLGRIND)
#include <valgrind/callgrind.h>
#define INSTRUCTIONS_CALLGRIND 1
#else
#define INSTRUCTIONS_CALLGRIND          0
#define CALLGRIND_START_INSTRUMENTATION ((void) 0)
#define CALLGRIND_STOP_INSTRUMENTATION  ((void) 0)
#define CALLGRIND_ZERO_STATS            ((void) 0)
#define CALLGRIND_DUMP_STATS_AT(name)   ((void) (name))
#endif

#include "measure/interrupt.h"
#include "measure/process.h"
#include "plan/plan.h"

enum {
    /* Regions are counted until there are this many allocations. Twice as many
     * come before, so that an allocator has the memory that it keeps. */
    COUNTED_ALLOCATIONS = 2000,

    /* After that number of rows that ended the process no other is tried: each
     * costs a start of valgrind, a second or more. */
    COUNTED_ENDS_MAX = 3,

    COUNTED_LINE_MAX = 512,
};

static const char instructions_option[] = "--instructions-child";

/* The events that callgrind counts with --branch-sim=yes: instructions, and
 * conditional and indirect branches, each with its mispredictions. */
static const char counted_events[] = "events: Ir Bc Bcm Bi Bim\n";
static const char counted_trigger[] = "desc: Trigger: Client Request: ";

/* A row, as two processes share it. */
struct counted {
    char name[ROW_NAME_MAX];
    struct row_key key;
    uint64_t n;
    uint64_t size; /* of the largest region */
    int is_wanted;
    int failed;
};

struct task {
    int is_open;     /* allocators and inputs */
    size_t finished; /* rows, from the first on, that are over or not wanted */
    size_t count;
    char mallocs[PLAN_EXTRA_MAX];
    char plugins[PLAN_EXTRA_MAX];
    char error[LAYOUT_ERROR_MAX]; /* why it could not begin; "": it could */
    struct counted rows[];
};

static void leave_failed(struct plan *plan);
static size_t waiting(const struct plan *plan);
static int is_waiting(const struct instructions_row *row);
static void set_reasons(struct plan *plan, const char *reason);
static size_t count_rows(struct plan *plan, const char *folder, char *reason);
static size_t count_some(struct plan *plan, const char *folder, char *reason);
static void give_rows(const struct plan *plan, struct task *task);
static int run_valgrind(struct process *process, const struct plan *plan,
                        const char *folder);
static void say_why(const struct task *task, int status, char *reason);
static size_t take_rows(struct plan *plan, const char *folder,
                        const struct task *task);
static void take_row(struct instructions_row *row, const char *folder,
                     size_t dump);
static size_t fail(struct instructions_row *row, const char *reason);
static int read_dump(const char *path, const char *name,
                     struct instructions_figures *figures);
static void remove_folder(const char *folder, size_t dumps);
static void dump_path(const char *folder, size_t number, char *path);
static int child_open(struct task *task, struct contenders *contenders,
                      struct inputs *inputs);
static void child_count(struct counted *counted,
                        const struct contenders *contenders,
                        const struct inputs *inputs);
static size_t regions_for(uint64_t n, size_t allocations);

size_t
instructions_run(struct plan *plan)
{
    char folder[] = "/tmp/bench-callgrind-XXXXXX";
    char reason[ROW_REASON_MAX] = "";
    size_t failed = 0;

    leave_failed(plan);
    if (waiting(plan) == 0) {
        return 0;
    }
    if (!INSTRUCTIONS_CALLGRIND) {
        set_reasons(plan, "this build has a sanitizer, or had no "
                          "<valgrind/callgrind.h>");
        return 0;
    }
    if (mkdtemp(folder) == NULL) {
        snprintf(reason, sizeof(reason), "%s: %s", folder, strerror(errno));
    } else {
        failed = count_rows(plan, folder, reason);
        remove_folder(folder, plan->instructions_count);
    }
    if (reason[0] != '\0') {
        set_reasons(plan, reason);
        fprintf(stderr, "bench: instructions are not counted: %s\n", reason);
    }
    return failed;
}

/* A row that ended a round's process may well end this one. */
static void
leave_failed(struct plan *plan)
{
    for (size_t i = 0; i < plan->instructions_count; i++) {
        struct instructions_row *row = &plan->instructions[i];

        if (row->reason[0] == '\0') {
            memcpy(row->reason, row->row->reason, sizeof(row->reason));
        }
    }
}

static size_t
waiting(const struct plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->instructions_count; i++) {
        count += (size_t) is_waiting(&plan->instructions[i]);
    }
    return count;
}

/* It has neither figures nor a reason. */
static int
is_waiting(const struct instructions_row *row)
{
    return row->reason[0] == '\0' && row->figures.instructions <= 0;
}

/* The reason of all rows that are waiting. */
static void
set_reasons(struct plan *plan, const char *reason)
{
    for (size_t i = 0; i < plan->instructions_count; i++) {
        struct instructions_row *row = &plan->instructions[i];

        if (is_waiting(row)) {
            snprintf(row->reason, sizeof(row->reason), "%s", reason);
        }
    }
}

/* Returns how many rows failed. Where some were left out, reason, of
 * ROW_REASON_MAX bytes, says why. */
static size_t
count_rows(struct plan *plan, const char *folder, char *reason)
{
    size_t failed = 0;

    for (int ends = 0; ends < COUNTED_ENDS_MAX; ends++) {
        failed += count_some(plan, folder, reason);
        if (reason[0] != '\0' || waiting(plan) == 0) {
            return failed;
        }
    }
    snprintf(reason, ROW_REASON_MAX,
             "%d rows before it ended the process under valgrind",
             COUNTED_ENDS_MAX);
    return failed;
}

/*
 * In one process: count the rows that have neither reason nor figures, up to
 * one that ends the process. That one has failed. Returns how many have. reason
 * is set where the process ended before the first of them, so no other process
 * would do better.
 */
static size_t
count_some(struct plan *plan, const char *folder, char *reason)
{
    size_t count = plan->instructions_count;
    struct process process;
    struct task *task;
    size_t failed;
    int status =
        process_init(&process, sizeof(*task) + count * sizeof(struct counted));

    if (status != 0) {
        snprintf(reason, ROW_REASON_MAX, "no process: %s", strerror(-status));
        return 0;
    }
    task = process.memory;
    give_rows(plan, task);
    status = run_valgrind(&process, plan, folder);
    failed = take_rows(plan, folder, task);
    if (task->finished < count) {
        char why[ROW_REASON_MAX];

        say_why(task, status, why);
        if (task->is_open && !interrupt_came()) {
            failed += fail(&plan->instructions[task->finished], why);
        } else {
            memcpy(reason, why, sizeof(why));
        }
    }
    process_done(&process);
    return failed;
}

static void
give_rows(const struct plan *plan, struct task *task)
{
    task->count = plan->instructions_count;
    memcpy(task->mallocs, plan->mallocs, sizeof(task->mallocs));
    memcpy(task->plugins, plan->plugins, sizeof(task->plugins));
    for (size_t i = 0; i < task->count; i++) {
        const struct row *row = plan->instructions[i].row;

        task->rows[i] = (struct counted){
            .key = row->key,
            .n = row->region.n,
            .size = row->region.size,
            .is_wanted = is_waiting(&plan->instructions[i]),
        };
        memcpy(task->rows[i].name, row->name, sizeof(row->name));
    }
}

static int
run_valgrind(struct process *process, const struct plan *plan,
             const char *folder)
{
    char program[PATH_MAX];
    char output[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
    const char *const argv[] = {
        "valgrind",
        "-q",
        "--tool=callgrind",
        "--branch-sim=yes",
        "--instr-atstart=no",
        output,
        program,
        instructions_option,
        NULL,
    };

    if (length < 0) {
        return -errno;
    }
    program[length] = '\0';
    snprintf(output, sizeof(output), "--callgrind-out-file=%s/dump", folder);
    return process_run_program(process, argv, plan->inputs.fd);
}

/* Why the process is over before all rows are, in ROW_REASON_MAX bytes. */
static void
say_why(const struct task *task, int status, char *reason)
{
    if (interrupt_came()) {
        snprintf(reason, ROW_REASON_MAX, "interrupted");
    } else if (status == -ENOENT) {
        snprintf(reason, ROW_REASON_MAX, "no valgrind");
    } else if (status < 0) {
        snprintf(reason, ROW_REASON_MAX, "valgrind: %s", strerror(-status));
    } else if (task->error[0] != '\0') {
        snprintf(reason, ROW_REASON_MAX, "%.600s", task->error);
    } else {
        size_t used;

        (void) process_reason(status, 0, reason, ROW_REASON_MAX);
        used = strlen(reason);
        snprintf(reason + used, ROW_REASON_MAX - used, ", under valgrind");
    }
}

/* Takes the figures of the rows that the process has finished: it left a dump
 * for each. Returns how many rows failed. */
static size_t
take_rows(struct plan *plan, const char *folder, const struct task *task)
{
    size_t failed = 0;
    size_t dump = 0;

    for (size_t i = 0; i < task->finished; i++) {
        struct instructions_row *row = &plan->instructions[i];

        if (!task->rows[i].is_wanted) {
            continue;
        }
        take_row(row, folder, ++dump);
        if (task->rows[i].failed) {
            failed += fail(row, "an allocation failed");
        } else if (row->figures.instructions <= 0) {
            failed += fail(row, "callgrind wrote no totals");
        }
    }
    return failed;
}

static void
take_row(struct instructions_row *row, const char *folder, size_t dump)
{
    size_t n = row->row->region.n;
    double allocations = (double) (n * regions_for(n, COUNTED_ALLOCATIONS));
    struct instructions_figures figures;
    char path[PATH_MAX];

    dump_path(folder, dump, path);
    if (read_dump(path, row->row->name, &figures) == 0) {
        row->figures = (struct instructions_figures){
            .instructions = figures.instructions / allocations,
            .branches = figures.branches / allocations,
            .mispredictions = figures.mispredictions / allocations,
        };
    }
}

/* Returns 1, the row. */
static size_t
fail(struct instructions_row *row, const char *reason)
{
    snprintf(row->reason, sizeof(row->reason), "%s", reason);
    fprintf(stderr, "bench: instructions of %s: %s\n", row->row->name, reason);
    return 1;
}

/* The dump of the row called name. Zeros at the end of the totals are left out
 * there. Returns 0 or -1. */
static int
read_dump(const char *path, const char *name,
          struct instructions_figures *figures)
{
    const size_t trigger = sizeof(counted_trigger) - 1;
    FILE *file = fopen(path, "r");
    char line[COUNTED_LINE_MAX];
    double ir = 0;
    double bc = 0;
    double bcm = 0;
    double bi = 0;
    double bim = 0;
    int is_of_row = 0;
    int has_events = 0;

    if (file == NULL) {
        return -1;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, counted_trigger, trigger) == 0) {
            line[strcspn(line, "\n")] = '\0';
            is_of_row = strcmp(line + trigger, name) == 0;
        }
        has_events |= strcmp(line, counted_events) == 0;
        (void) sscanf(line, "totals: %lf %lf %lf %lf %lf", &ir, &bc, &bcm, &bi,
                      &bim);
    }
    fclose(file);
    *figures = (struct instructions_figures){ir, bc + bi, bcm + bim};
    return is_of_row && has_events && ir > 0 ? 0 : -1;
}

/* The last dump, of the program's end, has no number. */
static void
remove_folder(const char *folder, size_t dumps)
{
    char path[PATH_MAX];

    for (size_t i = 1; i <= dumps; i++) {
        dump_path(folder, i, path);
        (void) unlink(path);
    }
    snprintf(path, sizeof(path), "%s/dump", folder);
    (void) unlink(path);
    (void) rmdir(folder);
}

static void
dump_path(const char *folder, size_t number, char *path)
{
    snprintf(path, PATH_MAX, "%s/dump.%zu", folder, number);
}

void
instructions_child(int argc, char **argv)
{
    struct contenders contenders;
    struct inputs inputs;
    struct task *task =
        process_memory(argc, argv, instructions_option, sizeof(*task));

    if (task == NULL) {
        return;
    }
    if (child_open(task, &contenders, &inputs) != 0) {
        exit(EXIT_FAILURE);
    }
    task->is_open = 1;
    CALLGRIND_START_INSTRUMENTATION;
    for (size_t i = 0; i < task->count; i++) {
        if (task->rows[i].is_wanted) {
            child_count(&task->rows[i], &contenders, &inputs);
        }
        task->finished = i + 1;
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    exit(EXIT_SUCCESS);
}

/* Returns 0, or -1 with the task's error. */
static int
child_open(struct task *task, struct contenders *contenders,
           struct inputs *inputs)
{
    struct layout layout;

    if (layout_open(&layout, 0, task->error) != 0 ||
        contenders_init(contenders, &layout, CONTENDERS_ALL, task->mallocs,
                        task->plugins, task->error) != 0) {
        return -1;
    }
    if (inputs_open(inputs, PROCESS_INPUTS) != 0) {
        snprintf(task->error, sizeof(task->error), "no samples to read");
        return -1;
    }
    return 0;
}

/* Leaves one dump, also where it fails. */
static void
child_count(struct counted *counted, const struct contenders *contenders,
            const struct inputs *inputs)
{
    struct row row = {.key = counted->key};
    struct region *region = &row.region;
    size_t regions = regions_for(counted->n, COUNTED_ALLOCATIONS);
    void **pointers = calloc(counted->n, sizeof(*pointers));

    row_bind(&row, contenders, inputs, pointers);
    region->n = counted->n;
    region->size = counted->size;
    counted->failed = pointers == NULL || row.workload->start(region) != 0;
    if (counted->failed) {
        CALLGRIND_DUMP_STATS_AT(counted->name);
    } else {
        counted->failed = row.workload->batch(region, 2 * regions) != 0;
        CALLGRIND_ZERO_STATS;
        counted->failed |= row.workload->batch(region, regions) != 0;
        CALLGRIND_DUMP_STATS_AT(counted->name);
        row.workload->stop(region);
    }
    if (region->allocator->trim != NULL) {
        region->allocator->trim(region->library);
    }
    free(pointers);
}

/* How many regions of n have at least that number of allocations. */
static size_t
regions_for(uint64_t n, size_t allocations)
{
    return (allocations + n - 1) / n;
}
