#include "plan/plan.h"

#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure/layout.h"
#include "plan/replay.h"
#include "write/machine.h"

enum {
    PLAN_N_MAX = 1000000,

    /* A region that asks for more bytes on average is skipped: a machine with
     * 1 GiB must be enough, and rounds must not wait for one row. Larger
     * regions of large blocks run where there is memory for twice as much. */
    PLAN_BYTES_MAX = 256 * 1024 * 1024,
    PLAN_LARGE_MAX = 1024 * 1024 * 1024,

    PLAN_MIB = 1024 * 1024,

    /* And of this many allocations. */
    PLAN_LATENCY_LEAST = 10,
    PLAN_LATENCY_MOST = 10000,

    /* Of no other rows instructions are counted: callgrind makes them 100 times
     * as slow, and a run of chosen rows must not take minutes. */
    PLAN_COUNTED_LEAST = 10,
    PLAN_COUNTED_MOST = 10000,

    PLAN_NUMBER_MAX = 24, /* a size_t's digits, and the end */
};

/* Rows of memory, where the options choose no other sizes or n. */
#define PLAN_MEMORY_SIZES    "fleet,lognormal,nginx_request,uniform"
#define PLAN_MEMORY_NS       "10,25,100,1000,10000"
#define PLAN_MEMORY_QUICK    "lognormal,nginx_request"
#define PLAN_MEMORY_QUICK_NS "25,1000"

/* Rows whose instructions are counted: of these workloads; and where the
 * options choose no other sizes or n, of these. */
#define PLAN_COUNTED_WORKLOADS "fill,fill_reset"
#define PLAN_COUNTED_SIZES     "lognormal,nginx_request"
#define PLAN_COUNTED_QUICK     "lognormal"
#define PLAN_COUNTED_NS        "25,100,1000"

/* Regions of these sizes are timed one by one. */
#define PLAN_LATENCY_SIZES "fleet,lognormal,nginx_request"

/* 25 is a request's in nginx. A run has the n of struct workload_cells; the
 * options that choose sizes, n or rows can choose all of these. */
static const size_t plan_ns[] = {1,    10,    25,     100,
                                 1000, 10000, 100000, PLAN_N_MAX};
static const size_t plan_quick_ns[] = {10, 100, 1000, 10000};

static const int64_t plan_shim_batches[] = {1, WORKLOAD_BATCH};

enum {
    PLAN_NS = sizeof(plan_ns) / sizeof(plan_ns[0]),
    PLAN_QUICK_NS = sizeof(plan_quick_ns) / sizeof(plan_quick_ns[0]),
    PLAN_SHIM_BATCHES =
        sizeof(plan_shim_batches) / sizeof(plan_shim_batches[0]),
};

static const char plan_shim[] = "shim";
static const char plan_memory[] = "memory";

/* A list of names: at() returns the nth. */
struct names {
    const char *what; /* in the singular */
    size_t count;
    const char *(*at)(const void *of, size_t n);
    const void *of;
};

/* The rows that the options ask for. */
struct choice {
    const struct options *options;
    regex_t filter;
    int has_filter;
};

static int plan_open(struct plan *plan, const struct options *options,
                     char *error);
static int plan_load(struct plan *plan, const struct options *options,
                     char *error);
static struct replay **load_files(const char *files, char *error);
static int plan_check_names(const struct plan *plan,
                            const struct options *options, char *error);
static int names_check(const struct names *names, const char *list,
                       char *error);
static const char *allocator_at(const void *of, size_t n);
static const char *sizes_name_at(const void *of, size_t n);
static const char *workload_at(const void *of, size_t n);
static const char *n_at(const void *of, size_t n);
static int choice_init(struct choice *choice, const struct options *options,
                       char *error);
static void choice_done(struct choice *choice);
static int choice_has(const struct choice *choice, const char *name);
static int choice_wants(const struct choice *choice,
                        const struct workload *workload,
                        const struct allocator *allocator,
                        const struct sizes *sizes, size_t n);
static int choice_wants_cell(const struct choice *choice,
                             const struct workload *workload, const char *sizes,
                             size_t n);
static int cells_have(const struct workload_cells *cells, const char *sizes,
                      const char *n);
static int choice_wants_replay(const struct choice *choice,
                               const struct workload *workload,
                               const struct allocator *allocator,
                               const struct replay *trace);
static int choice_wants_memory(const struct choice *choice,
                               const struct allocator *allocator,
                               const struct sizes *sizes, size_t n);
static int choice_wants_count(const struct choice *choice,
                              const struct row *row);
static int is_quick_n(size_t n);
static int plan_fill(struct plan *plan, const struct choice *choice);
static size_t plan_add_all(struct plan *plan, const struct choice *choice);
static size_t plan_add_each(struct plan *plan, const struct choice *choice,
                            size_t w, size_t c);
static int plan_fill_memory(struct plan *plan, const struct choice *choice);
static int plan_fill_instructions(struct plan *plan,
                                  const struct choice *choice);
static void plan_add(struct plan *plan, const struct choice *choice,
                     struct row_key key, size_t n);
static size_t largest_region(struct plan *plan, size_t s, size_t n);
static void plan_add_replay(struct plan *plan, const struct choice *choice,
                            struct row_key key);
static void plan_add_memory(struct plan *plan, const struct choice *choice,
                            size_t c, size_t s, size_t n);
static size_t replay_chunk(const struct replay *replay,
                           const struct allocator *allocator);
static int wants_latency(const struct row *row);
static void plan_judge(struct row *row, const struct contender *contender,
                       double bytes, size_t least);
static void plan_judge_replay(struct row *row,
                              const struct contender *contender,
                              const struct replay *replay);
static int judge_workload(struct row *row, const struct contender *contender,
                          size_t least);
static int judge_region(char *reason, const struct contender *contender,
                        double bytes, double most);
static void plan_name(struct row *row, const char *suffix);
static void plan_add_shim(struct plan *plan, const struct choice *choice);
static void plan_add_pair(struct plan *plan);
static int list_has(const char *list, const char *name);

struct plan *
plan_create(const struct options *options, char *error)
{
    struct plan *plan = calloc(1, sizeof(*plan));
    struct choice choice = {0};

    snprintf(error, PLAN_ERROR_MAX, "out of memory");
    if (plan == NULL) {
        return NULL;
    }
    plan->sizes =
        sizes_list_create(options->sizes_dir, &plan->sizes_count, error);
    if (plan->sizes == NULL || plan_open(plan, options, error) != 0 ||
        plan_load(plan, options, error) != 0 ||
        plan_check_names(plan, options, error) != 0 ||
        choice_init(&choice, options, error) != 0 ||
        plan_fill(plan, &choice) != 0 || plan_fill_memory(plan, &choice) != 0 ||
        plan_fill_instructions(plan, &choice) != 0) {
        goto fail;
    }
    if (plan->count + plan->memory_count == 0) {
        snprintf(error, PLAN_ERROR_MAX,
                 "no row is left of the choice; --list alone shows all");
        goto fail;
    }
    choice_done(&choice);
    return plan;

fail:
    choice_done(&choice);
    plan_destroy(plan);
    return NULL;
}

void
plan_destroy(struct plan *plan)
{
    if (plan == NULL) {
        return;
    }
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->rows[i].readings);
        free(plan->rows[i].latency);
    }
    sizes_list_destroy(plan->sizes, plan->sizes_count);
    inputs_done(&plan->inputs);
    contenders_done(&plan->contenders);
    free(plan->rows);
    free(plan->memory);
    free(plan->instructions);
    free(plan->largest);
    free(plan->pointers);
    free(plan);
}

size_t
plan_runnable(const struct plan *plan)
{
    size_t runnable = 0;

    for (size_t i = 0; i < plan->count; i++) {
        runnable += plan->rows[i].reason[0] == '\0';
    }
    return runnable;
}

/* Layout 0 says which allocators there are; the rounds open theirs. */
static int
plan_open(struct plan *plan, const struct options *options, char *error)
{
    struct layout layout;
    int err = layout_open(&layout, 0, error);

    snprintf(plan->mallocs, sizeof(plan->mallocs), "%s", options->mallocs);
    snprintf(plan->plugins, sizeof(plan->plugins), "%s", options->plugins);
    if (err != 0) {
        return err;
    }
    return contenders_init(&plan->contenders, &layout, CONTENDERS_ALL,
                           plan->mallocs, plan->plugins, error);
}

/* Samples and traces, and an array for the pointers of the largest region. */
static int
plan_load(struct plan *plan, const struct options *options, char *error)
{
    struct replay **traces = options->traces != NULL
                                 ? load_files(options->traces, error)
                                 : replay_list_create(BENCH_TRACES_DIR, error);
    int err;

    if (traces == NULL) {
        return -EINVAL;
    }
    err = inputs_init(&plan->inputs, plan->sizes, plan->sizes_count, traces);
    replay_list_destroy(traces);
    if (err != 0) {
        snprintf(error, PLAN_ERROR_MAX, "memory for sizes and traces: %s",
                 strerror(-err));
        return err;
    }
    snprintf(error, PLAN_ERROR_MAX, "out of memory");
    plan->largest = calloc(plan->sizes_count * PLAN_NS, sizeof(*plan->largest));
    plan->pointers = calloc(PLAN_N_MAX, sizeof(*plan->pointers));
    return plan->largest != NULL && plan->pointers != NULL ? 0 : -ENOMEM;
}

/* files have commas between them. */
static struct replay **
load_files(const char *files, char *error)
{
    size_t count = 0;
    struct replay **list = calloc(strlen(files) + 2, sizeof(struct replay *));
    char *rest = strdup(files);
    char *file = rest;

    while (list != NULL && file != NULL) {
        char *comma = strchr(file, ',');

        if (comma != NULL) {
            *comma++ = '\0';
        }
        list[count] = replay_create(file, error);
        if (list[count++] == NULL) {
            replay_list_destroy(list);
            list = NULL;
        }
        file = comma;
    }
    free(rest);
    return list;
}

static int
plan_check_names(const struct plan *plan, const struct options *options,
                 char *error)
{
    const struct names allocator_names = {"allocator", plan->contenders.count,
                                          allocator_at, plan};
    const struct names sizes_names = {
        "distribution of sizes or trace",
        plan->sizes_count + plan->inputs.traces_count, sizes_name_at, plan};
    const struct names workload_names = {
        "workload", plan->contenders.shared->workloads_count + 2, workload_at,
        plan};
    const struct names n_names = {"n", PLAN_NS, n_at, plan_ns};

    if (names_check(&allocator_names, options->allocators, error) != 0 ||
        names_check(&sizes_names, options->sizes, error) != 0 ||
        names_check(&workload_names, options->workloads, error) != 0 ||
        names_check(&n_names, options->ns, error) != 0) {
        return -EINVAL;
    }
    return 0;
}

/* Whether each name of list, which may be NULL, is among names. */
static int
names_check(const struct names *names, const char *list, char *error)
{
    const char *name = list;

    while (name != NULL) {
        size_t length = strcspn(name, ",");
        size_t used;
        size_t i = 0;

        while (i < names->count &&
               (strncmp(names->at(names->of, i), name, length) != 0 ||
                names->at(names->of, i)[length] != '\0')) {
            i++;
        }
        if (i == names->count) {
            used = (size_t) snprintf(error, PLAN_ERROR_MAX,
                                     "unknown %s \"%.*s\"; known:", names->what,
                                     (int) (length < 64 ? length : 64), name);
            for (i = 0; i < names->count && used < PLAN_ERROR_MAX; i++) {
                used += (size_t) snprintf(error + used, PLAN_ERROR_MAX - used,
                                          " %s", names->at(names->of, i));
            }
            return -EINVAL;
        }
        name = name[length] == ',' ? name + length + 1 : NULL;
    }
    return 0;
}

static const char *
allocator_at(const void *of, size_t n)
{
    const struct plan *plan = of;

    return plan->contenders.list[n].allocator->name;
}

static const char *
sizes_name_at(const void *of, size_t n)
{
    const struct plan *plan = of;

    return n < plan->sizes_count
               ? plan->sizes[n]->name
               : plan->inputs.traces[n - plan->sizes_count].name;
}

/* The shim's rows come after all workloads, and memory's after those. */
static const char *
workload_at(const void *of, size_t n)
{
    const struct plan *plan = of;
    size_t count = plan->contenders.shared->workloads_count;

    if (n >= count) {
        return n == count ? plan_shim : plan_memory;
    }
    return plan->contenders.shared->workloads[n]->name;
}

/* Valid until the next call. */
static const char *
n_at(const void *of, size_t n)
{
    static char text[PLAN_NUMBER_MAX];
    const size_t *ns = of;

    snprintf(text, sizeof(text), "%zu", ns[n]);
    return text;
}

static int
choice_init(struct choice *choice, const struct options *options, char *error)
{
    int err;

    choice->options = options;
    if (options->filter == NULL) {
        return 0;
    }
    err = regcomp(&choice->filter, options->filter, REG_EXTENDED | REG_NOSUB);
    if (err != 0) {
        size_t used = (size_t) snprintf(error, PLAN_ERROR_MAX,
                                        "--filter: \"%.512s\" is no regular "
                                        "expression: ",
                                        options->filter);

        regerror(err, &choice->filter, error + used, PLAN_ERROR_MAX - used);
        return -EINVAL;
    }
    choice->has_filter = 1;
    return 0;
}

static void
choice_done(struct choice *choice)
{
    if (choice->has_filter) {
        regfree(&choice->filter);
    }
}

static int
choice_has(const struct choice *choice, const char *name)
{
    return !choice->has_filter ||
           regexec(&choice->filter, name, 0, NULL, 0) == 0;
}

/* Whether the lists and the workload itself leave such a row. */
static int
choice_wants(const struct choice *choice, const struct workload *workload,
             const struct allocator *allocator, const struct sizes *sizes,
             size_t n)
{
    const struct options *options = choice->options;
    char number[PLAN_NUMBER_MAX];

    snprintf(number, sizeof(number), "%zu", n);
    if (workload->is_replay || !list_has(options->workloads, workload->name) ||
        !list_has(options->allocators, allocator->name) ||
        !list_has(options->sizes, sizes->name) ||
        !list_has(options->ns, number) || n < workload->least ||
        (workload->most != 0 && n > workload->most) ||
        (workload->is_large && sizes_min(sizes) < WORKLOAD_LARGE)) {
        return 0;
    }
    if (allocator->is_null && options->quick && options->allocators == NULL) {
        return 0; /* a quick run shows it beside the traces alone */
    }
    return choice_wants_cell(choice, workload, sizes->name, n);
}

/* Options that name sizes, numbers or rows can choose all that there are. */
static int
choice_wants_cell(const struct choice *choice, const struct workload *workload,
                  const char *sizes, size_t n)
{
    const struct options *options = choice->options;
    char number[PLAN_NUMBER_MAX];

    if (options->sizes != NULL || options->ns != NULL || choice->has_filter) {
        return !options->quick || options->ns != NULL || is_quick_n(n);
    }
    snprintf(number, sizeof(number), "%zu", n);
    return cells_have(options->quick ? workload->quick : workload->full, sizes,
                      number);
}

/* Whether one of the cells has the sizes, or trace, and n where it has any. */
static int
cells_have(const struct workload_cells *cells, const char *sizes, const char *n)
{
    for (; cells->sizes != NULL; cells++) {
        if ((strcmp(cells->sizes, "*") == 0 || list_has(cells->sizes, sizes)) &&
            list_has(cells->ns, n)) {
            return 1;
        }
    }
    return 0;
}

static int
choice_wants_replay(const struct choice *choice,
                    const struct workload *workload,
                    const struct allocator *allocator,
                    const struct replay *trace)
{
    const struct options *options = choice->options;

    if (!workload->is_replay || options->ns != NULL ||
        !list_has(options->workloads, workload->name) ||
        !list_has(options->allocators, allocator->name) ||
        !list_has(options->sizes, trace->name) ||
        (workload->is_request && trace->request_allocations == 0)) {
        return 0;
    }
    return options->traces != NULL || options->sizes != NULL ||
           choice->has_filter ||
           cells_have(options->quick ? workload->quick : workload->full,
                      trace->name, "");
}

/* Inlining changes no byte, and the limits are no allocators. */
static int
choice_wants_memory(const struct choice *choice,
                    const struct allocator *allocator,
                    const struct sizes *sizes, size_t n)
{
    const struct options *options = choice->options;
    char number[PLAN_NUMBER_MAX];

    snprintf(number, sizeof(number), "%zu", n);
    if (allocator->class == ALLOCATOR_ARCHIVE ||
        allocator->class == ALLOCATOR_LIMIT ||
        strcmp(allocator->name, "pool_inline") == 0 ||
        !list_has(options->workloads, plan_memory) ||
        !list_has(options->allocators, allocator->name) ||
        !list_has(options->sizes, sizes->name) ||
        !list_has(options->ns, number)) {
        return 0;
    }
    if (choice->has_filter) {
        return 1;
    }
    return (options->ns != NULL ||
            list_has(options->quick ? PLAN_MEMORY_QUICK_NS : PLAN_MEMORY_NS,
                     number)) &&
           (options->sizes != NULL ||
            list_has(options->quick ? PLAN_MEMORY_QUICK : PLAN_MEMORY_SIZES,
                     sizes->name));
}

/* Whether the row's instructions are counted, too. */
static int
choice_wants_count(const struct choice *choice, const struct row *row)
{
    const struct options *options = choice->options;
    char number[PLAN_NUMBER_MAX];

    if (row->reason[0] != '\0' || row->workload == NULL || row->key.is_again ||
        !list_has(PLAN_COUNTED_WORKLOADS, row->workload->name) ||
        row->region.n < PLAN_COUNTED_LEAST ||
        row->region.n > PLAN_COUNTED_MOST) {
        return 0;
    }
    if (choice->has_filter) {
        return 1;
    }
    snprintf(number, sizeof(number), "%zu", row->region.n);
    return (options->ns != NULL || list_has(PLAN_COUNTED_NS, number)) &&
           (options->sizes != NULL ||
            list_has(options->quick ? PLAN_COUNTED_QUICK : PLAN_COUNTED_SIZES,
                     row->sizes));
}

static int
is_quick_n(size_t n)
{
    for (size_t i = 0; i < PLAN_QUICK_NS; i++) {
        if (n == plan_quick_ns[i]) {
            return 1;
        }
    }
    return 0;
}

static int
plan_fill(struct plan *plan, const struct choice *choice)
{
    size_t most = plan_add_all(plan, choice);

    /* Each allocator's rows may be there twice, for the pair. */
    plan->rows = calloc(2 * most + 2 * PLAN_SHIM_BATCHES, sizeof(*plan->rows));
    if (plan->rows == NULL) {
        return -ENOMEM;
    }
    (void) plan_add_all(plan, choice);
    plan_add_pair(plan);
    plan_add_shim(plan, choice);
    return 0;
}

/* All rows of workloads; without plan->rows they are only counted. Returns how
 * many there are at most: the filter is not asked. */
static size_t
plan_add_all(struct plan *plan, const struct choice *choice)
{
    size_t count = 0;

    for (size_t w = 0; w < plan->contenders.shared->workloads_count; w++) {
        for (size_t c = 0; c < plan->contenders.count; c++) {
            count += plan_add_each(plan, choice, w, c);
        }
    }
    return count;
}

/* The rows of a workload on a contender, likewise. */
static size_t
plan_add_each(struct plan *plan, const struct choice *choice, size_t w,
              size_t c)
{
    const struct workload *workload = plan->contenders.shared->workloads[w];
    const struct allocator *allocator = plan->contenders.list[c].allocator;
    struct row_key key = {.workload = (uint32_t) w, .contender = (uint32_t) c};
    size_t count = 0;

    for (size_t s = 0; s < plan->sizes_count; s++) {
        key.input = (uint32_t) s;
        for (size_t n = 0; n < PLAN_NS; n++) {
            if (!choice_wants(choice, workload, allocator, plan->sizes[s],
                              plan_ns[n])) {
                continue;
            }
            count++;
            if (plan->rows != NULL) {
                plan_add(plan, choice, key, plan_ns[n]);
            }
        }
    }
    for (size_t t = 0; t < plan->inputs.traces_count; t++) {
        key.input = (uint32_t) t;
        if (!choice_wants_replay(choice, workload, allocator,
                                 &plan->inputs.traces[t])) {
            continue;
        }
        count++;
        if (plan->rows != NULL) {
            plan_add_replay(plan, choice, key);
        }
    }
    return count;
}

static int
plan_fill_memory(struct plan *plan, const struct choice *choice)
{
    const struct contenders *contenders = &plan->contenders;

    plan->memory = calloc(contenders->count * plan->sizes_count * PLAN_NS,
                          sizeof(*plan->memory));
    if (plan->memory == NULL) {
        return -ENOMEM;
    }
    for (size_t c = 0; c < contenders->count; c++) {
        for (size_t s = 0; s < plan->sizes_count; s++) {
            for (size_t n = 0; n < PLAN_NS; n++) {
                if (choice_wants_memory(choice, contenders->list[c].allocator,
                                        plan->sizes[s], plan_ns[n])) {
                    plan_add_memory(plan, choice, c, s, plan_ns[n]);
                }
            }
        }
    }
    return 0;
}

static int
plan_fill_instructions(struct plan *plan, const struct choice *choice)
{
    plan->instructions = calloc(plan->count + 1, sizeof(*plan->instructions));
    if (plan->instructions == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->count; i++) {
        if (choice_wants_count(choice, &plan->rows[i])) {
            plan->instructions[plan->instructions_count++].row = &plan->rows[i];
        }
    }
    return 0;
}

static void
plan_add(struct plan *plan, const struct choice *choice, struct row_key key,
         size_t n)
{
    const struct contender *contender = &plan->contenders.list[key.contender];
    const struct sizes *sizes = plan->sizes[key.input];
    struct row *row = &plan->rows[plan->count];

    *row = (struct row){.key = key, .sizes = sizes->name, .slices = 1};
    row_bind(row, &plan->contenders, &plan->inputs, plan->pointers);
    row->region.n = n;
    row->region.size = largest_region(plan, key.input, n);
    row->largest = allocator_chunk(contender->allocator, row->region.size, n,
                                   sizes_max(sizes));
    row->batch = (row->workload->batch_op + (int64_t) n - 1) / (int64_t) n;
    row->wants_latency = wants_latency(row);
    plan_name(row, "");
    plan_judge(row, contender, sizes_mean(sizes) * (double) n,
               sizes_min(sizes));
    plan->count += (size_t) choice_has(choice, row->name);
}

/* In bytes. All rows of an n have the same, and it takes a while to find. */
static size_t
largest_region(struct plan *plan, size_t s, size_t n)
{
    size_t at = 0;
    size_t *largest;

    while (plan_ns[at] != n) {
        at++;
    }
    largest = &plan->largest[s * PLAN_NS + at];
    if (*largest == 0) {
        *largest = samples_largest(&plan->inputs.samples[s], n);
    }
    return *largest;
}

/* The row's n is the number of allocations of the trace, or of its requests. */
static void
plan_add_replay(struct plan *plan, const struct choice *choice,
                struct row_key key)
{
    const struct contender *contender = &plan->contenders.list[key.contender];
    const struct replay *replay = &plan->inputs.traces[key.input];
    struct row *row = &plan->rows[plan->count];

    *row = (struct row){
        .key = key,
        .sizes = replay->name,
        .largest = replay_chunk(replay, contender->allocator),
        .bytes = replay->bytes,
        .batch = 1,
        .slices = 1,
    };
    row_bind(row, &plan->contenders, &plan->inputs, plan->pointers);
    row->region.n = replay->allocations;
    if (row->workload->is_request) {
        row->region.n = replay->request_allocations;
        row->bytes = replay->request_bytes;
    }
    plan_name(row, "");
    plan_judge_replay(row, contender, replay);
    plan->count += (size_t) choice_has(choice, row->name);
}

static void
plan_add_memory(struct plan *plan, const struct choice *choice, size_t c,
                size_t s, size_t n)
{
    const struct contender *contender = &plan->contenders.list[c];
    const struct samples *samples = &plan->inputs.samples[s];
    struct memory_row *row = &plan->memory[plan->memory_count];
    double bytes = sizes_mean(plan->sizes[s]) * (double) n;

    *row = (struct memory_row){
        .contender = (uint32_t) c,
        .input = (uint32_t) s,
        .allocator = contender->allocator->name,
        .sizes = plan->sizes[s]->name,
        .n = n,
        .size = largest_region(plan, s, n),
        .regions = memory_regions(bytes),
    };
    if (contender->allocator->regions_max != 0 &&
        row->regions > contender->allocator->regions_max) {
        row->regions = contender->allocator->regions_max;
    }
    row->asked = samples_sum(samples, 0, row->regions * n);
    snprintf(row->name, sizeof(row->name), "%s/%s/%s/%zu", plan_memory,
             row->allocator, row->sizes, n);
    (void) judge_region(row->reason, contender, bytes, PLAN_BYTES_MAX);
    plan->memory_count += (size_t) choice_has(choice, row->name);
}

/* The most that is asked of malloc() at once for one of its regions. */
static size_t
replay_chunk(const struct replay *replay, const struct allocator *allocator)
{
    const struct replay_op *ops = replay->ops[REPLAY_REGION];
    size_t most = replay->largest;

    for (size_t i = 0; i < replay->counts[REPLAY_REGION]; i++) {
        if (ops[i].code == REPLAY_CREATE) {
            size_t chunk = allocator_chunk(allocator, ops[i].size,
                                           ops[i].object, replay->largest);

            most = chunk > most ? chunk : most;
        }
    }
    return most;
}

/* Regions that a server has, of sizes that are looked at first. */
static int
wants_latency(const struct row *row)
{
    return row->workload->batch != NULL && row->workload->threads == 0 &&
           row->region.n >= PLAN_LATENCY_LEAST &&
           row->region.n <= PLAN_LATENCY_MOST &&
           list_has(PLAN_LATENCY_SIZES, row->sizes);
}

/* Notes why a row cannot run, if it cannot. least is the smallest size. */
static void
plan_judge(struct row *row, const struct contender *contender, double bytes,
           size_t least)
{
    const struct workload *workload = row->workload;
    double most = PLAN_BYTES_MAX;
    int cores = machine_cores();

    if (workload->at_once != 0) {
        bytes *= workload->at_once;
    }
    if (workload->is_large) {
        double memory = machine_memory();

        most = memory / 2 < PLAN_LARGE_MAX ? memory / 2 : PLAN_LARGE_MAX;
    }
    if (judge_workload(row, contender, least) &&
        judge_region(row->reason, contender, bytes, most) &&
        workload->threads > cores) {
        snprintf(row->reason, sizeof(row->reason),
                 "%d threads at once; found %d core", workload->threads, cores);
    }
}

static void
plan_judge_replay(struct row *row, const struct contender *contender,
                  const struct replay *replay)
{
    const struct allocator *allocator = contender->allocator;

    if (judge_workload(row, contender, replay->largest) &&
        judge_region(row->reason, contender,
                     (double) replay_held(replay, allocator), PLAN_BYTES_MAX) &&
        allocator->regions_max != 0 &&
        replay->regions > allocator->regions_max) {
        snprintf(row->reason, sizeof(row->reason),
                 "%u regions at once; %s can have %zu", replay->regions,
                 allocator->name, allocator->regions_max);
    }
}

/* Whether the allocator is there and can do the row's workload; if not, reason
 * says why. */
static int
judge_workload(struct row *row, const struct contender *contender, size_t least)
{
    const struct workload *workload = row->workload;
    const char *reason = contender->library != NULL && workload->refuse != NULL
                             ? workload->refuse(contender->allocator, least)
                             : NULL;

    if (reason != NULL) {
        snprintf(row->reason, sizeof(row->reason), "%s: %s",
                 contender->allocator->name, reason);
    }
    return reason == NULL;
}

/* Whether a region of bytes can be made; if not, reason says why. */
static int
judge_region(char *reason, const struct contender *contender, double bytes,
             double most)
{
    if (contender->library == NULL) {
        snprintf(reason, ROW_REASON_MAX, "no %s: %s",
                 contender->allocator->name, contender->reason);
        return 0;
    }
    if (bytes > most) {
        snprintf(reason, ROW_REASON_MAX,
                 "a region asks for %.0f MiB; at most %.0f are measured",
                 bytes / PLAN_MIB, most / PLAN_MIB);
        return 0;
    }
    return 1;
}

/* suffix goes after the allocator's name. */
static void
plan_name(struct row *row, const char *suffix)
{
    snprintf(row->name, sizeof(row->name), "%s/%s%s/%s/%zu",
             row->workload->name, row->region.allocator->name, suffix,
             row->sizes, row->region.n);
}

/* The shim belongs to no allocator and to no sizes: a choice of allocators or
 * sizes leaves it out, unless it is named itself. */
static void
plan_add_shim(struct plan *plan, const struct choice *choice)
{
    const struct options *options = choice->options;

    if (!list_has(options->workloads, plan_shim) ||
        (options->workloads == NULL &&
         (options->allocators != NULL || options->sizes != NULL))) {
        return;
    }
    for (size_t i = 0; i < 2 * PLAN_SHIM_BATCHES; i++) {
        struct row *row = &plan->rows[plan->count];

        *row = (struct row){
            .key = {.is_shim = 1, .is_bare = i < PLAN_SHIM_BATCHES},
            .batch = plan_shim_batches[i % PLAN_SHIM_BATCHES],
            .slices = 1,
        };
        snprintf(row->name, sizeof(row->name), "%s/%s/%lld", plan_shim,
                 row->key.is_bare ? "bare" : "c", (long long) row->batch);
        plan->count += (size_t) choice_has(choice, row->name);
    }
}

/* The pair is of the first contender that has a second copy and a row that can
 * run. */
static void
plan_add_pair(struct plan *plan)
{
    size_t count = plan->count;
    size_t base = plan->contenders.count;

    for (size_t i = 0; i < count; i++) {
        const struct row *row = &plan->rows[i];
        size_t c = row->key.contender;

        if (c < base && row->reason[0] == '\0' &&
            plan->contenders.list[c].again != NULL) {
            base = c;
        }
    }
    if (base == plan->contenders.count) {
        return;
    }
    plan->base = &plan->contenders.list[base];
    for (size_t i = 0; i < count; i++) {
        if (plan->rows[i].key.contender == base) {
            struct row *again = &plan->rows[plan->count++];

            *again = plan->rows[i];
            again->key.is_again = 1;
            row_bind(again, &plan->contenders, &plan->inputs, plan->pointers);
            plan_name(again, "_again");
        }
    }
}

/* Whether list, names with commas between, holds name; NULL holds all. */
static int
list_has(const char *list, const char *name)
{
    size_t length = strlen(name);

    while (list != NULL) {
        size_t part = strcspn(list, ",");

        if (part == length && strncmp(list, name, length) == 0) {
            return 1;
        }
        if (list[part] == '\0') {
            return 0;
        }
        list += part + 1;
    }
    return 1;
}
