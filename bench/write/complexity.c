#include "write/complexity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    COMPLEXITY_LEAST = 3, /* values of n */
};

#define COMPLEXITY_NS_A_SECOND 1e9

/* Rows that differ in n alone, and the fit of them. */
struct family {
    const struct plan *plan;
    int rounds;
    size_t first; /* the index of its first row */
    struct complexity fit;
    struct complexity tried; /* that is reported now */
};

/* google-benchmark chooses among these by the CPU time, of which there is none
 * here, so each is fitted. */
static const enum shim_complexity candidates[] = {
    SHIM_O_1,       SHIM_O_LOG_N,     SHIM_O_N,
    SHIM_O_N_LOG_N, SHIM_O_N_SQUARED, SHIM_O_N_CUBED,
};

enum {
    COMPLEXITY_CANDIDATES = sizeof(candidates) / sizeof(candidates[0]),
};

/* All families under way, for family_note(). */
struct fits {
    struct family *families;
    size_t count;
};

static int is_fitted(const struct row *row);
static int is_family(const struct row *a, const struct row *b);
static size_t family_register(struct family *family, size_t number);
static int candidate_register(struct family *family, size_t number,
                              enum shim_complexity candidate);
static int family_has(const struct family *family, size_t row);
static void family_run(struct shim_state *state, void *user) SHIM_NOEXCEPT;
static void family_note(const struct shim_result *result,
                        void *user) SHIM_NOEXCEPT;
static double median_ns(const struct row *row, int rounds);
static int compare_doubles(const void *a, const void *b);

struct complexity *
complexity_fit(const struct plan *plan, int rounds, size_t *ret_count)
{
    struct fits fits = {.families =
                            calloc(plan->count + 1, sizeof(struct family))};
    struct complexity *made = calloc(plan->count + 1, sizeof(*made));
    const struct shim_options options = {.on_result = family_note,
                                         .user = &fits};

    if (fits.families == NULL || made == NULL) {
        free(fits.families);
        free(made);
        return NULL;
    }
    for (size_t i = 0; i < plan->count; i++) {
        struct family *family = &fits.families[fits.count];
        int is_first = is_fitted(&plan->rows[i]);

        for (size_t j = 0; j < i && is_first; j++) {
            is_first = !is_fitted(&plan->rows[j]) ||
                       !is_family(&plan->rows[j], &plan->rows[i]);
        }
        if (is_first) {
            *family = (struct family){.plan = plan,
                                      .rounds = rounds,
                                      .first = i,
                                      .fit = {.row = &plan->rows[i]}};
            fits.count += family_register(family, fits.count);
        }
    }
    if (fits.count != 0) {
        (void) shim_run(&options);
        shim_clear();
    }
    *ret_count = 0;
    for (size_t i = 0; i < fits.count; i++) {
        if (fits.families[i].fit.big_o[0] != '\0') {
            made[(*ret_count)++] = fits.families[i].fit;
        }
    }
    free(fits.families);
    return made;
}

static int
is_fitted(const struct row *row)
{
    return row->reason[0] == '\0' && !row->key.is_shim && row->samples != NULL;
}

static int
is_family(const struct row *a, const struct row *b)
{
    return a->key.workload == b->key.workload &&
           a->key.contender == b->key.contender &&
           a->key.input == b->key.input && !a->key.is_again && !b->key.is_again;
}

/* Registers it for each candidate, with each n. Returns 1, or 0 where it has
 * too few, or memory runs out. */
static size_t
family_register(struct family *family, size_t number)
{
    size_t members = 0;
    int err = 0;

    for (size_t i = family->first; i < family->plan->count; i++) {
        members += (size_t) family_has(family, i);
    }
    if (members < COMPLEXITY_LEAST) {
        return 0;
    }
    for (size_t i = 0; i < COMPLEXITY_CANDIDATES && err == 0; i++) {
        err = candidate_register(family, number, candidates[i]);
    }
    return err == 0;
}

/* The name is the family's number. Returns 0 or -ENOMEM. */
static int
candidate_register(struct family *family, size_t number,
                   enum shim_complexity candidate)
{
    const struct plan *plan = family->plan;
    struct shim_benchmark *benchmark;
    char name[24];

    snprintf(name, sizeof(name), "%zu", number);
    benchmark = shim_register(name, family_run, family);
    if (benchmark == NULL) {
        return -ENOMEM;
    }
    for (size_t i = family->first; i < plan->count; i++) {
        if (family_has(family, i)) {
            shim_benchmark_arg(benchmark, (int64_t) plan->rows[i].region.n);
        }
    }
    shim_benchmark_manual_time(benchmark);
    shim_benchmark_iterations(benchmark, 1);
    shim_benchmark_complexity(benchmark, candidate);
    return 0;
}

static int
family_has(const struct family *family, size_t row)
{
    const struct row *rows = family->plan->rows;

    return is_fitted(&rows[row]) && is_family(&rows[row], &rows[family->first]);
}

/* Runs nothing: reports the time of the row of that n. */
static void
family_run(struct shim_state *state, void *user)
{
    const struct family *family = user;
    size_t n = (size_t) shim_state_arg(state, 0);
    double seconds = 0;

    for (size_t i = family->first; i < family->plan->count; i++) {
        const struct row *row = &family->plan->rows[i];

        if (family_has(family, i) && row->region.n == n) {
            seconds = median_ns(row, family->rounds) / COMPLEXITY_NS_A_SECOND;
        }
    }
    while (shim_state_next(state, 1)) {
        shim_state_set_time(state, seconds);
    }
    shim_state_complexity_n(state, (int64_t) n);
}

/* Each candidate reports its term with the factor, then the error. */
static void
family_note(const struct shim_result *result, void *user)
{
    struct fits *fits = user;
    size_t number = strtoul(result->full_name, NULL, 10);
    struct family *family;

    if (result->aggregate == NULL || number >= fits->count) {
        return;
    }
    family = &fits->families[number];
    if (strcmp(result->aggregate, "BigO") == 0) {
        family->tried = family->fit;
        snprintf(family->tried.big_o, sizeof(family->tried.big_o), "%.7s",
                 result->big_o);
        family->tried.coefficient_ns = result->real_time;
    } else if (strcmp(result->aggregate, "RMS") == 0) {
        family->tried.rms = result->real_time;
        if (family->fit.big_o[0] == '\0' ||
            family->tried.rms < family->fit.rms) {
            family->fit = family->tried;
        }
    }
}

/* The median time of a region. 0 when memory runs out. */
static double
median_ns(const struct row *row, int rounds)
{
    double *times = calloc((size_t) rounds, sizeof(*times));
    double median = 0;

    if (times != NULL) {
        for (int r = 0; r < rounds; r++) {
            times[r] = row->readings[r].real_ns;
        }
        qsort(times, (size_t) rounds, sizeof(*times), compare_doubles);
        median = times[rounds / 2];
    }
    free(times);
    return median;
}

static int
compare_doubles(const void *a, const void *b)
{
    const double *left = a;
    const double *right = b;

    return (*left > *right) - (*left < *right);
}
