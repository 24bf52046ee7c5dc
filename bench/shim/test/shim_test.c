#include "shim/shim.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    RESULTS_MAX = 64,
    EVENTS_MAX = 64,
    TEXT_MAX = 64,
    THREADS = 3,
    BATCH = 64,
    SLEEP_MS = 50, /* that no clock may count */
    TRIES = 50,    /* of a run that a busy machine may hold up */
};

/* A result's fields that outlive the callback. */
struct kept {
    char name[TEXT_MAX];
    char full_name[TEXT_MAX];
    char aggregate[TEXT_MAX];
    char big_o[TEXT_MAX];
    char error[TEXT_MAX];
    char label[TEXT_MAX];
    char unit[TEXT_MAX];
    struct shim_result result;
    double items_per_second;
    double bytes_per_second;
    double fruit;
};

/* The notes of a test's benchmarks and of its reporter. */
struct record {
    struct kept results[RESULTS_MAX];
    size_t count;
    char events[EVENTS_MAX]; /* a letter each */
    size_t events_count;
    pthread_mutex_t lock;
    int64_t ops;
    unsigned threads_seen; /* a bit each */
    unsigned counter_flags;
};

static void
keep(const struct shim_result *result, void *user)
{
    struct record *record = user;
    struct kept *kept = &record->results[record->count++];

    snprintf(kept->name, TEXT_MAX, "%s", result->name);
    snprintf(kept->full_name, TEXT_MAX, "%s", result->full_name);
    snprintf(kept->aggregate, TEXT_MAX, "%s",
             result->aggregate != NULL ? result->aggregate : "");
    snprintf(kept->big_o, TEXT_MAX, "%s",
             result->big_o != NULL ? result->big_o : "");
    snprintf(kept->error, TEXT_MAX, "%s",
             result->error != NULL ? result->error : "");
    snprintf(kept->label, TEXT_MAX, "%s", result->label);
    snprintf(kept->unit, TEXT_MAX, "%s", result->unit);
    kept->result = *result;
    for (size_t i = 0; i < result->counters_count; i++) {
        const struct shim_counter *counter = &result->counters[i];

        if (strcmp(counter->name, "items_per_second") == 0) {
            kept->items_per_second = counter->value;
        } else if (strcmp(counter->name, "bytes_per_second") == 0) {
            kept->bytes_per_second = counter->value;
        } else if (strcmp(counter->name, "fruit") == 0) {
            kept->fruit = counter->value;
        }
    }
}

static void
note(struct record *record, char event)
{
    pthread_mutex_lock(&record->lock);
    record->events[record->events_count++] = event;
    pthread_mutex_unlock(&record->lock);
}

static int
run(struct record *record)
{
    return shim_run(&(struct shim_options){.on_result = keep, .user = record});
}

static int
prepare(void **state)
{
    static struct record record;

    shim_clear();
    memset(&record, 0, sizeof(record));
    pthread_mutex_init(&record.lock, NULL);
    *state = &record;
    return 0;
}

static void
spin(struct shim_state *state, int64_t batch, struct record *record)
{
    while (shim_state_next(state, batch)) {
        for (int64_t i = 0; i < batch; i++) {
            shim_keep(&i);
        }
        pthread_mutex_lock(&record->lock);
        record->ops += batch;
        pthread_mutex_unlock(&record->lock);
    }
}

static void
count_ops(struct shim_state *state, void *user)
{
    spin(state, BATCH, user);
    shim_state_items(state, 2 * shim_state_iterations(state));
    shim_state_bytes(state, 3 * shim_state_iterations(state));
}

static void
test_shim_counts_whole_batches(void **state)
{
    struct record *record = *state;

    shim_benchmark_iterations(shim_register("count", count_ops, record), 1000);
    assert_int_equal(run(record), 1);
    assert_int_equal(record->count, 1);
    assert_string_equal(record->results[0].name, "count");
    assert_string_equal(record->results[0].full_name, "count/iterations:1000");
    assert_string_equal(record->results[0].unit, "ns");
    assert_int_equal(record->ops, 1024);
    assert_int_equal(record->results[0].result.iterations, 1024);
    assert_int_equal(record->results[0].result.repetition_index, 0);
}

static void
test_shim_rates_follow_items_and_bytes(void **state)
{
    struct record *record = *state;
    const struct kept *kept = &record->results[0];
    double a_second = 1e9;

    shim_benchmark_iterations(shim_register("rates", count_ops, record),
                              1024 * 1024);
    run(record);
    assert_float_equal(
        kept->items_per_second * kept->result.cpu_time / a_second, 2, 0.001);
    assert_float_equal(
        kept->bytes_per_second * kept->result.cpu_time / a_second, 3, 0.001);
}

static void
test_shim_min_time_sets_iterations(void **state)
{
    struct record *record = *state;
    const struct shim_result *result = &record->results[0].result;
    double seconds = 0.02;
    double a_second = 1e9;

    shim_benchmark_min_time(shim_register("time", count_ops, record), seconds);
    run(record);
    assert_int_equal(record->count, 1);
    assert_true(result->iterations > 1000);
    /* On a busy machine five times as much by the wall clock ends it too. */
    assert_true(result->cpu_time * (double) result->iterations >=
                    seconds * a_second ||
                result->real_time * (double) result->iterations >=
                    5 * seconds * a_second);
}

static void
args_fn(struct shim_state *state, void *user)
{
    spin(state, 1, user);
    shim_state_counter(
        state, "fruit",
        (double) (100 * shim_state_arg(state, 0) + shim_state_arg(state, 1)),
        SHIM_COUNTER_PLAIN);
}

static void
test_shim_args_reach_function_and_name(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark = shim_register("args", args_fn, record);

    shim_benchmark_args(benchmark, (int64_t[]){7, 1}, 2);
    shim_benchmark_args(benchmark, (int64_t[]){8, 2}, 2);
    shim_benchmark_iterations(benchmark, 1);
    assert_int_equal(run(record), 2);
    assert_string_equal(record->results[0].name, "args/7/1");
    assert_string_equal(record->results[1].name, "args/8/2");
    assert_float_equal(record->results[0].fruit, 701, 0);
    assert_float_equal(record->results[1].fruit, 802, 0);
    assert_int_equal(record->results[1].result.family_index, 0);
    assert_int_equal(record->results[1].result.family_instance, 1);
}

static void
test_shim_range_runs_powers_of_eight(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark =
        shim_register("range", count_ops, record);

    shim_benchmark_range(benchmark, 8, 512);
    shim_benchmark_arg(benchmark, 1000);
    shim_benchmark_iterations(benchmark, 1);
    assert_int_equal(run(record), 4);
    assert_string_equal(record->results[0].name, "range/8");
    assert_string_equal(record->results[1].name, "range/64");
    assert_string_equal(record->results[2].name, "range/512");
    assert_string_equal(record->results[3].name, "range/1000");
}

static void
counter_fn(struct shim_state *state, void *user)
{
    struct record *record = user;

    spin(state, 1, record);
    shim_state_counter(state, "fruit", 8, record->counter_flags);
}

static void
test_shim_counter_flags_turn_the_value(void **state)
{
    static const struct {
        unsigned flags;
        double want; /* of 8, at 4 iterations */
    } cases[] = {
        {SHIM_COUNTER_PLAIN, 8},
        {SHIM_COUNTER_PER_ITERATION, 2},
        {SHIM_COUNTER_EACH_ITERATION, 32},
        {SHIM_COUNTER_PER_THREAD, 8},
        {SHIM_COUNTER_PER_ITERATION | SHIM_COUNTER_INVERT, 0.5},
    };
    struct record *record = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        shim_clear();
        record->counter_flags = cases[i].flags;
        shim_benchmark_iterations(shim_register("c", counter_fn, record), 4);
        run(record);
        assert_float_equal(record->results[i].fruit, cases[i].want, 1e-9);
    }
    shim_clear();
    record->counter_flags = SHIM_COUNTER_RATE;
    shim_benchmark_iterations(shim_register("c", counter_fn, record), 4);
    run(record);
    assert_true(record->results[record->count - 1].fruit > 8);
}

static void
skip_fn(struct shim_state *state, void *user)
{
    struct record *record = user;

    note(record, 'f');
    while (shim_state_next(state, 1)) {
        shim_state_skip(state, "no luck");
        record->ops++;
    }
}

static void
test_shim_skip_ends_the_loop_and_is_reported(void **state)
{
    struct record *record = *state;

    shim_benchmark_iterations(shim_register("skip", skip_fn, record), 100);
    run(record);
    assert_int_equal(record->count, 1);
    assert_string_equal(record->results[0].error, "no luck");
    assert_int_equal(record->results[0].result.iterations, 0);
    assert_int_equal(record->ops, 1);
}

static void
setup_fn(struct shim_state *state, void *user)
{
    assert_int_equal(shim_state_thread(state), 0);
    note(user, 's');
}

static void
setup_skips(struct shim_state *state, void *user)
{
    note(user, 's');
    shim_state_skip(state, "not today");
}

static void
teardown_fn(struct shim_state *state, void *user)
{
    (void) state;
    note(user, 't');
}

static void
threads_fn(struct shim_state *state, void *user)
{
    struct record *record = user;

    note(record, 'f');
    assert_int_equal(shim_state_threads(state), THREADS);
    spin(state, 1, record);
    pthread_mutex_lock(&record->lock);
    record->threads_seen |= 1u << shim_state_thread(state);
    pthread_mutex_unlock(&record->lock);
    shim_state_counter(state, "fruit", 1, SHIM_COUNTER_PLAIN);
    note(record, 'e');
}

static void
test_shim_setup_and_teardown_enclose_all_threads(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark =
        shim_register("threads", threads_fn, record);

    shim_benchmark_threads(benchmark, THREADS);
    shim_benchmark_setup(benchmark, setup_fn);
    shim_benchmark_teardown(benchmark, teardown_fn);
    shim_benchmark_iterations(benchmark, 10);
    run(record);
    assert_int_equal(record->count, 1);
    assert_int_equal(record->results[0].result.threads, THREADS);
    assert_int_equal(record->threads_seen, (1u << THREADS) - 1);
    assert_int_equal(record->ops, THREADS * 10);
    assert_float_equal(record->results[0].fruit, THREADS, 0);
    assert_int_equal(record->events_count, 2 + 2 * THREADS);
    assert_int_equal(record->events[0], 's');
    assert_null(memchr(record->events + 1, 's', record->events_count - 1));
    assert_int_equal(record->events[record->events_count - 1], 't');
}

static void
test_shim_setup_may_skip(void **state)
{
    struct record *record = *state;

    for (int threads = 1; threads <= THREADS; threads += THREADS - 1) {
        struct shim_benchmark *benchmark;

        shim_clear();
        record->count = 0;
        record->events_count = 0;
        benchmark = shim_register("never", threads_fn, record);
        shim_benchmark_threads(benchmark, threads);
        shim_benchmark_setup(benchmark, setup_skips);
        shim_benchmark_teardown(benchmark, teardown_fn);
        shim_benchmark_iterations(benchmark, 10);
        run(record);
        assert_int_equal(record->events_count, 2);
        assert_memory_equal(record->events, "st", 2);
        assert_string_equal(record->results[0].error, "not today");
    }
}

static void
sleepy_setup(struct shim_state *state, void *user)
{
    (void) state;
    (void) user;
    usleep(SLEEP_MS * 1000);
}

static void
paused_fn(struct shim_state *state, void *user)
{
    (void) user;
    while (shim_state_next(state, 1)) {
        shim_state_pause(state);
        usleep(SLEEP_MS * 1000);
        shim_state_resume(state);
    }
    shim_state_label(state, "rested");
}

static void
test_shim_clock_leaves_out_setup_and_pauses(void **state)
{
    struct record *record = *state;
    const struct kept *kept = &record->results[0];
    struct shim_benchmark *benchmark = shim_register("paused", paused_fn, NULL);
    int tries = 0;

    shim_benchmark_setup(benchmark, sleepy_setup);
    shim_benchmark_teardown(benchmark, sleepy_setup);
    shim_benchmark_iterations(benchmark, 1);
    shim_benchmark_unit(benchmark, SHIM_MILLISECOND);
    shim_benchmark_real_time(benchmark);
    /* A busy machine may hold up any run, but not all of them. */
    do {
        record->count = 0;
        run(record);
        assert_string_equal(kept->unit, "ms");
        assert_string_equal(kept->label, "rested");
    } while (!(kept->result.real_time < SLEEP_MS) && ++tries < TRIES);
    assert_true(kept->result.real_time < SLEEP_MS);
    assert_non_null(strstr(kept->full_name, "real_time"));
}

static void
linear_fn(struct shim_state *state, void *user)
{
    int64_t n = shim_state_arg(state, 0);

    (void) user;
    while (shim_state_next(state, 1)) {
        for (int64_t i = 0; i < n; i++) {
            shim_keep(&i);
        }
    }
    shim_state_complexity_n(state, n);
}

static void
test_shim_complexity_is_fitted(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark = shim_register("fit", linear_fn, record);
    struct kept fit = {0};

    shim_benchmark_range(benchmark, 1 << 10, 1 << 16);
    shim_benchmark_complexity(benchmark, SHIM_O_N);
    shim_benchmark_iterations(benchmark, 200);
    run(record);
    for (size_t i = 0; i < record->count; i++) {
        if (strcmp(record->results[i].aggregate, "BigO") == 0) {
            fit = record->results[i];
        }
    }
    assert_string_equal(fit.big_o, "N");
    assert_int_equal(fit.result.repetition_index, -1);
    assert_true(fit.result.cpu_time > 0);
}

static void
test_shim_repetitions_add_aggregates(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark = shim_register("reps", count_ops, record);
    int runs = 0;
    int means = 0;

    shim_benchmark_repetitions(benchmark, 3);
    shim_benchmark_iterations(benchmark, 10);
    run(record);
    for (size_t i = 0; i < record->count; i++) {
        const struct kept *kept = &record->results[i];

        runs += kept->aggregate[0] == '\0';
        means += strcmp(kept->aggregate, "mean") == 0;
        assert_int_equal(kept->result.repetitions, 3);
    }
    assert_int_equal(runs, 3);
    assert_int_equal(means, 1);
}

static void
test_shim_filter_chooses(void **state)
{
    static const struct {
        const char *filter;
        int want;
    } cases[] = {
        {NULL, 3}, {"^b", 2}, {"-^b", 1}, {"none", 0}, {"(", 0},
    };
    struct record *record = *state;
    static const char *const names[] = {"foo", "bar", "baz"};

    for (size_t i = 0; i < 3; i++) {
        struct shim_benchmark *benchmark =
            shim_register(names[i], count_ops, record);

        shim_benchmark_iterations(benchmark, 1);
    }
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct shim_options options = {.filter = cases[i].filter};

        assert_int_equal(shim_run(&options), cases[i].want);
    }
    shim_clear();
    assert_int_equal(shim_run(&(struct shim_options){0}), 0);
}

static void
test_shim_runs_in_order_of_registration(void **state)
{
    static const char *const names[] = {"zebra", "ant", "mole"};
    struct record *record = *state;

    for (size_t i = 0; i < 3; i++) {
        struct shim_benchmark *benchmark =
            shim_register(names[i], count_ops, record);

        shim_benchmark_iterations(benchmark, 1);
    }
    run(record);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(record->results[i].name, names[i]);
    }
}

static char *
read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t capacity = 0;

    assert_non_null(file);
    assert_true(getdelim(&text, &capacity, '\0', file) > 0);
    fclose(file);
    return text;
}

static void
test_shim_context_and_json_file(void **state)
{
    char path[] = "shim_test_XXXXXX";
    struct record *record = *state;
    int fd = mkstemp(path);
    char *text;

    assert_true(fd >= 0);
    close(fd);
    shim_context_add("weather", "rain \"and\" wind");
    shim_benchmark_iterations(shim_register("json", count_ops, record), 1);
    assert_int_equal(shim_run(&(struct shim_options){.json_path = path}), 1);
    text = read_all(path);
    unlink(path);
    assert_non_null(strstr(text, "\"weather\": \"rain \\\"and\\\" wind\""));
    assert_non_null(strstr(text, "\"name\": \"json/iterations:1\""));
    free(text);

    text = shim_context_json();
    assert_non_null(text);
    assert_int_equal(text[0], '{');
    assert_int_equal(text[strlen(text) - 1], '}');
    assert_non_null(strstr(text, "\"weather\""));
    assert_non_null(strstr(text, "\"library_build_type\""));
    assert_null(strstr(text, "\"benchmarks\""));
    free(text);
}

static void
test_shim_json_file_that_cannot_be_made(void **state)
{
    struct record *record = *state;

    shim_benchmark_iterations(shim_register("json", count_ops, record), 1);
    assert_int_equal(
        shim_run(&(struct shim_options){.json_path = "/nowhere/at/all"}),
        -ENOENT);
    assert_int_equal(record->ops, 0);
    assert_int_equal(shim_run(&(struct shim_options){.json_path = "/dev/full"}),
                     -EIO);
}

static void
test_shim_bare_loop_runs_like_any(void **state)
{
    struct record *record = *state;
    struct shim_benchmark *benchmark = shim_register_bare("bare", BATCH);

    shim_benchmark_iterations(benchmark, 1000);
    run(record);
    assert_string_equal(record->results[0].name, "bare");
    assert_int_equal(record->results[0].result.iterations, 1024);
    assert_true(record->results[0].items_per_second > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_shim_args_reach_function_and_name, prepare),
        cmocka_unit_test_setup(test_shim_bare_loop_runs_like_any, prepare),
        cmocka_unit_test_setup(test_shim_clock_leaves_out_setup_and_pauses,
                               prepare),
        cmocka_unit_test_setup(test_shim_complexity_is_fitted, prepare),
        cmocka_unit_test_setup(test_shim_context_and_json_file, prepare),
        cmocka_unit_test_setup(test_shim_counter_flags_turn_the_value, prepare),
        cmocka_unit_test_setup(test_shim_counts_whole_batches, prepare),
        cmocka_unit_test_setup(test_shim_filter_chooses, prepare),
        cmocka_unit_test_setup(test_shim_json_file_that_cannot_be_made,
                               prepare),
        cmocka_unit_test_setup(test_shim_min_time_sets_iterations, prepare),
        cmocka_unit_test_setup(test_shim_range_runs_powers_of_eight, prepare),
        cmocka_unit_test_setup(test_shim_rates_follow_items_and_bytes, prepare),
        cmocka_unit_test_setup(test_shim_repetitions_add_aggregates, prepare),
        cmocka_unit_test_setup(test_shim_runs_in_order_of_registration,
                               prepare),
        cmocka_unit_test_setup(test_shim_setup_and_teardown_enclose_all_threads,
                               prepare),
        cmocka_unit_test_setup(test_shim_setup_may_skip, prepare),
        cmocka_unit_test_setup(test_shim_skip_ends_the_loop_and_is_reported,
                               prepare),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
