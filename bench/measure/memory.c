#include "measure/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "measure/interrupt.h"
#include "measure/process.h"
#include "plan/plan.h"

enum {
    MEMORY_ASKED = 32 * 1024 * 1024,
    MEMORY_REGIONS_MAX = 4096,

    MEMORY_PROC_MAX = 8192, /* of a file in /proc; they have 2 KiB */
    MEMORY_KIB = 1024,

    /* Seconds between two lines that say which row it is, where there is no
     * terminal. A row takes one to three. */
    MEMORY_LINE = 10,
};

static const char memory_option[] = "--memory-child";

/* A row and its result, as two processes share them. malloc() has given it out
 * in neither, so the new process's own memory starts clean. */
struct task {
    uint32_t contender;
    uint32_t input;
    uint64_t n;
    uint64_t size; /* of the largest region */
    uint64_t regions;
    int is_done;
    char mallocs[PLAN_EXTRA_MAX];
    char plugins[PLAN_EXTRA_MAX];
    char reason[LAYOUT_ERROR_MAX]; /* "": there are figures */
    struct memory_figures figures;
};

static int memory_measure(const struct plan *plan, struct memory_row *row);
static void task_run(struct task *task);
static void task_measure(struct task *task, struct region region);
static int task_open(struct task *task, struct contenders *contenders,
                     struct inputs *inputs, struct region *ret_region);
static int task_fill(const struct task *task, struct region region,
                     struct region *regions, void **pointers);
static void task_empty(const struct task *task, struct region *regions);
static void *map(size_t size);
static uint64_t growth(uint64_t before, uint64_t after);
static int read_kib(const char *path, const char *field, uint64_t *ret_size);

uint64_t
memory_regions(double size)
{
    double regions = MEMORY_ASKED / size;

    if (regions < 1) {
        return 1;
    }
    return regions < MEMORY_REGIONS_MAX ? (uint64_t) regions
                                        : MEMORY_REGIONS_MAX;
}

size_t
memory_runnable(const struct memory_row *rows, size_t count)
{
    size_t runnable = 0;

    for (size_t i = 0; i < count; i++) {
        runnable += rows[i].reason[0] == '\0';
    }
    return runnable;
}

size_t
memory_run(struct plan *plan)
{
    size_t runnable = memory_runnable(plan->memory, plan->memory_count);
    size_t done = 0;
    size_t failed = 0;
    int is_terminal = isatty(STDERR_FILENO);
    time_t shown = 0;

    for (size_t i = 0; i < plan->memory_count; i++) {
        struct memory_row *row = &plan->memory[i];
        int err;

        if (row->reason[0] != '\0') {
            continue;
        }
        done++;
        if (is_terminal || time(NULL) - shown >= MEMORY_LINE) {
            shown = time(NULL);
            fprintf(stderr, "%smemory, row %zu of %zu  %s%s",
                    is_terminal ? "\r" : "", done, runnable, row->name,
                    is_terminal ? "\033[K" : "\n");
        }
        err = interrupt_came() ? 0 : memory_measure(plan, row);
        if (interrupt_came()) {
            snprintf(row->reason, sizeof(row->reason), "interrupted");
            continue;
        }
        if (err != 0) {
            snprintf(row->reason, sizeof(row->reason),
                     "no process to measure it: %s", strerror(-err));
        }
        if (row->reason[0] != '\0') {
            fprintf(stderr, "bench: %s: %s\n", row->name, row->reason);
            failed++;
        }
    }
    if (is_terminal && done > 0) {
        fputc('\n', stderr);
    }
    return failed;
}

/* smaps_rollup counts pages; status, whose RssAnon would be the same, adds up
 * the counts that each core has noted so far, and is off by hundreds of KiB. */
int
memory_read(struct memory_usage *ret_usage)
{
    struct memory_usage usage;
    int err = read_kib("/proc/self/status", "\nVmData:", &usage.data);

    if (err == 0) {
        err = read_kib("/proc/self/smaps_rollup",
                       "\nAnonymous:", &usage.resident);
    }
    if (err == 0) {
        *ret_usage = usage;
    }
    return err;
}

void
memory_child(int argc, char **argv)
{
    struct task *task =
        process_memory(argc, argv, memory_option, sizeof(*task));

    if (task != NULL) {
        task_run(task);
        task->is_done = 1;
        exit(EXIT_SUCCESS);
    }
}

static void
task_run(struct task *task)
{
    struct contenders contenders = {0};
    struct inputs inputs = {0};
    struct region region;

    if (task_open(task, &contenders, &inputs, &region) == 0) {
        task_measure(task, region);
    }
    inputs_done(&inputs);
    contenders_done(&contenders);
}

/* Sets the row's figures or its reason. Returns 0, or a negative errno. */
static int
memory_measure(const struct plan *plan, struct memory_row *row)
{
    struct process process;
    int status = process_init(&process, sizeof(struct task));
    struct task *task;

    if (status != 0) {
        return status;
    }
    task = process.memory;
    *task = (struct task){.contender = row->contender,
                          .input = row->input,
                          .n = row->n,
                          .size = row->size,
                          .regions = row->regions};
    memcpy(task->mallocs, plan->mallocs, sizeof(task->mallocs));
    memcpy(task->plugins, plan->plugins, sizeof(task->plugins));
    status = process_run(&process, memory_option, plan->inputs.fd);
    if (status >= 0) {
        process_reason(status, task->is_done, task->reason,
                       sizeof(task->reason));
        snprintf(row->reason, sizeof(row->reason), "%.600s", task->reason);
        row->figures = task->figures;
    }
    process_done(&process);
    return status < 0 ? status : 0;
}

/* In the new process. With huge pages, figures would depend on the machine's
 * settings. Free memory from the program's start would hide part of the memory
 * that is taken. */
static void
task_measure(struct task *task, struct region region)
{
    struct region *regions = map(task->regions * sizeof(*regions));
    void **pointers = map(task->regions * task->n * sizeof(*pointers));
    struct memory_usage before;
    struct memory_usage full;
    struct memory_usage after;
    int err;

    if (regions == NULL || pointers == NULL) {
        snprintf(task->reason, sizeof(task->reason), "out of memory");
        return;
    }
    (void) prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    (void) malloc_trim(0);

    err = memory_read(&before);
    if (err == 0 && task_fill(task, region, regions, pointers) != 0) {
        snprintf(task->reason, sizeof(task->reason), "an allocation failed");
        return;
    }
    if (err == 0) {
        err = memory_read(&full);
    }
    task_empty(task, regions);
    if (err == 0) {
        err = memory_read(&after);
    }
    if (err != 0) {
        snprintf(task->reason, sizeof(task->reason), "/proc/self: %s",
                 strerror(-err));
        return;
    }
    task->figures = (struct memory_figures){
        .data = growth(before.data, full.data),
        .resident = growth(before.resident, full.resident),
        .kept = growth(before.resident, after.resident),
    };
}

/* Opens the row's allocator and finds its samples. Returns 0 or -1; the task's
 * reason is then set. Release the contenders and inputs in both cases. */
static int
task_open(struct task *task, struct contenders *contenders,
          struct inputs *inputs, struct region *ret_region)
{
    struct layout layout;
    const struct contender *contender;
    const struct samples *samples;

    if (layout_open(&layout, 0, task->reason) != 0 ||
        contenders_init(contenders, &layout, (int) task->contender,
                        task->mallocs, task->plugins, task->reason) != 0) {
        return -1;
    }
    contender = &contenders->list[task->contender];
    if (contender->library == NULL || inputs_open(inputs, PROCESS_INPUTS)) {
        snprintf(task->reason, sizeof(task->reason), "%s",
                 contender->library == NULL ? contender->reason
                                            : "no samples to read");
        return -1;
    }
    samples = &inputs->samples[task->input];
    *ret_region = (struct region){.allocator = contender->allocator,
                                  .library = contender->library,
                                  .n = task->n,
                                  .size = task->size,
                                  .samples = samples->sizes,
                                  .period = samples->period};
    return 0;
}

/* Makes regions like region. Returns 0 or -ENOMEM. */
static int
task_fill(const struct task *task, struct region region, struct region *regions,
          void **pointers)
{
    region.pointers = pointers;
    for (size_t i = 0; i < task->regions; i++) {
        if (region_create(&region) != 0 || region_fill(&region) != 0) {
            return -ENOMEM;
        }
        regions[i] = region;
        region.pointers += region.n;
    }
    return 0;
}

static void
task_empty(const struct task *task, struct region *regions)
{
    for (size_t i = 0; i < task->regions; i++) {
        region_free(&regions[i]);
        regions[i].allocator->destroy(regions[i].state);
    }
}

/* Memory that is resident already, and is not malloc's. NULL: there is none. */
static void *
map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

static uint64_t
growth(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

/* Finds "field value kB". Returns 0, or a negative errno. */
static int
read_kib(const char *path, const char *field, uint64_t *ret_size)
{
    char text[MEMORY_PROC_MAX];
    size_t length = 0;
    ssize_t got = 1;
    const char *found;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    while (got > 0 && length < sizeof(text) - 1) {
        got = read(fd, text + length, sizeof(text) - 1 - length);
        length += got > 0 ? (size_t) got : 0;
    }
    (void) close(fd);
    text[length] = '\0';
    found = strstr(text, field);
    if (found == NULL) {
        return -ENODATA;
    }
    *ret_size = strtoull(found + strlen(field), NULL, 10) * MEMORY_KIB;
    return 0;
}
