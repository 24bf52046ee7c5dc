#include "grid.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"
#include "replay.h"

enum {
    /* Draws after which sizes begin again: more than a branch predictor learns,
     * and as sizes of 4 bytes still less than a second-level cache. */
    GRID_PERIOD = 16 * 1024,

    GRID_N_MAX = 1000000,

    /* A region that asks for more on average is skipped: machines with 1 GiB
     * shall do, and rounds shall not wait for one row. Larger ones of large
     * blocks run where there is memory for twice as much. */
    GRID_BYTES_MAX = 256 * 1024 * 1024,
    GRID_LARGE_MAX = 1024 * 1024 * 1024,

    GRID_MIB = 1024 * 1024,

    /* Of a quick run: longer traces take as long as all else. */
    GRID_QUICK_TRACE = 20000,

    GRID_NUMBER_MAX = 24, /* a size_t's digits, and the end */
};

/* Of the rows of memory a quick run takes these sizes. */
#define GRID_QUICK_MEMORY "lognormal,nginx_request"

/* 25 is a request's in nginx. */
static const size_t grid_ns[] = {1,    10,    25,     100,
                                 1000, 10000, 100000, GRID_N_MAX};
static const size_t grid_quick_ns[] = {10, 100, 1000, 10000};

static const int64_t grid_shim_batches[] = {1, WORKLOAD_BATCH};

enum {
    GRID_NS = sizeof(grid_ns) / sizeof(grid_ns[0]),
    GRID_QUICK_NS = sizeof(grid_quick_ns) / sizeof(grid_quick_ns[0]),
    GRID_SHIM_BATCHES =
        sizeof(grid_shim_batches) / sizeof(grid_shim_batches[0]),
};

static const char grid_shim[] = "shim";
static const char grid_memory[] = "memory";

/* Sizes drawn beforehand. */
struct draws {
    uint32_t *draws;
    uint64_t *sums; /* one more: of all draws before each */
    size_t period;
};

/* A list of names, as the n-th gives them. */
struct names {
    const char *what; /* in the singular */
    size_t count;
    const char *(*at)(const void *of, size_t n);
    const void *of;
};

/* What is wanted of the grid. */
struct choice {
    const struct options *options;
    regex_t filter;
    int has_filter;
};

static int grid_load(struct grid *grid, const struct options *options,
                     char *error);
static struct replay **load_files(const char *files, char *error);
static int grid_check_names(const struct grid *grid,
                            const struct options *options, char *error);
static int names_check(const struct names *names, const char *list,
                       char *error);
static const char *allocator_at(const void *of, size_t n);
static const char *sizes_name_at(const void *of, size_t n);
static const char *workload_at(const void *of, size_t n);
static const char *n_at(const void *of, size_t n);
static int grid_open(struct grid *grid);
static int grid_draw(struct grid *grid);
static int draws_init(struct draws *draws, const struct sizes *sizes);
static size_t draws_largest(const struct draws *draws, size_t n);
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
static int grid_fill(struct grid *grid, const struct choice *choice);
static int grid_fill_memory(struct grid *grid, const struct choice *choice);
static void grid_judge(struct row *row, const struct contender *contender,
                       double bytes);
static int judge_region(char *reason, const struct contender *contender,
                        double bytes, double most);
static void grid_add(struct grid *grid, const struct choice *choice,
                     const struct workload *workload,
                     const struct contender *contender, size_t sizes, size_t n);
static void grid_add_replay(struct grid *grid, const struct choice *choice,
                            const struct contender *contender, size_t trace);
static void grid_add_memory(struct grid *grid, const struct choice *choice,
                            const struct contender *contender, size_t sizes,
                            size_t n);
static struct region grid_region(const struct grid *grid,
                                 const struct contender *contender,
                                 size_t sizes, size_t n);
static void grid_name(struct row *row, const char *suffix);
static void grid_add_shim(struct grid *grid, const struct choice *choice);
static void grid_add_pair(struct grid *grid);
static int list_has(const char *list, const char *name);

struct grid *
grid_create(const struct options *options, char *error)
{
    struct grid *grid = calloc(1, sizeof(*grid));
    struct choice choice = {0};

    snprintf(error, GRID_ERROR_MAX, "out of memory");
    if (grid == NULL) {
        return NULL;
    }
    grid->sizes =
        sizes_list_create(options->sizes_dir, &grid->sizes_count, error);
    if (grid->sizes == NULL || grid_load(grid, options, error) != 0 ||
        grid_check_names(grid, options, error) != 0 ||
        choice_init(&choice, options, error) != 0 || grid_open(grid) != 0 ||
        grid_draw(grid) != 0 ||
        (!options->memory && grid_fill(grid, &choice) != 0) ||
        grid_fill_memory(grid, &choice) != 0) {
        goto fail;
    }
    if (grid->count + grid->memory_count == 0) {
        snprintf(error, GRID_ERROR_MAX,
                 "no row is left of the choice; --list alone shows all");
        goto fail;
    }
    choice_done(&choice);
    return grid;

fail:
    choice_done(&choice);
    grid_destroy(grid);
    return NULL;
}

void
grid_destroy(struct grid *grid)
{
    if (grid == NULL) {
        return;
    }
    if (grid->draws != NULL) {
        for (size_t i = 0; i < grid->sizes_count; i++) {
            free(grid->draws[i].draws);
            free(grid->draws[i].sums);
        }
    }
    for (size_t i = 0; i < grid->count; i++) {
        free(grid->rows[i].samples);
    }
    sizes_list_destroy(grid->sizes, grid->sizes_count);
    replay_list_destroy(grid->traces);
    free(grid->runs);
    free(grid->draws);
    free(grid->rows);
    free(grid->memory);
    free(grid->contenders);
    free(grid->pointers);
    free(grid);
}

size_t
grid_runnable(const struct grid *grid)
{
    size_t runnable = 0;

    for (size_t i = 0; i < grid->count; i++) {
        runnable += grid->rows[i].reason[0] == '\0';
    }
    return runnable;
}

/* The traces, and what it takes to do them. */
static int
grid_load(struct grid *grid, const struct options *options, char *error)
{
    grid->traces = options->traces != NULL
                       ? load_files(options->traces, error)
                       : replay_list_create(BENCH_TRACES_DIR, error);
    if (grid->traces == NULL) {
        return -EINVAL;
    }
    while (grid->traces[grid->traces_count] != NULL) {
        grid->traces_count++;
    }
    snprintf(error, GRID_ERROR_MAX, "out of memory");
    grid->runs = calloc(grid->traces_count + 1, sizeof(*grid->runs));
    if (grid->runs == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < grid->traces_count; i++) {
        grid->runs[i].replay = grid->traces[i];
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
grid_check_names(const struct grid *grid, const struct options *options,
                 char *error)
{
    const struct names allocator_names = {"allocator", allocators_count,
                                          allocator_at, NULL};
    const struct names sizes_names = {"distribution of sizes or trace",
                                      grid->sizes_count + grid->traces_count,
                                      sizes_name_at, grid};
    const struct names workload_names = {"workload", workloads_count + 2,
                                         workload_at, NULL};
    const struct names n_names = {"n", GRID_NS, n_at, grid_ns};

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
            used = (size_t) snprintf(error, GRID_ERROR_MAX,
                                     "unknown %s \"%.*s\"; known:", names->what,
                                     (int) (length < 64 ? length : 64), name);
            for (i = 0; i < names->count && used < GRID_ERROR_MAX; i++) {
                used += (size_t) snprintf(error + used, GRID_ERROR_MAX - used,
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
    const struct grid *grid = of;

    return n < grid->sizes_count ? grid->sizes[n]->name
                                 : grid->traces[n - grid->sizes_count]->name;
}

/* The shim's rows come behind all workloads, and memory's behind those. */
static const char *
workload_at(const void *of, size_t n)
{
    (void) of;
    if (n >= workloads_count) {
        return n == workloads_count ? grid_shim : grid_memory;
    }
    return workloads[n]->name;
}

/* Valid until the next call. */
static const char *
n_at(const void *of, size_t n)
{
    static char text[GRID_NUMBER_MAX];
    const size_t *ns = of;

    snprintf(text, sizeof(text), "%zu", ns[n]);
    return text;
}

static int
grid_open(struct grid *grid)
{
    grid->contenders = calloc(allocators_count, sizeof(*grid->contenders));
    if (grid->contenders == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < allocators_count; i++) {
        struct contender *contender = &grid->contenders[i];

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
grid_draw(struct grid *grid)
{
    grid->pointers = calloc(GRID_N_MAX, sizeof(*grid->pointers));
    grid->draws = calloc(grid->sizes_count, sizeof(*grid->draws));
    if (grid->pointers == NULL || grid->draws == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < grid->sizes_count; i++) {
        if (draws_init(&grid->draws[i], grid->sizes[i]) != 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int
draws_init(struct draws *draws, const struct sizes *sizes)
{
    size_t period = sizes_period(sizes, GRID_PERIOD);

    draws->period = period;
    draws->draws = calloc(period, sizeof(*draws->draws));
    draws->sums = calloc(period + 1, sizeof(*draws->sums));
    if (draws->draws == NULL || draws->sums == NULL) {
        return -ENOMEM;
    }
    sizes_draw(sizes, draws->draws, period);
    for (size_t i = 0; i < period; i++) {
        draws->sums[i + 1] = draws->sums[i] + draws->draws[i];
    }
    return 0;
}

/* The bytes of the largest region of n. */
static size_t
draws_largest(const struct draws *draws, size_t n)
{
    size_t largest = 0;

    for (size_t at = 0; at < draws->period; at++) {
        size_t size = row_sum(draws->sums, draws->period, at, n);

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
        size_t used = (size_t) snprintf(error, GRID_ERROR_MAX,
                                        "--filter: \"%.512s\" is no regular "
                                        "expression: ",
                                        options->filter);

        regerror(err, &choice->filter, error + used, GRID_ERROR_MAX - used);
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
    char number[GRID_NUMBER_MAX];

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
            trace->allocations <= GRID_QUICK_TRACE);
}

/* Inlining changes no byte, and the limits are no allocators. */
static int
choice_wants_memory(const struct choice *choice,
                    const struct allocator *allocator,
                    const struct sizes *sizes, size_t n)
{
    const struct options *options = choice->options;
    char number[GRID_NUMBER_MAX];

    snprintf(number, sizeof(number), "%zu", n);
    if (allocator->class != ALLOCATOR_CALLED ||
        !list_has(options->workloads, grid_memory) ||
        !list_has(options->allocators, allocator->name) ||
        !list_has(options->sizes, sizes->name) ||
        !list_has(options->ns, number)) {
        return 0;
    }
    return !options->quick || ((options->ns != NULL || is_quick_n(n)) &&
                               (options->sizes != NULL ||
                                list_has(GRID_QUICK_MEMORY, sizes->name)));
}

static int
is_quick_n(size_t n)
{
    for (size_t i = 0; i < GRID_QUICK_NS; i++) {
        if (n == grid_quick_ns[i]) {
            return 1;
        }
    }
    return 0;
}

static int
grid_fill(struct grid *grid, const struct choice *choice)
{
    size_t most =
        workloads_count * (allocators_count + 1) * grid->sizes_count * GRID_NS +
        (allocators_count + 1) * grid->traces_count + 2 * GRID_SHIM_BATCHES;

    grid->rows = calloc(most, sizeof(*grid->rows));
    if (grid->rows == NULL) {
        return -ENOMEM;
    }
    for (size_t w = 0; w < workloads_count; w++) {
        for (size_t a = 0; a < allocators_count; a++) {
            for (size_t s = 0; s < grid->sizes_count; s++) {
                for (size_t n = 0; n < GRID_NS; n++) {
                    if (choice_wants(choice, workloads[w], allocators[a],
                                     grid->sizes[s], grid_ns[n])) {
                        grid_add(grid, choice, workloads[w],
                                 &grid->contenders[a], s, grid_ns[n]);
                    }
                }
            }
        }
    }
    for (size_t a = 0; a < allocators_count; a++) {
        for (size_t t = 0; t < grid->traces_count; t++) {
            if (choice_wants_replay(choice, allocators[a], grid->traces[t])) {
                grid_add_replay(grid, choice, &grid->contenders[a], t);
            }
        }
    }
    grid_add_pair(grid);
    grid_add_shim(grid, choice);
    return 0;
}

static int
grid_fill_memory(struct grid *grid, const struct choice *choice)
{
    grid->memory = calloc(allocators_count * grid->sizes_count * GRID_NS,
                          sizeof(*grid->memory));
    if (grid->memory == NULL) {
        return -ENOMEM;
    }
    for (size_t a = 0; a < allocators_count; a++) {
        for (size_t s = 0; s < grid->sizes_count; s++) {
            for (size_t n = 0; n < GRID_NS; n++) {
                if (choice_wants_memory(choice, allocators[a], grid->sizes[s],
                                        grid_ns[n])) {
                    grid_add_memory(grid, choice, &grid->contenders[a], s,
                                    grid_ns[n]);
                }
            }
        }
    }
    return 0;
}

static void
grid_add(struct grid *grid, const struct choice *choice,
         const struct workload *workload, const struct contender *contender,
         size_t sizes, size_t n)
{
    const struct allocator *allocator = contender->allocator;
    const struct draws *draws = &grid->draws[sizes];
    struct row *row = &grid->rows[grid->count];
    double bytes = sizes_mean(grid->sizes[sizes]) * (double) n;

    *row = (struct row){
        .workload = workload,
        .sizes = grid->sizes[sizes]->name,
        .region = grid_region(grid, contender, sizes, n),
        .sums = draws->sums,
        .largest = sizes_max(grid->sizes[sizes]),
        .batch = (workload->batch_op + (int64_t) n - 1) / (int64_t) n,
    };
    if (allocator->reserved != 0) {
        row->largest = row->region.size + n * allocator->reserved;
    }
    grid_name(row, "");
    grid_judge(row, contender, bytes);
    grid->count += (size_t) choice_has(choice, row->name);
}

/* Its n is the trace's allocations. */
static void
grid_add_replay(struct grid *grid, const struct choice *choice,
                const struct contender *contender, size_t trace)
{
    const struct replay *replay = grid->traces[trace];
    const struct allocator *allocator = contender->allocator;
    struct row *row = &grid->rows[grid->count];

    *row = (struct row){
        .workload = &workload_replay,
        .sizes = replay->name,
        .region = {.allocator = allocator,
                   .library = contender->library,
                   .n = replay->allocations,
                   .own = &grid->runs[trace]},
        .largest = replay->largest,
        .bytes = replay->bytes,
        .batch = 1,
    };
    grid_name(row, "");
    (void) judge_region(row->reason, contender,
                        (double) replay_held(replay, allocator),
                        GRID_BYTES_MAX);
    grid->count += (size_t) choice_has(choice, row->name);
}

static void
grid_add_memory(struct grid *grid, const struct choice *choice,
                const struct contender *contender, size_t sizes, size_t n)
{
    const struct draws *draws = &grid->draws[sizes];
    struct memory_row *row = &grid->memory[grid->memory_count];
    double bytes = sizes_mean(grid->sizes[sizes]) * (double) n;

    *row = (struct memory_row){
        .sizes = grid->sizes[sizes]->name,
        .region = grid_region(grid, contender, sizes, n),
        .regions = memory_regions(bytes),
    };
    row->asked = row_sum(draws->sums, draws->period, 0, row->regions * n);
    snprintf(row->name, sizeof(row->name), "%s/%s/%s/%zu", grid_memory,
             contender->allocator->name, row->sizes, n);
    (void) judge_region(row->reason, contender, bytes, GRID_BYTES_MAX);
    grid->memory_count += (size_t) choice_has(choice, row->name);
}

static struct region
grid_region(const struct grid *grid, const struct contender *contender,
            size_t sizes, size_t n)
{
    const struct draws *draws = &grid->draws[sizes];

    return (struct region){.allocator = contender->allocator,
                           .library = contender->library,
                           .n = n,
                           .size = draws_largest(draws, n),
                           .draws = draws->draws,
                           .period = draws->period,
                           .pointers = grid->pointers};
}

/* Says why a row cannot run, if it cannot. */
static void
grid_judge(struct row *row, const struct contender *contender, double bytes)
{
    double most = GRID_BYTES_MAX;
    int cores = machine_cores();
    int threads = row->workload->threads;

    if (row->workload->is_large) {
        double memory = machine_memory();

        most = memory / 2 < GRID_LARGE_MAX ? memory / 2 : GRID_LARGE_MAX;
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
                 bytes / GRID_MIB, most / GRID_MIB);
        return 0;
    }
    return 1;
}

/* suffix goes behind the allocator's name. */
static void
grid_name(struct row *row, const char *suffix)
{
    snprintf(row->name, sizeof(row->name), "%s/%s%s/%s/%zu",
             row->workload->name, row->region.allocator->name, suffix,
             row->sizes, row->region.n);
}

/* The shim belongs to no allocator and to no sizes: a choice of those leaves it
 * out, unless it is named itself. */
static void
grid_add_shim(struct grid *grid, const struct choice *choice)
{
    const struct options *options = choice->options;

    if (!list_has(options->workloads, grid_shim) ||
        (options->workloads == NULL &&
         (options->allocators != NULL || options->sizes != NULL))) {
        return;
    }
    for (size_t i = 0; i < 2 * GRID_SHIM_BATCHES; i++) {
        struct row *row = &grid->rows[grid->count];

        *row = (struct row){
            .is_bare = i < GRID_SHIM_BATCHES,
            .batch = grid_shim_batches[i % GRID_SHIM_BATCHES],
        };
        snprintf(row->name, sizeof(row->name), "%s/%s/%lld", grid_shim,
                 row->is_bare ? "bare" : "c", (long long) row->batch);
        grid->count += (size_t) choice_has(choice, row->name);
    }
}

/* The pair is made of the first allocator of the table that has a row to run.
 */
static void
grid_add_pair(struct grid *grid)
{
    size_t count = grid->count;

    for (size_t a = 0; a < allocators_count && grid->base == NULL; a++) {
        for (size_t i = 0; i < count && grid->base == NULL; i++) {
            if (grid->rows[i].region.allocator == allocators[a] &&
                grid->rows[i].reason[0] == '\0') {
                grid->base = allocators[a];
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &grid->rows[i];

        if (grid->base != NULL && row->region.allocator == grid->base) {
            struct row *again = &grid->rows[grid->count++];
            *again = *row;
            grid_name(again, "_again");
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
