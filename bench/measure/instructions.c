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
#else
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
     * come before, so that an allocator has what it keeps. */
    COUNTED_ALLOCATIONS = 2000,

    COUNTED_LINE_MAX = 512,
};

static const char instructions_option[] = "--instructions-child";

/* A row, as two processes share it. */
struct counted {
    struct row_key key;
    uint64_t n;
    uint64_t size; /* of the largest region */
    int failed;
};

struct task {
    int is_done;
    size_t count;
    size_t current; /* the row under way */
    char mallocs[PLAN_EXTRA_MAX];
    char plugins[PLAN_EXTRA_MAX];
    char error[LAYOUT_ERROR_MAX]; /* why it could not begin; "": it could */
    struct counted rows[];
};

static size_t runnable(const struct plan *plan);
static size_t set_reasons(struct plan *plan, const char *reason);
static int count_rows(struct plan *plan, const char *folder, char *reason);
static void give_rows(const struct plan *plan, struct task *task);
static int run_valgrind(struct process *process, const struct plan *plan,
                        const char *folder);
static size_t read_figures(struct plan *plan, const char *folder);
static int read_dump(const char *path, struct instructions_figures *figures);
static void remove_folder(const char *folder, size_t dumps);
static void dump_path(const char *folder, size_t number, char *path);
static int child_run(struct task *task);
static void child_count(const struct task *task, struct counted *counted,
                        const struct contenders *contenders,
                        const struct inputs *inputs);
static int64_t regions_for(uint64_t n, int64_t allocations);

size_t
instructions_run(struct plan *plan)
{
    char folder[] = "/tmp/bench-callgrind-XXXXXX";
    char reason[ROW_REASON_MAX] = "";
    size_t count = runnable(plan);
    size_t failed = 0;

    if (count == 0) {
        return 0;
    }
#if !defined(BENCH_CALLGRIND)
    (void) set_reasons(plan, "this build had no <valgrind/callgrind.h>");
    return 0;
#endif
    if (system("command -v valgrind >/dev/null") != 0) {
        (void) set_reasons(plan, "no valgrind");
        return 0;
    }
    if (mkdtemp(folder) == NULL) {
        snprintf(reason, sizeof(reason), "%s: %s", folder, strerror(errno));
        failed = set_reasons(plan, reason);
    } else if (count_rows(plan, folder, reason) != 0) {
        failed = set_reasons(plan, reason);
    } else {
        failed = read_figures(plan, folder);
    }
    remove_folder(folder, count);
    if (reason[0] != '\0') {
        fprintf(stderr, "bench: instructions: %s\n", reason);
    }
    return interrupt_came() ? 0 : failed;
}

static size_t
runnable(const struct plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->instructions_count; i++) {
        count += plan->instructions[i].reason[0] == '\0';
    }
    return count;
}

/* Returns how many rows got it. */
static size_t
set_reasons(struct plan *plan, const char *reason)
{
    size_t count = 0;

    for (size_t i = 0; i < plan->instructions_count; i++) {
        struct instructions_row *row = &plan->instructions[i];

        if (row->reason[0] == '\0') {
            snprintf(row->reason, sizeof(row->reason), "%s", reason);
            count++;
        }
    }
    return count;
}

/* Returns 0, or -1 with a reason, of ROW_REASON_MAX bytes, that holds for all
 * rows. */
static int
count_rows(struct plan *plan, const char *folder, char *reason)
{
    struct process process;
    struct task *task;
    int status =
        process_init(&process, sizeof(*task) + plan->instructions_count *
                                                   sizeof(struct counted));

    if (status != 0) {
        snprintf(reason, ROW_REASON_MAX, "no process: %s", strerror(-status));
        return -1;
    }
    task = process.memory;
    give_rows(plan, task);
    status = run_valgrind(&process, plan, folder);
    if (status < 0) {
        snprintf(reason, ROW_REASON_MAX, "valgrind: %s", strerror(-status));
    } else if (interrupt_came()) {
        snprintf(reason, ROW_REASON_MAX, "interrupted");
    } else if (task->error[0] != '\0') {
        snprintf(reason, ROW_REASON_MAX, "%.600s", task->error);
    } else if (process_reason(status, task->is_done, reason, ROW_REASON_MAX)) {
        size_t used = strlen(reason);

        snprintf(reason + used, ROW_REASON_MAX - used, ", at %s",
                 plan->instructions[task->current].row->name);
    }
    for (size_t i = 0; i < plan->instructions_count; i++) {
        if (task->rows[i].failed) {
            snprintf(plan->instructions[i].reason, ROW_REASON_MAX,
                     "an allocation failed");
        }
    }
    process_done(&process);
    return reason[0] == '\0' ? 0 : -1;
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
            .key = row->key, .n = row->region.n, .size = row->region.size};
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

/* Returns how many rows have no figures. */
static size_t
read_figures(struct plan *plan, const char *folder)
{
    size_t failed = 0;

    for (size_t i = 0, dump = 1; i < plan->instructions_count; i++) {
        struct instructions_row *row = &plan->instructions[i];
        uint64_t regions =
            (uint64_t) regions_for(row->row->region.n, COUNTED_ALLOCATIONS);
        double allocations = (double) (regions * row->row->region.n);
        struct instructions_figures *figures = &row->figures;
        char path[PATH_MAX];

        if (row->reason[0] != '\0') {
            failed++;
            continue;
        }
        dump_path(folder, dump++, path);
        if (read_dump(path, figures) != 0) {
            snprintf(row->reason, sizeof(row->reason),
                     "callgrind wrote no totals");
            failed++;
            continue;
        }
        figures->instructions /= allocations;
        figures->branches /= allocations;
        figures->mispredictions /= allocations;
    }
    return failed;
}

/* Events are Ir Bc Bcm Bi Bim: instructions, and branches that are conditional
 * and indirect, each with how many were mispredicted. Returns 0 or -1. */
static int
read_dump(const char *path, struct instructions_figures *figures)
{
    FILE *file = fopen(path, "r");
    char line[COUNTED_LINE_MAX];
    double ir = 0;
    double bc = 0;
    double bcm = 0;
    double bi = 0;
    double bim = 0;
    int found = 0;

    while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
        found = sscanf(line, "totals: %lf %lf %lf %lf %lf", &ir, &bc, &bcm, &bi,
                       &bim) >= 1;
    }
    if (file != NULL) {
        fclose(file);
    }
    *figures = (struct instructions_figures){ir, bc + bi, bcm + bim};
    return found && ir > 0 ? 0 : -1;
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
    struct task *task =
        process_memory(argc, argv, instructions_option, sizeof(*task));

    if (task != NULL) {
        if (child_run(task) == 0) {
            task->is_done = 1;
        }
        exit(EXIT_SUCCESS);
    }
}

/* Returns 0, or -1 with the task's error. */
static int
child_run(struct task *task)
{
    struct layout layout;
    struct contenders contenders;
    struct inputs inputs;

    if (layout_open(&layout, 0, task->error) != 0 ||
        contenders_init(&contenders, &layout, CONTENDERS_ALL, task->mallocs,
                        task->plugins, task->error) != 0) {
        return -1;
    }
    if (inputs_open(&inputs, PROCESS_INPUTS) != 0) {
        snprintf(task->error, sizeof(task->error), "no samples to read");
        return -1;
    }
    CALLGRIND_START_INSTRUMENTATION;
    for (size_t i = 0; i < task->count; i++) {
        task->current = i;
        child_count(task, &task->rows[i], &contenders, &inputs);
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    return 0;
}

/* Leaves one dump. */
static void
child_count(const struct task *task, struct counted *counted,
            const struct contenders *contenders, const struct inputs *inputs)
{
    struct row row = {.key = counted->key};
    struct region *region = &row.region;
    size_t regions = (size_t) regions_for(counted->n, COUNTED_ALLOCATIONS);
    void **pointers = calloc(counted->n, sizeof(*pointers));

    (void) task;
    row_bind(&row, contenders, inputs, pointers);
    region->n = counted->n;
    region->size = counted->size;
    counted->failed = pointers == NULL || row.workload->start(region) != 0;
    if (!counted->failed) {
        counted->failed = row.workload->batch(region, 2 * regions) != 0;
        CALLGRIND_ZERO_STATS;
        counted->failed |= row.workload->batch(region, regions) != 0;
        CALLGRIND_DUMP_STATS_AT("row");
        row.workload->stop(region);
    }
    if (region->allocator->trim != NULL) {
        region->allocator->trim(region->library);
    }
    free(pointers);
}

/* How many regions of n make so many allocations. */
static int64_t
regions_for(uint64_t n, int64_t allocations)
{
    return (allocations + (int64_t) n - 1) / (int64_t) n;
}
