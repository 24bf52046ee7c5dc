#include "plan/plan.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/replay.h"
#include "write/machine.h"

enum {
    /* Draws after which sizes begin again: more than a branch predictor learns,
     * and as sizes of 4 bytes still less than a second-level cache. */
    PLAN_PERIOD = 16 * 1024,

    PLAN_N_MAX = 1000000,

    /* A region that asks for more on average is skipped: machines with 1 GiB
     * shall do, and rounds shall not wait for one row. Larger ones of large
     * blocks run where there is memory for twice as much. */
    PLAN_BYTES_MAX = 256 * 1024 * 1024,
    PLAN_LARGE_MAX = 1024 * 1024 * 1024,

    PLAN_MIB = 1024 * 1024,

    /* Of a quick run: longer traces take as long as all else. */
    PLAN_QUICK_TRACE = 20000,

    PLAN_NUMBER_MAX = 24, /* a size_t's digits, and the end */
};

/* Of the rows of memory a quick run takes these sizes. */
#define PLAN_QUICK_MEMORY "lognormal,nginx_request"

/* 25 is a request's in nginx. */
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

/* Sizes drawn beforehand. */
struct samples {
    uint32_t *samples;
    uint64_t *sums; /* one more: of all samples before each */
    size_t period;
};

/* A list of names, as the n-th gives them. */
struct names {
    const char *what; /* in the singular */
    size_t count;
    const char *(*at)(const void *of, size_t n);
    const void *of;
};

/* What is wanted of the plan. */
struct choice {
    const struct options *options;
    regex_t filter;
    int has_filter;
};

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
static int plan_open(struct plan *plan);
static int plan_sample(struct plan *plan);
static int samples_init(struct samples *samples, const struct sizes *sizes);
static size_t samples_largest(const struct samples *samples, size_t n);
static int choice_init(struct choice *choice, const struct options *options,
                       char *error);
static void choice_done(struct choice *choice);
static int choice_has(const struct choice *choice, const char *name);
static int choice_wants(const struct choice *choice,
                        const struct workload *workload,
                        const struct allocator *allocator,
                        const struct sizes *sizes, size_t n);
static int choice_wants_replay(const struct choice *choice,
                               const struct allocator *allocator,
                               const struct replay *trace);
static int choice_wants_quick(const struct workload *workload,
                              const struct sizes *sizes, size_t n);
static int choice_wants_memory(const struct choice *choice,
                               const struct allocator *allocator,
                               const struct sizes *sizes, size_t n);
static int is_quick_n(size_t n);
static int plan_fill(struct plan *plan, const struct choice *choice);
static int plan_fill_memory(struct plan *plan, const struct choice *choice);
static void plan_judge(struct row *row, const struct contender *contender,
                       double bytes);
static int judge_region(char *reason, const struct contender *contender,
                        double bytes, double most);
static void plan_add(struct plan *plan, const struct choice *choice,
                     const struct workload *workload,
                     const struct contender *contender, size_t sizes, size_t n);
static void plan_add_replay(struct plan *plan, const struct choice *choice,
                            const struct contender *contender, size_t trace);
static void plan_add_memory(struct plan *plan, const struct choice *choice,
                            const struct contender *contender, size_t sizes,
                            size_t n);
static struct region plan_region(const struct plan *plan,
                                 const struct contender *contender,
                                 size_t sizes, size_t n);
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
    if (plan->sizes == NULL || plan_load(plan, options, error) != 0 ||
        plan_check_names(plan, options, error) != 0 ||
        choice_init(&choice, options, error) != 0 || plan_open(plan) != 0 ||
        plan_sample(plan) != 0 ||
        (!options->memory && plan_fill(plan, &choice) != 0) ||
        plan_fill_memory(plan, &choice) != 0) {
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
    if (plan->samples != NULL) {
        for (size_t i = 0; i < plan->sizes_count; i++) {
            free(plan->samples[i].samples);
            free(plan->samples[i].sums);
        }
    }
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->rows[i].readings);
    }
    sizes_list_destroy(plan->sizes, plan->sizes_count);
    replay_list_destroy(plan->traces);
    free(plan->runs);
    free(plan->samples);
    free(plan->rows);
    free(plan->memory);
    free(plan->contenders);
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

/* The traces, and what it takes to do them. */
static int
plan_load(struct plan *plan, const struct options *options, char *error)
{
    plan->traces = options->traces != NULL
                       ? load_files(options->traces, error)
                       : replay_list_create(BENCH_TRACES_DIR, error);
    if (plan->traces == NULL) {
        return -EINVAL;
    }
    while (plan->traces[plan->traces_count] != NULL) {
        plan->traces_count++;
    }
    snprintf(error, PLAN_ERROR_MAX, "out of memory");
    plan->runs = calloc(plan->traces_count + 1, sizeof(*plan->runs));
    if (plan->runs == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->traces_count; i++) {
        plan->runs[i].replay = plan->traces[i];
    }
    return 0;
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
    const struct names allocator_names = {"allocator", allocators_count,
                                          allocator_at, NULL};
    const struct names sizes_names = {"distribution of sizes or trace",
                                      plan->sizes_count + plan->traces_count,
                                      sizes_name_at, plan};
    const struct names workload_names = {"workload", workloads_count + 2,
                                         workload_at, NULL};
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
    (void) of;
    return allocators[n]->name;
}

static const char *
sizes_name_at(const void *of, size_t n)
{
    const struct plan *plan = of;

    return n < plan->sizes_count ? plan->sizes[n]->name
                                 : plan->traces[n - plan->sizes_count]->name;
}

/* The shim's rows come behind all workloads, and memory's behind those. */
static const char *
workload_at(const void *of, size_t n)
{
    (void) of;
    if (n >= workloads_count) {
        return n == workloads_count ? plan_shim : plan_memory;
    }
    return workloads[n]->name;
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
plan_open(struct plan *plan)
{
    plan->contenders = calloc(allocators_count, sizeof(*plan->contenders));
    if (plan->contenders == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < allocators_count; i++) {
        struct contender *contender = &plan->contenders[i];

        contender->allocator = allocators[i];
        contender->library = allocators[i]->open(contender->reason);
        if (contender->library != NULL) {
            allocators[i]->version(contender->library, contender->version);
            allocator_path(allocators[i]->entry(contender->library),
                           contender->path);
        }
    }
    return 0;
}

static int
plan_sample(struct plan *plan)
{
    plan->pointers = calloc(PLAN_N_MAX, sizeof(*plan->pointers));
    plan->samples = calloc(plan->sizes_count, sizeof(*plan->samples));
    if (plan->pointers == NULL || plan->samples == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < plan->sizes_count; i++) {
        if (samples_init(&plan->samples[i], plan->sizes[i]) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int
samples_init(struct samples *samples, const struct sizes *sizes)
{
    size_t period = sizes_period(sizes, PLAN_PERIOD);

    samples->period = period;
    samples->samples = calloc(period, sizeof(*samples->samples));
    samples->sums = calloc(period + 1, sizeof(*samples->sums));
    if (samples->samples == NULL || samples->sums == NULL) {
        return -ENOMEM;
    }
    sizes_sample(sizes, samples->samples, period);
    for (size_t i = 0; i < period; i++) {
        samples->sums[i + 1] = samples->sums[i] + samples->samples[i];
    }
    return 0;
}

/* The bytes of the largest region of n. */
static size_t
samples_largest(const struct samples *samples, size_t n)
{
    size_t largest = 0;

    for (size_t at = 0; at < samples->period; at++) {
        size_t size = row_sum(samples->sums, samples->period, at, n);

        largest = size > largest ? size : largest;
    }
    return largest;
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
        (workload->is_large &&
         (sizes_min(sizes) < WORKLOAD_LARGE ||
          (allocator->free == NULL && allocator->free_early == NULL)))) {
        return 0;
    }
    if (allocator->is_null && options->quick && options->allocators == NULL) {
        return 0; /* a quick run shows it beside the traces alone */
    }
    return !options->quick || options->ns != NULL ||
           choice_wants_quick(workload, sizes, n);
}

static int
choice_wants_quick(const struct workload *workload, const struct sizes *sizes,
                   size_t n)
{
    if (workload->quick != 0) {
        return n == workload->quick &&
               strcmp(sizes->name, workload->is_large
                                       ? WORKLOAD_QUICK_LARGE
                                       : WORKLOAD_QUICK_SIZES) == 0;
    }
    return is_quick_n(n);
}

static int
choice_wants_replay(const struct choice *choice,
                    const struct allocator *allocator,
                    const struct replay *trace)
{
    const struct options *options = choice->options;

    return allocator->replay != NULL && options->ns == NULL &&
           list_has(options->workloads, workload_replay.name) &&
           list_has(options->allocators, allocator->name) &&
           list_has(options->sizes, trace->name) &&
           (!options->quick || options->traces != NULL ||
            trace->allocations <= PLAN_QUICK_TRACE);
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
    if (allocator->class != ALLOCATOR_CALLED ||
        !list_has(options->workloads, plan_memory) ||
        !list_has(options->allocators, allocator->name) ||
        !list_has(options->sizes, sizes->name) ||
        !list_has(options->ns, number)) {
        return 0;
    }
    return !options->quick || ((options->ns != NULL || is_quick_n(n)) &&
                               (options->sizes != NULL ||
                                list_has(PLAN_QUICK_MEMORY, sizes->name)));
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
    size_t most =
        workloads_count * (allocators_count + 1) * plan->sizes_count * PLAN_NS +
        (allocators_count + 1) * plan->traces_count + 2 * PLAN_SHIM_BATCHES;

    plan->rows = calloc(most, sizeof(*plan->rows));
    if (plan->rows == NULL) {
        return -ENOMEM;
    }
    for (size_t w = 0; w < workloads_count; w++) {
        for (size_t a = 0; a < allocators_count; a++) {
            for (size_t s = 0; s < plan->sizes_count; s++) {
                for (size_t n = 0; n < PLAN_NS; n++) {
                    if (choice_wants(choice, workloads[w], allocators[a],
                                     plan->sizes[s], plan_ns[n])) {
                        plan_add(plan, choice, workloads[w],
                                 &plan->contenders[a], s, plan_ns[n]);
                    }
                }
            }
        }
    }
    for (size_t a = 0; a < allocators_count; a++) {
        for (size_t t = 0; t < plan->traces_count; t++) {
            if (choice_wants_replay(choice, allocators[a], plan->traces[t])) {
                plan_add_replay(plan, choice, &plan->contenders[a], t);
            }
        }
    }
    plan_add_pair(plan);
    plan_add_shim(plan, choice);
    return 0;
}

static int
plan_fill_memory(struct plan *plan, const struct choice *choice)
{
    plan->memory = calloc(allocators_count * plan->sizes_count * PLAN_NS,
                          sizeof(*plan->memory));
    if (plan->memory == NULL) {
        return -ENOMEM;
    }
    for (size_t a = 0; a < allocators_count; a++) {
        for (size_t s = 0; s < plan->sizes_count; s++) {
            for (size_t n = 0; n < PLAN_NS; n++) {
                if (choice_wants_memory(choice, allocators[a], plan->sizes[s],
                                        plan_ns[n])) {
                    plan_add_memory(plan, choice, &plan->contenders[a], s,
                                    plan_ns[n]);
                }
            }
        }
    }
    return 0;
}

static void
plan_add(struct plan *plan, const struct choice *choice,
         const struct workload *workload, const struct contender *contender,
         size_t sizes, size_t n)
{
    const struct allocator *allocator = contender->allocator;
    const struct samples *samples = &plan->samples[sizes];
    struct row *row = &plan->rows[plan->count];
    double bytes = sizes_mean(plan->sizes[sizes]) * (double) n;

    *row = (struct row){
        .workload = workload,
        .sizes = plan->sizes[sizes]->name,
        .region = plan_region(plan, contender, sizes, n),
        .sums = samples->sums,
        .largest = sizes_max(plan->sizes[sizes]),
        .batch = (workload->batch_op + (int64_t) n - 1) / (int64_t) n,
    };
    if (allocator->reserved != 0) {
        row->largest = row->region.size + n * allocator->reserved;
    }
    plan_name(row, "");
    plan_judge(row, contender, bytes);
    plan->count += (size_t) choice_has(choice, row->name);
}

/* Its n is the trace's allocations. */
static void
plan_add_replay(struct plan *plan, const struct choice *choice,
                const struct contender *contender, size_t trace)
{
    const struct replay *replay = plan->traces[trace];
    const struct allocator *allocator = contender->allocator;
    struct row *row = &plan->rows[plan->count];

    *row = (struct row){
        .workload = &workload_replay,
        .sizes = replay->name,
        .region = {.allocator = allocator,
                   .library = contender->library,
                   .n = replay->allocations,
                   .own = &plan->runs[trace]},
        .largest = replay->largest,
        .bytes = replay->bytes,
        .batch = 1,
    };
    plan_name(row, "");
    (void) judge_region(row->reason, contender,
                        (double) replay_held(replay, allocator),
                        PLAN_BYTES_MAX);
    plan->count += (size_t) choice_has(choice, row->name);
}

static void
plan_add_memory(struct plan *plan, const struct choice *choice,
                const struct contender *contender, size_t sizes, size_t n)
{
    const struct samples *samples = &plan->samples[sizes];
    struct memory_row *row = &plan->memory[plan->memory_count];
    double bytes = sizes_mean(plan->sizes[sizes]) * (double) n;

    *row = (struct memory_row){
        .sizes = plan->sizes[sizes]->name,
        .region = plan_region(plan, contender, sizes, n),
        .regions = memory_regions(bytes),
    };
    row->asked = row_sum(samples->sums, samples->period, 0, row->regions * n);
    snprintf(row->name, sizeof(row->name), "%s/%s/%s/%zu", plan_memory,
             contender->allocator->name, row->sizes, n);
    (void) judge_region(row->reason, contender, bytes, PLAN_BYTES_MAX);
    plan->memory_count += (size_t) choice_has(choice, row->name);
}

static struct region
plan_region(const struct plan *plan, const struct contender *contender,
            size_t sizes, size_t n)
{
    const struct samples *samples = &plan->samples[sizes];

    return (struct region){.allocator = contender->allocator,
                           .library = contender->library,
                           .n = n,
                           .size = samples_largest(samples, n),
                           .samples = samples->samples,
                           .period = samples->period,
                           .pointers = plan->pointers};
}

/* Says why a row cannot run, if it cannot. */
static void
plan_judge(struct row *row, const struct contender *contender, double bytes)
{
    double most = PLAN_BYTES_MAX;
    int cores = machine_cores();
    int threads = row->workload->threads;

    if (row->workload->is_large) {
        double memory = machine_memory();

        most = memory / 2 < PLAN_LARGE_MAX ? memory / 2 : PLAN_LARGE_MAX;
    }
    if (judge_region(row->reason, contender, bytes, most) && threads > cores) {
        snprintf(row->reason, sizeof(row->reason),
                 "%d threads at once; found %d core", threads, cores);
    }
}

/* Whether a region of so many bytes can be made; if not, reason says why. */
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

/* suffix goes behind the allocator's name. */
static void
plan_name(struct row *row, const char *suffix)
{
    snprintf(row->name, sizeof(row->name), "%s/%s%s/%s/%zu",
             row->workload->name, row->region.allocator->name, suffix,
             row->sizes, row->region.n);
}

/* The shim belongs to no allocator and to no sizes: a choice of those leaves it
 * out, unless it is named itself. */
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
            .is_bare = i < PLAN_SHIM_BATCHES,
            .batch = plan_shim_batches[i % PLAN_SHIM_BATCHES],
        };
        snprintf(row->name, sizeof(row->name), "%s/%s/%lld", plan_shim,
                 row->is_bare ? "bare" : "c", (long long) row->batch);
        plan->count += (size_t) choice_has(choice, row->name);
    }
}

/* The pair is made of the first allocator of the table that has a row to run.
 */
static void
plan_add_pair(struct plan *plan)
{
    size_t count = plan->count;

    for (size_t a = 0; a < allocators_count && plan->base == NULL; a++) {
        for (size_t i = 0; i < count && plan->base == NULL; i++) {
            if (plan->rows[i].region.allocator == allocators[a] &&
                plan->rows[i].reason[0] == '\0') {
                plan->base = allocators[a];
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &plan->rows[i];

        if (plan->base != NULL && row->region.allocator == plan->base) {
            struct row *again = &plan->rows[plan->count++];
            *again = *row;
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
