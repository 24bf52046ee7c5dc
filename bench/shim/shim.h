/*
 * A C face of google-benchmark 1.7.1 that stands alone: take shim.h and shim.cc
 * and link libbenchmark. No C++ type crosses it and no exception leaves it.
 *
 * A benchmark is a C function with a pointer of its own. It asks for work in
 * batches: one call across the boundary then pays for a thousand ops.
 *
 *     static void
 *     sum(struct shim_state *state, void *user)
 *     {
 *         while (shim_state_next(state, 1024)) {
 *             for (int i = 0; i < 1024; i++) {
 *                 ... one op ...
 *                 shim_keep(result);
 *             }
 *         }
 *         shim_state_items(state, shim_state_iterations(state));
 *     }
 *     ...
 *     shim_register("sum", sum, NULL);
 *     shim_run(&(struct shim_options){.console = 1});
 *
 * Benchmarks are global to the process, as in google-benchmark. All is
 * called from one thread; a benchmark's function alone runs on several, each
 * with a state of its own, where shim_benchmark_threads() asks for them. No
 * callback may longjmp() out of its call or throw.
 */
#ifndef BENCH_SHIM_SHIM_H
#define BENCH_SHIM_SHIM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define SHIM_NOEXCEPT noexcept
extern "C" {
#else
#define SHIM_NOEXCEPT
#endif

/* A registered benchmark: valid until shim_clear(). */
struct shim_benchmark;

/* One thread's part of a run: valid during the callback that is given it. */
struct shim_state;

/* A benchmark, or a function that prepares or clears up for one. */
typedef void (*shim_fn)(struct shim_state *state, void *user) SHIM_NOEXCEPT;

enum shim_unit {
    SHIM_NANOSECOND,
    SHIM_MICROSECOND,
    SHIM_MILLISECOND,
    SHIM_SECOND,
};

/* How time is expected to grow with shim_state_complexity_n(). */
enum shim_complexity {
    SHIM_O_1,
    SHIM_O_N,
    SHIM_O_N_SQUARED,
    SHIM_O_N_CUBED,
    SHIM_O_LOG_N,
    SHIM_O_N_LOG_N,
    SHIM_O_AUTO, /* the best fit of all */
};

/* How a counter's value is transformed: flags, to be or'ed. */
enum shim_counter_flag {
    SHIM_COUNTER_PLAIN = 0,
    SHIM_COUNTER_RATE = 1,           /* divided by the seconds taken */
    SHIM_COUNTER_PER_THREAD = 2,     /* divided by the threads */
    SHIM_COUNTER_EACH_ITERATION = 4, /* multiplied by the iterations */
    SHIM_COUNTER_PER_ITERATION = 8,  /* divided by the iterations */
    SHIM_COUNTER_INVERT = 16,        /* one over all that */
};

/* A counter as reported: turned as its flags say. */
struct shim_counter {
    const char *name;
    double value;
};

/* One line of a report. All pointers are valid during the callback alone. */
struct shim_result {
    const char *name;      /* as registered, with "/" and each argument */
    const char *full_name; /* with all that google-benchmark appends */
    const char *aggregate; /* "mean", "BigO", ...; NULL: a measured run */
    const char *big_o;     /* of "BigO" and "RMS": "N", "lgN", ...; or NULL */
    const char *error;     /* why the run was skipped; NULL: it was not */
    const char *label;     /* "" where none was set */
    int64_t family_index;
    int64_t family_instance;  /* which arguments and threads of the family */
    int64_t repetition_index; /* -1 for an aggregate */
    int64_t repetitions;
    int64_t threads;
    int64_t iterations; /* 0 of a run that was skipped */
    double real_time;   /* of an iteration, in unit; "BigO": the factor */
    double cpu_time;
    const char *unit;                    /* "ns", "us", "ms" or "s" */
    const struct shim_counter *counters; /* by name; items_per_second and */
    size_t counters_count;               /* bytes_per_second are among them */
};

typedef void (*shim_result_fn)(const struct shim_result *result,
                               void *user) SHIM_NOEXCEPT;

/* Which benchmarks run, and where results go. All 0: all of them, silently. */
struct shim_options {
    const char *filter;       /* a regex on full names, or "-" and one that must
                                 not match; NULL: all */
    int console;              /* not 0: google-benchmark's table on stdout */
    const char *json_path;    /* a file to write its JSON to, or NULL */
    shim_result_fn on_result; /* called for each result, or NULL */
    void *user;               /* on_result's own */
};

/*
 * Take google-benchmark's own flags (--benchmark_...) off argv and obey them;
 * argv[0] becomes the context's executable. Optional; argv must outlive all
 * other calls. --help prints google-benchmark's and exits.
 */
void shim_init(int *argc, char **argv) SHIM_NOEXCEPT;

/* Add a pair to the context that JSON reports begin with. A key once added
 * stays. */
void shim_context_add(const char *key, const char *value) SHIM_NOEXCEPT;

/*
 * The context as a JSON object: machine, library_build_type, and the added
 * pairs. Owned by the caller: release with free(). NULL when memory runs out.
 */
char *shim_context_json(void) SHIM_NOEXCEPT;

/*
 * Register fn under name, which is copied; user is handed to it. Benchmarks run
 * in the order of their registration. Without arguments it runs once.
 * Returns NULL when memory runs out.
 */
struct shim_benchmark *shim_register(const char *name, shim_fn fn,
                                     void *user) SHIM_NOEXCEPT;

/*
 * Register google-benchmark's own loop in C++ around shim_keep(), in batches:
 * The same loop through this face costs more, by the face's price.
 */
struct shim_benchmark *shim_register_bare(const char *name,
                                          int64_t batch) SHIM_NOEXCEPT;

/* Forget all benchmarks. */
void shim_clear(void) SHIM_NOEXCEPT;

/*
 * Run the benchmarks that match the filter. Returns their number, 0 also for a
 * filter that is no regex (stderr says so), or a negative errno where the JSON
 * file could not be written.
 */
int shim_run(const struct shim_options *options) SHIM_NOEXCEPT;

/* Run once more, with value as shim_state_arg(state, 0). */
void shim_benchmark_arg(struct shim_benchmark *benchmark,
                        int64_t value) SHIM_NOEXCEPT;

/* Run once more, with count values as arguments: as many each time. */
void shim_benchmark_args(struct shim_benchmark *benchmark,
                         const int64_t *values, size_t count) SHIM_NOEXCEPT;

/* Run once more for low, high and each power of eight between them. */
void shim_benchmark_range(struct shim_benchmark *benchmark, int64_t low,
                          int64_t high) SHIM_NOEXCEPT;

/* Run on threads threads at once; once more for each call. */
void shim_benchmark_threads(struct shim_benchmark *benchmark,
                            int threads) SHIM_NOEXCEPT;

/*
 * Call setup before each run of the function, and teardown after it, outside
 * the clock: on the first thread, before any other's function starts and after
 * all have returned. setup may skip the run; the function is then not called,
 * teardown is. google-benchmark runs the function several times to find out how
 * many iterations it needs, each with its own setup and teardown.
 */
void shim_benchmark_setup(struct shim_benchmark *benchmark,
                          shim_fn setup) SHIM_NOEXCEPT;
void shim_benchmark_teardown(struct shim_benchmark *benchmark,
                             shim_fn teardown) SHIM_NOEXCEPT;

/* Run exactly iterations each time, > 0; not together with a minimum time. */
void shim_benchmark_iterations(struct shim_benchmark *benchmark,
                               int64_t iterations) SHIM_NOEXCEPT;

/* Choose iterations so that a run takes at least seconds, > 0. */
void shim_benchmark_min_time(struct shim_benchmark *benchmark,
                             double seconds) SHIM_NOEXCEPT;

/* Run repetitions times in all, > 0, and report aggregates too. */
void shim_benchmark_repetitions(struct shim_benchmark *benchmark,
                                int repetitions) SHIM_NOEXCEPT;

/* Fit the times of all arguments to complexity, and report it. */
void shim_benchmark_complexity(struct shim_benchmark *benchmark,
                               enum shim_complexity complexity) SHIM_NOEXCEPT;

/* Let the wall clock, and not the thread's CPU time, decide about iterations
 * and rates. */
void shim_benchmark_real_time(struct shim_benchmark *benchmark) SHIM_NOEXCEPT;

/* Let the function give the time of each iteration, by shim_state_set_time().
 * No clock counts then. */
void shim_benchmark_manual_time(struct shim_benchmark *benchmark) SHIM_NOEXCEPT;

/* Report times in unit. */
void shim_benchmark_unit(struct shim_benchmark *benchmark,
                         enum shim_unit unit) SHIM_NOEXCEPT;

/*
 * Whether batch more iterations, > 0, are to be run. The clock starts at the
 * first call and ends with the one that returns 0; a function must call until
 * then, or skip. Up to batch - 1 iterations more than planned may be run; they
 * are counted. Cost: a call across the boundary, some nanoseconds.
 */
int shim_state_next(struct shim_state *state, int64_t batch) SHIM_NOEXCEPT;

/* Stop the clock, and start it again, inside the loop. Cost: 1 us a pair. */
void shim_state_pause(struct shim_state *state) SHIM_NOEXCEPT;
void shim_state_resume(struct shim_state *state) SHIM_NOEXCEPT;

/* The iteration took seconds: once for each, where the benchmark's time is
 * manual. */
void shim_state_set_time(struct shim_state *state,
                         double seconds) SHIM_NOEXCEPT;

/* Report the run as failed for reason, which is copied. The loop ends. */
void shim_state_skip(struct shim_state *state,
                     const char *reason) SHIM_NOEXCEPT;

/* The nth argument, counted from 0; the run must have more than n. */
int64_t shim_state_arg(const struct shim_state *state, size_t n) SHIM_NOEXCEPT;

/* Iterations run; before the loop 0. */
int64_t shim_state_iterations(const struct shim_state *state) SHIM_NOEXCEPT;

/* This thread's number, from 0, and the number of threads. */
int shim_state_thread(const struct shim_state *state) SHIM_NOEXCEPT;
int shim_state_threads(const struct shim_state *state) SHIM_NOEXCEPT;

/* After the loop: how much the whole run processed, for items_per_second and
 * bytes_per_second. Threads add up. */
void shim_state_items(struct shim_state *state, int64_t items) SHIM_NOEXCEPT;
void shim_state_bytes(struct shim_state *state, int64_t bytes) SHIM_NOEXCEPT;

/* Report value as name; flags are of enum shim_counter_flag. Threads add up. */
void shim_state_counter(struct shim_state *state, const char *name,
                        double value, unsigned flags) SHIM_NOEXCEPT;

/* The n that shim_benchmark_complexity() fits to. */
void shim_state_complexity_n(struct shim_state *state, int64_t n) SHIM_NOEXCEPT;

/* Text to print beside the result; it is copied. */
void shim_state_label(struct shim_state *state,
                      const char *label) SHIM_NOEXCEPT;

/* Make the compiler believe that p, and all memory that it can reach, is read
 * and written here: google-benchmark's DoNotOptimize() and ClobberMemory(). */
static inline void
shim_keep(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
